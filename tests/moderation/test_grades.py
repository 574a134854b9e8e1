"""The rule by which evidence makes a grade, as a truth table; and its words."""

from itertools import combinations, product

import pytest

from crowdmap.moderation.grades import KINDS, MISSING, EvidenceKind, Piece, grade, missing, reason, sentence, told, waits_for_another
from crowdmap.reports.models import Verification

U, C, V, D = "unverified", "corroborated", "verified", "disputed"
MARIE, JEAN = 1, 2


def pieces(words: str) -> list[Piece]:
    """``called:1 source*3:2`` → pieces: kind, times how many sources, by whom."""
    found = []
    for word in words.split():
        kind, _, by = word.partition(":")
        kind, _, sources = kind.partition("*")
        found.append(Piece(EvidenceKind(kind), int(by) if by else None, int(sources or 1)))
    return found


# what stands → the grade, and the grade where two people have to look
TABLE = [
    ("", U, U),
    ("source:1", U, U),
    ("source:1 source:1", C, C),
    ("source*2", C, C),
    ("source*50:1 source*50:2", C, C),
    ("photo:1", C, C),
    ("photo:1 photo:2", C, C),
    ("photo:1 source:1", V, C),
    ("photo:1 source:2", V, V),
    ("photo:1 called:1", V, C),
    ("called:1", V, C),
    ("called:1 called:1", V, C),
    ("called:1 called:2", V, V),
    ("called:1 source:2", V, V),
    ("called", V, C),
    ("called called:1", V, C),
    ("on-site:1", V, C),
    ("on-site:1 on-site:2", V, V),
    ("checked:1", V, C),
    ("checked:1 called:2", V, V),
    ("import", V, V),
    ("import source:1", V, V),
    ("contradiction:1", D, D),
    ("called:1 contradiction:2", D, D),
    ("import contradiction:1", D, D),
    ("source*9 photo:1 on-site:2 contradiction:2", D, D),
]


@pytest.mark.parametrize(("words", "alone", "in_two"), TABLE)
def test_the_grade_that_follows(words, alone, in_two):
    assert (grade(pieces(words)), grade(pieces(words), two_people=True)) == (alone, in_two)


def test_one_who_says_otherwise_is_no_second_person():
    assert grade(pieces("called:1"), True) == C
    assert waits_for_another(pieces("called:1"), True) and not waits_for_another(pieces("called:1 source:2"), True)
    assert not waits_for_another(pieces("called:1"), False) and not waits_for_another(pieces("source*3:1"), True)


RANK = {Verification.UNVERIFIED: 0, Verification.CORROBORATED: 1, Verification.VERIFIED: 2}


def test_more_evidence_never_lowers_a_grade_and_no_number_of_sources_verifies():
    every = [Piece(kind, by) for kind, by in product(EvidenceKind, (None, MARIE, JEAN)) if kind is not EvidenceKind.CONTRADICTION]
    for two in (False, True):
        for size in (0, 1, 2):
            for some in combinations(every, size):
                before = RANK[grade(some, two)]
                assert all(RANK[grade([*some, more], two)] >= before for more in every), some
    assert grade([Piece(EvidenceKind.SOURCE, n) for n in range(500)]) is Verification.CORROBORATED


def test_the_order_of_the_evidence_does_not_matter():
    for words, alone, _two in TABLE:
        assert grade(reversed(pieces(words))) == alone


@pytest.mark.parametrize(("words", "two", "expected"), [
    ("", False, "sources"), ("source:1", False, "sources"), ("source*2", False, "check"), ("photo:1", True, "check"),
    ("called:1", False, None), ("called:1", True, "another-person"), ("called:1 contradiction:2", True, "settle"), ("import", True, None),
])  # fmt: skip
def test_what_the_next_grade_needs(words, two, expected):
    assert missing(pieces(words), two) == expected
    assert expected is None or expected in MISSING


def test_the_reason_is_short_words_in_one_order():
    assert reason(pieces("source:1 called:2 source:2")) == "called,source" and reason([]) is None
    assert all("," not in kind and kind.isascii() and kind == kind.lower() for kind in EvidenceKind)


@pytest.mark.databases("sqlite")
def test_every_kind_and_grade_can_be_said_to_everybody(app):
    assert set(KINDS) == set(EvidenceKind)
    with app.test_request_context():
        for kind in EvidenceKind:
            assert told(f"{kind},tomorrow's") == [str(KINDS[kind].told)]
        said = {sentence(verification, words) for verification, words in product(Verification, (None, "called", "source,photo"))}
        assert len(said) == 12
        assert sentence("disputed", "called,contradiction").index("otherwise") < sentence("disputed", "called,contradiction").index("called")
