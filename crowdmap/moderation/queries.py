"""What the desk reads of one report: everything that is told about it."""

import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, joinedload

from crowdmap.accounts.models import Account
from crowdmap.dedupe import Candidate, candidates
from crowdmap.dedupe.find import Sides
from crowdmap.dedupe.models import Suspicion
from crowdmap.errors import NotFound
from crowdmap.moderation import evidence, merging, talk, timeline_rows
from crowdmap.moderation.contact import contact_of
from crowdmap.moderation.models import Decision
from crowdmap.moderation.talk import Conversation
from crowdmap.moderation.timeline import Entry
from crowdmap.publishing.models import Audience
from crowdmap.publishing.preview import Preview, preview
from crowdmap.reports.models import VISIBLE, Letter, Report, Submission

log = logging.getLogger(__name__)

REFUSED = 50  # of "not the same" that a report's page tells


@dataclass(frozen=True)
class Refused:
    """A report of which somebody said that it is not the same as this one: as a root, and who said it when."""

    public_id: str
    title: str
    at: datetime
    by: str | None


@dataclass(frozen=True)
class Dossier:
    """All that the desk shows of one report; contact is not part of it."""

    report: Report
    root: Report
    children: list[Report]
    messages: list[Submission]
    letters: list[Letter]
    log: list[Entry]
    talk: Conversation
    twins: list[Candidate]
    twin_revisions: dict[str, int]  # of those that this report should take in: it is public and they are not
    refused: list["Refused"]
    preview: Preview | None
    has_contact: bool
    evidence: evidence.Shown

    @property
    def lon(self):
        return self.report.private.lon

    @property
    def lat(self):
        return self.report.private.lat


def dossier(session: Session, public_id: str) -> Dossier:
    """Raises NotFound."""
    report = session.scalar(
        select(Report).where(Report.public_id == public_id).options(joinedload(Report.private))
    )  # fmt: skip
    if report is None:
        raise NotFound()
    chain, children = merging.above(session, report), merging.below(session, report.id)
    ids = [report.id, *(child.id for child in children)]
    apart = refused(session, chain, ids)
    alike = twins(session, report, chain, children, [one.public_id for one in apart])
    decisions = session.scalars(select(Decision).where(Decision.report_id == report.id)).all()
    return Dossier(
        report=report,
        root=chain[-1],
        children=children,
        messages=list(session.scalars(select(Submission).where(Submission.report_id.in_(ids)).order_by(Submission.id))),
        letters=list(session.scalars(select(Letter).where(Letter.report_id.in_(ids)).order_by(Letter.id))),
        log=timeline_rows.for_team(session, report, children),
        talk=talk.conversation(session, report, ids),
        twins=alike,
        twin_revisions=_to_take_in(session, report, alike),
        refused=apart,
        preview=preview(session, report),
        has_contact=contact_of(session, report).given,
        evidence=evidence.shown(session, report, children, decisions),
    )


def _to_take_in(session: Session, report: Report, alike: list[Candidate]) -> dict[str, int]:
    """A report on the map merged into one that waits would leave the map: there the other way round is offered."""
    waiting = [twin.public_id for twin in alike if twin.properties["status"] not in VISIBLE]
    if report.status not in VISIBLE or not waiting:
        return {}
    return dict(session.execute(select(Report.public_id, Report.revision).where(Report.public_id.in_(waiting))).all())


def refused(session: Session, chain: list[Report], ids: list[int]) -> list[Refused]:
    """Which trees were said to be others than that of *ids*, the latest first; of a merged report only its root tells."""
    if len(chain) > 1:
        return []
    query = select(Suspicion.a_id, Suspicion.b_id, Suspicion.refused_at, Account.name)
    query = query.outerjoin(Account, Account.id == Suspicion.refused_by_id)
    query = query.where(Suspicion.refused_at.is_not(None), or_(Suspicion.a_id.in_(ids), Suspicion.b_id.in_(ids)))
    found: dict[int, Refused] = {}
    for row in session.execute(query.order_by(Suspicion.refused_at.desc()).limit(REFUSED)):
        other = session.get_one(Report, row.b_id if row.a_id in ids else row.a_id)
        root = merging.above(session, other)[-1]
        if root.id not in ids:
            title = root.title or root.description[:80]
            found.setdefault(root.id, Refused(root.public_id, title, row.refused_at, row.name))
    return list(found.values())


def twins(
    session: Session, report: Report, chain: list[Report], children: list[Report], apart: list[str]
) -> list[Candidate]:
    """Possible duplicates of a report that stands by itself, among what the team sees; *apart*: known to be others."""
    if report.merged_into_id is not None or report.withdrawn_at or report.erased_at:
        return []
    own = [r.public_id for r in (*chain, *children)]
    try:
        sides = Sides(session, Audience.STAFF)
        side = sides.of_report(session, report)
        return candidates(session, side, Audience.STAFF, exclude=[*own, *apart], sides=sides)
    except SQLAlchemyError:
        raise
    except Exception:  # who decides on a report can do without them
        log.exception("could not look for duplicates of %s", report.public_id)
        return []
