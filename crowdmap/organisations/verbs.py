"""What can be done with organisations and keys. The caller commits. A key's secret is returned once and never logged."""

import base64
import re
import secrets
import unicodedata
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from crowdmap.accounts.passwords import digest
from crowdmap.accounts.queries import account_by_email
from crowdmap.db import db, utcnow
from crowdmap.errors import FieldError, NotFound, ValidationFailed
from crowdmap.events import OrganisationEvent, record
from crowdmap.organisations.models import PER_MINUTE, ApiKey, Membership, Organisation
from crowdmap.organisations.queries import key_by_public_id, organisation_by_slug
from crowdmap.organisations.scopes import KeyScope
from crowdmap.publishing.restart import mark_restart
from crowdmap.reports.texts import clean

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?\Z")
KEY = re.compile(r"cm_([a-z2-7]{8})_([a-z2-7]{32})\Z")
MOST_PER_MINUTE, MOST_DAYS = 60_000, 3650


def add_organisation(name: str, slug: str | None = None, *, approve: bool = False, by: int | None = None) -> Organisation:
    """A new organisation; without a *slug* one is made of its name. Raises ValidationFailed."""
    name = clean(name)
    if not 1 <= len(name) <= 100:
        _refuse("name", "length", _("A name has 1 to %(n)s characters.", n=100))
    slug = slug or _slug_of(name)
    if not SLUG.match(slug):
        words = _("The short name has 1 to 40 small letters, digits or hyphens; it begins and ends with a letter or digit.")
        _refuse("slug", "form", words)
    if db.session.scalar(select(Organisation.id).where(Organisation.slug == slug)):
        raise ValidationFailed([_taken(slug)])
    organisation = Organisation(name=name, slug=slug, approved_at=utcnow() if approve else None)
    db.session.add(organisation)
    try:
        db.session.flush()
    except IntegrityError as error:  # somebody else was faster
        db.session.rollback()
        raise ValidationFailed([_taken(slug)]) from error
    _note("added", organisation, by, change={"approved": [None, approve]})
    return organisation


def set_approved(slug: str, approved: bool, *, by: int | None = None) -> Organisation:
    """Let the organisation's keys open what their scopes say, or nothing. Raises NotFound."""
    organisation = organisation_by_slug(slug)
    if (organisation.approved_at is not None) != approved:
        organisation.approved_at = utcnow() if approved else None
        _note("approved" if approved else "approval-taken", organisation, by)
    return organisation


def add_member(slug: str, email: str, *, by: int | None = None) -> Organisation:
    """Raises NotFound (the organisation), ValidationFailed (no such account)."""
    organisation, account = organisation_by_slug(slug), account_by_email(email)
    if account is None:
        _refuse("email", "unknown", _("There is no account with this address. Invite them first."))
    if db.session.get(Membership, (organisation.id, account.id)) is None:
        db.session.add(Membership(organisation_id=organisation.id, account_id=account.id))
        _note("member-added", organisation, by, about=account.id)
    return organisation


def remove_member(slug: str, account_id: int, *, by: int | None = None) -> Organisation:
    """Raises NotFound."""
    organisation = organisation_by_slug(slug)
    found = db.session.get(Membership, (organisation.id, account_id))
    if found is None:
        raise NotFound()
    db.session.delete(found)
    _note("member-removed", organisation, by, about=account_id)
    return organisation


