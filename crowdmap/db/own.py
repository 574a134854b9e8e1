"""Connections of one's own, outside the pool: for a question that is asked all the time, and to be woken."""

import sqlite3
from pathlib import Path

from sqlalchemy import Engine

CONNECT_SECONDS = 5
# whoever asks here holds up all who ask alike: nothing may take long, also where the other side is gone without a word
_POSTGRES_OPTIONS = "-c lock_timeout=2s -c statement_timeout=5s"
_POSTGRES_LINE = {
    "connect_timeout": CONNECT_SECONDS, "application_name": "crowdmap", "tcp_user_timeout": 10_000, "keepalives": 1,
    "keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3,
}  # fmt: skip


def open_sqlite(engine: Engine) -> sqlite3.Connection:
    """Reads only; each statement sees the newest. Raises sqlite3.Error where there is no file."""
    path = Path(engine.url.database)
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)


def open_postgres(engine: Engine):
    """Commits by itself. A statement that takes 5 seconds is given up; waiting to be woken is none. Raises psycopg.Error."""
    import psycopg

    args, kwargs = engine.dialect.create_connect_args(engine.url)
    kwargs["options"] = f"{kwargs.get('options', '')} {_POSTGRES_OPTIONS}".lstrip()
    return psycopg.connect(*args, **{**_POSTGRES_LINE, **kwargs}, autocommit=True)
