"""SQLite, the embedded database: engine options and what each connection and transaction is set up with."""

import os
import sqlite3
from pathlib import Path

import shapely
from sqlalchemy import Engine, event, exc
from sqlalchemy.engine import URL

from crowdmap.db import spatialite
from crowdmap.db.access import Access, access, writing
from crowdmap.db.errors import DatabaseBusy, DatabaseUnsuitable, is_busy
from crowdmap.db.queue import QueueTimeout, writer_queue

OLDEST = (3, 35, 0)  # RETURNING
_READ_ONLY = "readonly database"  # mounted so after a fault of the disk
WAIT_SECONDS = 10.0  # for the turn to write; then the client is asked to come again

_SETTINGS = (
    "PRAGMA journal_mode = WAL",  # readers do not wait for the writer
    "PRAGMA synchronous = FULL",  # what was acknowledged survives a power cut
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",  # what was erased is not left in free pages
    "PRAGMA busy_timeout = 10000",  # for writers that do not stand in our queue: backups, the sqlite3 shell
    "PRAGMA trusted_schema = ON",  # our triggers call functions of the application; some builds refuse by default
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -4000",  # kB a connection
    "PRAGMA analysis_limit = 10000",  # rows of an index that ANALYZE looks at: milliseconds, not minutes
    "PRAGMA journal_size_limit = 67108864",
)


class Connection(sqlite3.Connection):
    """Knows whether it holds the writer's place, and gives it up as soon as the commit or rollback is done."""

    place = None
    query_only = False

    def leave(self) -> None:
        place, self.place = self.place, None
        if place is not None:
            place.leave()

    def commit(self) -> None:
        super().commit()
        self.leave()

    def rollback(self) -> None:
        try:
            super().rollback()
        finally:
            self.leave()

    def close(self) -> None:
        try:
            super().close()
        finally:
            self.leave()


def normal_url(url: URL) -> URL:
    """With an absolute path; a relative one starts from the working directory, not from Flask's instance folder."""
    check_suitable(url)
    return url.set(drivername="sqlite", database=str(Path(url.database).absolute()))


def engine_options(url: URL) -> dict:
    return {
        "pool_size": 8,  # each keeps its cache
        "max_overflow": 52,
        "pool_timeout": 10,
        "pool_use_lifo": True,  # few connections with warm caches rather than many
        "connect_args": {
            "factory": Connection,
            "isolation_level": None,  # the driver begins nothing: we do, and say how
            "check_same_thread": False,
            "timeout": 10,
        },
    }


def check_suitable(url: URL) -> None:
    if not url.database or url.database == ":memory:" or url.query.get("mode") == "memory":
        raise DatabaseUnsuitable(
            "An SQLite database in memory is not supported: every connection would see another one. Name a file."
        )
    if sqlite3.sqlite_version_info < OLDEST:
        raise DatabaseUnsuitable(
            f"SQLite {sqlite3.sqlite_version} is too old: {'.'.join(map(str, OLDEST))} or newer is needed. "
            "It comes with Python: take a newer Python, or use PostgreSQL."
        )
    with sqlite3.connect(":memory:") as probe:
        for module, table in (("R*Tree", "rtree(id, a, b)"), ("FTS5", "fts5(a)")):
            try:
                probe.execute(f"CREATE VIRTUAL TABLE probe_{table[:4]} USING {table}")
            except sqlite3.OperationalError as error:
                raise DatabaseUnsuitable(
                    f"This Python's SQLite was built without {module}. Take another Python, or use PostgreSQL."
                ) from error
    probe.close()


def describe(_engine: Engine) -> str:
    return f"Shapely {shapely.__version__} (SQLite {sqlite3.sqlite_version})"


def scrub(engine: Engine) -> None:
    """Merge the word indexes, which keep deleted words until then, and empty the write-ahead log into the file.

    Raises DatabaseBusy where readers of an older moment keep the log from being emptied: try again.
    """
    with writing(), engine.connect() as connection:
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%USING fts5%'"
        for (table,) in connection.exec_driver_sql(query).all():
            connection.exec_driver_sql(f"INSERT INTO {table} ({table}) VALUES ('optimize')")
        connection.commit()
        raw = connection.connection.dbapi_connection
        if raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            raise DatabaseBusy("PRAGMA wal_checkpoint", None, RuntimeError("somebody still reads the log"))


def listen(engine: Engine) -> None:
    path = Path(engine.url.database)

    @event.listens_for(engine, "do_connect")
    def make_private(_dialect, _record, _arguments, _options):
        # names and telephone numbers are in it; SQLite would let everybody on the machine read
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))

    @event.listens_for(engine, "connect")
    def set_up(connection, _record):
        for setting in _SETTINGS:
            connection.execute(setting)
        spatialite.register(connection)

    @event.listens_for(engine, "handle_error")
    def tell_a_disk_that_only_reads(context):
        if _READ_ONLY not in str(context.original_exception) or context.connection is None:
            return None
        if context.connection.connection.dbapi_connection.query_only:
            return None  # it was us who said that this only reads: a fault of ours
        return DatabaseBusy(context.statement, None, context.original_exception)

    @event.listens_for(engine, "begin")
    def begin(connection):
        raw = connection.connection.dbapi_connection
        query_only = access() is Access.READ
        if raw.query_only != query_only:
            raw.execute(f"PRAGMA query_only = {'ON' if query_only else 'OFF'}")
            raw.query_only = query_only
        if query_only:
            _execute(raw, "BEGIN")
            return
        if raw.place is None:
            queue = writer_queue(path)
            try:
                queue.enter(WAIT_SECONDS)
            except QueueTimeout as error:
                raise DatabaseBusy("BEGIN IMMEDIATE", None, error) from error
            raw.place = queue
        try:
            _execute(raw, "BEGIN IMMEDIATE")
        except BaseException:
            raw.leave()
            raise


def _execute(raw: Connection, statement: str) -> None:
    """On the driver: SQLAlchemy's way round costs as much as a small query. Errors are those it would raise."""
    try:
        raw.execute(statement)
    except sqlite3.Error as error:
        passing = is_busy(error) or _READ_ONLY in str(error)
        kind = DatabaseBusy if passing else exc.OperationalError
        raise kind(statement, None, error) from error
