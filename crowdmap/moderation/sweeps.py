"""All of one source hidden as spam, and restored, in one action: a step of at most 200 reports a transaction.

A step never touches what the person had not seen: reports that came or changed after their page are left, and told. Nor does
it touch what others told as well: hidden with a spammer's copy, their need would leave the map and nobody would know.
"""

from dataclasses import dataclass, field

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crowdmap.accounts.models import Account
from crowdmap.db import utcnow
from crowdmap.errors import IllegalState, NotFound, StaleRevision
from crowdmap.events import Event, ReportDecided, ReportSubmitted, SourceChanged, record
from crowdmap.moderation import undoing
from crowdmap.moderation.actions import perform
from crowdmap.moderation.bulk import MOST_AT_ONCE, Outcome, check_may_act, each, hold
from crowdmap.moderation.sources import COLUMNS, RESTORED, Source, made_by
from crowdmap.moderation.triage.models import SourceSweep, SweptReport
from crowdmap.reports.models import VISIBLE, Report, Status, Submission

SPAM = "spam"
OPEN = (Status.PENDING, *sorted(VISIBLE))
# what changes a report in the eyes of a person; a voice or a projection does not
CHANGES = (ReportSubmitted.__name__, ReportDecided.__name__)


@dataclass
class Step:
    """*last*: id of the last report looked at, to go on after; None: this was the last step."""

    outcome: Outcome = field(default_factory=Outcome)
    last: int | None = None


def begin(session: Session, source: Source, actor: Account) -> SourceSweep:
    """Raises NotAllowed, and IllegalState where nothing is to be hidden."""
    check_may_act(actor, "reject", 0)
    waits = open_of(session, source)
    if not waits.alone:
        if waits.with_others:
            words = _("Others told the same as all that is left of this source. Decide on each by itself.")
            raise IllegalState(words, code="others-told")
        raise IllegalState(_("Nothing of this source is shown or waits."), code="nothing-open")
    sweep = SourceSweep(kind=source.kind, key=source.key, account_id=actor.id)
    session.add(sweep)
    session.flush()
    record(session, SourceChanged(account_id=actor.id, action="hide", sweep_id=sweep.id))
    return sweep


def hide_some(session: Session, sweep: SourceSweep, source: Source, actor: Account, seen: int, after: int = 0) -> Step:
    """Reject as spam the next of what waits or is shown; the caller commits. *seen*: the seq of the person's page."""
    check_may_act(actor, "reject", 0)
    query = _open(source).where(Report.id > after).order_by(Report.id).limit(MOST_AT_ONCE)
    rows = session.execute(query).all()
    changed = _changed(session, [row.id for row in rows], seen)
    hold(session, [row.public_id for row in rows])
    roots = Report.id.in_([row.id for row in rows]), Report.merged_into_id.is_(None)
    with_others = _with_others(session, source, *roots)  # nobody merges into what is locked
    step = Step(last=rows[-1].id if len(rows) == MOST_AT_ONCE else None)
    for row in rows:
        with each(session, step.outcome, row.public_id):
            if row.id in changed:
                raise StaleRevision(_("It came or was changed after you opened this page."))
            if row.id in with_others:
                raise IllegalState(_("Others told the same. Decide on it by itself."), code="others-told")
            revision = row.revision
            if row.status is Status.CLOSED:  # hidden is reached from the map only
                revision = perform(session, row.public_id, "reopen", actor, revision, SPAM).revision
            report = perform(session, row.public_id, "reject", actor, revision, SPAM)
            session.add(SweptReport(sweep_id=sweep.id, report_id=report.id, was=row.status, revision=report.revision))
            undoing.forget(session, report.id)  # half of what was done: the whole is taken back by restoring
            step.outcome.done.append(row.public_id)
    return step


