"""PostgreSQL with PostGIS, through psycopg 3: engine options and how each transaction begins."""

import math
import time

from sqlalchemy import Engine, event, exc
from sqlalchemy.engine import URL

from crowdmap.db.access import Access, access
from crowdmap.db.errors import DatabaseUnsuitable

_OPTIONS = {
    "timezone": "UTC",
    "lock_timeout": "10s",  # then the client is asked to come again
    "idle_in_transaction_session_timeout": "10min",
    "jit": "off",  # compiling costs more than these queries take
}


_FRESH_S = 1.0  # a connection that was used so lately is not tried before it is used again


def normal_url(url: URL) -> URL:
    """With psycopg 3 as the driver, whatever was written."""
    return url.set(drivername="postgresql+psycopg")


def engine_options(url: URL) -> dict:
    try:
        import psycopg  # noqa: F401 (an optional dependency: say so before the engine does in its own words)
    except ImportError as error:
        raise DatabaseUnsuitable("PostgreSQL needs the extra: pip install 'crowdmap[postgres]'") from error
    options = " ".join(f"-c {name}={value}" for name, value in _OPTIONS.items())
    return {
        "pool_size": 10,
        "max_overflow": 20,
        "pool_timeout": 10,
        "pool_use_lifo": True,
        "connect_args": {"options": options, "connect_timeout": 10, "application_name": "crowdmap"},
    }


def describe(engine: Engine) -> str:
    with engine.connect() as connection:
        query = "SELECT current_setting('server_version'), postgis_lib_version()"
        server, postgis = connection.exec_driver_sql(query).one()
    return f"PostGIS {postgis} (PostgreSQL {server})"


def need_postgis(connection) -> None:
    """Enable PostGIS in this database, or raise DatabaseUnsuitable and say who can."""
    if connection.exec_driver_sql("SELECT 1 FROM pg_extension WHERE extname = 'postgis'").scalar():
        return
    try:
        with connection.begin_nested():
            connection.exec_driver_sql("CREATE EXTENSION postgis")
    except exc.DBAPIError as error:
        raise DatabaseUnsuitable(
            f"PostGIS is not enabled in this database, and could not be ({str(error.orig).splitlines()[0]}). "
            "Let an administrator of the server install PostGIS and run CREATE EXTENSION postgis; in it."
        ) from error


def scrub(_engine: Engine) -> None:
    """Autovacuum frees dead rows; VACUUM FULL would lock the tables."""


def listen(engine: Engine) -> None:
    from psycopg import IsolationLevel
    from psycopg.pq import Format

    @event.listens_for(engine, "before_cursor_execute")
    def choose_format(_connection, cursor, _statement, _parameters, context, _many):
        # bytes come as hexadecimal text otherwise: twice as much to send, and to read back
        if context is not None and context.execution_options.get("binary_results"):
            cursor.format = Format.BINARY

    @event.listens_for(engine, "checkin")
    def note(_raw, record):
        record.info["left_at"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ping(raw, record, _proxy):
        """A server that restarted costs nobody an error. The pool's own way asks each time, which is a tenth of a page."""
        if time.monotonic() - record.info.get("left_at", math.inf) > _FRESH_S:
            try:
                engine.dialect.do_ping(raw)
            except Exception as error:  # whatever the driver raises: all that were opened before are opened anew
                raise exc.InvalidatePoolError from error

    @event.listens_for(engine, "begin")
    def begin(connection):
        raw = connection.connection.dbapi_connection
        if raw.autocommit:
            return
        # written into the driver's BEGIN: no round trip. A reader sees one moment, as it does on SQLite
        reading = access() is Access.READ
        level = IsolationLevel.REPEATABLE_READ if reading else IsolationLevel.READ_COMMITTED
        if raw.read_only is not reading:
            raw.read_only = reading
        if raw.isolation_level is not level:
            raw.isolation_level = level
