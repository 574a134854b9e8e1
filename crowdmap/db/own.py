"""Connections of one's own, outside the pool: for a question that is asked all the time, and to be woken."""

import sqlite3
from pathlib import Path

from sqlalchemy import Engine

CONNECT_SECONDS = 5


def open_sqlite(engine: Engine) -> sqlite3.Connection:
    """Reads only; each statement sees the newest. Raises sqlite3.Error where there is no file."""
    path = Path(engine.url.database)
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)


def open_postgres(engine: Engine):
    """Commits by itself. Raises psycopg.Error."""
    import psycopg

    args, kwargs = engine.dialect.create_connect_args(engine.url)
    return psycopg.connect(*args, **{"connect_timeout": CONNECT_SECONDS, **kwargs}, autocommit=True)
