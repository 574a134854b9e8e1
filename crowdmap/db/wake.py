"""Waking who waits for the log. The table is the truth; this only saves asking it all the time."""

import logging
import sqlite3
import threading
import time

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from crowdmap.db.own import open_postgres, open_sqlite

CHANNEL = "crowdmap_seq"
POLL_SECONDS = 0.2  # SQLite: the question costs 10 µs
LOOK_SECONDS = 2.0  # PostgreSQL: look at the table this often, whatever was heard
LONGEST_PAUSE = 5.0  # between attempts to reach a server that went away

_HEAD = "SELECT max(seq) FROM event"
log = logging.getLogger(__name__)


def notify(session: Session, seq: int) -> None:
    """Tell the waiting, when this transaction commits and only then."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_notify(:channel, :seq)"), {"channel": CHANNEL, "seq": str(seq)})


class Waker:
    """Waits for the log's head to move, on a connection of its own outside the pool. For one waiting thread."""

    def __init__(self, source):
        """*source*: the application or its engine. Nothing is opened before the first wait()."""
        engine = source if isinstance(source, Engine) else _engine_of(source)
        self._ear = {"sqlite": _Poll, "postgresql": _Listen}[engine.dialect.name](engine)
        self._waiting = threading.Lock()

    def wait(self, last_seq: int, timeout: float) -> int:
        """The head of the log as soon as it is not *last_seq*, or after *timeout* seconds as far as it is known.

        Never raises for a database that is away: it waits, and *last_seq* comes back. Returns early after close().
        """
        with self._waiting:
            try:
                head = self._ear.wait(last_seq, time.monotonic() + timeout)
            finally:
                if self._ear.closed.is_set():
                    self._ear.drop()
        return last_seq if head is None else head

    def close(self) -> None:
        """May be called from another thread; who waits returns within about two seconds."""
        self._ear.closed.set()
        if self._waiting.acquire(blocking=False):
            self._ear.drop()
            self._waiting.release()


def _engine_of(app) -> Engine:
    from crowdmap.db import db

    with app.app_context():
        return db.engine


class _Poll:
    def __init__(self, engine: Engine):
        self._engine = engine
        self._connection = None
        self._troubled = False
        self.closed = threading.Event()

    def wait(self, last_seq, until):
        while True:
            head = self._head()
            left = until - time.monotonic()
            if self.closed.is_set() or left <= 0 or head not in (None, last_seq):
                return head
            self.closed.wait(min(POLL_SECONDS, left))

    def _head(self):
        try:
            if self._connection is None:
                self._connection = open_sqlite(self._engine)
            head = self._connection.execute(_HEAD).fetchone()[0] or 0
            self._troubled = False
            return head
        except sqlite3.Error as error:
            if not self._troubled:  # said once, not five times a second
                log.warning("the log could not be read: %s", error)
            self._troubled = True
            self.drop()
            return None

    def drop(self):
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class _Listen:
    def __init__(self, engine: Engine):
        self._engine = engine
        self._connection = None
        self._head = None
        self._pause = 0.1
        self.closed = threading.Event()

    def wait(self, last_seq, until):
        import psycopg

        while not self.closed.is_set():
            try:
                if self._connection is None:
                    self._connect()
                if self._head not in (None, last_seq) or time.monotonic() >= until:
                    break
                self._hear(until)
            except (psycopg.Error, OSError) as error:
                self.drop()
                left = until - time.monotonic()
                log.warning("not connected to the log (%s); trying again in %.1f s", error, self._pause)
                if left <= 0:
                    break
                self.closed.wait(min(self._pause, left))
                self._pause = min(self._pause * 2, LONGEST_PAUSE)
        return self._head

    def _connect(self):
        self._connection = open_postgres(self._engine)
        self._connection.execute(f"LISTEN {CHANNEL}")
        self._look()
        self._pause = 0.1

    def _look(self):
        self._head = self._connection.execute(_HEAD).fetchone()[0] or 0

    def _hear(self, until):
        seconds = max(0.0, min(LOOK_SECONDS, until - time.monotonic()))
        heard = [int(n.payload) for n in self._connection.notifies(timeout=seconds, stop_after=1)]
        if heard:
            self._head = max(self._head or 0, *heard)
        else:
            self._look()

    def drop(self):
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
