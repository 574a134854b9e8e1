"""How soon somebody has to look, as a truth table; and that the judgement never depends on the clock."""

from datetime import UTC, datetime, timedelta

import pytest

from crowdmap.db.search import fold
from crowdmap.moderation.urgency import DANGER, MOST_PUT_BACK, PATIENCE, urgency
from crowdmap.reports.models import Kind, Risk

TOLD = datetime(2010, 1, 13, 9, 30, tzinfo=UTC)
WATER, MEDICAL, THREAT = ("WAT", Risk.NONE), ("MED", Risk.LIFE), ("THR", Risk.HARM)


def of(kind=Kind.NEED, *risks, words="", told=TOLD, **known):
    return urgency(told, kind, risks or (WATER,), fold(words), **known)


def codes(found):
    return [code for code, _about in found.reasons]


@pytest.mark.parametrize(
    ("given", "reasons"),
    [
        ({}, []),
        ({"people": 1}, []),
        ({"people": 60}, [["people", 60]]),
        ({"voices": 3}, [["voices", 3]]),
        ({"words": "Two children trapped in the school"}, [["words", "trapped"]]),
        ({"words": "Moun yo toujou anba dekonb la"}, [["words", "anba dekonb"]]),
        ({"words": "Il est coincé SOUS LES DÉCOMBRES"}, [["words", "coince"]]),
        ({"words": "a trapper's hut, and entrapped"}, []),
        ({"escalated": "a rule asks for eyes"}, [["escalated", "a rule asks for eyes"]]),
        ({"escalated": ""}, [["escalated", ""]]),
        ({"people": 5, "voices": 8}, [["voices", 8], ["people", 5]]),
    ],
    ids=str,
)
def test_each_reason_is_told(given, reasons):
    assert of(**given).reasons == reasons


def test_the_riskiest_category_counts_and_is_named():
    assert of(Kind.NEED, WATER, THREAT, MEDICAL).reasons == [["life", "MED"]]
    assert of(Kind.NEED, WATER, THREAT).reasons == [["harm", "THR"]]


def test_who_offers_help_is_not_in_danger():
    found = of(Kind.OFFER, MEDICAL, words="we dig for trapped people")
    assert found.reasons == [] and found.due_at == TOLD + PATIENCE


@pytest.mark.parametrize(
    ("sooner", "later"),
    [
        (of(escalated=""), of(Kind.NEED, MEDICAL)),
        (of(Kind.NEED, MEDICAL, told=TOLD + timedelta(days=10)), of(told=TOLD)),  # life before ten days of waiting
        (of(Kind.NEED, MEDICAL), of(words="trapped")),
        (of(words="bleeding"), of(Kind.NEED, THREAT)),
        (of(Kind.NEED, THREAT), of(people=100)),
        (of(people=100), of(people=10)),
        (of(people=10), of(voices=2)),
        (of(voices=2), of()),
        (of(), of(told=TOLD + timedelta(seconds=1))),  # among equals the older
        (of(told=TOLD - timedelta(days=3)), of(people=60)),  # and whatever waits rises by itself
        (of(), of(looked_at=TOLD + timedelta(hours=1))),  # nobody has seen it
        (of(looked_at=TOLD + timedelta(hours=1)), of(looked_at=TOLD + timedelta(hours=2))),
        (of(looked_at=TOLD + timedelta(days=9)), of(told=TOLD + MOST_PUT_BACK + timedelta(seconds=1))),  # never lost
    ],
)
def test_what_comes_first(sooner, later):
    assert sooner.due_at < later.due_at


def test_absurd_numbers_tell_no_more_than_large_ones():
    assert of(people=10**9).due_at == of(people=100_000).due_at and of(voices=10**6).due_at == of(voices=64).due_at
    assert of(people=0).reasons == of(people=-5).reasons == []
    assert of(looked_at=TOLD - timedelta(days=1)).due_at == of().due_at  # a look before it was told: an import's clock


def test_every_word_of_danger_is_found_as_people_write_it():
    for language, words in DANGER.items():
        for word in words:
            assert codes(of(words=f"Yo di: {word.upper()}!")) == ["words"], (language, word)
