"""The desk's list: which reports, in which order, what comes next, and the figures above it.

Rows come from the staff publications and from the queue's own table, nothing else. The usual queue is read by its index
first and the publications after it, so that neither database has a plan to choose: a page costs the same among a hundred
reports and among a hundred thousand.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from statistics import median

import orjson
from flask_babel import gettext as _
from sqlalchemy import Row as ResultRow
from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from crowdmap.db import MOST_ID
from crowdmap.errors import InvalidCursor, InvalidParameter
from crowdmap.filters import ReportFilter
from crowdmap.moderation.desk_models import QueueCount, QueueItem
from crowdmap.moderation.models import Decision
from crowdmap.publishing.models import Audience, Head, Publication
from crowdmap.reports.models import Status

PAGE = 50
WALKED = 400  # items of the queue that a filter is tried on, before the database is asked for all that match it
WAITING = (Status.PENDING,)
ORDERS = ("urgent", "oldest", "newest")
LATELY = 400  # decisions that the median of today looks at
SHOWN_OR_NOT = ("publish", "reject", "hide")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ITEM = QueueItem.__table__.columns
_COLUMNS = (
    Publication.id, Publication.report_id, Publication.public_id, Publication.feature, _ITEM.due_at, _ITEM.told_at,
    _ITEM.looked_at, _ITEM.reasons, _ITEM.revision,
)  # fmt: skip


_WITH = _ITEM.report_id == Publication.report_id


@dataclass(frozen=True)
class Row:
    """A staff feature (dict) with what the queue knows of it. *reasons*: as in `urgency`; *due*: microseconds since 1970,
    the number by which a screen keeps its list in order."""

    id: int
    report_id: int
    feature: dict
    due_at: datetime
    told_at: datetime
    looked_at: datetime | None
    reasons: list
    revision: int

    @property
    def due(self) -> int:
        return (self.due_at - _EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True)
class Queue:
    """One page. *after*: the cursor of the next page, or None."""

    rows: list[Row]
    after: str | None
    matched: int


def parse_filter(args, also=()) -> ReportFilter:
    """The filter's parameters; without ``status`` what waits for a check."""
    chosen = ReportFilter.parse(args, also=(*also, "order"), all_statuses=True)
    return chosen if args.get("status") else replace(chosen, statuses=WAITING)


def parse_order(args, chosen: ReportFilter) -> str:
    """Raises InvalidParameter."""
    order = args.get("order") or usual_order(chosen)
    if order not in ORDERS:
        words = _("“%(order)s” is none of %(all)s.", order=order[:40], all=", ".join(ORDERS))
        raise InvalidParameter(words, field="order")
    return order


def usual_order(chosen: ReportFilter) -> str:
    """What waits is worked off by urgency; everything else is looked up from the newest."""
    return "urgent" if chosen.statuses == WAITING else "newest"


def only_statuses(chosen: ReportFilter) -> bool:
    return replace(chosen, statuses=()) == ReportFilter(statuses=())


def queue(
    session: Session, chosen: ReportFilter, order: str, after: str | None = None, limit: int = PAGE, *, known: dict | None = None
) -> Queue:
    """*known*: `counts`, where they were asked for already. Raises InvalidCursor."""
    rows = _in_order(session, chosen, order, limit + 1, after=_cursor(after, order) if after else None)
    more, rows = len(rows) > limit, rows[:limit]
    matched = len(rows) if not more and not after else matching(session, chosen, known)
    return Queue(rows, _name(rows[-1], order) if more else None, matched)


def matching(session: Session, chosen: ReportFilter, known: dict | None = None) -> int:
    """How many reports the filter finds; those of a status alone were counted before (*known*: as `queue`)."""
    if only_statuses(chosen):
        known = known or counts(session)
        return sum(known[status.value] for status in chosen.statuses)
    return session.scalar(chosen.select(Audience.STAFF, func.count()))


