"""What can be done with accounts. The caller commits. Secrets are returned once and never logged."""

import logging
import re
from datetime import timedelta

from flask_babel import gettext as _
from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError

from crowdmap.accounts.models import Account, Invitation, LoginSession, ResetLink
from crowdmap.accounts.passwords import digest, hash_password, new_secret, normal_email, weakness
from crowdmap.accounts.queries import account_by_email, coordinators_in_use, get_account
from crowdmap.accounts.queries import usable_invitation, usable_reset
from crowdmap.accounts.roles import Role
from crowdmap.db import db, utcnow
from crowdmap.errors import FieldError, Gone, NotFound, ValidationFailed
from crowdmap.events import AccountEvent, record

log = logging.getLogger(__name__)

INVITATION_LASTS = timedelta(days=7)
RESET_LASTS = timedelta(minutes=30)
_EMAIL = re.compile(r"[^@\s<>\"(),:;\[\]\\]{1,64}@[^@\s<>\"(),:;\[\]\\]{1,185}")


def check_new(email: str, name: str, password: str) -> str:
    """The address in its one spelling. Raises ValidationFailed with every fault at once. Reads nothing."""
    email = normal_email(email)
    faults = []
    if not _EMAIL.fullmatch(email) or len(email) > 254:
        faults.append(FieldError("email", "not-an-address", _("This does not look like an e-mail address.")))
    if len(name) > 100:
        faults.append(FieldError("name", "too-long", _("Use at most %(n)s characters.", n=100)))
    weak = weakness(password, email=email, name=name)
    if weak:
        faults.append(weak)
    if faults:
        raise ValidationFailed(faults)
    return email


def create_account(email: str, role: Role, password: str, *, name: str = "", by: int | None = None) -> Account:
    """A new account. Raises ValidationFailed (address taken or odd, weak password)."""
    email = check_new(email, name, password)
    return _insert(email, role, hash_password(password), name.strip(), by)


def _insert(email: str, role: Role, password_hash: str, name: str, by: int | None) -> Account:
    if account_by_email(email):
        raise ValidationFailed([_taken()])
    account = Account(email=email, name=name or email.partition("@")[0], role=role, password_hash=password_hash)
    db.session.add(account)
    try:
        db.session.flush()
    except IntegrityError as error:  # somebody else was faster
        db.session.rollback()
        raise ValidationFailed([_taken()]) from error
    note_action("created", account.id, by)
    return account


def _taken() -> FieldError:
    return FieldError("email", "taken", _("There is an account with this address already. Sign in instead."))


def join(
    *, email: str, name: str, password: str, token: str | None = None, open_to_all: bool = False
) -> Account:
    """A new account for somebody who comes by an invitation, or by the open door as a volunteer.

    Hashing comes first, so that no transaction waits for it. Raises Gone (the link was used or is too old) and
    ValidationFailed.
    """
    if token is None:
        if not open_to_all:
            raise NotFound()
        return create_account(email, Role.VOLUNTEER, password, name=name)
    email = check_new(email, name, password)
    password_hash = hash_password(password)
    invitation = usable_invitation(token)
    if invitation is None or invitation.email not in (None, email):
        raise link_gone()
    account = _insert(email, invitation.role, password_hash, name.strip(), invitation.created_by_id)
    used = update(Invitation).where(Invitation.id == invitation.id, Invitation.used_at.is_(None))
    if db.session.execute(used.values(used_at=utcnow(), used_by_id=account.id)).rowcount != 1:
        db.session.rollback()
        raise link_gone()
    return account


def link_gone() -> Gone:
    """The error for an invitation or reset link that is unknown, used or too old: the same for all three."""
    return Gone(_("This link has been used or is too old. Ask whoever sent it for a new one."), code="link-used")


def invite(role: Role, *, by: int | None, email: str | None = None) -> str:
    """The token of a link that makes one account of *role* within seven days; shown once."""
    email = normal_email(email) if email and email.strip() else None
    if email and not _EMAIL.fullmatch(email):
        raise ValidationFailed(
            [FieldError("email", "not-an-address", _("This does not look like an e-mail address."))]
        )
    if email and account_by_email(email):
        raise ValidationFailed([FieldError("email", "taken", _("There is an account with this address already."))])
    token = new_secret()
    now = utcnow()
    db.session.add(
        Invitation(
            token_hash=digest(token), role=role, email=email, created_by_id=by, created_at=now,
            expires_at=now + INVITATION_LASTS,
        )
    )  # fmt: skip
    note_action("invited", None, by)
    return token