def restore_some(session: Session, sweep: SourceSweep, actor: Account, after: int = 0) -> Step:
    """Give the next of what the sweep hid its status back, unless somebody decided on it since; the caller commits."""
    check_may_act(actor, "restore", 0)
    s = SweptReport
    query = select(s, Report.public_id).join(Report, Report.id == s.report_id)
    query = query.where(s.sweep_id == sweep.id, s.restored_at.is_(None), s.report_id > after)
    rows = session.execute(query.order_by(s.report_id).limit(MOST_AT_ONCE)).all()
    hold(session, [public_id for _swept, public_id in rows])
    step = Step(last=rows[-1][0].report_id if len(rows) == MOST_AT_ONCE else None)
    for swept, public_id in rows:
        with each(session, step.outcome, public_id):
            report = perform(session, public_id, "restore", actor, swept.revision, RESTORED)
            if swept.was in VISIBLE:
                report = perform(session, public_id, "publish", actor, report.revision, RESTORED, confirm=True)
            if swept.was is Status.CLOSED:
                perform(session, public_id, "close", actor, report.revision, RESTORED)
            swept.restored_at = utcnow()
            undoing.forget(session, swept.report_id)
            step.outcome.done.append(public_id)
    return step


def note_restoring(session: Session, sweep: SourceSweep, actor: Account) -> None:
    record(session, SourceChanged(account_id=actor.id, action="restore", sweep_id=sweep.id))


def find(session: Session, source: Source, sweep_id: int) -> SourceSweep:
    """Raises NotFound, also for a sweep of another source."""
    found = session.get(SourceSweep, sweep_id)
    if found is None or (found.kind, found.key) != (source.kind, source.key):
        raise NotFound()
    return found


@dataclass(frozen=True)
class Swept:
    """A sweep for its source's page: who, when, how many it hid, and how many of these are not restored."""

    id: int
    name: str
    at: object
    hidden: int
    left: int


def of_source(session: Session, source: Source) -> list[Swept]:
    """The latest first."""
    s = SourceSweep
    left = func.count(SweptReport.report_id).filter(SweptReport.restored_at.is_(None))
    query = select(s.id, Account.name, Account.email, s.at, func.count(SweptReport.report_id), left)
    query = query.join(Account, Account.id == s.account_id).join(SweptReport, SweptReport.sweep_id == s.id)
    query = query.where(s.kind == source.kind, s.key == source.key)
    rows = session.execute(query.group_by(s.id, Account.name, Account.email, s.at).order_by(s.id.desc())).all()
    return [Swept(row[0], row[1] or row[2], row[3], row[4], row[5]) for row in rows]


@dataclass(frozen=True)
class Open:
    """What of a source waits or is shown by itself: how many reports it *alone* told, which can be hidden together, and the
    ids of those that others told as well. What was merged into another report is decided there."""

    alone: int
    with_others: set[int]


def open_of(session: Session, source: Source) -> Open:
    standing = (*_is_open(source), Report.merged_into_id.is_(None))
    number = session.scalar(select(func.count()).select_from(Report).where(*standing))
    others = _with_others(session, source, *standing) if number else set()
    return Open(number - len(others), others)


def _with_others(session: Session, source: Source, *where) -> set[int]:
    """Ids of the reports *where* that another source told as well: as a voice, or in a report that was merged into it, at
    any depth, and that nobody hid."""
    tree = select(Report.id.label("top"), Report.id, Report.status).where(*where).cte(recursive=True)
    tree = tree.union(select(tree.c.top, Report.id, Report.status).where(Report.merged_into_id == tree.c.id))
    query = select(tree.c.top).distinct().join(Submission, Submission.report_id == tree.c.id)
    other = COLUMNS[source.kind].is_distinct_from(source.value)
    return set(session.scalars(query.where(tree.c.status != Status.HIDDEN, Submission.withdrawn_at.is_(None), other)))


def _open(source: Source):
    return select(Report.id, Report.public_id, Report.revision, Report.status).where(*_is_open(source))


def _is_open(source: Source) -> tuple:
    return made_by(source), Report.status.in_(OPEN), Report.withdrawn_at.is_(None), Report.erased_at.is_(None)


def _changed(session: Session, report_ids: list[int], seen: int) -> set[int]:
    """Those to which something was done after the event *seen*."""
    query = select(Event.report_id).where(Event.report_id.in_(report_ids), Event.seq > seen, Event.name.in_(CHANGES))
    return set(session.scalars(query))
