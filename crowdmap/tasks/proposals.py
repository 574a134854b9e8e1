"""What volunteers could not settle, or what somebody of the team has to read first: a moderator decides among what they
proposed."""

from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from crowdmap.accounts.models import Account
from crowdmap.db import utcnow
from crowdmap.errors import IllegalState, NotAllowed, NotFound
from crowdmap.moderation.actions import perform
from crowdmap.moderation.doing import stale
from crowdmap.moderation.merging import lock_reports
from crowdmap.reports.models import Report
from crowdmap.tasks.kinds import KINDS, TaskKind
from crowdmap.tasks.making import reopen, still_wanted, words_of
from crowdmap.tasks.models import Answer, Given, Result, Task
from crowdmap.web import Permission

LISTED = 50
PROPOSED = "as a volunteer proposed"  # for the log, which is nobody's language


@dataclass(frozen=True)
class Proposal:
    """What one volunteer said; *number* is by which a moderator chooses it."""

    number: int
    value: dict
    seconds: float | None


@dataclass(frozen=True)
class Asked:
    """A task that waits for a moderator, with its report. *unsure*: how many could not say."""

    task: Task
    report: Report
    proposals: list[Proposal]
    unsure: int


def asked(session: Session, report_id: int | None = None) -> list[Asked]:
    """What waits, the most urgent first; *report_id*: of one report."""
    query = select(Task, Report).join(Report, Report.id == Task.report_id).where(Task.result == Result.MODERATOR)
    if report_id is not None:
        query = query.where(Task.report_id == report_id)
    rows = session.execute(query.order_by(Task.priority, Task.id).limit(LISTED)).all()
    given = {}
    answers = select(Answer).where(Answer.task_id.in_([task.id for task, _report in rows])).order_by(Answer.id)
    for answer in session.scalars(answers):
        given.setdefault(answer.task_id, []).append(answer)
    return [_asked(task, report, given.get(task.id, [])) for task, report in rows]


def _asked(task: Task, report: Report, given: list[Answer]) -> Asked:
    given = [one for one in given if one.round == task.round]
    proposals = [Proposal(one.id, one.value, one.seconds) for one in given if one.given is Given.ANSWER]
    return Asked(task, report, proposals, sum(one.given is Given.UNSURE for one in given))


def accept(session: Session, actor: Account, task_id: int, number: int, revision: int | None) -> Report:
    """Do what one volunteer proposed, by the desk's own action where there is one; the caller commits. *revision*: the
    report's that was seen.

    Raises NotAllowed, NotFound, IllegalState, StaleRevision, and what the action raises.
    """
    task = _waiting(session, actor, task_id)
    report = session.get_one(Report, task.report_id)
    answer = session.get(Answer, number)
    kind = KINDS.get(task.kind)
    mine = answer is not None and (answer.task_id, answer.round, answer.given) == (task.id, task.round, Given.ANSWER)
    takes = kind is not None and (kind.choose or kind.take)
    if not mine or not answer.value or not takes:  # without a value: the report was erased since it was seen
        raise NotFound(_("There is no such proposal."))
    if kind.choose:
        action, fields = kind.choose(answer.value)
        report = perform(session, report.public_id, action, actor, revision=revision, reason=PROPOSED, **fields)
    else:
        _take(session, actor, task, kind, answer.value, revision)
    _end(task, Result.ACCEPTED, actor)
    return report


def _take(session: Session, actor: Account, task: Task, kind: TaskKind, value: dict, revision: int | None) -> None:
    (report,) = lock_reports(session, Report.id == task.report_id)
    if revision != report.revision:
        raise stale(session, report)
    if not still_wanted(session, task, report) or task.words not in (words_of(report), None):
        raise IllegalState(_("The message was changed since, or does not need this any more."), code="changed")
    kind.take(session, report, value, actor, PROPOSED)


def dismiss(session: Session, actor: Account, task_id: int) -> Report:
    """None of them; the caller commits. A translation is asked of others then: or one would keep a message from being read
    by writing nonsense. Raises NotAllowed, NotFound, IllegalState."""
    task = _waiting(session, actor, task_id)
    _end(task, Result.DISMISSED, actor)
    kind, report = KINDS.get(task.kind), session.get_one(Report, task.report_id, populate_existing=True)
    if kind is not None and kind.take and still_wanted(session, task, report):
        mine = (Answer.task_id == task.id, Answer.round == task.round, Answer.given == Given.ANSWER)
        given = session.scalars(select(Answer).where(*mine)).all()
        for answer in given:
            answer.good = False
        if given:
            reopen(task, kind, report)
    return report


def _waiting(session: Session, actor: Account, task_id: int) -> Task:
    if not actor.can(Permission.MODERATE):
        raise NotAllowed()
    task = session.scalar(select(Task).where(Task.id == task_id).with_for_update().execution_options(populate_existing=True))
    if task is None:
        raise NotFound(_("There is no such task."))
    if task.result is not Result.MODERATOR:
        raise IllegalState(_("This was decided already."), code="decided")
    return task


def _end(task: Task, result: Result, actor: Account) -> None:
    task.result, task.decided_by_id, task.done_at = result, actor.id, utcnow()
