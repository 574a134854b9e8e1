"""A crisis with very many published reports, copied inside the database: what feeds, cells and tiles are measured on."""

from sqlalchemy import func, select, text

from benchmarks import duplicates
from benchmarks.sites import Site, vacuum
from crowdmap.db import analyse, db, upsert
from crowdmap.events import Event
from crowdmap.publishing import counts
from crowdmap.publishing.models import Audience, Head, Publication
from crowdmap.reports.models import Kind


def fill(here: Site, reports: int) -> None:
    """So many, with their places, the kept counts, and a log that goes on above them."""
    with here.app() as app, app.app_context():
        duplicates.fill(reports, geometry=True)
        head = db.session.scalar(select(func.max(Publication.seq))) + 1
        rows = [{"audience": audience, "kind": kind, "seq": head} for audience in Audience for kind in Kind]
        upsert(db.session, Head, rows, conflict=("audience", "kind"))
        db.session.add_all([Event(seq=seq, name="Filled") for seq in (head // 2, head)])  # whoever follows stands at one of these
        db.session.flush()
        if db.engine.dialect.name == "postgresql":
            db.session.execute(text(f"SELECT setval(pg_get_serial_sequence('event', 'seq'), {head})"))
            for table in ("report", "publication"):
                db.session.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"))
        counts.rebuild(db.session)
        db.session.commit()
        analyse(db.session)
        vacuum()
        seen = select(func.count()).where(Publication.audience == Audience.PUBLIC, Publication.status == "published")
        here.published = db.session.scalar(seen)
        db.session.remove()
