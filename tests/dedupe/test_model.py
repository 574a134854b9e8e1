"""The weights file, training, and what a crisis's own decisions may change."""

import json
import random

import pytest

from crowdmap.db import utcnow
from crowdmap.dedupe import model, train
from crowdmap.dedupe.figures import Gold, at, average_precision, evaluate
from crowdmap.dedupe.models import Suspicion
from tests.builders import make_report

BUILT_IN = model.read(model.BUILT_IN)


def test_the_file_says_how_it_came_about_and_reads_as_it_was_written(tmp_path):
    assert BUILT_IN.about["made_by"] == "crowdmap dedupe train" and BUILT_IN.about["cross_validated"]["f1"] > 0.85
    assert 0 < BUILT_IN.suggest < BUILT_IN.suspect < 1
    model.write(BUILT_IN, tmp_path / "again.json")
    assert model.read(tmp_path / "again.json") == BUILT_IN
    (tmp_path / "none.json").write_text("{}")
    with pytest.raises(ValueError, match="none.json"):
        model.read(tmp_path / "none.json")


def invented(count: int, seed: int = 1) -> list[train.Example]:
    pick, examples = random.Random(seed), []
    for number in range(count):
        same = number % 2 == 0
        evidence = {"words_in_common": pick.uniform(0.4, 1) if same else pick.uniform(0, 0.6), "near": pick.random()}
        examples.append(train.Example(evidence, same, (f"c{number // 4}", f"c{number // 4}")))
    return examples


def test_training_learns_and_is_monotonic(tmp_path):
    trained, figures = train.fit(invented(400), {"made_by": "a test"})
    assert figures["f1"] > 0.8 and figures["average_precision"] > 0.85
    steps = [trained.probability({"words_in_common": step / 20, "near": 0.5}) for step in range(21)]
    assert steps == sorted(steps) and steps[0] < 0.2 < 0.8 < steps[-1]
    assert sum(trained.probability(e.evidence) for e in invented(400, seed=2)) / 400 == pytest.approx(0.5, abs=0.08)
    with pytest.raises(train.CannotTrain):
        train.fit([e for e in invented(40) if e.same], {})


def test_decisions_correct_the_model_a_little_and_never_from_few():
    agreed = [({"words_in_common": 0.9, "near": 1.0, "same_category": 1.0}, True)] * 30
    refused = [({"words_in_common": 0.9, "near": 0.1, "same_category": 1.0}, False)] * 30
    correction, figures = train.correct(BUILT_IN, agreed + refused)
    assert figures["after"] >= figures["before"] and correction["near"] > 0
    with pytest.raises(train.CannotTrain, match="needs 20"):
        train.correct(BUILT_IN, agreed[:5] + refused[:5])
    with pytest.raises(train.CannotTrain):
        train.correct(BUILT_IN, agreed)


def test_from_decisions_reads_merges_and_refusals_and_is_kept_in_the_instance(app, session):
    root = make_report()
    for number in range(24):
        child = make_report()
        same = number % 2 == 0
        evidence = {"signals": {"words_in_common": 0.9 if same else 0.3, "near": float(same)}, "told": {}}
        session.add(Suspicion(
            a_id=root.id, b_id=child.id, score=0.6, evidence=evidence, refused_at=None if same else utcnow(),
        ))  # fmt: skip
        child.merged_into_id = root.id if same else None
    waiting = make_report()
    session.add(Suspicion(a_id=root.id, b_id=waiting.id, score=0.9, evidence={"signals": {"near": 1.0}}))
    session.commit()
    examples = train.decided(session)
    assert len(examples) == 24 and sum(same for _e, same in examples) == 12
    session.rollback()
    told = app.test_cli_runner().invoke(args=["--help"])
    assert told.exit_code == 0
    from crowdmap.intake.scoring import learn_from_decisions

    learn_from_decisions()
    instance = app.config["CROWDMAP"].INSTANCE
    written = json.loads((instance / model.LOCAL).read_text())
    assert written["about"]["decisions"] == 24 and written["correction"]
    assert model.current(instance).correction == written["correction"]
    (instance / model.LOCAL).unlink()
    assert model.current(instance).correction == {}


def test_figures_on_a_known_ranking():
    scored = [(0.9, True), (0.8, False), (0.7, True), (0.2, False)]
    assert average_precision(scored) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(scored, missed=2) == pytest.approx((1 + 2 / 3) / 4)
    assert at(scored, 0.7) == pytest.approx((2 / 3, 1.0, 0.8))
    gold = Gold(frozenset({(1, 2), (2, 5)}), frozenset({(3, 4)}), lambda x: x, frozenset({4}))
    figures = evaluate(gold, {(1, 2): 0.9, (3, 4): 0.8, (1, 5): 0.6, (4, 9): 0.9}, 0.5, 0.5)
    assert figures["precision"] == 0.5 and figures["recall"] == 0.5 and figures["pairs"] == 2
    assert figures["recall_at_5"] == pytest.approx((1 + 0.5) / 2) and figures["false_suggestions"] == 1
