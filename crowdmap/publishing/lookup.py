"""Which report a public id stands for, as far as the public may know; and who sees a report."""

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from crowdmap.errors import Gone, NotFound
from crowdmap.publishing.models import Audience, Publication


def audiences_of(session: Session, report_id: int) -> set[Audience]:
    """Who sees this report now, under its own id."""
    p = Publication.__table__.c
    return set(session.scalars(select(p.audience).where(p.report_id == report_id, p.removed.is_(None))))


def public_report(session: Session, public_id: str) -> int:
    """The internal id of the report that the public sees under *public_id*: the root where it was merged.

    Raises NotFound for what was never public, Gone for what was.
    """
    seen = set()
    while True:
        query = select(Publication.report_id, Publication.removed, Publication.merged_into)
        row = session.execute(
            query.where(Publication.audience == Audience.PUBLIC, Publication.public_id == public_id)
        ).one_or_none()
        if row is None or public_id in seen:
            raise NotFound(_("There is no report %(id)s, or it is not public.", id=public_id[:40]))
        if row.removed is None:
            return row.report_id
        if row.merged_into is None:
            raise Gone(_("This report is no longer public."))
        seen.add(public_id)
        public_id = row.merged_into
