"""Each signal as a truth table; the score of known pairs."""

from datetime import UTC, datetime, timedelta

import pytest

from crowdmap.db.search import fold
from crowdmap.dedupe import signals
from crowdmap.dedupe.signals import Side
from crowdmap.reports.models import Kind

NOON = datetime(2010, 1, 14, 12, tzinfo=UTC)
METRE = 1 / 111_195  # degrees of latitude


def side(north=0.0, hours=0.0, words="no water at the camp in delmas", precision=None, codes=("WAT",), kind=Kind.NEED,
         placed=True, families=None):  # fmt: skip
    return Side(
        kind=kind, codes=frozenset(codes), families=frozenset(families or codes), lon=-72.3 if placed else None,
        lat=18.5 + north * METRE if placed else None, precision_m=precision, happened_at=NOON + timedelta(hours=hours),
        words=fold(words),
    )  # fmt: skip


@pytest.mark.parametrize(
    "metres, precision, low, high",
    [
        (0, None, 1, 1), (140, None, 1, 1), (500, None, 0.49, 0.51), (2000, None, 0, 0.03),
        (0, 200, 0.9, 0.97), (350, 200, 0.9, 0.97), (0, 1400, 0.5, 0.6), (0, 1600, None, None), (0, 9000, None, None),
    ],
)  # fmt: skip
def test_place(metres, precision, low, high):
    value = signals.close_in_place(side(precision=precision), side(north=metres, precision=precision))
    assert value is None if low is None else low <= value <= high


def test_place_unknown_is_no_evidence():
    assert signals.close_in_place(side(), side(placed=False)) is None
    assert signals.metres(side(placed=False), side()) is None


@pytest.mark.parametrize(
    "hours, low, high", [(0, 1, 1), (1, 0.95, 1), (18, 0.49, 0.51), (-18, 0.49, 0.51), (96, 0, 0.03)]
)
def test_time(hours, low, high):
    assert low <= signals.close_in_time(side(), side(hours=hours)) <= high


@pytest.mark.parametrize(
    "a, b, low, high",
    [
        ("No water at the camp in Delmas", "no water at the CAMP in delmas!", 1, 1),
        ("No water at the camp in Delmas", "At the camp in Delmas: no water", 0.95, 1),
        ("Pa gen dlo nan kan Delmas 33", "pa gen dlo nan kan an, Delmas 33, ti moun malad", 0.75, 1),
        ("No water at the camp in Delmas", "Bridge broken on the road to Jacmel", 0, 0.35),
        ("ne", "ne travaille plus depuis hier", None, None),
        ("", "anything at all", None, None),
        ("no water", "there is no food and no water in the orphanage of sister marie behind the market", 0, 0.75),
    ],
)
def test_words(a, b, low, high):
    value = signals.same_words(side(words=a), side(words=b))
    assert value is None if low is None else low <= value <= high


def test_category():
    assert signals.same_category(side(codes=("WAT", "FOOD")), side(codes=("FOOD",))) == 1
    assert signals.same_category(side(codes=("WAT",), families={"VIT"}), side(codes=("FUEL",), families={"VIT"})) == 0.6
    assert signals.same_category(side(codes=("WAT",)), side(codes=("ROAD",))) == 0


def test_score_of_known_pairs():
    same = signals.score(side(), side(north=180, hours=0.6))
    other_place = signals.score(side(), side(north=5000, hours=0.6))
    other_words = signals.score(side(), side(north=20, words="bridge broken since the morning"))
    nothing = signals.score(side(), side(north=5000, hours=100, words="bridge broken on the road", codes=("ROAD",)))
    assert same > 0.95 and other_place < 0.7 and nothing < 0.2
    assert same > other_words > nothing
    assert signals.score(side(), side(kind=Kind.OFFER)) == 0
    assert 0.5 < signals.score(side(placed=False), side()) < same


def test_every_signal_is_symmetric_and_within_bounds():
    pairs = [(side(), side(north=700, hours=5, words="no food in the camp")), (side(precision=500), side(placed=False))]
    for a, b in pairs:
        assert signals.score(a, b) == pytest.approx(signals.score(b, a))
        for name, value in signals.evidence(a, b).items():
            assert 0 <= value <= 1, name
    assert sum(weight for _signal, weight in signals.SIGNALS.values()) == pytest.approx(1)
