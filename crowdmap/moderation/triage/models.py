"""Rules, each time one was applied, what of the queue wants attention first; sources that are held or were hidden."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from crowdmap.db import Json, UtcDateTime, db, enum_text, utcnow
from crowdmap.reports.models import Status


class Rule(db.Model):
    """*conditions* and *effects* are `rule.Conditions` and `rule.Effects` as JSON. Removed, never deleted, for the log names
    it."""

    __tablename__ = "rule"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    position: Mapped[int]
    active: Mapped[bool] = mapped_column(default=False)
    conditions: Mapped[dict] = mapped_column(Json, default=dict)
    effects: Mapped[dict] = mapped_column(Json, default=dict)
    revision: Mapped[int] = mapped_column(default=1)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RuleApplication(db.Model):
    """A rule whose conditions a report met when it came. *effects*: what followed, and what did not with the reason;
    *facts*: what of the report met the conditions, without its words, for the log outlives an erasure."""

    __tablename__ = "rule_application"

    id: Mapped[int] = mapped_column(primary_key=True)
    rule_id: Mapped[int] = mapped_column(ForeignKey("rule.id"), index=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"), index=True)
    effects: Mapped[dict] = mapped_column(Json, default=dict)
    facts: Mapped[dict] = mapped_column(Json, default=dict)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)


class Attention(db.Model):
    """What the queue should show first, and to whom."""

    __tablename__ = "attention"

    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"), primary_key=True)
    escalated_reason: Mapped[str | None]
    assigned_to_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"), index=True)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)


class SourceKind(StrEnum):
    """By what a source is known, the surest first. A device is a network and the kind of a program: many may share it."""

    ACCOUNT = "account"
    ORGANISATION = "organisation"
    CONTACT = "contact"
    DEVICE = "device"


class SourceHold(db.Model):
    """Reports of this source always wait for a person, until it is released."""

    __tablename__ = "source_hold"
    __table_args__ = (Index("ix_source_hold_key", "key", "kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[SourceKind] = mapped_column(enum_text(SourceKind))
    key: Mapped[bytes] = mapped_column(LargeBinary)
    network_hash: Mapped[bytes | None] = mapped_column(LargeBinary)  # of a device held by a person: all from there waits
    reason: Mapped[str] = mapped_column(default="")
    held_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))  # None: by an erasure, see sources.hold_erased
    held_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    released_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    released_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SourceSweep(db.Model):
    """One time that somebody hid all of a source as spam."""

    __tablename__ = "source_sweep"
    __table_args__ = (Index("ix_source_sweep_key", "key", "kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[SourceKind] = mapped_column(enum_text(SourceKind))
    key: Mapped[bytes] = mapped_column(LargeBinary)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)


class SweptReport(db.Model):
    """What a sweep hid: the status it had, and the revision it got, by which one knows that nobody touched it since."""

    __tablename__ = "swept_report"

    sweep_id: Mapped[int] = mapped_column(ForeignKey("source_sweep.id"), primary_key=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"), primary_key=True)
    was: Mapped[Status] = mapped_column(enum_text(Status))
    revision: Mapped[int]
    restored_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
