"""What speaks for a report and against it: recorded, withdrawn, and the grade that follows (moderation/grades.py).

All of it happens with the report locked (``actions.perform``), so that no two pieces overtake each other. The report
keeps the grade and its machine words in columns of its own, since whatever is published is made of the report alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, aliased

from crowdmap.accounts.models import Account
from crowdmap.db import IDS
from crowdmap.errors import FieldError, IllegalState, ValidationFailed
from crowdmap.moderation import grades
from crowdmap.moderation.doing import Doing
from crowdmap.moderation.grades import SETTLED, TAKEN_BACK, EvidenceKind, Piece
from crowdmap.moderation.models import Decision, Evidence
from crowdmap.reports.models import Category, Report, Status, Verification

ENDINGS = ("unverifiable", "false")  # reasons to reject which say what the checking came to
# what an action takes for its evidence, the default first
TAKES = {
    "verify": (EvidenceKind.CHECKED, EvidenceKind.CALLED, EvidenceKind.ON_SITE, EvidenceKind.PHOTO),
    "corroborate": (EvidenceKind.SOURCE, EvidenceKind.PHOTO),
    "dispute": (EvidenceKind.CONTRADICTION,),
    "add-evidence": tuple(kind for kind in EvidenceKind if kind is not EvidenceKind.IMPORT),
}
ACTIONS = (*TAKES, "withdraw-evidence", "reinstate-evidence")
# a grade that a trusted source gave → the evidence of it
BROUGHT = {
    Verification.VERIFIED: (EvidenceKind.IMPORT, 1),
    Verification.CORROBORATED: (EvidenceKind.SOURCE, grades.SOURCES_NEEDED),
    Verification.DISPUTED: (EvidenceKind.CONTRADICTION, 1),
}


# ---- the actions


def verify(doing: Doing) -> None:
    """Record what verifies it; whoever said otherwise is answered by it, where two people are asked for by the second of
    them. Raises IllegalState (it is so already, or only somebody else can add what is missing) and ValidationFailed
    (this alone does not verify)."""
    _mark(doing, Verification.VERIFIED, _note(doing))


def corroborate(doing: Doing) -> None:
    """Record that several tell it; *sources* says how many, 2 unless it is given. Raises as ``verify``."""
    _mark(doing, Verification.CORROBORATED, _note(doing))


def dispute(doing: Doing) -> None:
    """Record that somebody says otherwise. Raises IllegalState where that stands already."""
    _refuse_already(doing, {Verification.DISPUTED})
    _add(doing, _kind(doing), _note(doing))


def add(doing: Doing) -> None:
    """Record one more piece, whatever the grade is; nothing is settled by it."""
    _add(doing, _kind(doing), _note(doing))


def withdraw(doing: Doing) -> None:
    """It does not stand any more: it was a mistake, or it was answered. What it had settled stands again. Raises
    ValidationFailed, IllegalState."""
    piece = _chosen(doing)
    if piece.withdrawn_at is not None:
        raise IllegalState(_("It was withdrawn already."), code="already-so")
    settled = [
        other for other in of_report(doing.session, doing.report)
        if (other.withdrawn_at, other.withdrawn_by_id, other.withdrawn_why) == (piece.at, piece.account_id, SETTLED)
    ]  # fmt: skip
    _withdraw(doing, [piece], doing.reason)
    _reinstate(doing, settled)
    doing.change["evidence"] = [named(piece), None]
    if settled:
        doing.change["settled"] = [None, ", ".join(map(named, settled))]
    regrade(doing)


def reinstate(doing: Doing) -> None:
    """What was withdrawn stands after all, as it was recorded. Raises ValidationFailed, IllegalState."""
    piece = _chosen(doing)
    if piece.withdrawn_at is None:
        raise IllegalState(_("It stands already."), code="already-so")
    _reinstate(doing, [piece])
    doing.change["evidence"] = [None, named(piece)]
    _settle_again(doing, piece)
    regrade(doing)


def _settle_again(doing: Doing, piece: Evidence) -> None:
    """Where a withdrawal is taken back, what stood again by it is settled as before: at the piece's moment, in its name, by
    which a later withdrawal of the piece finds it."""
    ids = doing.fields.get("settled", ())
    again = [other for other in standing_of(doing.session, doing.report) if other.id in ids]
    for other in again:
        other.withdrawn_at, other.withdrawn_by_id, other.withdrawn_why = piece.at, piece.account_id, SETTLED
    if again:
        doing.session.flush()
        doing.change["settled"] = [", ".join(map(named, again)), None]


def opposite(decision: Decision) -> tuple[str, dict]:
    """The action that takes back a decision of these, and its own fields."""
    before, after = decision.change["evidence"]
    number = _number(after or before)
    if before is not None:
        again = decision.change.get("settled", (None, None))[1]
        settled = {"settled": [_number(name) for name in again.split(", ")]} if again else {}
        return "reinstate-evidence", {"evidence_id": number, **settled}
    return "withdraw-evidence", {"evidence_id": number, "reason": TAKEN_BACK}


def _number(name: str) -> int:
    """Of a piece as `named` has it."""
    return int(name.rpartition("#")[2])


def _chosen(doing: Doing) -> Evidence:
    wanted = doing.fields["evidence_id"]
    piece = next((piece for piece in of_report(doing.session, doing.report) if piece.id == wanted), None)
    if piece is None:
        raise ValidationFailed([FieldError("evidence_id", "not-found", _("This report has no such evidence."))])
    return piece


def _mark(doing: Doing, wanted: Verification, note: str) -> None:
    """Record the piece that gives the *wanted* grade, and withdraw what said otherwise."""
    _refuse_already(doing, {Verification.VERIFIED, wanted})
    session, report, kind = doing.session, doing.report, _kind(doing)
    standing, two = standing_of(session, report), asks_for_two(session, report)
    against = [piece for piece in standing if piece.kind is EvidenceKind.CONTRADICTION]
    pieces = as_pieces(piece for piece in standing if piece not in against)
    if wanted is Verification.VERIFIED and grades.waits_for_another(pieces, two) and doing.actor.id in grades.people(pieces):
        words = _("You looked at it already. This category asks for two people: somebody else has to add what they found.")
        raise IllegalState(words, code="another-person")
    sources = _sources(doing)
    with_it = [*pieces, Piece(kind, doing.actor.id, sources)]
    enough = {Verification.VERIFIED, wanted}
    if grades.grade(with_it) not in enough:
        raise ValidationFailed([FieldError("evidence_kind", "not-enough", _not_enough(kind))])
    if against and grades.grade(with_it, two) in enough:  # nobody settles alone what two have to look at
        _withdraw(doing, against, SETTLED)
        doing.change["settled"] = [", ".join(map(named, against)), None]
    _add(doing, kind, note)


def _refuse_already(doing: Doing, so: set[Verification]) -> None:
    if doing.report.verification in so:
        raise IllegalState(_("The report has this mark already."), code="already-so")


def _not_enough(kind: EvidenceKind) -> str:
    if kind is EvidenceKind.PHOTO:
        return _("A photo alone does not verify. Add it as evidence; with another piece it does.")
    return _("One source is not enough to count as told by several. Add it as evidence, or say how many there are.")


def _kind(doing: Doing) -> EvidenceKind:
    """The kind that was given, or the action's default; refused where the action does not take it."""
    takes = TAKES[doing.fields["action"]]
    kind = doing.fields.get("evidence_kind") or takes[0]
    if kind not in takes:
        words = _("Choose one of: %(all)s.", all=", ".join(takes))
        raise ValidationFailed([FieldError("evidence_kind", "unknown-kind", words)])
    kind = EvidenceKind(kind)
    if kind is EvidenceKind.ON_SITE and not doing.fields.get("organisation"):
        words = _("Say which organisation is on the spot.")
        raise ValidationFailed([FieldError("organisation", "required", words)])
    return kind


