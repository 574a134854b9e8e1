"""Grades from before there was evidence get the piece that makes them, and none changes."""

import flask_migrate
import orjson
from sqlalchemy import select

from crowdmap.db import db, migrate
from crowdmap.moderation import evidence
from crowdmap.moderation.actions import perform
from crowdmap.moderation.grades import grade
from crowdmap.moderation.models import Evidence
from crowdmap.publishing import policy
from crowdmap.publishing.models import Publication
from crowdmap.reports import crisis
from crowdmap.reports.models import Report
from tests.builders import make_account, make_report
from tests.conftest import CRISIS


def features():
    """What everybody sees, without what is stamped and without the new property."""
    found = {}
    for row in db.session.scalars(select(Publication).execution_options(populate_existing=True)):
        told = orjson.loads(row.feature)
        told["properties"] = {k: v for k, v in told["properties"].items() if k not in ("seq", "updated_at", "verification_reason")}
        found[row.report_id, row.audience] = orjson.dumps(told)
    return found


def test_up_from_before_with_rows_in(migrated):
    with migrated.app_context():
        crisis.load(CRISIS)
        marie = make_account(name="Marie")

        def graded(*steps):
            report = make_report()
            for action, fields in steps:
                perform(db.session, report.public_id, action, marie, report.revision, **fields)
                db.session.commit()
            return report.id

        expected = {
            graded(("verify", {"evidence": "called", "evidence_kind": "called"})): ("checked", marie.id, 1, "called"),
            graded(("corroborate", {"reason": "many"})): ("source", marie.id, 2, "many"),
            graded(("verify", {"evidence": "at first"}), ("dispute", {"reason": "not so"})): ("contradiction", marie.id, 1, "not so"),
            graded(("dispute", {"reason": "no"}), ("verify", {"evidence": "but yes"})): ("checked", marie.id, 1, "but yes"),
            make_report(verification="verified").id: ("import", None, 1, ""),
            make_report(verification="corroborated").id: ("source", None, 2, ""),
        }
        graded()
        before = features()
        verifications = dict(db.session.execute(select(Report.id, Report.verification)).all())
        db.session.remove()
        flask_migrate.downgrade(directory=str(migrate.folder()), revision="0008")  # the one before
    migrate.upgrade(migrated)
    with migrated.app_context():
        pieces = db.session.scalars(select(Evidence)).all()
        assert {one.report_id: (one.kind, one.account_id, one.sources, one.note) for one in pieces} == expected
        for report in db.session.scalars(select(Report)):
            standing = evidence.as_pieces(evidence.standing_of(db.session, report))
            assert grade(standing) == report.verification == verifications[report.id]
            assert report.verification_reason == (expected[report.id][0] if report.id in expected else None)
        assert features() == before
        policy.republish(db.session)
        assert features() == before
        db.session.rollback()
