"""What volunteers could not settle: a moderator decides among what they proposed."""

from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from crowdmap.accounts.models import Account
from crowdmap.db import utcnow
from crowdmap.errors import IllegalState, NotAllowed, NotFound
from crowdmap.moderation.actions import perform
from crowdmap.reports.models import Report
from crowdmap.tasks.kinds import KINDS
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
    """Do what one volunteer proposed, by the desk's own action; the caller commits. *revision*: the report's that was seen.

    Raises NotAllowed, NotFound, IllegalState, and what the action raises.
    """
    task = _waiting(session, actor, task_id)
    report = session.get_one(Report, task.report_id)
    answer = session.get(Answer, number)
    choose = KINDS[task.kind].choose if task.kind in KINDS else None
    mine = answer is not None and (answer.task_id, answer.round, answer.given) == (task.id, task.round, Given.ANSWER)
    if not mine or not answer.value or choose is None:  # without a value: the report was erased since it was seen
        raise NotFound(_("There is no such proposal."))
    action, fields = choose(answer.value)
    done = perform(session, report.public_id, action, actor, revision=revision, reason=PROPOSED, **fields)
    _end(task, Result.ACCEPTED, actor)
    return done


def dismiss(session: Session, actor: Account, task_id: int) -> Report:
    """None of them; the caller commits. Raises NotAllowed, NotFound, IllegalState."""
    task = _waiting(session, actor, task_id)
    _end(task, Result.DISMISSED, actor)
    return session.get_one(Report, task.report_id)


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
