"""An organisation, its members, and its keys. Of a key's secret only the hash is kept."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crowdmap.accounts.models import Account
from crowdmap.db import Json, UtcDateTime, db, utcnow

PER_MINUTE = 600  # requests of one key, unless its row says otherwise


class Organisation(db.Model):
    __tablename__ = "organisation"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    approved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # None: its keys open nothing

    members: Mapped[list[Account]] = relationship(secondary="membership", order_by=Account.email)
    keys: Mapped[list["ApiKey"]] = relationship(back_populates="organisation", order_by="ApiKey.id")


class Membership(db.Model):
    """Who belongs to which organisation; what somebody may do on this site is another matter, their role."""

    __tablename__ = "membership"

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), primary_key=True, index=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)


class ApiKey(db.Model):
    """``cm_<public_id>_<secret>``. Revoked, never deleted: the log names keys by their public id."""

    __tablename__ = "api_key"

    id: Mapped[int] = mapped_column(primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    name: Mapped[str]  # what it is used for, in words
    public_id: Mapped[str] = mapped_column(unique=True)
    secret_hash: Mapped[str]  # SHA-256 in hex of the whole key: its 160 random bits need no salt
    scope: Mapped[dict] = mapped_column(Json, default=dict)
    scope_seq: Mapped[int] = mapped_column(BigInteger, default=0)  # when the scope last changed; no older cursor goes on
    per_minute: Mapped[int] = mapped_column(default=PER_MINUTE)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))  # None: at the command line
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # to the minute
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    organisation: Mapped[Organisation] = relationship(back_populates="keys")