def next_in_list(
    session: Session, chosen: ReportFilter, order: str, public_id: str, passed: Collection[int] = ()
) -> str | None:
    """Public id of the report to offer after this one; *passed*: ids of reports to leave out while others are left.

    By urgency that is the first that is left, whatever has come in meanwhile; in other orders the one that follows, and
    at their end the first.
    """
    if order != "urgent":
        return _following(session, chosen, order, public_id)
    own = session.scalar(select(Publication.report_id).where(Publication.public_id == public_id, *_STAFF))
    for left_out in ({own, *passed}, {own}):
        found = _in_order(session, chosen, order, 1, left_out=left_out - {None})
        if found:
            return found[0].feature["id"]
    return None


def _following(session: Session, chosen: ReportFilter, order: str, public_id: str) -> str | None:
    place = session.scalar(select(Publication.id).where(Publication.public_id == public_id, *_STAFF))
    forward = order == "oldest"
    query = chosen.select(Audience.STAFF, Publication.public_id).where(Publication.public_id != public_id)
    query = query.order_by(Publication.id.asc() if forward else Publication.id.desc()).limit(1)
    beyond = Publication.id > place if forward else Publication.id < place
    return (session.scalar(query.where(beyond)) if place is not None else None) or session.scalar(query)


_STAFF = (Publication.audience == Audience.STAFF,)


# ---- in order


def _in_order(
    session: Session, chosen: ReportFilter, order: str, limit: int, *, after=None, left_out: Collection[int] = ()
) -> list[Row]:
    if order != "urgent":
        query = chosen.select(Audience.STAFF, *_COLUMNS).join_from(Publication, QueueItem, _WITH)
        forward = order == "oldest"
        if after is not None:
            query = query.where(Publication.id > after if forward else Publication.id < after)
        rows = session.execute(query.order_by(Publication.id.asc() if forward else Publication.id.desc()).limit(limit))
        return [_row(row) for row in rows]
    walked = select(_ITEM.report_id, _ITEM.due_at).order_by(_ITEM.due_at, _ITEM.report_id)
    statuses = chosen.statuses
    if len(statuses) < len(Status):
        walked = walked.where(_ITEM.status == statuses[0] if len(statuses) == 1 else _ITEM.status.in_(statuses))
    beyond = [_beyond(*after)] if after is not None else []
    apart = [_ITEM.report_id.not_in(sorted(left_out))] if left_out else []
    reach = limit if only_statuses(chosen) else max(WALKED, limit)
    ahead = session.execute(walked.where(*beyond, *apart).limit(reach)).all()
    query = chosen.select(Audience.STAFF, *_COLUMNS).join_from(Publication, QueueItem, _WITH)
    near = query.where(Publication.report_id.in_([row.report_id for row in ahead]))
    rows = session.execute(near).all() if ahead else []
    if len(rows) < limit and len(ahead) == reach and not only_statuses(chosen):  # the filter finds few: all of them
        rows = session.execute(
            query.where(*beyond, *apart).order_by(_ITEM.due_at, _ITEM.report_id).limit(limit)
        ).all()  # fmt: skip
    return sorted((_row(row) for row in rows), key=lambda row: (row.due_at, row.report_id))[:limit]


def _beyond(due_at: datetime, report_id: int):
    later = or_(_ITEM.due_at > due_at, and_(_ITEM.due_at == due_at, _ITEM.report_id > report_id))
    return and_(_ITEM.due_at >= due_at, later)  # the first clause is what an index can use


def _row(row: ResultRow) -> Row:
    return Row(
        id=row.id, report_id=row.report_id, feature=orjson.loads(row.feature), due_at=row.due_at, told_at=row.told_at,
        looked_at=row.looked_at, reasons=row.reasons, revision=row.revision,
    )  # fmt: skip


def _name(row: Row, order: str) -> str:
    return f"{row.due}_{row.report_id}" if order == "urgent" else str(row.id)


