"""When the one who reported takes it back while others tell the same: their need does not go with it.

The oldest voice that is left becomes a new report, pending, and the other voices speak for that one. It has that
voice's own words and place; where it gave none, the place that was public, for that is what it agreed with.
"""

import logging
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from crowdmap.events import ReportDecided, ReportSubmitted, record
from crowdmap.intake import voices
from crowdmap.intake.draft import ReportDraft, with_points
from crowdmap.intake.submit import Incoming, new_report
from crowdmap.moderation.merging import below
from crowdmap.moderation.models import Decision
from crowdmap.publishing.hook import touch
from crowdmap.publishing.preview import preview
from crowdmap.reports.models import VISIBLE, Category, Letter, LocatedBy, Report, Submission

log = logging.getLogger(__name__)

REASON = "the one who first reported this took it back; others had said the same"
KEPT = "others had said the same; no report could be made of it, so it is kept with this one"
LET_GO = "the report it was merged into was taken back by its reporter; this one was never published by itself"


@dataclass(frozen=True)
class Heirs:
    """The voices that are left, the oldest first, and what the public saw of the report."""

    submissions: list[Submission]
    feature: dict | None


def prepare(session: Session, report: Report) -> Heirs | None:
    """Before the report is withdrawn: who else speaks for it; None where nobody does."""
    query = select(Submission).where(Submission.report_id == report.id, Submission.withdrawn_at.is_(None))
    others = list(session.scalars(query.order_by(Submission.id)))[1:]
    return Heirs(others, voices.public_feature(session, report.id)) if others else None


def hand_over(session: Session, report: Report, heirs: Heirs) -> Report | None:
    """The new report of the others; the caller commits. What strangers wrote never stops anybody from taking back their
    own: where no report can be made of it, it stays with the one that is taken back, for the team; None then."""
    session.flush()  # a rollback to a savepoint forgets what was touched and recorded before: keep it
    touched, happened = set(session.info.get("touched", ())), list(session.info.get("events", ()))
    try:
        with session.begin_nested():
            heir = _heir(session, report, heirs)
            session.flush()
            preview(session, heir)  # what cannot be shown would stop the commit
            return heir
    except OperationalError:  # a database that is away or busy: nothing can be taken back now, and all may be tried again
        raise
    except Exception as error:  # its words may hold those of a voice
        log.error("no report could be made of the voices of %s: %s", report.public_id, type(error).__name__)
    touch(session, {*touched, report.id})
    session.info["events"] = happened
    session.add(Decision(report_id=report.id, action="note", reason=KEPT))
    return None


def _heir(session: Session, report: Report, heirs: Heirs) -> Report:
    first = heirs.submissions[0]
    message = Incoming(
        _draft(first.verbatim, report, heirs.feature), first.channel, first.external_id, first.verbatim,
        received_at=first.received_at,
    )  # fmt: skip
    heir = new_report(message, {c.code: c for c in session.scalars(select(Category))})
    session.add(heir)
    session.flush()
    ids = [submission.id for submission in heirs.submissions]
    session.execute(update(Submission).where(Submission.id.in_(ids)).values(report_id=heir.id))
    session.execute(update(Letter).where(Letter.submission_id.in_(ids)).values(report_id=heir.id))
    touch(session, {report.id, heir.id})
    session.add(Decision(report_id=heir.id, action="note", reason=REASON))
    record(session, ReportSubmitted(report_id=heir.id))
    return heir


def let_go(session: Session, root: Report) -> None:
    """Where nobody is left in a tree whose words the public may read, those that were merged into it unpublished stand
    by themselves again, in the status they kept: back in the queue rather than unseen, or public unread."""
    members = [root, *below(session, root.id)]
    left = [m for m in members if m.withdrawn_at is None and m.erased_at is None]
    if any(m is root or m.status in VISIBLE for m in left):
        return
    for report in left:
        report.merged_into_id = None
        report.revision += 1
        session.add(Decision(report_id=report.id, action="unmerge", reason=LET_GO))
        record(session, ReportDecided(report_id=report.id, action="unmerge"))


def _draft(verbatim: dict, report: Report, feature: dict | None) -> ReportDraft:
    """The voice as a message of its own: of the category it agreed with where it names none."""
    told = {"description": verbatim.get("text", ""), **verbatim}
    given = {name: value for name, value in told.items() if name in ReportDraft.model_fields and value != ""}
    given = {"category": report.category, **with_points(given), "client_id": None}
    draft = ReportDraft.model_validate(given)
    values = {"kind": draft.kind or report.kind}
    if not draft.placed and not draft.place and feature:
        properties = feature["properties"]
        values["place"] = properties["place"] or properties["area"] or ""
        if feature["geometry"]:
            values["lon"], values["lat"] = feature["geometry"]["coordinates"][:2]
            values["accuracy_m"], values["located_by"] = properties["precision_m"], LocatedBy.TOWN
    return draft.model_copy(update=values)
