"""What only the desk keeps: the order of its queue, who has a report open, named views, and how to take an action back."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from crowdmap.db import Json, UtcDateTime, db, enum_text, utcnow
from crowdmap.reports.models import Status


class QueueItem(db.Model):
    """One row for each report that the team sees (a root with somebody who tells it), kept in step by
    `queueing.keep` in the transaction that publishes it. *due_at* orders the queue (see `urgency`)."""

    __tablename__ = "queue_item"
    __table_args__ = (
        Index("ix_queue_item_due", "status", "due_at", "report_id"),
        Index("ix_queue_item_all_due", "due_at", "report_id"),
        Index("ix_queue_item_told", "status", "told_at"),
    )

    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"), primary_key=True, autoincrement=False)
    status: Mapped[Status] = mapped_column(enum_text(Status))
    revision: Mapped[int]
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    told_at: Mapped[datetime] = mapped_column(UtcDateTime)
    came_at: Mapped[datetime] = mapped_column(UtcDateTime)  # when it came to this map: an import tells of earlier times
    looked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reasons: Mapped[list] = mapped_column(Json, default=list)


class QueueCount(db.Model):
    """How many queue items there are in each status; counting them takes longer than all the rest of a page."""

    __tablename__ = "queue_count"

    status: Mapped[Status] = mapped_column(enum_text(Status), primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)


class Look(db.Model):
    """Somebody has, or had of late, a report open. It never blocks anybody, and ends by itself (`looking.LASTS`)."""

    __tablename__ = "look"
    __table_args__ = (Index("ix_look_seen_at", "seen_at"),)

    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"), primary_key=True, autoincrement=False)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True, autoincrement=False)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    left_it: Mapped[bool] = mapped_column(default=False)


class DeskView(db.Model):
    """A filter and an order with a name: somebody's own, or shared with all by a coordinator."""

    __tablename__ = "desk_view"
    __table_args__ = (UniqueConstraint("account_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    name: Mapped[str]
    filter: Mapped[dict] = mapped_column(Json)
    order: Mapped[str]
    shared: Mapped[bool] = mapped_column(default=False, index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)


class UndoStep(db.Model):
    """What an action changed, as it was before, for the seconds in which it can be taken back. Words and places stand
    here, so the worker takes rows away after a minute; and they go at once when their reporter has the report erased."""

    __tablename__ = "undo_step"
    __table_args__ = (Index("ix_undo_step_at", "at"),)

    decision_id: Mapped[int] = mapped_column(ForeignKey("decision.id"), primary_key=True, autoincrement=False)
    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"), index=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    revision: Mapped[int]  # the one that the action made
    before: Mapped[dict] = mapped_column(Json)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
