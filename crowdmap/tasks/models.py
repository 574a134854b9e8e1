"""Small pieces of work for volunteers: what is asked of which report, what they answered, and who they are."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from crowdmap.db import Json, UtcDateTime, db, enum_text, utcnow


class State(StrEnum):
    OPEN = "open"
    TAKEN = "taken"  # by one person, until leased_until; then it counts as open again
    DONE = "done"
    EXPIRED = "expired"  # nobody did it while it still helped
    CANCELLED = "cancelled"  # its report went, or does not need it any more


LIVE = frozenset({State.OPEN, State.TAKEN})
# the same in words, for the index of what waits: with values given apart no planner sees that they are the index's own
WAITS = text("task.state IN ('open', 'taken')")
_WAITS = text("state IN ('open', 'taken')")


class Result(StrEnum):
    """How a task that is done ended."""

    AGREED = "agreed"
    MODERATOR = "moderator"  # people differ, or nobody read it yet: a moderator decides among what they proposed
    ACCEPTED = "accepted"  # a moderator took one of the proposals
    DISMISSED = "dismissed"  # a moderator took none


class Given(StrEnum):
    """What somebody did with a task they had."""

    ANSWER = "answer"
    UNSURE = "unsure"
    SKIP = "skip"


class Task(db.Model):
    """One question about one report. *round* counts how often it was asked anew, because the report's words changed;
    *words*: those that the round is about, as a keyed hash."""

    __tablename__ = "task"
    __table_args__ = (
        UniqueConstraint("report_id", "kind"),
        Index("ix_task_queue", "state", "kind", "priority", "id"),
        Index("ix_task_result", "result", "kind"),
        Index("ix_task_waiting", "priority", "id", sqlite_where=_WAITS, postgresql_where=_WAITS),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"))
    kind: Mapped[str]  # a name of kinds.KINDS
    state: Mapped[State] = mapped_column(enum_text(State), default=State.OPEN)
    priority: Mapped[int] = mapped_column(default=0)  # 1 comes before 2
    needed: Mapped[int] = mapped_column(default=1)
    round: Mapped[int] = mapped_column(default=1)
    language: Mapped[str | None]  # what whoever does it has to read beside the working language
    words: Mapped[bytes | None]
    holder_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"), index=True)
    taken_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # by the holder, at a stretch
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    result: Mapped[Result | None] = mapped_column(enum_text(Result))
    value: Mapped[dict | None] = mapped_column(Json)  # what holds, of places nothing but who agreed
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))


class Answer(db.Model):
    """What one volunteer gave to one round of a task, or to a practice item (*practice*: its key, and no task). Rows are
    added; an erasure empties *value*."""

    __tablename__ = "task_answer"
    __table_args__ = (
        UniqueConstraint("task_id", "account_id", "round"),
        Index("ix_task_answer_account", "account_id", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int | None] = mapped_column(ForeignKey("task.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    kind: Mapped[str]
    round: Mapped[int] = mapped_column(default=1)
    given: Mapped[Given] = mapped_column(enum_text(Given), default=Given.ANSWER)
    value: Mapped[dict] = mapped_column(Json, default=dict)
    seconds: Mapped[float | None]  # from being shown to being answered
    practice: Mapped[str | None]
    good: Mapped[bool | None]  # of a practice item: whether it was the known answer; of a task False: a moderator took it not
    off_m: Mapped[float | None]  # of a practice placement: how far from the known place
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)


class Volunteer(db.Model):
    """What somebody told of themselves for this work, and what they may do."""

    __tablename__ = "volunteer"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)
    languages: Mapped[list] = mapped_column(Json, default=list)  # codes such as ht
    unlocked: Mapped[dict] = mapped_column(Json, default=dict)  # kind → since when, RFC 3339
    may_call: Mapped[bool] = mapped_column(default=False)  # a coordinator allowed them to call reporters back
    answered: Mapped[int] = mapped_column(default=0)  # tasks, without practice
    practised: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)


class PlaceFile(db.Model):
    """A file of places that somebody uploaded; one of the same name replaces it."""

    __tablename__ = "place_file"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    places: Mapped[int]
    added_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    added_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))


class Place(db.Model):
    """A named place of the gazetteer: a centre, and how far around it the name reaches."""

    __tablename__ = "place"

    id: Mapped[int] = mapped_column(primary_key=True)
    file_id: Mapped[int] = mapped_column(ForeignKey("place_file.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    aliases: Mapped[list] = mapped_column(Json, default=list)
    lon: Mapped[float]
    lat: Mapped[float]
    radius_m: Mapped[float]


class PlaceName(db.Model):
    """A place under each of its names, folded as searches are."""

    __tablename__ = "place_name"
    __table_args__ = (Index("ix_place_name_folded", "folded"),)

    place_id: Mapped[int] = mapped_column(ForeignKey("place.id", ondelete="CASCADE"), primary_key=True)
    folded: Mapped[str] = mapped_column(primary_key=True)
