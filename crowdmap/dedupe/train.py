"""How the model is trained: from labelled pairs (scikit-learn, needed for this alone), and from a crisis's own decisions.

Pairs come with the clusters of their two reports; figures are cross-validated by cluster, so that no report of a story
is learned from when another of the same story is asked about.
"""

import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from crowdmap.dedupe.figures import at, average_precision
from crowdmap.dedupe.model import AGAINST, EITHER, LOCAL, Model
from crowdmap.dedupe.models import Suspicion
from crowdmap.dedupe.signals import SIGNALS
from crowdmap.errors import DomainError
from crowdmap.reports.models import Report

FOLDS, SEEDS = 5, 3
TREES = {
    "max_iter": 120, "learning_rate": 0.1, "max_leaf_nodes": 6, "l2_regularization": 3.0, "min_samples_leaf": 10,
    "max_features": 0.4,
}  # fmt: skip
# signals for which the labelled data had nothing to learn from, with what they add by judgement (log odds at 1)
GIVEN = {"same_sender": 1.0, "same_photo": 3.0, "same_channel": 0.0}
SUSPECT = 0.5  # the scores are probabilities: from here on a pair is more likely the same than not
SUGGEST = 0.085  # cross-validated: 95 % of the same ones are offered, and one other report for every two or three
LEAST_DECISIONS = 20
PULL = 4.0  # how strongly the correction is drawn to none: as strong as so many decisions


class CannotTrain(DomainError):
    code, title = "cannot-train", "The model could not be trained"


@dataclass(frozen=True)
class Example:
    """One labelled pair. *clusters*: of its two reports; *weight*: what it counts in training; *judged*: whether it is
    one that the figures are about, or only one of many easy ones."""

    evidence: dict[str, float]
    same: bool
    clusters: tuple[str, str]
    weight: float = 1.0
    judged: bool = True


LEARNED = tuple(name for name in SIGNALS if name not in GIVEN)


LEAST_SEEN = 20  # examples in which a signal must say something to be learned from


def learnable(examples: Sequence[Example]) -> tuple[str, ...]:
    """The signals that there is something to learn of."""
    return tuple(name for name in LEARNED if sum(name in e.evidence for e in examples) >= LEAST_SEEN)


def _matrix(examples: Sequence[Example], names: Sequence[str]) -> np.ndarray:
    return np.array([[e.evidence.get(name, math.nan) for name in names] for e in examples])


def fit(examples: Sequence[Example], about: dict) -> tuple[Model, dict[str, float]]:
    """→ the model of all examples, and figures from cross-validation by cluster: f1, average_precision, pairs, same.

    Raises CannotTrain.
    """
    if len({e.same for e in examples}) < 2:
        raise CannotTrain("training needs pairs that are the same and pairs that are not")
    names = learnable(examples)
    raw = np.mean([_out_of_fold(examples, names, seed) for seed in range(SEEDS)], axis=0)
    a, b = _calibrate(raw, examples)
    probability = 1 / (1 + np.exp(-(a + b * raw)))
    judged = [(p, e.same) for p, e in zip(probability, examples) if e.judged]
    _precision, _recall, f1 = at(judged, SUSPECT)
    figures = {
        "pairs": len(judged), "same": sum(same for _p, same in judged), "f1": f1,
        "average_precision": average_precision(judged),
    }  # fmt: skip
    model = Model(
        *grown(examples, names), calibration=(round(float(a), 4), round(float(b), 4)),
        suggest=SUGGEST, suspect=SUSPECT, given=GIVEN,
        about={**about, "cross_validated": {name: round(value, 3) for name, value in figures.items()}},
    )  # fmt: skip
    return model, figures


def grown(examples: Sequence[Example], names: Sequence[str]) -> tuple[tuple, float]:
    """→ trees and base of a model of these examples, not calibrated."""
    same, weights = [e.same for e in examples], [e.weight for e in examples]
    classifier = _classifier(names, 0).fit(_matrix(examples, names), same, weights)
    trees = tuple(_nested(names, predictor[0].nodes) for predictor in classifier._predictors)
    return trees, round(float(classifier._baseline_prediction[0, 0]), 5)


def _classifier(names: Sequence[str], seed: int):
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
    except ImportError:
        raise CannotTrain("training needs scikit-learn: pip install 'crowdmap[train]'") from None
    directions = [-1 if name in AGAINST else 0 if name in EITHER else 1 for name in names]
    return HistGradientBoostingClassifier(**TREES, monotonic_cst=directions, early_stopping=False, random_state=seed)


def _out_of_fold(examples: Sequence[Example], names: Sequence[str], seed: int) -> np.ndarray:
    """The sum of the trees for each example by a model that knows neither of its clusters."""
    folds = np.array([[_fold(cluster, seed) for cluster in e.clusters] for e in examples])
    matrix, same = _matrix(examples, names), np.array([e.same for e in examples])
    weights, raw = np.array([e.weight for e in examples]), np.zeros(len(examples))
    for fold in range(FOLDS):
        known, asked = (folds != fold).all(axis=1), folds[:, 0] == fold
        if asked.any():
            trained = _classifier(names, seed).fit(matrix[known], same[known], weights[known])
            raw[asked] = trained.decision_function(matrix[asked])
    return raw