def add_key(
    slug: str, scope: KeyScope, *, name: str = "", per_minute: int = PER_MINUTE, days: int | None = None,
    by: int | None = None,
) -> tuple[ApiKey, str]:  # fmt: skip
    """(the key's row, the key itself, shown this once). *days*: until it expires; None: never. Raises NotFound,
    ValidationFailed."""
    organisation = organisation_by_slug(slug)
    name = clean(name) or organisation.name
    _check_key(name, per_minute)
    if days is not None and not 1 <= days <= MOST_DAYS:
        _refuse("days", "range", _("A key lasts 1 to %(n)s days.", n=MOST_DAYS))
    public_id, now = _random(5), utcnow()
    text = f"cm_{public_id}_{_random(20)}"  # 160 random bits
    key = ApiKey(
        organisation_id=organisation.id, name=name, public_id=public_id, secret_hash=digest(text), scope=scope.to_json(),
        scope_seq=0, per_minute=per_minute, created_at=now, created_by_id=by,
        expires_at=now + timedelta(days=days) if days else None,
    )  # fmt: skip
    db.session.add(key)
    _note("key-added", organisation, by, key=public_id, change={"scope": [None, scope.to_json()]})
    db.session.flush()
    return key, text


def change_key(
    public_id: str, scope: KeyScope, *, name: str | None = None, per_minute: int | None = None, by: int | None = None
) -> ApiKey:  # fmt: skip
    """Another scope, name or limit. With another scope no older cursor of this key goes on, since what enters or leaves
    by it stands in no change. Raises NotFound, ValidationFailed."""
    key = key_by_public_id(public_id)
    if key.revoked_at:
        _refuse("key", "revoked", _("This key was revoked. Make a new one."))
    name, per_minute = clean(name or "") or key.name, per_minute or key.per_minute
    _check_key(name, per_minute)
    old, new = KeyScope.from_json(key.scope), scope.to_json()
    change = {"scope": [key.scope, new]} if old != scope else {}
    if per_minute != key.per_minute:
        change["per_minute"] = [key.per_minute, per_minute]
    key.name, key.per_minute, key.scope = name, per_minute, new
    if change:
        happened = _event("key-changed", key.organisation, by, key=public_id, change=change)
        if (old.limits(), old.precision) != (scope.limits(), scope.precision):
            key.scope_seq = mark_restart(db.session, happened, scope.precision)
        else:
            record(db.session, happened)
    return key


def revoke_key(public_id: str, *, by: int | None = None) -> ApiKey:
    """The key opens nothing from now on; open streams end within seconds. Raises NotFound."""
    key = key_by_public_id(public_id)
    if key.revoked_at is None:
        key.revoked_at = utcnow()
        _note("key-revoked", key.organisation, by, key=public_id)
    return key


def what_is_wrong(key: ApiKey, organisation: Organisation, now: datetime) -> str | None:
    """Why a key opens nothing, in words for whoever holds it; None: it is good."""
    if key.revoked_at is not None:
        return _("This key was revoked. Ask the map's coordinators for a new one.")
    if key.expires_at is not None and key.expires_at <= now:
        return _("This key has expired. Ask the map's coordinators for a new one.")
    if organisation.approved_at is None:
        return _("The organisation of this key is not approved at present. Ask the map's coordinators.")
    return None


def _random(size: int) -> str:
    return base64.b32encode(secrets.token_bytes(size)).decode().lower()


def _check_key(name: str, per_minute: int) -> None:
    if len(name) > 100:
        _refuse("name", "length", _("A name has 1 to %(n)s characters.", n=100))
    if not 1 <= per_minute <= MOST_PER_MINUTE:
        _refuse("per_minute", "range", _("The limit is 1 to %(n)s requests a minute.", n=MOST_PER_MINUTE))


def _slug_of(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-")
    return slug or f"organisation-{(db.session.scalar(select(func.max(Organisation.id))) or 0) + 1}"


def _taken(slug: str) -> FieldError:
    return FieldError("slug", "taken", _("There is an organisation %(slug)s already.", slug=slug))


def _refuse(field: str, code: str, message: str):
    raise ValidationFailed([FieldError(field, code, message)])


def _event(action: str, organisation: Organisation, by: int | None, **more) -> OrganisationEvent:
    return OrganisationEvent(account_id=by, action=action, organisation=organisation.slug, **more)


def _note(action: str, organisation: Organisation, by: int | None, **more) -> None:
    record(db.session, _event(action, organisation, by, **more))
