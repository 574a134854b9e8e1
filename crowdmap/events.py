"""The one log. An append-only table written in the caller's transaction: the outbox for jobs and the source of ``seq``.

Speak in ids: ``record(session, ReportPublished(report_id=7, account_id=1))``. The session's hook (publishing/hook.py)
takes the log's lock, allocates seq, writes events and publications, and nothing else writes them.
"""

from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Callable

from sqlalchemy import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from crowdmap.db import Json, UtcDateTime, db, lock_log, utcnow


class Event(db.Model):
    __tablename__ = "event"
    __table_args__ = {"sqlite_autoincrement": True}  # a number is never given twice, not even after a restore

    seq: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    report_id: Mapped[int | None] = mapped_column(index=True)
    account_id: Mapped[int | None]
    data: Mapped[dict] = mapped_column(Json, default=dict)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)


@dataclass(frozen=True, kw_only=True)
class ReportEvent:
    report_id: int
    account_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class ReportSubmitted(ReportEvent):
    """A new report was made from a submission."""


@dataclass(frozen=True, kw_only=True)
class VoiceAdded(ReportEvent):
    """Another submission tells the same."""


@dataclass(frozen=True, kw_only=True)
class ReportDecided(ReportEvent):
    """A moderator or the reporter did something to it; *action* is the decision's name."""

    action: str


@dataclass(frozen=True, kw_only=True)
class ReportChanged(ReportEvent):
    """What somebody sees of it changed without a decision on it: a relative in its tree, a policy, its projection."""


@dataclass(frozen=True, kw_only=True)
class AccountEvent:
    account_id: int | None
    action: str
    about: int | None = None


@dataclass(frozen=True, kw_only=True)
class OrganisationEvent:
    """Something was done to an organisation (its slug), to a key of it (its public id), or to a member (*about*)."""

    account_id: int | None
    action: str
    organisation: str
    key: str | None = None
    about: int | None = None
    change: dict | None = None


@dataclass(frozen=True, kw_only=True)
class CategoryChanged:
    """A coordinator added or changed a category; *change* is from → to by field."""

    account_id: int | None
    code: str
    change: dict


@dataclass(frozen=True, kw_only=True)
class TextChanged:
    """A coordinator changed a text for reporters, or took it away."""

    account_id: int | None
    key: str
    language: str


@dataclass(frozen=True, kw_only=True)
class PlacesChanged:
    """A file of places was added, replaced or removed."""

    account_id: int | None
    name: str
    action: str


@dataclass(frozen=True, kw_only=True)
class SubscriptionChanged:
    """Somebody (or, without an account, the postman) made, paused, resumed or removed a subscription."""

    account_id: int | None
    subscription_id: int
    action: str


@dataclass(frozen=True, kw_only=True)
class LayerChanged:
    """A coordinator made or removed a layer; *filter* is what it holds, as stored, or None when it went."""

    account_id: int | None
    slug: str
    filter: dict | None


@dataclass(frozen=True, kw_only=True)
class RuleChanged:
    """A coordinator made, changed, moved, switched or removed a triage rule; *change* is from → to by field."""

    account_id: int | None
    rule_id: int
    action: str
    change: dict | None = None


@dataclass(frozen=True, kw_only=True)
class SourceChanged:
    """Somebody (nobody: an erasure) had a source held, or released it, or hid or restored all it sent; *hold_id* or
    *sweep_id* says which."""

    account_id: int | None
    action: str
    hold_id: int | None = None
    sweep_id: int | None = None


# the table, not the class: the session's own way of inserting costs as much again
_INSERT = insert(Event.__table__).returning(Event.__table__.c.seq, sort_by_parameter_order=True)


def record(session: Session, event) -> None:
    """Keep the event for this transaction; it is written by the hook before the commit, and gone with a rollback."""
    session.info.setdefault("events", []).append(event)


def write(session: Session, events: list) -> list[int]:
    """Insert under the log's lock; returns the seqs, in order. Only the hook calls this."""
    if not events:
        return []
    rows = []
    for event in events:
        data = asdict(event)
        rows.append({
            "name": type(event).__name__, "report_id": data.pop("report_id", None),
            "account_id": data.pop("account_id", None), "data": data, "at": utcnow(),
        })
    return list(session.scalars(_INSERT, rows))


def lock(session: Session) -> None:
    """Held to the commit, so that seqs become visible in their order: a reader can never skip a late commit."""
    lock_log(session)


HANDLERS: dict[type, list[Callable]] = defaultdict(list)


def on(event_type: type):
    """Register a handler that the worker calls after the commit, at least once, with the event: be idempotent."""

    def register(function):
        HANDLERS[event_type].append(function)
        return function

    return register
