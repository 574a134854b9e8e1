"""After an upgrade, what was public is masked as it would be now, by a job and a few reports at a time."""

from importlib import import_module

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import update

from crowdmap import jobs
from crowdmap.db import db, writing
from crowdmap.publishing.models import Publication
from tests.builders import make_report


def test_after_the_migration_what_was_public_is_masked_anew(session):
    """A publication as it was made before names were masked; the migration asks for a job that makes it again."""
    report = make_report(category="ROAD", kind="damage", description="Mwen rele Jan")
    old = b'{"properties": {"description": "Mwen rele Jan"}}'
    session.execute(update(Publication).where(Publication.audience == "public").values(feature=old, digest=b"old"))
    session.commit()
    migration = import_module("migrations.versions.0009_mark_choices")
    with writing(), db.engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        migration.downgrade()
        migration.upgrade()
    while jobs.work_once(session):
        pass
    row = session.query(Publication).filter_by(report_id=report.id, audience="public").populate_existing().one()
    assert b"Mwen rele [name]" in row.feature
    session.rollback()
