"""Which tasks there are: made for reports that need something, cancelled with what made them needless."""

import logging
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session, joinedload

from crowdmap import jobs
from crowdmap.config import settings
from crowdmap.db import insert_if_absent, reading, upsert, utcnow
from crowdmap.events import CategoryChanged, Event, ReportChanged, ReportDecided, ReportSubmitted
from crowdmap.reports.keyed import keyed_hash
from crowdmap.reports.models import Category, Policy, Report, Status
from crowdmap.tasks.kinds import KINDS, Setting, TaskKind
from crowdmap.tasks.models import LIVE, WAITS, Answer, Result, State, Task

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


def with_secrets(session: Session, report_ids: list[int], secret: set[str]) -> set[int]:
    """Those of these reports into which one of a category in *secret* was merged, also through others: the strictest
    category of a tree counts. A generation a query."""
    root_of = {report_id: report_id for report_id in report_ids}
    found, frontier = set(), report_ids if secret else []
    columns = select(Report.id, Report.merged_into_id, Report.category, Report.more_categories)
    while frontier:
        rows = session.execute(columns.where(Report.merged_into_id.in_(frontier))).all()
        root_of.update((row.id, root_of[row.merged_into_id]) for row in rows)
        found |= {root_of[row.id] for row in rows if not secret.isdisjoint((row.category, *row.more_categories))}
        frontier = [row.id for row in rows]
    return found


def still_wanted(session: Session, task: Task, report: Report) -> bool:
    """Whether the report needs it now, asked before somebody sees it."""
    kind, secret = KINDS.get(task.kind), restricted(session)
    if kind is None or not stands(report, secret) or not kind.wants(report, setting()):
        return False
    return not with_secrets(session, [report.id], secret)


def words_of(report: Report) -> bytes:
    """What volunteers read of it, as a keyed hash: enough to see that it changed, and nothing can be read from it."""
    return keyed_hash("words of a task", "\0".join(text or "" for text in (report.title, report.description, report.place)))


def follow_words(task: Task, report: Report) -> None:
    """Ask a live task anew whose report's words changed: what was answered before was answered to others."""
    words = words_of(report)
    if task.words not in (words, None):  # None: made before this was kept
        task.state, task.holder_id, task.leased_until = State.OPEN, None, None
        task.round, task.needed = task.round + 1, KINDS[task.kind].needed
    task.words = words


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
    rows, hiding = [], with_secrets(session, ids, secret)
    for report in session.scalars(query.execution_options(populate_existing=True)):
        if report.erased_at is not None:
            _forget(session, [task for (owner, _kind), task in have.items() if owner == report.id])
        fine = stands(report, secret) and report.id not in hiding
        for name, kind in KINDS.items():
            task, wanted = have.get((report.id, name)), fine and kind.wants(report, told)
            if task is None and wanted:
                rows.append(_row(kind, report, told, now))
            elif task is not None and task.state in LIVE and not wanted:
                cancel(task)
            elif task is not None and task.result is Result.MODERATOR and not wanted:
                task.result = None  # nobody has to decide it any more; asked anew if the report comes back
                cancel(task)
            elif task is not None and kind.take and task.result is Result.MODERATOR and task.words not in (words_of(report), None):
                reopen(task, kind, report)  # what was proposed says what the words said before
            elif task is not None and task.state in LIVE:
                task.language, task.priority = kind.language(report, told), kind.priority(report)
                follow_words(task, report)
            elif task is not None and wanted and _asks_anew(kind, task):
                reopen(task, kind, report)
    return len(insert_if_absent(session, Task, rows, conflict=("report_id", "kind")))


def _row(kind: TaskKind, report: Report, told: Setting, now) -> dict:
    return {
        "report_id": report.id, "kind": kind.name, "state": State.OPEN, "priority": kind.priority(report), "needed": kind.needed,
        "round": 1, "language": kind.language(report, told), "words": words_of(report), "created_at": now,
    }  # fmt: skip


def cancel(task: Task) -> None:
    task.state, task.holder_id, task.leased_until, task.done_at = State.CANCELLED, None, None, utcnow()


def _asks_anew(kind: TaskKind, task: Task) -> bool:
    """A restored or unmerged report comes back; a translation goes with the words that are edited, a point with a
    moderator's doubt, and both are wanted once more."""
    lost = kind.again and task.result in (Result.AGREED, Result.ACCEPTED)
    return task.state is State.CANCELLED or lost


def reopen(task: Task, kind: TaskKind, report: Report) -> None:
    """Ask it once more, in a round of its own."""
    told = setting()
    task.state, task.round, task.needed = State.OPEN, task.round + 1, kind.needed
    task.result = task.value = task.done_at = task.holder_id = task.leased_until = task.decided_by_id = None
    task.language, task.priority, task.created_at = kind.language(report, told), kind.priority(report), utcnow()
    task.words = words_of(report)


def _forget(session: Session, tasks: list[Task]) -> None:
    """Nothing of an erased report stays in what volunteers answered."""
    for task in tasks:
        task.value = task.words = None
    ids = [task.id for task in tasks]
    session.execute(update(Answer).where(Answer.task_id.in_(ids)).values(value={}), execution_options={"synchronize_session": False})


def too_old(now: datetime):
    """The condition that a task waited longer than its kind lives."""
    alike: dict[timedelta, list[str]] = {}
    for name, kind in KINDS.items():
        alike.setdefault(kind.lives, []).append(name)
    return or_(*(and_(Task.kind.in_(names), Task.created_at < now - lives) for lives, names in alike.items()))


def expire(session: Session) -> int:
    """What is too old is nobody's work any more; the caller commits. → how many."""
    now = utcnow()
    values = {"state": State.EXPIRED, "holder_id": None, "leased_until": None, "done_at": now}
    old = update(Task).where(WAITS, too_old(now)).values(**values)
    return session.execute(old, execution_options={"synchronize_session": False}).rowcount


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
        if not done:
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
