"""Messages, holds and what was vouched for stay through the migration; of what was there before no network is known."""

import flask_migrate
from alembic.script import ScriptDirectory
from sqlalchemy import select

from crowdmap.db import db, migrate
from crowdmap.moderation import sources
from crowdmap.moderation.models import Decision, VouchOrigin
from crowdmap.moderation.triage.models import SourceHold
from crowdmap.moderation.vouching import vouch
from crowdmap.reports import crisis
from crowdmap.reports.models import Report, Submission
from tests.builders import make_account, make_report
from tests.conftest import CRISIS


def rows() -> list:
    sent = select(Submission.id, Submission.report_id, Submission.source_hash, Submission.device_hash, Submission.verbatim)
    held = select(SourceHold.kind, SourceHold.key, SourceHold.held_by_id, SourceHold.released_at)
    said = select(Decision.id, Decision.account_id, Decision.action, Decision.evidence)
    return [[tuple(row) for row in db.session.execute(query.order_by(query.selected_columns[0]))] for query in (sent, held, said)]


def test_down_and_up_with_rows_in(migrated):
    before = ScriptDirectory(str(migrate.folder())).get_revision("0017").down_revision
    with migrated.app_context():
        crisis.load(CRISIS)
        anne, bertrand = make_account("volunteer"), make_account("volunteer")
        report = make_report(source_key="a phone", network="a camp")
        device = sources.sources(sources.first_of(db.session, report.id))[0]
        sources.hold(db.session, device, make_account())
        vouch(db.session, report.public_id, anne, "I saw it", "another", "an office")
        db.session.commit()
        assert db.session.scalar(select(SourceHold.network_hash)) == db.session.scalar(select(Submission.network_hash)) is not None
        kept, public_id = rows(), report.public_id
        bertrand_id = bertrand.id
        db.session.remove()
        flask_migrate.downgrade(directory=str(migrate.folder()), revision=before)
    migrate.upgrade(migrated)
    with migrated.app_context():
        assert rows() == kept and all(kept)
        for column in (Submission.network_hash, SourceHold.network_hash, VouchOrigin.network_hash):
            assert db.session.scalars(select(column)).all() in ([None], [])
        held = sources.all_held(db.session)
        assert held == {(device.kind, device.key)}
        # who vouched before counts all the same
        bertrand = db.session.get(type(bertrand), bertrand_id)
        assert vouch(db.session, public_id, bertrand, "So did I", "a third", "an office").corroborated
        db.session.commit()
        assert db.session.scalar(select(Report.verification)) == "corroborated"
        make_report(source_key="a phone", network="a camp")
        assert db.session.scalar(select(Submission.network_hash).order_by(Submission.id.desc()).limit(1)) is not None
        db.session.rollback()
