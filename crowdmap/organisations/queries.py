"""Reading organisations and keys."""

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from crowdmap.db import db
from crowdmap.errors import NotFound
from crowdmap.organisations.models import ApiKey, Membership, Organisation


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


def organisation_of(account_id: int) -> str | None:
    """The slug of the approved organisation that an account is a member of; of several the first."""
    query = select(Organisation.slug).join(Membership, Membership.organisation_id == Organisation.id)
    query = query.where(Membership.account_id == account_id, Organisation.approved_at.is_not(None))
    return db.session.scalar(query.order_by(Organisation.id).limit(1))


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
