"""Each signal as a truth table, and what holds for all of them: symmetric, within bounds, 1 for the same."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crowdmap.dedupe import model, signals
from crowdmap.dedupe.side import Side, Weights, point_key
from crowdmap.reports.models import Kind

NOON = datetime(2010, 1, 14, 12, tzinfo=UTC)
METRE = 1 / 111_195  # degrees of latitude
MODEL = model.read(model.BUILT_IN)


def side(words="no water at the camp in Delmas", north=0.0, hours=0.0, placed=True, **fields):
    point = {"lon": -72.3, "lat": 18.5 + north * METRE} if placed else {}
    given = {"kind": Kind.NEED, "codes": frozenset({"WAT"}), "families": frozenset({"WAT"}), **point, **fields}
    return Side(happened_at=NOON + timedelta(hours=hours), description=words, **given)


def probability(a: Side, b: Side) -> float:
    return MODEL.probability(signals.evidence(a, b))


@pytest.mark.parametrize(
    "metres, precision, low, high",
    [
        (0, None, 1, 1), (140, None, 1, 1), (500, None, 0.7, 0.8), (5000, None, 0.25, 0.35), (30_000, None, 0, 0),
        (350, 200, 1, 1), (0, 1600, None, None), (0, 9000, None, None),
    ],
)  # fmt: skip
def test_near_in_the_light_of_both_precisions(metres, precision, low, high):
    value = signals.near(side(precision_m=precision), side(north=metres, precision_m=precision))
    assert value is None if low is None else low <= value <= high


def test_an_unknown_place_and_a_default_point_are_no_evidence():
    crowd = Weights(points={point_key(-72.3, 18.5): 223})
    assert signals.near(side(), side(placed=False)) is None
    assert signals.near(side(weights=crowd), side(weights=crowd)) is None
    assert signals.metres(side(placed=False), side()) is None


@pytest.mark.parametrize("hours, low, high", [(0, 1, 1), (1, 0.85, 0.95), (-48, 0.4, 0.5), (24 * 60, 0, 0)])
def test_close_in_time(hours, low, high):
    assert low <= signals.close_in_time(side(), side(hours=hours)) <= high


@pytest.mark.parametrize(
    "a, b, low, high",
    [
        ("No water at the camp in Delmas", "no water at the CAMP in delmas!", 1, 1),
        ("No water at the camp in Delmas", "At the camp in Delmas: no water", 1, 1),
        ("No water at the camp in Delmas", "Bridge broken on the road to Jacmel", 0, 0),
        ("the of and", "the of and", None, None),
        ("", "anything at all", None, None),
    ],
)
def test_words_in_common(a, b, low, high):
    value = signals.words_in_common(side(a), side(b))
    assert value is None if low is None else low <= value <= high


def test_rare_words_weigh_more():
    weights = Weights(reports=10_000, counts={"water": 4000, "camp": 3000, "solidarite": 3})
    common = signals.rare_words(side("water camp", weights=weights), side("water camp", weights=weights))
    rare = signals.rare_words(side("water solidarite", weights=weights), side("water solidarite", weights=weights))
    assert rare > 2 * common


def test_misspelled_names_meet_and_other_names_part():
    same = side("Ask for Robenson in Tabarre"), side("ask for Robeenson in Taabarre, please")
    other = side("Ask for Robenson in Tabarre"), side("Ask for Marlene in Leogane")
    assert signals.same_names(*same) > 0.5 > signals.same_names(*other)
    assert signals.other_names(*other) > 0.5 > signals.other_names(*same)


@pytest.mark.parametrize(
    "a, b, same, other",
    [
        ("Water for Delmas 33", "Delmas33 needs water", 1, 0),
        ("Water for Delmas 31", "Delmas 33 needs water", 0, 1),
        ("120 people in the yard", "Delmas 33", None, 0),
    ],
)
def test_numbers_of_places(a, b, same, other):
    assert signals.same_place_number(side(a), side(b)) == same
    assert signals.other_place_number(side(a), side(b)) == other


def test_amounts_agree_roughly():
    assert signals.same_amount(side("150 families here"), side("150 familles ici")) == 1
    assert 0.5 < signals.same_amount(side("150 families here"), side("140 familles ici")) < 1
    assert signals.same_amount(side("150 families here"), side("409 families here")) == 0
    assert signals.same_amount(side("families"), side("150 families")) is None


def test_the_same_in_another_language():
    pairs = [
        ("No food left for 200 families", "Pa gen manje pou 200 fanmi"),
        ("Les latrines du camp sont pleines, beaucoup de diarrhée", "Las letrinas del campamento están llenas, diarrea"),
        ("Armed men took the food, we need police", "Nèg ak zam pran manje a, nou bezwen lapolis"),
    ]
    for a, b in pairs:
        assert signals.meaning_contained(side(a), side(b)) >= 0.6, a
        assert signals.meaning_contained(side(a), side("Bridge is down")) == 0


def test_who_sent_it():
    phone = frozenset({("phone", b"1")})
    assert signals.same_contact(side(marks=phone), side(marks=phone)) == 1
    assert signals.same_contact(side(marks=phone), side(marks=frozenset({("phone", b"2")}))) == 0
    assert signals.same_contact(side(marks=phone), side()) is None
    assert signals.same_message(side(marks=frozenset({("message", b"9")})), side(marks=frozenset({("message", b"9")}))) == 1
    assert signals.same_sender(side(senders=frozenset({b"x"})), side(senders=frozenset({b"y"}))) == 0


def test_photos_by_perceptual_hash():
    assert signals.same_photo(side(photos=frozenset({0b1010})), side(photos=frozenset({0b1010, 99}))) == 1
    assert 0 < signals.same_photo(side(photos=frozenset({0b1111})), side(photos=frozenset({0b1000}))) < 1
    assert signals.same_photo(side(photos=frozenset({0})), side(photos=frozenset({2**64 - 1}))) == 0
    assert signals.same_photo(side(), side(photos=frozenset({1}))) is None


def test_kind_and_category():
    assert signals.same_category(side(), side(codes=frozenset({"FOOD", "WAT"}))) == 1
    assert signals.same_category(side(families=frozenset({"sector:wash"})), side(codes=frozenset({"SAN"}), families=frozenset({"sector:wash"}))) == 0.6
    assert signals.same_kind(side(), side(kind=Kind.OFFER)) == 0
    assert signals.same_kind(side(), side(kind=Kind.DAMAGE)) == 0.5


def test_probability_of_known_pairs():
    text = "No water at the camp behind the stadium, children are ill"
    copy = probability(side(text), side(text, north=180, hours=0.6))
    far = probability(side(text), side(text, north=4000, hours=3))
    unplaced = probability(side(text), side(text, placed=False))
    elsewhere = probability(side("Water for Delmas 31, 150 families"), side("Water for Delmas 33, 409 families", north=900))
    nothing = probability(side(text), side("Bridge is down on the road south", codes=frozenset({"ROAD"}), families=frozenset()))
    assert copy > 0.7 and unplaced > 0.5 and nothing < 0.05
    assert copy > far > nothing and elsewhere < 0.5


WORDS = st.lists(st.sampled_from(["water", "dlo", "Delmas", "33", "31", "120", "families", "camp", "Jean", "É", "🌊", "", "the"]), max_size=12).map(" ".join)
SIDES = st.builds(
    side, words=WORDS | st.text(max_size=40), north=st.floats(0, 1e5), hours=st.floats(0, 2000), placed=st.booleans(),
    title=WORDS, place=WORDS, precision_m=st.none() | st.floats(0, 1e4), kind=st.sampled_from(list(Kind)),
    people=st.none() | st.integers(0, 10**6), marks=st.frozensets(st.tuples(st.sampled_from(["phone", "message"]), st.binary(max_size=2)), max_size=3),
    photos=st.frozensets(st.integers(0, 2**64 - 1), max_size=2), channel=st.sampled_from(["", "web", "sms"]),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(SIDES, SIDES)
def test_every_signal_is_symmetric_and_within_bounds(a, b):
    there, back = signals.evidence(a, b), signals.evidence(b, a)
    assert there.keys() == back.keys()
    for name, value in there.items():
        assert 0 <= value <= 1 + 1e-9, name
        assert value == pytest.approx(back[name]), name
    assert MODEL.probability(there) == pytest.approx(MODEL.probability(back))


@settings(max_examples=100, deadline=None)
@given(SIDES)
def test_a_report_is_itself(a):
    for name, value in signals.evidence(a, a).items():
        if name in model.AGAINST or name == "other_language":
            assert value == 0, name
        elif name not in model.EITHER | {"rare_words", "same_names"}:  # these two say how telling, not how alike
            assert value == pytest.approx(1), name


@settings(max_examples=100, deadline=None)
@given(SIDES, SIDES, st.sampled_from(sorted(signals.SIGNALS)), st.floats(0, 1))
def test_more_evidence_never_lowers_the_score(a, b, name, more):
    evidence = signals.evidence(a, b)
    if name not in evidence or name in model.EITHER:
        return
    low, high = sorted((evidence[name], more))
    least, most = (MODEL.probability({**evidence, name: value}) for value in (low, high))
    assert least >= most - 1e-12 if name in model.AGAINST else most >= least - 1e-12
