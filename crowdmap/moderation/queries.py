"""What the desk reads: the queue from the staff publications, and everything told about one report."""

import logging
from dataclasses import dataclass, replace
from datetime import datetime

import orjson
from sqlalchemy import func, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, joinedload

from crowdmap.accounts.models import Account
from crowdmap.db import MOST_ID
from crowdmap.dedupe import Candidate, candidates
from crowdmap.dedupe.find import Sides
from crowdmap.dedupe.models import Suspicion
from crowdmap.errors import InvalidCursor, NotFound
from crowdmap.filters import ReportFilter
from crowdmap.moderation import merging, talk, timeline_rows
from crowdmap.moderation.contact import contact_of
from crowdmap.moderation.talk import Conversation
from crowdmap.moderation.timeline import Entry
from crowdmap.publishing.models import Audience, Head, Publication
from crowdmap.publishing.preview import Preview, preview
from crowdmap.reports.models import VISIBLE, Letter, Report, Status, Submission

log = logging.getLogger(__name__)

PAGE = 50
REFUSED = 50  # of "not the same" that a report's page tells


@dataclass(frozen=True)
class Queue:
    """One page of staff features (dicts). *after*: the cursor of the next page, or None."""

    features: list[dict]
    after: int | None
    matched: int


def parse_filter(args, also=()) -> ReportFilter:
    """The filter's parameters; without ``status`` what waits for a check."""
    chosen = ReportFilter.parse(args, also=also, all_statuses=True)
    return chosen if args.get("status") else replace(chosen, statuses=(Status.PENDING,))


def is_queue(chosen: ReportFilter) -> bool:
    """What waits is worked off from the oldest; everything else is looked up from the newest."""
    return chosen.statuses == (Status.PENDING,)


def queue(session: Session, chosen: ReportFilter, after: str | None = None, limit: int = PAGE) -> Queue:
    """Raises InvalidCursor."""
    query = chosen.select(Audience.STAFF, Publication.id, Publication.feature)
    forward = is_queue(chosen)
    if after:
        if not (after.isascii() and after.isdecimal() and len(after) < 11 and int(after) <= MOST_ID):
            raise InvalidCursor("this page was not made here; start at the first", field="after")
        query = query.where(Publication.id > int(after) if forward else Publication.id < int(after))
    order = Publication.id.asc() if forward else Publication.id.desc()
    rows = session.execute(query.order_by(order).limit(limit + 1)).all()
    more, rows = len(rows) > limit, rows[:limit]
    matched = len(rows) if not more and not after else session.scalar(chosen.select(Audience.STAFF, func.count()))
    return Queue([orjson.loads(row.feature) for row in rows], rows[-1].id if more else None, matched)


def next_in_queue(session: Session, chosen: ReportFilter, public_id: str) -> str | None:
    """Public id of the report that follows in the queue; at its end, the first that is left."""
    place = session.scalar(
        select(Publication.id).where(Publication.public_id == public_id, Publication.audience == Audience.STAFF)
    )
    forward = is_queue(chosen)
    order = Publication.id.asc() if forward else Publication.id.desc()
    query = chosen.select(Audience.STAFF, Publication.public_id).where(Publication.public_id != public_id)
    query = query.order_by(order).limit(1)
    if place is not None:
        beyond = Publication.id > place if forward else Publication.id < place
        found = session.scalar(query.where(beyond))
        if found:
            return found
    return session.scalar(query)


def counts(session: Session) -> dict[str, int]:
    """How many reports the team has in each status."""
    query = select(Publication.status, func.count()).where(
        Publication.audience == Audience.STAFF, Publication.status.is_not(None)
    )
    found = dict(session.execute(query.group_by(Publication.status)).all())
    return {status.value: found.get(status, 0) for status in Status}


def head_seq(session: Session) -> int:
    return session.scalar(select(func.max(Head.seq)).where(Head.audience == Audience.STAFF)) or 0


@dataclass(frozen=True)
class Changed:
    """What to do to a list on a screen. *gone*: ids that do not belong there (any more). *seq*: ask from here next."""

    seq: int
    more: bool
    features: list[dict]
    gone: list[str]


def changed(session: Session, chosen: ReportFilter, since: int, limit: int = PAGE) -> Changed:
    """The staff publications that changed after *since*, by seq, in their latest state."""
    head = head_seq(session)
    query = select(Publication.id, Publication.public_id, Publication.seq).where(
        Publication.audience == Audience.STAFF, Publication.seq > since
    )
    rows = session.execute(query.order_by(Publication.seq).limit(limit + 1)).all()
    more, rows = len(rows) > limit, rows[:limit]
    matching = chosen.select(Audience.STAFF, Publication.public_id, Publication.feature)
    matching = matching.where(Publication.id.in_([row.id for row in rows])).order_by(Publication.id)
    found = {row.public_id: orjson.loads(row.feature) for row in session.execute(matching)} if rows else {}
    gone = [row.public_id for row in rows if row.public_id not in found]
    return Changed(rows[-1].seq if more else max(head, since), more, list(found.values()), gone)


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
