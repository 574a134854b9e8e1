"""A hold of a person stays through the migration after which nobody may be the one who holds; one of nobody goes back with it."""

import flask_migrate
from sqlalchemy import select

from crowdmap.db import db, migrate
from crowdmap.moderation.triage.models import SourceHold, SourceKind
from tests.builders import make_account


def holds():
    found = db.session.scalars(select(SourceHold).order_by(SourceHold.id)).all()
    return [(one.kind, one.key, one.reason, one.held_by_id, one.held_at, one.released_at) for one in found]


def test_down_and_up_with_rows_in(migrated):
    with migrated.app_context():
        marie = make_account(name="Marie")
        for who, key in ((marie.id, b"one"), (None, b"two"), (marie.id, b"three")):
            db.session.add(SourceHold(kind=SourceKind.DEVICE, key=key, reason="x", held_by_id=who))
            db.session.commit()
        of_marie = [one for one in holds() if one[3] is not None]
        db.session.remove()
        flask_migrate.downgrade(directory=str(migrate.folder()), revision="0014")
    migrate.upgrade(migrated)
    with migrated.app_context():
        assert holds() == of_marie and len(of_marie) == 2
        db.session.add(SourceHold(kind=SourceKind.DEVICE, key=b"two", reason="x", held_by_id=None))
        db.session.commit()
        assert len(holds()) == 3
        db.session.rollback()
