"""The outbox: written with its cause, carried at least once, tried again with patience, and given up in the open."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from crowdmap import jobs
from crowdmap.db import utcnow
from crowdmap.operate import check_outbox
from crowdmap.reports import outbox
from crowdmap.reports.models import Submission
from crowdmap.reports.outbox import Kind, Message, Outcome, Outgoing, Result, State
from tests.builders import make_report


class Pigeon:
    """A transport for tests: answers what it is told to, and knows a repeat by its id as a provider does."""

    NAME, AT_ONCE = "pigeon", False

    def __init__(self):
        self.answers, self.sent, self.delivered, self.during = [], [], {}, None

    def send(self, message: Message) -> Result:
        self.sent.append(message)
        if self.during:
            self.during()
        answer = self.answers.pop(0) if self.answers else Result(Outcome.DELIVERED)
        if isinstance(answer, Exception):
            raise answer
        if answer.outcome is Outcome.DELIVERED:
            self.delivered[message.id] = message.body
        return answer


@pytest.fixture
def pigeon(monkeypatch):
    double = Pigeon()
    monkeypatch.setitem(outbox.TRANSPORTS, "pigeon", double)
    return double


@pytest.fixture
def submission(session) -> int:
    report = make_report(contact_phone="+509 3712 3456")
    return session.scalar(select(Submission.id).where(Submission.report_id == report.id))


def send(session, submission: int, body: str = "Where exactly?") -> int:
    row = outbox.put(session, submission, Kind.QUESTION, body, "en", channel="pigeon")
    session.commit()
    return row.id


def row_of(session, number: int) -> Outgoing:
    session.rollback()
    return session.get(Outgoing, number, populate_existing=True)


def run_due(session):
    """The worker, until nothing is due."""
    while jobs.work_once(session):
        pass


def later(session, **time):
    """Let time pass for what waits."""
    session.rollback()
    for table, column in ((Outgoing, Outgoing.next_at), (jobs.Job, jobs.Job.due_at)):
        session.execute(update(table).values({column.key: utcnow() - timedelta(**time)}).where(column.is_not(None)))
    session.commit()


def test_the_tracking_page_has_it_with_the_commit(session, submission):
    row = outbox.put(session, submission, Kind.QUESTION, "Where?", "en")
    session.commit()
    assert (row.state, row.channel, row.attempts, row.next_at) == (State.DELIVERED, "track", 1, None)
    assert session.query(jobs.Job).filter_by(name="carry").count() == 0
    session.rollback()


def test_what_is_rolled_back_is_never_sent(session, submission, pigeon):
    outbox.put(session, submission, Kind.QUESTION, "Where?", "en", channel="pigeon")
    session.rollback()
    run_due(session)
    assert pigeon.sent == [] and session.query(Outgoing).count() == 0
    session.rollback()


def test_the_worker_sends_what_was_committed_without_any_address(session, submission, pigeon):
    number = send(session, submission)
    run_due(session)
    row = row_of(session, number)
    assert (row.state, row.attempts) == (State.DELIVERED, 1) and row.delivered_at is not None
    (message,) = pigeon.sent
    assert (message.submission_id, message.body, message.attempt) == (submission, "Where exactly?", 1)
    assert "3712" not in repr([getattr(row, column.key) for column in Outgoing.__table__.columns])
    session.rollback()


def test_it_is_tried_again_ever_later_and_given_up_in_the_open(session, submission, pigeon):
    pigeon.answers = [Result(Outcome.LATER, "busy")] * outbox.MOST_ATTEMPTS
    number, waits = send(session, submission), []
    for attempt in range(1, outbox.MOST_ATTEMPTS + 1):
        run_due(session)
        row = row_of(session, number)
        assert (row.attempts, row.error) == (attempt, "busy")
        if attempt < outbox.MOST_ATTEMPTS:
            assert row.state is State.QUEUED
            waits.append(round((row.next_at - utcnow()).total_seconds() / 60))
            later(session, seconds=1)
    assert waits == [1, 2, 4, 8, 16, 32, 64]
    assert row.state is State.FAILED and row.next_at is None
    session.rollback()
    later(session, seconds=1)
    run_due(session)
    assert len(pigeon.sent) == outbox.MOST_ATTEMPTS and len({message.id for message in pigeon.sent}) == 1


def test_nothing_is_sent_before_its_time(session, submission, pigeon):
    pigeon.answers = [Result(Outcome.LATER)]
    send(session, submission)
    run_due(session)
    run_due(session)
    assert len(pigeon.sent) == 1


def test_what_no_try_will_help_is_given_up_at_once(session, submission, pigeon):
    pigeon.answers = [Result(Outcome.NEVER, "no such number")]
    number = send(session, submission)
    run_due(session)
    row = row_of(session, number)
    assert (row.state, row.attempts, row.error) == (State.FAILED, 1, "no such number")
    session.rollback()


def test_a_transports_own_fault_is_a_try_that_failed_and_stops_nobody(session, submission, pigeon):
    pigeon.answers = [OSError("+509 3712 3456 refused")]
    first, second = send(session, submission, "one"), send(session, submission, "two")
    run_due(session)
    row = row_of(session, first)
    assert (row.state, row.error) == (State.QUEUED, "OSError")  # its words may hold an address
    assert row_of(session, second).state is State.DELIVERED
    session.rollback()


def test_a_worker_that_dies_after_sending_sends_again_under_the_same_id(session, submission, pigeon):
    class Died(BaseException):
        pass

    def die():
        raise Died

    number = send(session, submission)
    pigeon.during = die
    with pytest.raises(Died):
        run_due(session)
    session.rollback()
    pigeon.during = None
    assert row_of(session, number).state is State.QUEUED
    session.rollback()
    later(session, seconds=1)
    run_due(session)
    assert row_of(session, number).state is State.DELIVERED
    assert len(pigeon.sent) == 2 and len(pigeon.delivered) == 1
    session.rollback()


def test_two_workers_do_not_send_the_same(session, submission, pigeon):
    number = send(session, submission)
    claimed = outbox._claim(session)
    session.commit()
    outbox.carry(session)
    session.commit()
    assert claimed[0] == number and pigeon.sent == []


@pytest.mark.parametrize("verb, left", [(outbox.cancel, State.CANCELLED), (outbox.erase, None)])
def test_what_was_taken_back_on_its_way_stays_so(session, submission, pigeon, verb, left):
    number = send(session, submission)
    pigeon.during = lambda: (verb(session, submission), session.commit())
    run_due(session)
    row = row_of(session, number)
    assert row is None if left is None else row.state is left
    session.rollback()
    later(session, seconds=1)
    run_due(session)
    assert len(pigeon.sent) == 1


def test_a_channel_that_is_gone_does_not_hold_up_the_others(session, submission, pigeon, monkeypatch):
    number = send(session, submission)
    monkeypatch.delitem(outbox.TRANSPORTS, "pigeon")
    run_due(session)
    assert row_of(session, number).state is State.FAILED
    session.rollback()
    with pytest.raises(KeyError):
        outbox.put(session, submission, Kind.NOTICE, "x", "en", channel="pigeon")
    session.rollback()


def test_one_job_waits_for_many_messages(session, submission, pigeon):
    for n in range(3):
        send(session, submission, str(n))
    assert session.query(jobs.Job).filter_by(name="carry", state="waiting").count() == 1
    session.rollback()
    run_due(session)
    assert [message.body for message in pigeon.sent] == ["0", "1", "2"]


@pytest.mark.databases("sqlite")
def test_dead_letters_are_told_by_the_doctor(session, submission, pigeon):
    assert check_outbox() is None
    pigeon.answers = [Result(Outcome.NEVER, "no such number")]
    send(session, submission)
    run_due(session)
    assert check_outbox().startswith("1 messages to reporters")
    session.rollback()
