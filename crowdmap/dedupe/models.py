"""What is kept of the search for duplicates: pairs that people should look at, and how common each word is here."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from crowdmap.db import Json, UtcDateTime, db, utcnow


class Suspicion(db.Model):
    """Two reports that may tell the same: found by the machine, settled by people. Always a_id < b_id.

    Settled the one way when a person said that they are not the same (*refused_at*: never asked again), the other way
    when both are in one tree; that is read from the reports' pointers and not kept here, so that unmerging brings the
    question back.
    """

    __tablename__ = "suspicion"
    __table_args__ = (
        UniqueConstraint("a_id", "b_id"),
        Index("ix_suspicion_b_id", "b_id"),
        Index("ix_suspicion_open", "refused_at", "score"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    a_id: Mapped[int] = mapped_column(ForeignKey("report.id"))
    b_id: Mapped[int] = mapped_column(ForeignKey("report.id"))
    score: Mapped[float]  # probability that they are the same, when it was last looked at
    evidence: Mapped[dict] = mapped_column(Json, default=dict)  # signal → 0..1; for the team, and to learn from
    exact: Mapped[bool] = mapped_column(default=False)  # the same words to the letter
    found_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    refused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    refused_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))


class Vocabulary(db.Model):
    """How common words and points are among the reports that an audience sees; a row for each, counted anew by the worker."""

    __tablename__ = "vocabulary"

    id: Mapped[int] = mapped_column(primary_key=True)  # of the audience: vocabulary.ROW
    counted_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    reports: Mapped[int]  # how many there were
    words: Mapped[dict] = mapped_column(Json, default=dict)  # folded word → in how many reports (an estimate above 20,000)
    points: Mapped[dict] = mapped_column(Json, default=dict)  # "lon,lat" used often → how often: a town's default point
