"""Reading organisations and keys."""

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from crowdmap.db import db
from crowdmap.errors import NotFound
from crowdmap.organisations.models import ApiKey, Organisation


def organisations() -> list[Organisation]:
    """All by name, with their members and keys."""
    query = select(Organisation).options(selectinload(Organisation.members), selectinload(Organisation.keys))
    return list(db.session.scalars(query.order_by(Organisation.name, Organisation.id)))


def organisation_by_slug(slug: str) -> Organisation:
    """Raises NotFound."""
    found = db.session.scalar(select(Organisation).where(Organisation.slug == slug))
    if found is None:
        raise NotFound(_("There is no organisation %(slug)s.", slug=slug[:40]))
    return found


def keys() -> list[ApiKey]:
    """All with their organisation, those in use first, then the newest first."""
    query = select(ApiKey).options(joinedload(ApiKey.organisation))
    return list(db.session.scalars(query.order_by(ApiKey.revoked_at.is_not(None), ApiKey.id.desc())))


def key_by_public_id(public_id: str) -> ApiKey:
    """Raises NotFound."""
    query = select(ApiKey).where(ApiKey.public_id == public_id).options(joinedload(ApiKey.organisation))
    found = db.session.scalar(query)
    if found is None:
        raise NotFound(_("There is no key %(id)s.", id=public_id[:40]))
    return found
