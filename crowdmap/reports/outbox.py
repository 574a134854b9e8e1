"""What is to reach a reporter: a row, written in the transaction that caused it, and carried by a transport.

A row names the submission whose sender is to read it, never a number or an address: a transport looks those up when it
sends, so that what was erased meanwhile is not used. ``track``, the tracking page, shows the row itself and has
delivered it once it is committed; others are called by the worker, at least once, and know a repeat by the message's id.
"""

import base64
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from sqlalchemy import ForeignKey, Index, delete, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from crowdmap import jobs
from crowdmap.db import UtcDateTime, db, enum_text, utcnow

log = logging.getLogger("crowdmap.outbox")

MOST_ATTEMPTS = 8
FIRST_RETRY, LONGEST_RETRY = timedelta(minutes=1), timedelta(hours=6)
HELD = timedelta(minutes=5)  # a message whose worker died while it sent is taken again after this
AT_ONCE = 50  # messages of one job; other jobs wait meanwhile


class State(StrEnum):
    QUEUED = "queued"
    DELIVERED = "delivered"
    FAILED = "failed"  # nobody tries again: the dead letter, shown to the team
    CANCELLED = "cancelled"  # the report was taken back


class Kind(StrEnum):
    QUESTION = "question"  # waits for an answer
    NOTICE = "notice"


class Outgoing(db.Model):
    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_due", "state", "next_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)  # what its reader and its transport know it by
    channel: Mapped[str]
    submission_id: Mapped[int] = mapped_column(ForeignKey("submission.id"), index=True)  # who is to read it
    kind: Mapped[Kind] = mapped_column(enum_text(Kind))
    body: Mapped[str]
    language: Mapped[str]
    canned: Mapped[str | None]  # key of the prepared text, if it was one
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))  # who wrote it: never told to its reader
    state: Mapped[State] = mapped_column(enum_text(State), default=State.QUEUED)
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # queued: not before
    error: Mapped[str | None]  # why the last attempt failed, without any address
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


# ---- what carries it


class Outcome(StrEnum):
    DELIVERED = "delivered"
    LATER = "later"  # busy, unreachable: worth another try
    NEVER = "never"  # there is no such number, the provider refuses: no try will help


@dataclass(frozen=True)
class Result:
    """*why*: a few words for the team; they are kept, so no number and no address stands in them."""

    outcome: Outcome
    why: str = ""


@dataclass(frozen=True)
class Message:
    """What a transport gets. *id* is the same for each attempt: a transport that can tells its provider, which then
    delivers it once."""

    id: str
    submission_id: int
    kind: Kind
    body: str
    language: str
    attempt: int


class Transport(Protocol):
    """*AT_ONCE*: sending is nothing but the commit of the row, so it is done in the transaction that writes it."""

    NAME: str
    AT_ONCE: bool

    def send(self, message: Message) -> Result: ...


class TrackingPage:
    """The reporter's own page shows what stands in the table."""

    NAME, AT_ONCE = "track", True

    def send(self, message: Message) -> Result:
        return Result(Outcome.DELIVERED)


TRANSPORTS: dict[str, Transport] = {transport.NAME: transport for transport in (TrackingPage(),)}


# ---- into the box and out of it


def put(
    session: Session, submission_id: int, kind: Kind, body: str, language: str, *, channel: str = TrackingPage.NAME,
    account_id: int | None = None, canned: str | None = None, at: datetime | None = None,
) -> Outgoing:  # fmt: skip
    """Write a message in the caller's transaction; it goes out once that is committed. Raises KeyError for a channel
    that has no transport."""
    transport, now = TRANSPORTS[channel], at or utcnow()
    row = Outgoing(
        public_id=base64.b32encode(secrets.token_bytes(10)).decode().lower(), channel=channel, submission_id=submission_id,
        kind=kind, body=body, language=language, canned=canned, account_id=account_id, state=State.QUEUED, attempts=0,
        next_at=now, at=now,
    )  # fmt: skip
    session.add(row)
    if transport.AT_ONCE:
        row.attempts = 1
        for name, value in _settled(transport.send(_message(row)), row.attempts, now).items():
            setattr(row, name, value)
    session.flush()
    if row.state is State.QUEUED:
        _ask_for_worker(session, row.next_at)
    return row