def _note(doing: Doing) -> str:
    return (doing.fields.get("evidence") or doing.reason or "").strip()


def _sources(doing: Doing) -> int:
    several = grades.SOURCES_NEEDED if doing.fields["action"] == "corroborate" else 1
    return doing.fields.get("sources") or several


def _add(doing: Doing, kind: EvidenceKind, note: str) -> None:
    piece = Evidence(
        report_id=doing.report.id, kind=kind, account_id=doing.actor.id, note=note, at=doing.at,
        organisation=doing.fields.get("organisation") or None,
        sources=_sources(doing) if kind is EvidenceKind.SOURCE else 1,
    )  # fmt: skip
    doing.session.add(piece)
    doing.session.flush()
    doing.change["evidence"] = [None, named(piece)]
    regrade(doing)


def _withdraw(doing: Doing, pieces: Iterable[Evidence], why: str) -> None:
    for piece in pieces:
        piece.withdrawn_at, piece.withdrawn_by_id, piece.withdrawn_why = doing.at, doing.actor.id, why
    doing.session.flush()


def _reinstate(doing: Doing, pieces: Iterable[Evidence]) -> None:
    """That it was withdrawn for a while, by whom and why, stands in the decisions."""
    for piece in pieces:
        piece.withdrawn_at = piece.withdrawn_by_id = piece.withdrawn_why = None
    doing.session.flush()


