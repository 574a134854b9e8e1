"""What the database may refuse for a while, and how to tell it from what is wrong."""

import sqlite3

from sqlalchemy import exc

# SQLSTATE: serialisation failure, deadlock, lock not available, too many connections, out of memory or disk,
# shutting down, starting up, statement timeout
_PASSING_STATES = frozenset(
    {"40001", "40P01", "55P03", "53100", "53200", "53300", "57P01", "57P02", "57P03", "57014", "25P03"}
)
_PASSING_WORDS = (
    "database is locked", "database table is locked", "database or disk is full", "database is busy", "disk I/O error",
    "unable to open database file",
)  # fmt: skip


class DatabaseUnsuitable(RuntimeError):
    """The database that is configured cannot be used; the message says what to do."""


class DatabaseBusy(exc.OperationalError):
    """The turn to write did not come in time. Nothing was written; trying again may help."""


def is_busy(error: BaseException) -> bool:
    """True for what passes by itself: locks, deadlocks, an exhausted pool, a full disk, a server that restarts or
    cannot be reached. Answer 503 with Retry-After; nothing of the transaction was kept."""
    if isinstance(error, (DatabaseBusy, exc.TimeoutError)):
        return True
    if isinstance(error, exc.DBAPIError):
        if error.connection_invalidated:
            return True
        error = error.orig
    if isinstance(error, sqlite3.OperationalError):
        return any(words in str(error) for words in _PASSING_WORDS)
    state = getattr(error, "sqlstate", None)
    if state is not None:
        return state in _PASSING_STATES or state.startswith("08")  # 08: connection exceptions
    # psycopg reports a server that does not answer without any state
    return type(error).__module__.startswith("psycopg") and type(error).__name__ in (
        "OperationalError", "ConnectionTimeout",
    )  # fmt: skip
