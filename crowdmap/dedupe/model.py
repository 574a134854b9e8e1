"""From the signals of a pair to the probability that both tell the same: gradient-boosted trees, read from a file.

Every signal may only raise the score, or only lower it (Model.directions): more evidence for two reports being one never
makes them less likely to be one. The trees are trained by ``crowdmap dedupe train`` (train.py, scikit-learn's
HistGradientBoostingClassifier with monotonic constraints) and evaluated here without any library.
"""

import json
import math
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

BUILT_IN = Path(__file__).with_name("weights.json")
LOCAL = "duplicates.json"  # in the instance folder: what this crisis's own decisions taught

# signals that speak against a pair; 0: either way; all others speak for it
AGAINST = frozenset({"other_words", "other_names", "other_place_number"})
EITHER = frozenset({"other_language", "length", "same_length"})


@dataclass(frozen=True)
class Model:
    """*trees*: nested (signal, threshold, missing goes left, left, right) with numbers as leaves; their sum and *base*
    are the logarithm of the odds. *calibration* (a, b): the odds that were met are a + b times that. *given*: signal →
    what it adds when it is 1, for signals that no training data had. *correction*: the same, learned from this crisis's
    own decisions, with "" for the constant and "score" for the slope's change.

    *suggest*: the probability from which a pair is offered to who reports; *suspect*: from which it waits for moderators.
    """

    trees: tuple
    base: float
    calibration: tuple[float, float]
    suggest: float
    suspect: float
    given: dict[str, float] = field(default_factory=dict)
    correction: dict[str, float] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)

    def raw(self, evidence: dict[str, float]) -> float:
        """The sum of the trees."""
        total, get = self.base, evidence.get
        for node in self.trees:
            while type(node) is tuple:
                value = get(node[0])
                node = node[3] if (node[2] if value is None else value <= node[1]) else node[4]
            total += node
        return total

    def log_odds(self, evidence: dict[str, float]) -> float:
        """Calibrated, before this crisis's correction."""
        a, b = self.calibration
        odds = a + b * self.raw(evidence)
        return odds + sum(worth * evidence[name] for name, worth in self.given.items() if name in evidence)

    def probability(self, evidence: dict[str, float]) -> float:
        """0..1: that both tell the same."""
        odds = self.log_odds(evidence)
        if self.correction:
            own = self.correction
            odds = own.get("", 0.0) + (1 + own.get("score", 0.0)) * odds
            odds += sum(worth * evidence[name] for name, worth in own.items() if name in evidence)
        return 1 / (1 + math.exp(-max(-40.0, min(40.0, odds))))


def read(path: Path) -> Model:
    """A weights file; raises ValueError where it is none."""
    told = json.loads(path.read_text(encoding="utf-8"))
    try:
        return Model(
            trees=tuple(_as_tuples(tree) for tree in told["trees"]), base=told["base"], calibration=tuple(told["calibration"]),
            suggest=told["suggest"], suspect=told["suspect"], given=told.get("given", {}),
            about=told.get("about", {}),
        )  # fmt: skip
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path.name} is no weights file: {error}") from error


def _as_tuples(node):
    return (node[0], node[1], node[2], _as_tuples(node[3]), _as_tuples(node[4])) if isinstance(node, list) else float(node)


def write(model: Model, path: Path) -> None:
    """The file as people can read it: one tree a line, what it is and how it came about first."""
    head = {
        "about": model.about, "suggest": model.suggest, "suspect": model.suspect, "calibration": list(model.calibration),
        "given": model.given, "base": model.base,
    }  # fmt: skip
    lines = [f" {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in head.items()]
    trees = ",\n  ".join(json.dumps(tree, separators=(",", ":")) for tree in model.trees)
    path.write_text("{\n" + ",\n".join(lines) + f',\n "trees": [\n  {trees}\n ]\n}}\n', encoding="utf-8")


def current(instance: Path) -> Model:
    """The built-in model, with the correction of this instance where there is one."""
    own = Path(instance) / LOCAL
    return _load(own, own.stat().st_mtime_ns if own.exists() else 0)


@lru_cache(maxsize=8)
def _load(own: Path, changed: int) -> Model:
    built_in = _built_in()
    if not changed:
        return built_in
    told = json.loads(own.read_text(encoding="utf-8"))
    return Model(**{**built_in.__dict__, "correction": told["correction"]})


@lru_cache(maxsize=1)
def _built_in() -> Model:
    return read(BUILT_IN)
