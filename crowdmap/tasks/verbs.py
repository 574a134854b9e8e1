"""What a volunteer does: take a task, answer it, give it back. The caller commits.

A task is one person's at a time, for LEASE; whoever takes it locks its row, skipping those that others are taking, so
that nothing is done twice on either database. Moments come from ``crowdmap.db.utcnow``, whose clock can be moved.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from crowdmap.accounts.models import Account
from crowdmap.config import settings
from crowdmap.db import utcnow
from crowdmap.errors import FieldError, IllegalState, NotAllowed, NotFound, TooMany, ValidationFailed
from crowdmap.moderation.contact import Contact, see_contact
from crowdmap.moderation.merging import lock_reports
from crowdmap.reports.keyed import one_spelling, source_hash
from crowdmap.reports.models import Report, ReportPrivate, Submission
from crowdmap.tasks.figures import Figures, figures
from crowdmap.tasks.kinds import KINDS, check
from crowdmap.tasks.making import cancel, follow_words, make_tasks, still_wanted, too_old, words_of
from crowdmap.tasks.models import LIVE, WAITS, Answer, Given, Result, State, Task, Volunteer
from crowdmap.tasks.people import check_may_work, open_kinds, volunteer_of
from crowdmap.web import validate

__all__ = ["Figures", "Outcome", "answer", "extend", "figures", "held", "make_tasks", "offer", "release", "see_contact_of"]

TRIED = 50  # tasks looked at for one offer: those that nobody needs any more go on the way
MOST_LEASES = 6  # at a stretch: a page that is left open would keep a task for ever
SURE = 3  # people who do not know are enough: a moderator looks


@dataclass(frozen=True)
class Outcome:
    """*state*: ``kept`` (others answer too), ``agreed``, ``moderator`` (a moderator decides) or ``needless`` (it was
    settled in the meantime). *value*: what was agreed."""

    state: str
    task: Task
    value: dict | None = None


def lease() -> timedelta:
    return timedelta(minutes=settings().WORK_LEASE_MINUTES)


def held(session: Session, account: Account) -> Task | None:
    """The task somebody has now, also when its time ran out and nobody took it since."""
    query = select(Task).where(Task.holder_id == account.id, Task.state == State.TAKEN)
    return session.scalar(query.order_by(Task.leased_until.desc()).limit(1))


def offer(session: Session, account: Account, kinds: Iterable[str] | None = None, *, device: str | None = None) -> Task | None:
    """Take the next task for somebody: the one they have already, else the most urgent that they may do. None: there is
    none. *kinds*: only of these. *device*: as ``web.client_device`` says it. Raises NotAllowed, TooMany."""
    check_may_work(account)
    volunteer = volunteer_of(session, account, lock=True)  # one at a time also for somebody with two windows
    allowed = [kind for kind in open_kinds(session, account, volunteer) if kinds is None or kind in kinds]
    mine = held(session, account)
    if mine is not None and mine.kind in allowed:
        found = _locked(session, mine.id)
        if found.holder_id == account.id and found.state is State.TAKEN and _fit(session, found, account):
            return _give(found, account)
    elif mine is not None:
        _give_back(_locked(session, mine.id), account)
    if not allowed:
        return None
    _check_pace(session, account)
    query = _waiting(account, volunteer, allowed, device)
    for _try in range(TRIED):
        task = session.scalar(query)
        if task is None:
            return None
        if _fit(session, task, account):
            _give(task, account)
            session.flush()
            return task
        session.flush()
    return None


def _give(task: Task, account: Account) -> Task:
    now = utcnow()
    if task.holder_id != account.id or task.leased_until <= now:
        task.taken_at = now
    task.state, task.holder_id = State.TAKEN, account.id
    task.leased_until = _until(task)
    return task


def _until(task: Task):
    """When the time of whoever has it is over, if it is prolonged now."""
    now = utcnow()
    return min(now + lease(), (task.taken_at or now) + MOST_LEASES * lease())


def _waiting(account: Account, volunteer: Volunteer, kinds: Sequence[str], device: str | None):
    """The next free task, its row locked; rows that others hold in this moment are passed over."""
    free = or_(Task.state == State.OPEN, and_(Task.state == State.TAKEN, Task.leased_until <= utcnow()))
    reads = or_(Task.language.is_(None), Task.language.in_(volunteer.languages or [""]))
    query = select(Task).where(WAITS, Task.kind.in_(kinds), ~too_old(utcnow()), free, reads, ~_met(account), ~_own(account, device))
    query = query.order_by(Task.priority, Task.id).limit(1)
    # SQLite has one writer and leaves the lock out
    return query.with_for_update(skip_locked=True, of=Task).execution_options(populate_existing=True)


def _met(account: Account):
    """Whether this account answered these words of a task, or skipped the task or a moderator took none of its answers,
    whatever its words are now."""
    this_or_never = or_(Answer.round == Task.round, Answer.given == Given.SKIP, Answer.good.is_(False))
    return select(Answer.id).where(Answer.task_id == Task.id, Answer.account_id == account.id, this_or_never).exists()


def _own(account: Account, device: str | None):
    """Whether this account's address or device told it: nobody works on their own report."""
    address = one_spelling(account.email)
    wrote = select(ReportPrivate.report_id).where(
        ReportPrivate.report_id == Task.report_id, func.lower(ReportPrivate.contact_email) == address
    )
    hashes = [source_hash(account.email), *([source_hash(device)] if device else [])]
    by_them = or_(Submission.source_hash.in_(hashes), Submission.device_hash.in_(hashes))
    sent = select(Submission.id).where(Submission.report_id == Task.report_id, by_them)
    return or_(wrote.exists(), sent.exists())