def _fold(cluster: str, seed: int) -> int:
    return random.Random(f"{cluster} {seed}").randrange(FOLDS)


def _calibrate(raw: np.ndarray, examples: Sequence[Example]) -> tuple[float, float]:
    """Platt 1999: the odds that were met as a line over those predicted."""
    columns = np.column_stack([np.ones(len(raw)), raw])
    same, weights = np.array([e.same for e in examples], float), np.array([e.weight for e in examples])
    a, b = _logistic(columns, same, weights, prior=np.array([0.0, 1.0]), pull=np.array([0.01, 0.01]))
    return a, b


def _logistic(columns, same, weights, prior, pull, rounds: int = 60) -> np.ndarray:
    """Logistic regression by Newton's method, drawn to *prior* with the strengths *pull* (a Gaussian prior)."""
    found = prior.copy()
    for _ in range(rounds):
        chance = 1 / (1 + np.exp(-np.clip(columns @ found, -30, 30)))
        slope = columns.T @ (weights * (chance - same)) + pull * (found - prior)
        curve = (columns * (weights * chance * (1 - chance))[:, None]).T @ columns + np.diag(pull + 1e-9)
        step = np.linalg.solve(curve, slope)
        found = found - np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-8:
            break
    return found


def _nested(names: Sequence[str], nodes, index: int = 0):
    """A tree as nested tuples (signal, threshold, missing goes left, left, right), numbers as leaves."""
    node = nodes[index]
    if node["is_leaf"]:
        return round(float(node["value"]), 5)
    threshold = float(node["num_threshold"])
    return (
        names[int(node["feature_idx"])], float(f"{threshold:.7g}"), bool(node["missing_go_to_left"]),
        _nested(names, nodes, int(node["left"])), _nested(names, nodes, int(node["right"])),
    )  # fmt: skip


# ---- this crisis's own merges and refusals


def decided(session: Session) -> list[tuple[dict[str, float], bool]]:
    """(signals, same) of each suspected pair that people settled: in one tree now, or refused."""
    s, a, b = Suspicion, aliased(Report), aliased(Report)
    parents = dict(session.execute(select(Report.id, Report.merged_into_id).where(Report.merged_into_id.is_not(None))).all())

    def root(report_id: int) -> int:
        while report_id in parents:
            report_id = parents[report_id]
        return report_id

    query = select(s.evidence, s.refused_at, s.a_id, s.b_id).join(a, a.id == s.a_id).join(b, b.id == s.b_id)
    query = query.where(a.erased_at.is_(None), b.erased_at.is_(None)).order_by(s.id)
    found = []
    for row in session.execute(query):
        told = (row.evidence or {}).get("signals")
        together = root(row.a_id) == root(row.b_id)
        if told and (together or row.refused_at is not None):
            found.append((told, together))
    return found


# what a crisis may find to be worth more, or less, than elsewhere
CORRECTED = ("near", "words_in_common", "same_names", "other_names", "same_category", "same_meaning")


def correct(model: Model, examples: Sequence[tuple[dict[str, float], bool]]) -> tuple[dict[str, float], dict[str, float]]:
    """→ the correction that this crisis's decisions teach, and figures: decisions, same, likelihood before and after.

    A logistic regression on top of the built-in score, drawn to no correction at all: a few decisions move it little.
    Raises CannotTrain.
    """
    same = np.array([together for _evidence, together in examples], float)
    if len(examples) < LEAST_DECISIONS or same.min() == same.max():
        raise CannotTrain(
            f"there are {len(examples)} decided pairs, {int(same.sum()) if len(same) else 0} of them the same; "
            f"learning from them needs {LEAST_DECISIONS}, some of each kind"
        )
    odds = np.array([model.log_odds(evidence) for evidence, _together in examples])
    more = np.array([[evidence.get(name, 0.5) - 0.5 for name in CORRECTED] for evidence, _together in examples])
    columns = np.column_stack([np.ones(len(odds)), odds, more])
    prior, pull = np.zeros(columns.shape[1]), np.full(columns.shape[1], PULL)
    prior[1] = 1.0
    found = _logistic(columns, same, np.ones(len(odds)), prior, pull)
    constant = found[0] - 0.5 * found[2:].sum()
    correction = {"": constant, "score": found[1] - 1, **dict(zip(CORRECTED, found[2:]))}
    figures = {
        "decisions": len(odds), "same": int(same.sum()), "before": _likelihood(odds, same),
        "after": _likelihood(columns @ found, same),
    }  # fmt: skip
    return {name: round(float(value), 4) for name, value in correction.items()}, figures


def _likelihood(odds, same) -> float:
    """Mean probability given to what people decided (geometric)."""
    chance = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
    return float(np.exp(np.mean(np.log(np.where(same == 1, chance, 1 - chance)))))


def write_correction(instance: Path, correction: dict[str, float], about: dict) -> Path:
    path = Path(instance) / LOCAL
    path.write_text(json.dumps({"about": about, "correction": correction}, indent=1) + "\n", encoding="utf-8")
    return path
