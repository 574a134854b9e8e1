"""The queue's own rows, kept in step with what the team sees.

`keep` is called by the publishing hook, under the log's lock, with every tree that was touched: a revision, a look or an
escalation changes nothing of a publication, and moves a report in the queue all the same. Whoever writes only what an
escalation is made of has the report projected by `hook.touch`.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from crowdmap.db import IDS, accumulate, by_ids, in_chunks, upsert, utcnow
from crowdmap.moderation.desk_models import Look, QueueCount, QueueItem
from crowdmap.moderation.urgency import urgency
from crowdmap.publishing.models import Audience
from crowdmap.publishing.project import Crisis, Tree, View
from crowdmap.reports.models import Risk, Submission

KEPT = ("status", "revision", "due_at", "told_at", "looked_at", "reasons")  # came_at never changes

# who knows of reports that somebody or a rule wants to be seen first: (session, report ids) → report id → why
ESCALATIONS: list[Callable[[Session, list[int]], dict[int, str]]] = []


def escalates(function):
    """Register a function that says which of some reports are escalated, and why."""
    ESCALATIONS.append(function)
    return function


def keep(session: Session, trees: Iterable[Tree], want: dict, crisis: Crisis) -> None:
    """Write the queue items of these trees. *want*: (report id, audience) → its view, or a tombstone."""
    trees = list(trees)
    ids = sorted(member.id for tree in trees for member in tree.members)
    have = {row.report_id: row for row in by_ids(session, _ITEMS, ids)}
    roots = {tree.root.id: tree for tree in trees if isinstance(want[tree.root.id, Audience.STAFF], View)}
    escalated: dict[int, str] = {}
    for known in ESCALATIONS:
        escalated |= known(session, sorted(roots))
    back = _known_before(session, [r for r, tree in sorted(roots.items()) if r not in have and tree.root.revision > 1])
    now, rows = utcnow(), []
    counted: Counter = Counter()
    for report_id, tree in sorted(roots.items()):
        old = have.pop(report_id, None)
        came_at, looked_at = (old.came_at, old.looked_at) if old is not None else back.get(report_id, (now, None))
        row = _row(tree, want[report_id, Audience.STAFF], crisis, escalated.get(report_id), looked_at)
        if old is not None and all(getattr(old, name) == row[name] for name in KEPT):
            continue
        rows.append({**row, "came_at": came_at or min(row["told_at"], now)})
        if old is not None:
            counted[old.status] -= 1
        counted[row["status"]] += 1
    for row in have.values():
        counted[row.status] -= 1
    for gone in in_chunks(sorted(have)):
        session.execute(delete(QueueItem).where(QueueItem.report_id.in_(gone)))
    upsert(session, QueueItem, rows, conflict=("report_id",))
    changes = [{"status": status, "n": n} for status, n in sorted(counted.items()) if n]
    accumulate(session, QueueCount, changes, conflict=("status",))


def _row(tree: Tree, view: View, crisis: Crisis, escalated: str | None, looked_at: datetime | None) -> dict:
    told_at = tree.teller.created_at
    risks = [(code, Risk(crisis.categories[code].risk)) for code in view.codes if code in crisis.categories]
    columns, properties = view.columns, view.core["properties"]
    found = urgency(
        told_at, columns["kind"], risks, columns["search_text"], properties["people"], tree.voices, escalated, looked_at
    )
    return {
        "report_id": tree.root.id, "status": columns["status"], "revision": tree.root.revision, "due_at": found.due_at,
        "told_at": told_at, "looked_at": looked_at, "reasons": found.reasons,
    }  # fmt: skip


def _known_before(session: Session, ids: list[int]) -> dict[int, tuple[datetime | None, datetime | None]]:
    """Of reports that come back, such as those taken out of others: when they came first and when somebody last opened
    them, as far as that is kept; so they have their place in the queue again."""
    came: dict = {}
    seen: dict = {}
    for chunk in in_chunks(ids):
        query = select(Submission.report_id, func.min(Submission.arrived_at)).where(Submission.report_id.in_(chunk))
        came |= dict(session.execute(query.group_by(Submission.report_id)).all())
        query = select(Look.report_id, func.max(Look.since)).where(Look.report_id.in_(chunk))
        seen |= dict(session.execute(query.group_by(Look.report_id)).all())
    return {report_id: (came.get(report_id), seen.get(report_id)) for report_id in ids}


# somebody may open one of them at this moment, which moves it: held until this commit
_ITEMS = select(QueueItem.__table__).where(QueueItem.__table__.c.report_id.in_(IDS)).order_by(QueueItem.__table__.c.report_id)
_ITEMS = _ITEMS.with_for_update()


def rebuild_counts(session: Session) -> None:
    """Count anew; for those who filled the tables past the hook. The caller commits."""
    session.execute(delete(QueueCount))
    counted = select(QueueItem.status, func.count()).group_by(QueueItem.status)
    session.execute(insert(QueueCount).from_select(["status", "n"], counted))