def _fit(session: Session, task: Task, account: Account) -> bool:
    """Whether the report still needs it, as it reads now; else the task is over."""
    report = session.get(Report, task.report_id, populate_existing=True)
    if still_wanted(session, task, report):
        follow_words(task, report)
        return True
    cancel(task)
    return False


def _check_pace(session: Session, account: Account) -> None:
    """Who answers faster than anybody can read does not read. Raises TooMany."""
    most = settings().WORK_PER_HOUR
    done = session.scalar(
        select(func.count()).where(Answer.account_id == account.id, Answer.at > utcnow() - timedelta(hours=1), Answer.task_id.is_not(None))
    )
    if done >= most:
        error = TooMany(_("You did %(n)s in an hour: that is a lot. Have a rest; the work waits for you.", n=done))
        error.retry_after = 600
        raise error


def answer(session: Session, account: Account, task_id: int, value: dict, *, seconds: float | None = None) -> Outcome:
    """Keep what somebody answers, and settle the task where that is enough. *value*: as the kind's form has it, or
    ``{"unsure": true}``. *seconds*: how long it took.

    It counts as well after the time ran out, if nobody else took the task. Raises NotAllowed, NotFound, ValidationFailed
    naming the field, IllegalState (409): it is somebody else's now, it is over, it was answered, its words changed.
    """
    check_may_work(account)
    volunteer = volunteer_of(session, account, lock=True)  # before the task, as an offer has it: no two wait for each other
    task = _theirs(session, account, task_id)
    kind = KINDS[task.kind]
    (report,) = lock_reports(session, Report.id == task.report_id)
    session.refresh(report.private)
    if not still_wanted(session, task, report):
        cancel(task)
        return Outcome("needless", task)
    if task.words not in (words_of(report), None):
        raise IllegalState(_("The message was changed meanwhile, so your answer was not sent. What you wrote is still here."), code="changed")
    unsure = bool(value.get("unsure"))
    if unsure and value != {"unsure": True}:
        raise ValidationFailed([FieldError("unsure", "ambiguous", _("Answer, or say that you are not sure; not both."))])
    told = {} if unsure else kind.read(session, validate(kind.form, value))
    if not unsure:
        kind.fits(told, report)
    _keep(session, task, account, Given.UNSURE if unsure else Given.ANSWER, told, seconds)
    volunteer.answered += 1
    _give_back(task, account)
    session.flush()
    return _settle(session, task, report, account)


def _theirs(session: Session, account: Account, task_id: int) -> Task:
    """The task, locked, if it is this person's to answer. Raises NotFound, IllegalState."""
    task = _locked(session, task_id)
    if task is None:
        raise NotFound(_("There is no such task."))
    if _has_met(session, task, account):
        raise IllegalState(_("You answered this already. Thank you!"), code="answered")
    if task.state not in LIVE:
        raise IllegalState(_("This was settled in the meantime. Thank you all the same!"), code="over")
    if task.holder_id is None:
        words = _("This is not yours any more: the message was changed meanwhile, or your time ran out. What you wrote is still here.")
        raise IllegalState(words, code="changed")
    if task.holder_id != account.id:
        raise IllegalState(_("Somebody else has this now, because your time ran out. What you wrote is still here."), code="taken")
    return task