def named(piece: Evidence) -> str:
    """As decisions and the desk name it."""
    return f"{piece.kind.value} #{piece.id}"


# ---- the grade


def regrade(doing: Doing) -> None:
    """Bring grade and reason up to what stands now, and note from → to. A report without any evidence keeps its grade."""
    if found := of_report(doing.session, doing.report):
        verification, words = judged(doing.session, doing.report, found)
        doing.set("verification", verification)
        doing.report.verification_reason = words


def judged(session: Session, report: Report, found: Sequence[Evidence] | None = None) -> tuple[Verification, str | None]:
    """The grade and its reason, of what stands of the report itself. *found*: `of_report`, where it was just read."""
    found = of_report(session, report) if found is None else found
    pieces = as_pieces(piece for piece in found if piece.withdrawn_at is None)
    return grades.grade(pieces, asks_for_two(session, report)), grades.reason(pieces)


_OF_REPORT = select(Evidence).where(Evidence.report_id == bindparam("report_id")).order_by(Evidence.id)
_OF_REPORT = _OF_REPORT.execution_options(populate_existing=True)
_FOR_TWO = select(Category.__table__.c.code).where(Category.__table__.c.code.in_(IDS), Category.__table__.c.two_people).limit(1)


def of_report(session: Session, report: Report) -> Sequence[Evidence]:
    """All that was ever recorded of the report itself, the oldest first; what was merged into it keeps its own."""
    return session.scalars(_OF_REPORT, {"report_id": report.id}).all()


def standing_of(session: Session, report: Report) -> list[Evidence]:
    """What was not withdrawn."""
    return [piece for piece in of_report(session, report) if piece.withdrawn_at is None]


def as_pieces(found: Iterable[Evidence]) -> list[Piece]:
    return [Piece(piece.kind, piece.account_id, piece.sources) for piece in found]


def asks_for_two(session: Session, report: Report) -> bool:
    """Whether one of the report's categories wants a second pair of eyes."""
    return session.scalar(_FOR_TWO, {"ids": report.codes}) is not None


def brought(session: Session, report: Report, note: str) -> None:
    """The evidence of a grade that a report came with: its trusted source's. The caller flushed the report."""
    if report.verification in BROUGHT:
        kind, sources = BROUGHT[Verification(report.verification)]
        session.add(Evidence(report_id=report.id, kind=kind, sources=sources, note=note))
        report.verification_reason = kind.value


def found_by_machine(session: Session, report: Report, note: str) -> dict:
    """Two of the team know it independently, which nobody's own decision says: → the change to keep."""
    old = report.verification
    session.add(Evidence(report_id=report.id, kind=EvidenceKind.SOURCE, sources=grades.SOURCES_NEEDED, note=note))
    session.flush()
    report.verification, report.verification_reason = judged(session, report)
    return {"verification": [old.value, report.verification.value]}


# ---- what is shown of it


def ending(report: Report, decisions: Iterable[Decision]) -> str | None:
    """What checking a hidden report came to: ``unverifiable`` or ``false``; None: nothing of the kind, or it was restored."""
    if report.status is not Status.HIDDEN:
        return None
    for decision in sorted(decisions, key=lambda one: one.id, reverse=True):
        if decision.action == "undo":  # of a restore: what hid the report stands before it
            continue
        if decision.report_id == report.id and (decision.change or {}).get("status", [None, None])[1] == Status.HIDDEN:
            return decision.reason if decision.action == "reject" and decision.reason in ENDINGS else None
    return None


