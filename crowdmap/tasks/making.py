"""Which tasks there are: made for reports that need something, cancelled with what made them needless."""

import logging

from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload

from crowdmap import jobs
from crowdmap.config import settings
from crowdmap.db import insert_if_absent, reading, upsert, utcnow
from crowdmap.events import CategoryChanged, Event, ReportChanged, ReportDecided, ReportSubmitted
from crowdmap.publishing import hook
from crowdmap.publishing.project import strictest
from crowdmap.reports.models import Category, Policy, Report, Status
from crowdmap.tasks.kinds import KINDS, Setting, TaskKind
from crowdmap.tasks.models import LIVE, Answer, Result, State, Task

log = logging.getLogger(__name__)

BATCH = 500
A_RUN = 2000
CONCERNED = frozenset({Status.PENDING, Status.PUBLISHED})
FOLLOWED = (ReportSubmitted, ReportDecided, ReportChanged, CategoryChanged)


def setting() -> Setting:
    return Setting(settings().WORKING_LANGUAGE, settings().WORK_SAMPLE)


def restricted(session: Session) -> set[str]:
    """Codes of the categories that only the team may see."""
    return set(session.scalars(select(Category.code).where(Category.policy == Policy.RESTRICTED)))


def stands(report: Report, secret: set[str]) -> bool:
    """Whether volunteers may have to do with it at all: live, by itself, waiting or on the map, and not sensitive."""
    gone = report.withdrawn_at is not None or report.erased_at is not None or report.merged_into_id is not None
    return not gone and report.status in CONCERNED and not secret.intersection(report.codes)


def still_wanted(session: Session, task: Task, report: Report) -> bool:
    """The same with all that was merged into it, before somebody sees it: the strictest category of a tree counts."""
    kind = KINDS.get(task.kind)
    if kind is None or not stands(report, restricted(session)) or not kind.wants(report, setting()):
        return False
    trees, _children = hook.trees_of(session, {report.id})
    return strictest(trees[0], hook.crisis(session)) is not Policy.RESTRICTED


def make_tasks(session: Session, report_ids=None) -> int:
    """Make the tasks that are missing, ask anew what changed, cancel what nobody needs any more; the caller commits.

    *report_ids*: of these reports only; else of all. → how many were made.
    """
    if report_ids is not None:
        ids = sorted(set(report_ids))
        return sum(_make(session, ids[at : at + BATCH]) for at in range(0, len(ids), BATCH))
    made = after = 0
    while ids := list(session.scalars(select(Report.id).where(Report.id > after).order_by(Report.id).limit(BATCH))):
        made, after = made + _make(session, ids), ids[-1]
    return made


def _make(session: Session, ids: list[int]) -> int:
    """The tasks are locked before the reports are read, as an answer locks them: or one would be asked anew that was
    settled in between."""
    now, told, secret = utcnow(), setting(), restricted(session)
    query = select(Task).where(Task.report_id.in_(ids)).order_by(Task.id).with_for_update()
    have = {(task.report_id, task.kind): task for task in session.scalars(query.execution_options(populate_existing=True))}
    query = select(Report).options(joinedload(Report.private)).where(Report.id.in_(ids)).order_by(Report.id)
    rows = []
    for report in session.scalars(query.execution_options(populate_existing=True)):
        if report.erased_at is not None:
            _forget(session, [task for (owner, _kind), task in have.items() if owner == report.id])
        fine = stands(report, secret)
        for name, kind in KINDS.items():
            task, wanted = have.get((report.id, name)), fine and kind.wants(report, told)
            if task is None and wanted:
                rows.append(_row(kind, report, told, now))
            elif task is not None and task.state in LIVE and not wanted:
                cancel(task)
            elif task is not None and task.state in LIVE:
                task.language, task.priority = kind.language(report, told), kind.priority(report)
            elif task is not None and wanted and _asks_anew(kind, task):
                _reopen(task, kind, report, told)
    return len(insert_if_absent(session, Task, rows, conflict=("report_id", "kind")))


def _row(kind: TaskKind, report: Report, told: Setting, now) -> dict:
    return {
        "report_id": report.id, "kind": kind.name, "state": State.OPEN, "priority": kind.priority(report), "needed": kind.needed,
        "round": 1, "language": kind.language(report, told), "created_at": now,
    }  # fmt: skip


def cancel(task: Task) -> None:
    task.state, task.holder_id, task.leased_until, task.done_at = State.CANCELLED, None, None, utcnow()


def _asks_anew(kind: TaskKind, task: Task) -> bool:
    """A restored or unmerged report comes back; a translation goes with the words that are edited, a point with a
    moderator's doubt, and both are wanted once more."""
    lost = kind.again and task.result in (Result.AGREED, Result.ACCEPTED)
    return task.state is State.CANCELLED or lost


def _reopen(task: Task, kind: TaskKind, report: Report, told: Setting) -> None:
    task.state, task.round, task.needed = State.OPEN, task.round + 1, kind.needed
    task.result = task.value = task.done_at = task.holder_id = task.leased_until = task.decided_by_id = None
    task.language, task.priority, task.created_at = kind.language(report, told), kind.priority(report), utcnow()


def _forget(session: Session, tasks: list[Task]) -> None:
    """Nothing of an erased report stays in what volunteers answered."""
    for task in tasks:
        task.value = None
    ids = [task.id for task in tasks]
    session.execute(update(Answer).where(Answer.task_id.in_(ids)).values(value={}), execution_options={"synchronize_session": False})


def expire(session: Session) -> int:
    """What waited longer than its kind lives is nobody's work any more; the caller commits. → how many."""
    number = 0
    for name, kind in KINDS.items():
        old = update(Task).where(Task.kind == name, Task.state.in_(LIVE), Task.created_at < utcnow() - kind.lives)
        values = {"state": State.EXPIRED, "holder_id": None, "leased_until": None, "done_at": utcnow()}
        number += session.execute(old.values(**values), execution_options={"synchronize_session": False}).rowcount
    return number


# ---- by event


@jobs.follows(*FOLLOWED)
def look_for_tasks(session: Session) -> None:
    """Catch up with the log: each report that came or changed has the tasks it needs, and no others."""
    session.rollback()
    done = 0
    while done < A_RUN:
        with reading():
            upto, report_ids, codes = _next(session)
            session.rollback()
        if upto is None:
            return
        make_tasks(session, [*report_ids, *_waiting_in(session, codes)])
        expire(session)
        upsert(session, jobs.Cursor, [{"name": look_for_tasks.__name__, "seq": upto}], conflict=("name",))
        session.commit()
        done += max(1, len(report_ids))
    jobs.enqueue(session, look_for_tasks.__name__)


def _next(session: Session) -> tuple[int | None, list[int], list[str]]:
    """→ the seq read up to, the reports that came or changed, the categories that did."""
    read = session.scalar(select(jobs.Cursor.seq).where(jobs.Cursor.name == look_for_tasks.__name__)) or 0
    names = [event.__name__ for event in FOLLOWED]
    query = select(Event.seq, Event.report_id, Event.data).where(Event.seq > read, Event.name.in_(names)).order_by(Event.seq)
    rows = session.execute(query.limit(100)).all()
    codes = [row.data["code"] for row in rows if "code" in row.data]
    return (rows[-1].seq, sorted({row.report_id for row in rows if row.report_id}), codes) if rows else (None, [], [])


def _waiting_in(session: Session, codes: list[str]) -> list[int]:
    """Reports whose tasks a category's new policy may end."""
    if not codes:
        return []
    return list(session.scalars(select(Task.report_id).where(Task.state.in_(LIVE)).distinct()))