def _cursor(text: str, order: str):
    parts = text.split("_") if order == "urgent" else [text]
    try:
        numbers = [int(part) for part in parts if part.removeprefix("-").isdecimal() and part.isascii() and len(part) < 19]
        if len(numbers) != (2 if order == "urgent" else 1) or len(parts) != len(numbers) or not 0 <= numbers[-1] <= MOST_ID:
            raise ValueError
        return (_EPOCH + timedelta(microseconds=numbers[0]), numbers[1]) if order == "urgent" else numbers[0]
    except (ValueError, OverflowError):
        raise InvalidCursor(_("This page was not made here; start at the first."), field="after") from None


# ---- news and figures


@dataclass(frozen=True)
class Changed:
    """What to do to a list on a screen. *gone*: ids that do not belong there (any more). *seq*: ask from here next."""

    seq: int
    more: bool
    rows: list[Row]
    gone: list[str]


def changed(session: Session, chosen: ReportFilter, since: int, limit: int = PAGE) -> Changed:
    """The staff publications that changed after *since*, by seq, in their latest state."""
    head = head_seq(session)
    if head <= since:
        return Changed(since, False, [], [])
    query = select(Publication.id, Publication.public_id, Publication.seq).where(
        Publication.audience == Audience.STAFF, Publication.seq > since
    )
    rows = session.execute(query.order_by(Publication.seq).limit(limit + 1)).all()
    more, rows = len(rows) > limit, rows[:limit]
    matching = chosen.select(Audience.STAFF, *_COLUMNS).join_from(Publication, QueueItem, _WITH)
    matching = matching.where(Publication.id.in_([row.id for row in rows])).order_by(Publication.id)
    found = [_row(row) for row in session.execute(matching)] if rows else []
    still = {row.feature["id"] for row in found}
    gone = [row.public_id for row in rows if row.public_id not in still]
    return Changed(rows[-1].seq if more else max(head, since), more, found, gone)


def listed(session: Session, chosen: ReportFilter, public_ids: Collection[str]) -> dict[str, int]:
    """Which of these reports stand in this list, each with its revision."""
    query = chosen.select(Audience.STAFF, Publication.public_id, _ITEM.revision).join_from(Publication, QueueItem, _WITH)
    rows = session.execute(query.where(Publication.public_id.in_(list(public_ids))))
    return {row.public_id: row.revision for row in rows}


def counts(session: Session) -> dict[str, int]:
    """How many reports the team has in each status."""
    found = dict(session.execute(select(QueueCount.status, QueueCount.n)).all())
    return {status.value: found.get(status, 0) for status in Status}


def oldest(session: Session) -> datetime | None:
    """When the report that has waited longest was told."""
    return session.scalar(select(func.min(_ITEM.told_at)).where(_ITEM.status == Status.PENDING))


def median_minutes(session: Session, since: datetime) -> float | None:
    """From a message's arrival to the first decision on whether it is shown, where somebody took it after *since*; None:
    there is none. What is hidden weeks after it was published was not waited for so long."""
    last = session.scalar(select(func.max(Decision.id))) or 0
    earlier = aliased(Decision)
    before = exists().where(
        earlier.report_id == Decision.report_id, earlier.id < Decision.id, earlier.action.in_(SHOWN_OR_NOT)
    )  # fmt: skip
    query = (
        select(Decision.at, _ITEM.came_at)
        .join(QueueItem, _ITEM.report_id == Decision.report_id)
        .where(
            Decision.id > last - LATELY * 5, Decision.action.in_(SHOWN_OR_NOT), Decision.account_id.is_not(None),
            Decision.at >= since, ~before,
        )
        .order_by(Decision.id.desc())
        .limit(LATELY)
    )  # fmt: skip
    took = [max(0.0, (at - came_at).total_seconds() / 60) for at, came_at in session.execute(query)]
    return median(took) if took else None


def head_seq(session: Session) -> int:
    return session.scalar(select(func.max(Head.seq)).where(Head.audience == Audience.STAFF)) or 0