@dataclass(frozen=True)
class Line:
    """One piece as the desk lists it. *report*: whose it is, the opened one or one merged into it."""

    piece: Evidence
    report: Report
    by: str | None
    withdrawn_by: str | None

    @property
    def nature(self) -> grades.Nature:
        return grades.KINDS[self.piece.kind]

    @property
    def stands(self) -> bool:
        return self.piece.withdrawn_at is None


@dataclass(frozen=True)
class Shown:
    """All that the desk shows of how sure a report is. *missing*: what the next grade needs, a word of grades.MISSING."""

    lines: list[Line]  # the report's own
    merged: list[Line]  # of what was merged into it: to be read, not counted
    why: str
    two_people: bool
    missing: str | None
    ended: str | None

    @property
    def needs(self) -> str:
        return str(grades.MISSING[self.missing]) if self.missing else ""


def shown(session: Session, report: Report, children: Sequence[Report], decisions: Sequence[Decision]) -> Shown:
    """Of the report and what was merged into it."""
    by, taken = aliased(Account), aliased(Account)
    homes = {member.id: member for member in (report, *children)}
    query = (
        select(Evidence, by.name, taken.name)
        .outerjoin(by, by.id == Evidence.account_id)
        .outerjoin(taken, taken.id == Evidence.withdrawn_by_id)
        .where(Evidence.report_id.in_(homes))
        .order_by(Evidence.id)
    )
    lines = [Line(piece, homes[piece.report_id], name, other) for piece, name, other in session.execute(query)]
    own = [line for line in lines if line.report is report]
    pieces = as_pieces(line.piece for line in own if line.stands)
    two = asks_for_two(session, report)
    ended = ending(report, decisions)
    return Shown(
        own, [line for line in lines if line.report is not report],
        grades.sentence(report.verification, grades.reason(pieces)), two,
        None if ended else grades.missing(pieces, two) if own or report.verification is Verification.UNVERIFIED else None, ended,
    )  # fmt: skip


def said(session: Session, report: Report, action: str) -> str | None:
    """What to tell who did one of these actions, where the action's own words would not be true; None: they are."""
    if action not in ACTIONS:
        return None
    meant = {"verify": Verification.VERIFIED, "corroborate": Verification.CORROBORATED, "dispute": Verification.DISPUTED}
    reached = report.verification is meant.get(action)
    if reached and action != "corroborate":  # nobody else is missing then
        return None
    if asks_for_two(session, report):
        pieces = as_pieces(standing_of(session, report))
        if grades.waits_for_another(pieces, True) and report.verification is not Verification.DISPUTED:
            return _("Kept. One more person must look before it counts as verified.")
        in_favour = [piece for piece in pieces if piece.kind is not EvidenceKind.CONTRADICTION]
        if action == "verify" and grades.waits_for_another(in_favour, True):
            return _("Kept. One more person must look before it counts as verified; until then it stays disputed.")
    if reached:
        return None
    return _("Kept.") + " " + grades.sentence(report.verification, report.verification_reason)


def as_json(session: Session, report: Report) -> dict:
    """How sure it is and on what that stands, for programs of the team."""
    found, two = of_report(session, report), asks_for_two(session, report)
    people = {who for piece in found for who in (piece.account_id, piece.withdrawn_by_id) if who is not None}
    names = dict(session.execute(select(Account.id, Account.name).where(Account.id.in_(people))).all()) if people else {}
    return {
        "id": report.public_id, "revision": report.revision, "verification": report.verification.value,
        "verification_reason": report.verification_reason, "two_people": two,
        "missing": grades.missing(as_pieces(piece for piece in found if piece.withdrawn_at is None), two),
        "evidence": [
            {
                "id": piece.id, "kind": piece.kind.value, "by": names.get(piece.account_id), "organisation": piece.organisation,
                "sources": piece.sources, "note": piece.note, "at": piece.at.isoformat(),
                "withdrawn_at": piece.withdrawn_at and piece.withdrawn_at.isoformat(),
                "withdrawn_by": names.get(piece.withdrawn_by_id), "withdrawn_why": piece.withdrawn_why,
            }
            for piece in found
        ],
    }  # fmt: skip
