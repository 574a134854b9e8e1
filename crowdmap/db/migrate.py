"""Alembic through Flask-Migrate: one history for both databases."""

import logging
from pathlib import Path

import flask_migrate
from alembic import command
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from geoalchemy2 import alembic_helpers
from geoalchemy2 import types as spatial_types
from sqlalchemy import text

from crowdmap.db import postgres
from crowdmap.db.access import reading, writing
from crowdmap.db.types import EnumText, Json, UtcDateTime

_MIGRATION_LOCK = 0x6D6967
_PACKAGE = Path(__file__).resolve().parent.parent
log = logging.getLogger(__name__)


def folder() -> Path:
    """Beside the package in a wheel, else in the repository."""
    inside = _PACKAGE / "migrations"
    return inside if inside.is_dir() else _PACKAGE.parent / "migrations"


def init_app(app) -> None:
    from crowdmap.db import db

    flask_migrate.Migrate(
        app, db, directory=str(folder()), include_object=include_object, render_item=render_item,
        process_revision_directives=alembic_helpers.writer, render_as_batch=False, compare_type=True,
    )  # fmt: skip


def include_object(obj, name, kind, reflected, compare_to) -> bool:
    """Skip what is in the database without a model: metadata of SpatiaLite and PostGIS, shadow tables of R*Tree and
    FTS5, the search indexes."""
    if kind == "table":
        return not (reflected and compare_to is None)
    if kind == "index":
        return not (reflected and compare_to is None and (name or "").startswith("fts_"))
    return True


def render_item(kind, obj, context):
    """Migrations name plain types, so that old ones outlive a change of ours."""
    if kind == "type":
        if isinstance(obj, UtcDateTime):
            return "sa.DateTime(timezone=True)"
        if isinstance(obj, EnumText):
            return "sa.Text()"
        if type(obj) is type(Json):
            context.imports.add("from sqlalchemy.dialects import postgresql")
            return 'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")'
        if isinstance(obj, spatial_types.Geometry):
            return alembic_helpers.render_item(kind, obj, context)
    return False


def upgrade(app, revision: str = "head") -> None:
    """Bring the database up to the revision; processes that start together do it once. What goes wrong is raised."""
    with app.app_context(), writing():
        # not flask_migrate.upgrade: it would end the process
        config = app.extensions["migrate"].migrate.get_config(str(folder()))
        command.upgrade(config, revision)


def head() -> str | None:
    return ScriptDirectory(str(folder())).get_current_head()


def current(app) -> str | None:
    """The revision of the database; None: there is none yet."""
    from crowdmap.db import db

    with app.app_context(), reading(), db.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def is_current(app) -> bool:
    return current(app) == head()


def run(context, engine, metadata, options: dict) -> None:
    """What env.py does online: everything in one transaction, on SQLite too, so that a failure leaves no half."""
    with writing(), engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            # DROP TABLE in a table copy would delete what refers to it; the switch works outside a transaction only
            connection.connection.dbapi_connection.execute("PRAGMA foreign_keys = OFF")
        try:
            context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True, **options)
            with context.begin_transaction():
                if not sqlite:
                    connection.exec_driver_sql("SET LOCAL lock_timeout = '10min'")  # others may be migrating
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
                    connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
                    postgres.need_postgis(connection)
                context.run_migrations()
                if sqlite:
                    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
                    if broken:
                        raise RuntimeError(f"the migration would break references: {broken[:5]}")
        finally:
            if sqlite:
                connection.rollback()
                connection.connection.dbapi_connection.execute("PRAGMA foreign_keys = ON")
