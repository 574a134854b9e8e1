"""Run by Alembic, by way of Flask-Migrate: ``crowdmap migrate`` and ``flask db …``."""

from alembic import context
from flask import current_app

from crowdmap.db import migrate

extension = current_app.extensions["migrate"]

if context.is_offline_mode():
    raise SystemExit("Migrations run against a database only: they look at it as they go.")

migrate.run(context, extension.db.engine, extension.db.metadata, extension.configure_args)
