"""One small question asked before nearly every answer of a feed, on a connection of its own that is never handed back.

Through the pool it costs a check-out, BEGIN, the question, ROLLBACK and a return: more than all else that a 304 needs.
"""

import os
import threading

from sqlalchemy import Engine, event

from crowdmap.db.own import open_postgres, open_sqlite


class Glance:
    """Asks one statement without parameters; every answer is as fresh as a new transaction's. Threads take turns, and all who
    came while another's question was on its way share the next."""

    def __init__(self, engine: Engine, statement: str):
        self._open = {"sqlite": open_sqlite, "postgresql": open_postgres}[engine.dialect.name]
        self._engine, self._statement = engine, statement
        self._lock = threading.Lock()
        self._next: list[list[tuple] | Exception] = []  # holds what came, for all who have come until it is asked for
        self._connection, self._owner = None, None
        event.listen(engine, "engine_disposed", lambda _engine: self.close())  # or the file stays open for good

    def rows(self) -> list[tuple]:
        """Raises what the driver raises, to all who share the question; the next connects again."""
        mine = self._next
        with self._lock:
            if not mine:
                self._next = []  # who comes from now on may want what is not committed yet
                try:
                    mine.append(self._ask())
                except Exception as error:
                    mine.append(error)
        if isinstance(mine[0], Exception):
            raise mine[0]
        return mine[0]

    def _ask(self) -> list[tuple]:
        if self._owner != os.getpid():  # a connection from before a fork is the parent's: neither used nor closed
            self._connection, self._owner = None, os.getpid()
        try:
            if self._connection is None:
                self._connection = self._open(self._engine)
            return self._connection.execute(self._statement).fetchall()
        except Exception:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()
            raise

    def close(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None and self._owner == os.getpid():
                connection.close()
