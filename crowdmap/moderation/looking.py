"""Who has a report open: said to colleagues, never in anybody's way.

A look is renewed while the page is open, ends when it is left, and by itself after two minutes. The first of somebody's
looks moves the report back in the queue (see `urgency.put_back`), for others come first that nobody has seen.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import delete, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from crowdmap.accounts.models import Account
from crowdmap.db import upsert, utcnow, writing_session
from crowdmap.errors import NotFound
from crowdmap.moderation.desk_models import Look, QueueItem
from crowdmap.moderation.urgency import put_back
from crowdmap.reports.models import Report

log = logging.getLogger(__name__)

LASTS = timedelta(minutes=2)  # without being renewed
PASSED = timedelta(minutes=10)  # what somebody has just seen and left is not offered to them as the next
KEPT = timedelta(days=1)


@dataclass(frozen=True)
class Looking:
    """A colleague has *public_id* open *since* then."""

    public_id: str
    name: str
    since: datetime


def look(session: Session, public_id: str, actor: Account) -> None:
    """*actor* has it open now; the caller commits. Raises NotFound."""
    report_id = session.scalar(select(Report.id).where(Report.public_id == public_id))
    if report_id is None:
        raise NotFound(_("There is no report %(id)s.", id=public_id[:40]))
    now = utcnow()
    mine = (Look.report_id == report_id, Look.account_id == actor.id)
    known = session.scalar(select(Look.seen_at).where(*mine))
    if known is not None and known > now - LASTS:  # also where it was left a moment ago: a page that is loaded again
        session.execute(update(Look).where(*mine).values(seen_at=now, left_it=False))
        return
    session.execute(delete(Look).where(Look.seen_at < now - KEPT))
    row = {"report_id": report_id, "account_id": actor.id, "since": now, "seen_at": now, "left_it": False}
    upsert(session, Look, [row], conflict=("report_id", "account_id"))
    _move_back(session, report_id, now)


def _move_back(session: Session, report_id: int, now: datetime) -> None:
    item = QueueItem.__table__.columns
    query = select(item.due_at, item.told_at, item.looked_at).where(item.report_id == report_id).with_for_update()
    found = session.execute(query).one_or_none()
    if found is not None:  # a merged report stands in no queue
        due_at = found.due_at - put_back(found.told_at, found.looked_at) + put_back(found.told_at, now)
        session.execute(update(QueueItem).where(QueueItem.report_id == report_id).values(due_at=due_at, looked_at=now))


def leave(session: Session, public_id: str, actor: Account) -> None:
    """*actor* has it open no longer; the caller commits."""
    report_id = select(Report.id).where(Report.public_id == public_id).scalar_subquery()
    mine = (Look.report_id == report_id, Look.account_id == actor.id)
    session.execute(update(Look).where(*mine).values(left_it=True), execution_options={"synchronize_session": False})


def note(public_id: str, actor: Account) -> None:
    """The same as `look` for a page that is only read: it is shown whether or not this can be kept."""
    try:
        with writing_session() as own:
            look(own, public_id, actor)
    except (OperationalError, NotFound):
        log.warning("could not note that a report was opened", exc_info=True)


def others(session: Session, actor: Account, public_ids: Iterable[str] | None = None) -> list[Looking]:
    """Colleagues' looks that last, the earliest first; *public_ids*: only of these."""
    query = (
        select(Look.report_id, Account.name, Look.since)
        .join(Account, Account.id == Look.account_id)
        .where(Look.seen_at > utcnow() - LASTS, Look.left_it.is_(False), Look.account_id != actor.id)
    )
    rows = session.execute(query.order_by(Look.since)).all()
    if not rows:
        return []
    # asked by itself: a planner that knows nothing of the looks, a table that often is empty, walks through all reports
    which = select(Report.id, Report.public_id).where(Report.id.in_({row.report_id for row in rows}))
    if public_ids is not None:
        which = which.where(Report.public_id.in_(list(public_ids)))
    known = dict(session.execute(which).all())
    return [Looking(known[row.report_id], row.name, row.since) for row in rows if row.report_id in known]


def busy_or_passed(session: Session, actor: Account) -> set[int]:
    """Ids of reports that need not be offered to *actor* as the next one: a colleague has them open, or they have just
    been seen."""
    now = utcnow()
    query = select(Look.report_id, Look.account_id, Look.left_it, Look.seen_at).where(Look.seen_at > now - PASSED)
    return {
        row.report_id
        for row in session.execute(query)
        if row.account_id == actor.id or (not row.left_it and row.seen_at > now - LASTS)
    }
