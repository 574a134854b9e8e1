"""Accounts and what proves who somebody is. Every secret is stored as a hash of itself."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crowdmap.accounts.roles import GRANTS, Role
from crowdmap.db import UtcDateTime, db, enum_text, utcnow
from crowdmap.web import Permission


class Account(db.Model):
    """A person who signs in. Disabled, never deleted: the decisions they took keep their author."""

    __tablename__ = "account"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)  # as passwords.normal_email() writes it
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[Role] = mapped_column(enum_text(Role))
    password_hash: Mapped[str] = mapped_column(String(255))
    totp_secret: Mapped[str | None] = mapped_column(String(64))
    totp_step: Mapped[int | None] = mapped_column(Integer)  # the last time step accepted, so a code works once
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    password_changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    last_login_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    is_authenticated = True
    is_anonymous = False

    @property
    def is_active(self) -> bool:
        """Whether the account may be used at all."""
        return self.disabled_at is None

    @property
    def permissions(self) -> frozenset[Permission]:
        """What the role grants; nothing once disabled."""
        return GRANTS[self.role] if self.is_active else frozenset()

    def can(self, permission: Permission | str) -> bool:
        """Whether this account has the permission."""
        return permission in self.permissions

    def get_id(self) -> str:
        """The name flask-login knows the account by."""
        return str(self.id)


class LoginSession(db.Model):
    """One browser in which somebody is signed in. The cookie holds the key, this row its SHA-256."""

    __tablename__ = "session"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    device: Mapped[str] = mapped_column(String(80))  # "Firefox on Android": enough to recognise one's own phone

    account: Mapped[Account] = relationship()


class Invitation(db.Model):
    """A link that makes one account of a given role, once."""

    __tablename__ = "invitation"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[Role] = mapped_column(enum_text(Role))
    email: Mapped[str | None] = mapped_column(String(254))
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    used_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ResetLink(db.Model):
    """A link that sets a new password, once, made by a coordinator and handed over by a way they trust."""

    __tablename__ = "reset_link"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    account: Mapped[Account] = relationship(foreign_keys=[account_id])


class LoginAttempt(db.Model):
    """A failed sign-in. Account and source are keyed hashes: an unknown e-mail leaves the same trace as a known one."""

    __tablename__ = "login_attempt"
    __table_args__ = (Index("ix_login_attempt_account_at", "account_key", "at"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    account_key: Mapped[str] = mapped_column(String(64))
    source_key: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