def _has_met(session: Session, task: Task, account: Account) -> bool:
    return session.scalar(select(Task.id).where(Task.id == task.id, _met(account))) is not None


def _locked(session: Session, task_id: int) -> Task | None:
    query = select(Task).where(Task.id == task_id).with_for_update().execution_options(populate_existing=True)
    return session.scalar(query)


def _keep(session: Session, task: Task, account: Account, given: Given, value: dict, seconds: float | None) -> None:
    session.add(
        Answer(
            task_id=task.id, account_id=account.id, kind=task.kind, round=task.round, given=given, value=value,
            seconds=None if seconds is None else round(min(86_400.0, max(0.0, seconds)), 1),
        )
    )  # fmt: skip


def _give_back(task: Task, account: Account) -> None:
    if task.holder_id == account.id and task.state is State.TAKEN:
        task.state, task.holder_id, task.leased_until = State.OPEN, None, None


def _settle(session: Session, task: Task, report: Report, account: Account) -> Outcome:
    """With the answers of this round: agreed, one more, or a moderator's."""
    kind = KINDS[task.kind]
    given = session.scalars(select(Answer).where(Answer.task_id == task.id, Answer.round == task.round).order_by(Answer.id))
    given = list(given)
    values = [{**one.value, "by": one.account_id} for one in given if one.given is Given.ANSWER]
    unsure = sum(one.given is Given.UNSURE for one in given)
    verdict = kind.agree(values, report) if len(values) >= task.needed else None
    if verdict is None or (verdict.more and not verdict.agreed):
        if unsure >= SURE or len(values) >= kind.most:
            return _end(task, Result.MODERATOR)
        task.needed = max(task.needed, min(kind.most, len(values) + 1)) if verdict else task.needed
        return Outcome("kept", task)
    if verdict.agreed is not None:
        value = dict(verdict.agreed)
        if kind.apply(session, task, report, value, account):
            task.value = {name: item for name, item in value.items() if name not in ("lat", "lon")}
            _end(task, Result.AGREED)
            return Outcome("agreed", task, value)
    return _end(task, Result.MODERATOR)


def _end(task: Task, result: Result) -> Outcome:
    task.state, task.result, task.done_at = State.DONE, result, utcnow()
    task.holder_id = task.leased_until = None
    return Outcome(result.value, task)


def release(session: Session, account: Account, task_id: int, *, skip: bool = False) -> None:
    """Give it back unanswered. *skip*: and never see it again. Raises NotFound; what is not theirs stays as it is."""
    task = _locked(session, task_id)
    if task is None:
        raise NotFound(_("There is no such task."))
    if task.holder_id != account.id or task.state is not State.TAKEN:
        return
    if skip and not _has_met(session, task, account):
        _keep(session, task, account, Given.SKIP, {}, None)
    _give_back(task, account)


def extend(session: Session, account: Account, task_id: int) -> Any:
    """Whoever is still at it keeps it, for MOST_LEASES; → until when. Raises NotFound, IllegalState where it is not theirs
    any more."""
    task = _theirs(session, account, task_id)
    task.leased_until = _until(task)
    return task.leased_until


def see_contact_of(session: Session, account: Account, task_id: int) -> Contact:
    """How to reach the reporter of the task that somebody has, for calling back; each look is one line in the log. Nobody
    else who told the same: the work is to call one.

    Raises NotFound, IllegalState, NotAllowed where the work does not need it or a coordinator did not allow it.
    """
    task = _theirs(session, account, task_id)
    volunteer = volunteer_of(session, account)
    if task.kind != check.NAME or not volunteer.may_call or task.leased_until is None or task.leased_until <= utcnow():
        raise NotAllowed(_("This work needs nobody's number."))
    report = session.get_one(Report, task.report_id, populate_existing=True)
    if not still_wanted(session, task, report):
        raise IllegalState(_("This was settled in the meantime. Thank you all the same!"), code="over")
    return replace(see_contact(session, report.public_id, account), others=[])