def cancel(session: Session, submission_id: int) -> None:
    """Nobody is to read on: what was not sent yet stays here, and what was asked is asked no more."""
    waiting = Outgoing.state.in_((State.QUEUED, State.DELIVERED))
    session.execute(
        update(Outgoing).where(Outgoing.submission_id == submission_id, waiting).values(state=State.CANCELLED, next_at=None)
    )


def erase(session: Session, submission_id: int) -> None:
    """All that was written to the sender of this submission, with its words."""
    session.execute(delete(Outgoing).where(Outgoing.submission_id == submission_id))


@jobs.job
def carry(session: Session) -> None:
    """Send what is due, one after the other, each in transactions of its own: none is open while a provider answers."""
    for _turn in range(AT_ONCE):
        claimed = _claim(session)
        if claimed is None:
            break
        row_id, channel, message = claimed
        session.commit()
        result = _send(channel, message)
        values = _settled(result, message.attempt, utcnow())
        # what was cancelled or erased while it was on its way stays so
        session.execute(update(Outgoing).where(Outgoing.id == row_id, Outgoing.state == State.QUEUED).values(**values))
        session.commit()
    due = session.scalar(select(func.min(Outgoing.next_at)).where(Outgoing.state == State.QUEUED))
    if due is not None:
        _ask_for_worker(session, due)


def _claim(session: Session) -> tuple[int, str, Message] | None:
    now = utcnow()
    query = select(Outgoing).where(Outgoing.state == State.QUEUED, Outgoing.next_at <= now)
    row = session.scalar(query.order_by(Outgoing.next_at, Outgoing.id).limit(1).with_for_update(skip_locked=True))
    if row is None:
        return None
    row.attempts, row.next_at = row.attempts + 1, now + HELD
    return row.id, row.channel, _message(row)


def _send(channel: str, message: Message) -> Result:
    transport = TRANSPORTS.get(channel)
    if transport is None:
        return Result(Outcome.NEVER, f"nothing carries {channel} any more")
    try:
        return transport.send(message)
    except Exception as error:  # a transport's fault must not stop the others' messages; its words may hold an address
        log.warning("%s could not send %s: %s", channel, message.id, type(error).__name__)
        return Result(Outcome.LATER, type(error).__name__)


def _settled(result: Result, attempt: int, now: datetime) -> dict:
    """The columns after an attempt."""
    why = result.why[:200] or None
    if result.outcome is Outcome.DELIVERED:
        return {"state": State.DELIVERED, "next_at": None, "delivered_at": now, "error": None}
    if result.outcome is Outcome.NEVER or attempt >= MOST_ATTEMPTS:
        return {"state": State.FAILED, "next_at": None, "error": why}
    return {"state": State.QUEUED, "next_at": now + min(LONGEST_RETRY, FIRST_RETRY * 2 ** (attempt - 1)), "error": why}


def _message(row: Outgoing) -> Message:
    return Message(row.public_id, row.submission_id, row.kind, row.body, row.language, row.attempts)


def _ask_for_worker(session: Session, at: datetime) -> None:
    # touching the job that waits holds it until this commit: a worker that took it before could not see this row
    asked = update(jobs.Job).where(
        jobs.Job.name == carry.__name__, jobs.Job.state == "waiting", jobs.Job.due_at <= at
    )  # fmt: skip
    found = session.execute(asked.values(due_at=jobs.Job.due_at), execution_options={"synchronize_session": False})
    if found.rowcount == 0:
        jobs.enqueue(session, carry.__name__, due_at=at)
