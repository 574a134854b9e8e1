"""The only place that knows there are two databases.

``db.session`` belongs to the application context. Its transaction begins with its first statement, reading or writing
as access() says then. Objects stay readable after a commit: nothing is loaded again, which would take the writer's
place on SQLite only to fill a page.
"""

import os
import weakref
from contextlib import contextmanager

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, MetaData, make_url, text
from sqlalchemy.orm import DeclarativeBase, Session

from crowdmap.db import postgres, sqlite
from crowdmap.db.access import Access, access, reading, writing
from crowdmap.db.errors import DatabaseBusy, DatabaseUnsuitable, is_busy
from crowdmap.db.json import dumps, loads
from crowdmap.db.rows import IDS, accumulate, by_ids, in_chunks, insert_if_absent, upsert
from crowdmap.db.seldom import seldom
from crowdmap.db.types import EnumText, Json, UtcDateTime, clock, enum_text, utcnow

__all__ = [
    "IDS", "MOST_ID", "Access", "Base", "DatabaseBusy", "DatabaseUnsuitable", "EnumText", "Json", "UtcDateTime", "access",
    "accumulate", "analyse", "by_ids", "clock", "db", "engine_name", "enum_text", "in_chunks", "init_app", "insert_if_absent", "is_busy", "lock_log", "reading", "scrub",
    "seldom", "snapshot", "upsert", "utcnow", "writing", "writing_session",
]  # fmt: skip

MOST_ID = 2**31 - 1  # no row has a higher number: PostgreSQL's are of 32 bits, and it refuses to compare with more
_LOG_LOCK = 0x63726F77  # "crow"; any number that nobody else takes in this database


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})

_DIALECTS = {"sqlite": sqlite, "postgresql": postgres}


def init_app(app) -> None:
    """Engine, session and migrations for the application, from ``app.config["CROWDMAP"].DATABASE_URL``.

    Raises DatabaseUnsuitable, in words for the operator.
    """
    from crowdmap.db import migrate  # it needs db

    url = make_url(app.config["CROWDMAP"].DATABASE_URL)
    name = url.get_backend_name()
    if name not in _DIALECTS:
        raise DatabaseUnsuitable(f"{name} is not supported: use sqlite:///path or postgresql+psycopg://…")
    dialect = _DIALECTS[name]
    url = dialect.normal_url(url)
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        **dialect.engine_options(url), "json_serializer": dumps, "json_deserializer": loads,
        "hide_parameters": True,  # errors go to the log, and what people told must not
    }  # fmt: skip
    db.init_app(app)
    with app.app_context():
        dialect.listen(db.engine)
        _engines.add(db.engine)
    # a request inside another application context (a shell, a test) shares its session: it must begin with a
    # transaction of its own, which reads or writes as the request's method says, and must not leave it open
    app.before_request(_end_transaction)
    app.teardown_request(_end_transaction)
    migrate.init_app(app)


def _end_transaction(_error=None) -> None:
    if db.session.registry.has() and db.session().in_transaction():
        db.session.rollback()


_engines: weakref.WeakSet[Engine] = weakref.WeakSet()
_of_the_parent = []


def _after_fork() -> None:
    # the parent's connections stay the parent's: neither used nor closed in the child, so they are kept for ever
    for engine in _engines:
        _of_the_parent.append(engine.pool)
        engine.dispose(close=False)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def engine_name() -> str:
    """Database and spatial functions with their versions, for ``doctor`` and ``/healthz``. Needs an app context."""
    return _DIALECTS[db.engine.dialect.name].describe(db.engine)


@contextmanager
def snapshot():
    """A session in which all queries see one moment, and none may write.

    Inside a reading request that is ``db.session`` itself; elsewhere a session of its own, which does not see what
    the caller has not committed.
    """
    if access() is Access.READ:
        yield db.session()
        return
    with reading(), db.session.session_factory() as session:
        yield session


@contextmanager
def writing_session():
    """A short session of its own that writes and commits at the end, for what even a GET must note."""
    with writing(), db.session.session_factory() as session:
        yield session
        session.commit()


def lock_log(session: Session) -> None:
    """Taken before ``seq`` is given out, held to the commit (DESIGN §3.3). SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOG_LOCK})


def scrub() -> None:
    """After an erasure: nothing of it stays in SQLite's word indexes and write-ahead log. Needs an app context, and
    no transaction of the caller's. PostgreSQL's autovacuum does this in its own time."""
    _DIALECTS[db.engine.dialect.name].scrub(db.engine)


def analyse(session: Session) -> None:
    """Let the planner count the rows; after an import, and now and then. Without it SQLite takes every table for small
    and looks through all publications for a few. Commits."""
    session.execute(text("ANALYZE"))
    if session.get_bind().dialect.name == "sqlite":
        # connections read the counts with the schema: let them notice a change of it
        session.execute(text("CREATE VIEW crowdmap_analysed AS SELECT 1"))
        session.execute(text("DROP VIEW crowdmap_analysed"))
    session.commit()