def revoke_invitation(invitation_id: int, *, by: int) -> None:
    """Nobody can use the link any more. Raises NotFound."""
    invitation = db.session.get(Invitation, invitation_id)
    if invitation is None:
        raise NotFound()
    invitation.revoked_at = invitation.revoked_at or utcnow()
    note_action("invitation-revoked", None, by)


def change_password(account_id: int, new_hash: str, *, by: int | None = None) -> Account:
    """Set a password by its hash (made before any transaction) and end every session of the account."""
    account = get_account(account_id)
    account.password_hash = new_hash
    account.password_changed_at = utcnow()
    end_sessions(account_id)
    note_action("password-changed", account_id, by or account_id)
    return account


def make_reset_link(account_id: int, *, by: int | None) -> str:
    """The token of a link that sets a new password within thirty minutes; earlier ones stop working."""
    account = get_account(account_id)
    if not account.is_active:
        raise ValidationFailed([FieldError("account", "disabled", _("Enable the account first."))])
    now = utcnow()
    _drop_reset_links(account_id)
    token = new_secret()
    db.session.add(
        ResetLink(
            token_hash=digest(token), account_id=account_id, created_by_id=by, created_at=now,
            expires_at=now + RESET_LASTS,
        )
    )  # fmt: skip
    note_action("reset-link", account_id, by)
    return token


def reset_password(token: str, password: str) -> Account:
    """Set the password of the account behind a reset link; a second factor is taken off with it, since a lost phone
    is the usual reason. Raises Gone and ValidationFailed. Looks twice, because hashing lies between."""
    account = _reset_of(token).account
    weak = weakness(password, email=account.email, name=account.name)
    if weak:
        raise ValidationFailed([weak])
    db.session.rollback()  # nothing is held while the password is hashed
    password_hash = hash_password(password)
    link = _reset_of(token)
    used = update(ResetLink).where(ResetLink.id == link.id, ResetLink.used_at.is_(None)).values(used_at=utcnow())
    if db.session.execute(used).rowcount != 1:
        raise link_gone()
    account = change_password(link.account_id, password_hash)
    account.totp_secret = account.totp_step = None
    return account


def _reset_of(token: str) -> ResetLink:
    link = usable_reset(token)
    if link is None:
        raise link_gone()
    return link


def set_role(account_id: int, role: Role, *, by: int | None) -> Account:
    """Give another role; every session of the account ends. Raises ValidationFailed for the last coordinator."""
    account = get_account(account_id)
    if role == account.role:
        return account
    _keep_a_coordinator(account)
    account.role = role
    end_sessions(account_id)
    note_action(f"role-{role.value}", account_id, by)
    return account


def disable(account_id: int, *, by: int | None) -> Account:
    """Close an account at once: its sessions and reset links end. Raises ValidationFailed for the last coordinator."""
    account = get_account(account_id)
    _keep_a_coordinator(account)
    account.disabled_at = account.disabled_at or utcnow()
    end_sessions(account_id)
    _drop_reset_links(account_id)
    note_action("disabled", account_id, by)
    return account


def enable(account_id: int, *, by: int | None) -> Account:
    """Open a disabled account again, with the password it had."""
    account = get_account(account_id)
    account.disabled_at = None
    note_action("enabled", account_id, by)
    return account


def end_sessions(account_id: int) -> None:
    """Sign the account out everywhere."""
    db.session.execute(delete(LoginSession).where(LoginSession.account_id == account_id))


def _drop_reset_links(account_id: int) -> None:
    db.session.execute(delete(ResetLink).where(ResetLink.account_id == account_id, ResetLink.used_at.is_(None)))


def _keep_a_coordinator(account: Account) -> None:
    if account.role == Role.COORDINATOR and account.is_active and coordinators_in_use() == 1:
        message = _("This is the last coordinator. Make somebody else one first.")
        raise ValidationFailed([FieldError("account", "last-coordinator", message)])


def note_action(action: str, about: int | None, by: int | None) -> None:
    """Write what was done to an account, and by whom, into the log; never a secret or an address."""
    record(db.session, AccountEvent(account_id=by, action=action, about=about))
    log.info("account %s: %s by %s", about, action, by)
