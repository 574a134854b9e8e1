"""Background work: a table of jobs, a loop that takes them, retries, and dead letters that are kept and shown.

A job and the data it is about commit together. A job runs at least once: functions must not mind a second time.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from flask import Flask
from sqlalchemy import UniqueConstraint, bindparam, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from crowdmap.db import Json, UtcDateTime, analyse, db, reading, utcnow, writing
from crowdmap.events import HANDLERS, Event

log = logging.getLogger("crowdmap.jobs")

MOST_ATTEMPTS = 8
LEASE = timedelta(minutes=10)  # a job whose worker died is taken again after this
HEARTBEAT = timedelta(seconds=20)
COUNT_ROWS = timedelta(hours=1)  # how often the planner learns what is in the tables


class Job(db.Model):
    __tablename__ = "job"
    __table_args__ = (UniqueConstraint("event_seq", "name"),)  # a handler gets an event once

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    args: Mapped[dict] = mapped_column(Json, default=dict)
    state: Mapped[str] = mapped_column(default="waiting", index=True)  # waiting | running | done | dead
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]
    event_seq: Mapped[int | None]


class Heartbeat(db.Model):
    """When the worker was last seen; /readyz and ``doctor`` ask."""

    __tablename__ = "heartbeat"

    name: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Cursor(db.Model):
    """How far a job that follows the log has read it."""

    __tablename__ = "cursor"

    name: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int]


JOBS: dict[str, Callable] = {}


def job(function):
    """Register ``function(session, **args)`` under its name."""
    JOBS[function.__name__] = function
    return function


FOLLOWERS: dict[type, list[str]] = {}


def follows(*event_types: type):
    """Register a job that reads the log by itself, from its Cursor on: it is asked for once, however many such events
    there are before it runs."""

    def register(function):
        for event_type in event_types:
            FOLLOWERS.setdefault(event_type, []).append(function.__name__)
        return job(function)

    return register


BESIDE: list[Callable[[Flask, threading.Event], None]] = []
END_S = 8  # for what runs beside the loop, once it was told to stop


def beside(function):
    """Register ``function(app, stop)``: runs in a thread of the worker's own beside the loop of jobs, for what waits for
    others, and returns within seconds once *stop* is set."""
    BESIDE.append(function)
    return function


SWEEPS: list[Callable[[Session], None]] = []


def swept(function):
    """Register ``function(session)``: the worker calls it with each heart-beat, for what goes by itself with time. It is
    quick; the worker commits."""
    SWEEPS.append(function)
    return function


def enqueue(session: Session, name: str, *, due_at: datetime | None = None, **args) -> None:
    """Ask for the job, in the caller's transaction."""
    if name not in JOBS:
        raise KeyError(f"no job is called {name}")
    session.add(Job(name=name, args=args, due_at=due_at or utcnow()))


_J = Job.__table__.c
_WAITS = (
    update(Job.__table__)
    .where(_J.name.in_(bindparam("names", expanding=True)), _J.state == "waiting")
    .values(due_at=bindparam("now"))
    .returning(_J.name)
)


def enqueue_handlers(session: Session, happened: list, seqs: list[int]) -> None:
    """One job for each handler of each event; called by the hook with the events just written."""
    for event, seq in zip(happened, seqs):
        for function in HANDLERS.get(type(event), ()):
            session.add(Job(name=function.__name__, args={"seq": seq}, event_seq=seq))
    names = {name for event in happened for name in FOLLOWERS.get(type(event), ())}
    if names:
        # touching the one that waits holds it until this commit: a worker that took it before could not see these events
        there = set(session.scalars(_WAITS, {"names": sorted(names), "now": utcnow()}))
        session.add_all(Job(name=name, args={}) for name in sorted(names - there))


def take(session: Session) -> Job | None:
    """The next due job, marked as running; two workers never take the same. The caller commits."""
    now = utcnow()
    query = (
        select(Job)
        .where(Job.state.in_(("waiting", "running")), Job.due_at <= now)
        .order_by(Job.due_at, Job.id)
        .limit(1)
        .with_for_update(skip_locked=True)  # SQLite has one writer and leaves this out
    )
    found = session.scalar(query)
    if found is not None:
        found.state, found.due_at, found.attempts = "running", now + LEASE, found.attempts + 1
    return found


def work_once(session: Session) -> bool:
    """Run one due job, if there is one; returns whether there was."""
    with writing():
        found = take(session)
        if found is None:
            session.rollback()
            return False
        job_id, name, args, attempts = found.id, found.name, dict(found.args), found.attempts
        session.commit()
        try:
            _run(session, name, args)
            session.execute(update(Job).where(Job.id == job_id).values(state="done", error=None))
            session.commit()
        except Exception as error:  # whatever a job raises must not end the worker; it is logged, kept and tried again
            session.rollback()
            log.exception("job %s %s failed (attempt %s)", job_id, name, attempts)
            dead = attempts >= MOST_ATTEMPTS
            session.execute(
                update(Job)
                .where(Job.id == job_id)
                .values(
                    state="dead" if dead else "waiting",
                    error=f"{type(error).__name__}: {error}"[:500],
                    due_at=utcnow() + timedelta(seconds=min(3600, 2**attempts)),
                )
            )
            session.commit()
    return True


def _run(session, name, args):
    for functions in HANDLERS.values():
        for function in functions:
            if function.__name__ == name:
                return function(session, session.get(Event, args["seq"]))
    return JOBS[name](session, **args)


def beat(session: Session, name: str = "worker") -> None:
    with writing():
        session.merge(Heartbeat(name=name, at=utcnow()))
        session.commit()


def sweep(session: Session) -> None:
    """Let go of what its time is over for."""
    with writing():
        for function in SWEEPS:
            function(session)
        session.commit()


def worker_seen(session: Session, name: str = "worker") -> datetime | None:
    return session.scalar(select(Heartbeat.at).where(Heartbeat.name == name))


def run(app: Flask, stop: threading.Event) -> None:
    """The worker's loop: a heart-beat, due jobs, a short wait. Survives a database that goes away."""
    last_beat = last_count = None
    beside_it = [threading.Thread(target=one, args=(app, stop), name=one.__name__, daemon=True) for one in BESIDE]
    for thread in beside_it:
        thread.start()
    while not stop.is_set():
        with app.app_context():
            try:
                if last_beat is None or utcnow() - last_beat > HEARTBEAT:
                    beat(db.session)
                    last_beat = utcnow()
                    sweep(db.session)
                if last_count is None or utcnow() - last_count > COUNT_ROWS:
                    with writing():
                        analyse(db.session)
                    last_count = utcnow()
                with reading():
                    idle = _nothing_due(db.session)
                    db.session.rollback()
                while not idle and not stop.is_set():
                    idle = not work_once(db.session)
            except Exception:  # the loop is the last line: log, wait, go on
                log.exception("the worker met trouble; it goes on in 5 s")
                db.session.rollback()
                stop.wait(5)
            finally:
                db.session.remove()
        stop.wait(1)
    for thread in beside_it:
        thread.join(END_S)


def _nothing_due(session) -> bool:
    query = select(Job.id).where(Job.state.in_(("waiting", "running")), Job.due_at <= utcnow()).limit(1)
    return session.scalar(query) is None
