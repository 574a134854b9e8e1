"""Decisions: who did what to which report, when and why. Rows are added, never changed. And what a report's grade stands on."""

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from crowdmap.db import Json, UtcDateTime, db, enum_text, utcnow
from crowdmap.moderation.grades import EvidenceKind


class Decision(db.Model):
    __tablename__ = "decision"

    id: Mapped[int] = mapped_column(primary_key=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"), index=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))  # None: the reporter, or the machine
    action: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    evidence: Mapped[str | None]
    # from → to of plain fields; texts, places and contacts only by name, for the log outlives an erasure
    change: Mapped[dict] = mapped_column(Json, default=dict)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    rule_id: Mapped[int | None]  # of the triage rule that decided; then there is no account


class VouchOrigin(db.Model):
    """From which network somebody vouched, as a keyed hash. Beside its decision, which nobody can take back: this goes with an
    erasure."""

    __tablename__ = "vouch_origin"

    decision_id: Mapped[int] = mapped_column(ForeignKey("decision.id"), primary_key=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"), index=True)
    network_hash: Mapped[bytes] = mapped_column(LargeBinary)


class Evidence(db.Model):
    """One thing that speaks for a report or against it. Never deleted: withdrawn, by whom, when and why; the database
    refuses a change of anything else."""

    __tablename__ = "evidence"

    id: Mapped[int] = mapped_column(primary_key=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"), index=True)
    kind: Mapped[EvidenceKind] = mapped_column(enum_text(EvidenceKind))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))  # None: its source's, or the machine's
    organisation: Mapped[str | None]  # the name of the one that stands for it
    sources: Mapped[int] = mapped_column(default=1)  # how many independent sources it speaks for
    note: Mapped[str] = mapped_column(default="")  # how they know; for the team alone
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    withdrawn_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    withdrawn_why: Mapped[str | None]
