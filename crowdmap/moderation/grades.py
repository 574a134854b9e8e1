"""How sure a report is: the grade follows from the evidence that is recorded for it and against it, by one rule.

- disputed: somebody says otherwise, and that stands;
- verified: a trusted source had verified it before it came here; or somebody was called back, a trusted organisation is
  on the spot, or a moderator checked it and says how; or a photo was checked and there is another kind of evidence.
  Where the category asks for a second pair of eyes, evidence by two accounts is needed; until then it is one grade lower;
- corroborated: two independent sources tell it, or a photo was checked;
- unverified: anything else. However many sources there are, they never verify.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from crowdmap.reports.models import Verification

SOURCES_NEEDED, PEOPLE_NEEDED = 2, 2
# reasons that are no person's own words, as they are kept → as they are read
SETTLED, TAKEN_BACK = "settled by what was found since", "taken back at once"
REASONS = {SETTLED: _l("settled by what was found since"), TAKEN_BACK: _l("taken back at once")}


class EvidenceKind(StrEnum):
    """The machine words that feeds carry: never rename one."""

    SOURCE = "source"
    PHOTO = "photo"
    CALLED = "called"
    ON_SITE = "on-site"
    CHECKED = "checked"
    IMPORT = "import"
    CONTRADICTION = "contradiction"


@dataclass(frozen=True)
class Nature:
    """What a kind of evidence is. *label* and *hint*: for the desk; *told*: for the public, without people. *alone*: it
    verifies by itself. *offered*: people add it by its name."""

    label: Any
    hint: Any
    told: Any
    alone: bool = False
    offered: bool = True


# adding a kind is one word above and one entry here
KINDS: dict[EvidenceKind, Nature] = {
    EvidenceKind.SOURCE: Nature(
        _l("independent source"), _l("Somebody else tells the same, independently: another reporter, a newspaper, a radio."),
        _l("others tell the same, independently"),
    ),
    EvidenceKind.PHOTO: Nature(
        _l("photo checked"), _l("The picture is of this place and of this time, and was not used before."),
        _l("a photo was checked"),
    ),
    EvidenceKind.CALLED: Nature(
        _l("called back"), _l("You spoke with who reported it, or with somebody there."),
        _l("somebody there was called back"), alone=True,
    ),
    EvidenceKind.ON_SITE: Nature(
        _l("organisation on the spot"), _l("A trusted organisation is there and says so. Name it."),
        _l("a trusted organisation is on the spot"), alone=True,
    ),
    EvidenceKind.CHECKED: Nature(
        _l("checked otherwise"), _l("None of the others; your words say how you know."),
        _l("the team checked it"), alone=True, offered=False,
    ),
    EvidenceKind.IMPORT: Nature(
        _l("verified by its source"), _l("The file it came in had it as verified."),
        _l("the map that it came from had verified it"), offered=False,
    ),
    EvidenceKind.CONTRADICTION: Nature(
        _l("somebody says otherwise"), _l("It is not so, or not so any more, or not there. Who says that, and how do they know?"),
        _l("somebody says otherwise"),
    ),
}  # fmt: skip
ALONE = frozenset(kind for kind, nature in KINDS.items() if nature.alone)
OFFERED = tuple(kind for kind, nature in KINDS.items() if nature.offered)
VERIFYING = (EvidenceKind.CALLED, EvidenceKind.ON_SITE, EvidenceKind.PHOTO)  # what a verification is usually made of


class Piece(NamedTuple):
    """One piece of evidence that stands, as far as the rule looks at it: *by* is the account, *sources* how many
    independent sources it stands for."""

    kind: EvidenceKind
    by: int | None = None
    sources: int = 1


def grade(pieces: Iterable[Piece], two_people: bool = False) -> Verification:
    """The grade that these pieces make. *two_people*: the category asks for a second pair of eyes."""
    pieces = list(pieces)
    kinds = {piece.kind for piece in pieces}
    if EvidenceKind.CONTRADICTION in kinds:
        return Verification.DISPUTED
    if EvidenceKind.IMPORT in kinds:  # a trusted source keeps the grade it gave
        return Verification.VERIFIED
    photo = EvidenceKind.PHOTO in kinds
    if kinds & ALONE or photo and len(kinds) > 1:
        seen = not two_people or len(people(pieces)) >= PEOPLE_NEEDED
        return Verification.VERIFIED if seen else Verification.CORROBORATED
    sources = sum(piece.sources for piece in pieces if piece.kind is EvidenceKind.SOURCE)
    return Verification.CORROBORATED if photo or sources >= SOURCES_NEEDED else Verification.UNVERIFIED


def people(pieces: Iterable[Piece]) -> set[int]:
    """The accounts that stand for it."""
    return {piece.by for piece in pieces if piece.by is not None and piece.kind is not EvidenceKind.CONTRADICTION}


def waits_for_another(pieces: Iterable[Piece], two_people: bool) -> bool:
    """Whether only a second person is missing for it to be verified."""
    pieces = list(pieces)
    return grade(pieces) is Verification.VERIFIED and grade(pieces, two_people) is not Verification.VERIFIED


def reason(pieces: Iterable[Piece]) -> str | None:
    """The kinds of what stands as machine words, in the order of the alphabet: ``called,source``; None: there is nothing."""
    return ",".join(sorted({piece.kind.value for piece in pieces})) or None


def missing(pieces: Iterable[Piece], two_people: bool = False) -> str | None:
    """What the next grade needs, as a word of MISSING; None where there is none above."""
    pieces = list(pieces)
    now = grade(pieces, two_people)
    if now is Verification.VERIFIED:
        return None
    if now is Verification.DISPUTED:
        return "settle"
    if waits_for_another(pieces, two_people):
        return "another-person"
    return "check" if now is Verification.CORROBORATED else "sources"


# what to tell of it at the desk
MISSING = {
    "settle": _l(
        "Somebody says otherwise. Find out who is right: then withdraw what was wrong, saying why, or verify the report, "
        "which settles it; where two people have to look, the second does."
    ),
    "another-person": _l(
        "One more person must look: this category asks for two people before a report counts as verified. Somebody else "
        "adds what they found."
    ),
    "check": _l(
        "To be verified it needs a call back, an organisation on the spot, or a checked photo with another piece of "
        "evidence. More sources do not verify."
    ),
    "sources": _l(
        "To count as told by several it needs two independent sources or a checked photo. A call back or an organisation "
        "on the spot verifies it at once."
    ),
}


def told(words: str | None) -> list[str]:
    """The machine words of a feed, as phrases for everybody, what speaks against it first; unknown words are left out."""
    given = set((words or "").split(","))
    order = sorted(KINDS, key=lambda kind: kind is not EvidenceKind.CONTRADICTION)
    return [str(KINDS[kind].told) for kind in order if kind.value in given]


def sentence(verification: Verification | str, words: str | None) -> str:
    """Why a report has its grade, for everybody: ``Verified: somebody there was called back.``"""
    because = told(words)
    if not because:
        return {
            Verification.UNVERIFIED: _("Nobody has checked yet whether it is so."),
            Verification.CORROBORATED: _("Several tell the same."),
            Verification.VERIFIED: _("The team checked it."),
            Verification.DISPUTED: _("Somebody says otherwise."),
        }[Verification(verification)]
    texts = {
        Verification.UNVERIFIED: _("Not verified yet: %(why)s, which is not enough.", why="; ".join(because)),
        Verification.CORROBORATED: _("Supported, not verified yet: %(why)s.", why="; ".join(because)),
        Verification.VERIFIED: _("Verified: %(why)s.", why="; ".join(because)),
        Verification.DISPUTED: _("Disputed: %(why)s.", why="; ".join(because)),
    }
    return texts[Verification(verification)]
