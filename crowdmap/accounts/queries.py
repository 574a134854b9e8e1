"""Reading accounts. Everything here is for coordinators, or for the person themselves."""

from sqlalchemy import select

from crowdmap.accounts.models import Account, Invitation, LoginSession, ResetLink
from crowdmap.accounts.passwords import digest, normal_email
from crowdmap.accounts.roles import Role
from crowdmap.db import db, utcnow
from crowdmap.errors import NotFound


def account_by_email(email: str) -> Account | None:
    """The account of an address in any spelling."""
    return db.session.scalar(select(Account).where(Account.email == normal_email(email)))


def get_account(account_id: int) -> Account:
    """Raises NotFound."""
    account = db.session.get(Account, account_id)
    if account is None:
        raise NotFound()
    return account


def accounts() -> list[Account]:
    """All, those in use first, then by role from the highest, then by address."""
    order = {role: -rank for rank, role in enumerate(Role)}
    found = db.session.scalars(select(Account).order_by(Account.email))
    return sorted(found, key=lambda account: (not account.is_active, order[account.role]))


def coordinators_in_use() -> int:
    """How many accounts could still administer."""
    in_use = select(Account.id).where(Account.role == Role.COORDINATOR, Account.disabled_at.is_(None))
    # held to the commit, or two coordinators could each disable the other at the same moment
    return len(db.session.scalars(in_use.with_for_update()).all())


def open_invitations() -> list[Invitation]:
    """Those that somebody could still use, the newest first."""
    usable = (Invitation.used_at.is_(None), Invitation.revoked_at.is_(None), Invitation.expires_at > utcnow())
    return list(db.session.scalars(select(Invitation).where(*usable).order_by(Invitation.id.desc())))


def usable_invitation(token: str) -> Invitation | None:
    """The invitation behind a link, if it still counts."""
    found = db.session.scalar(select(Invitation).where(Invitation.token_hash == digest(token)))
    dead = found is None or found.used_at or found.revoked_at or found.expires_at <= utcnow()
    return None if dead else found


def usable_reset(token: str) -> ResetLink | None:
    """The reset link behind a token, if it still counts."""
    found = db.session.scalar(select(ResetLink).where(ResetLink.token_hash == digest(token)))
    dead = found is None or found.used_at or found.expires_at <= utcnow() or not found.account.is_active
    return None if dead else found


def sessions_of(account_id: int) -> list[LoginSession]:
    """Where the account is signed in, the last used first; some may have run out."""
    return list(
        db.session.scalars(
            select(LoginSession).where(LoginSession.account_id == account_id).order_by(LoginSession.seen_at.desc())
        )
    )
