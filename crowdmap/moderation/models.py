"""Decisions: who did what to which report, when and why. Rows are added, never changed."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from crowdmap.db import Json, UtcDateTime, db, utcnow


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
