"""Column types that mean the same on both databases."""

from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import JSON, DateTime, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator


_clock: Callable[[], datetime] | None = None


def utcnow() -> datetime:
    """Now, aware, in UTC; in `clock` what that says."""
    return _clock() if _clock else datetime.now(UTC)


@contextmanager
def clock(now: Callable[[], datetime]):
    """Inside this block it is for the whole process what *now* (→ an aware datetime) says: a simulation of a day need
    not take one. Nobody else may be served meanwhile."""
    global _clock
    before, _clock = _clock, now
    try:
        yield
    finally:
        _clock = before


class UtcDateTime(TypeDecorator):
    """An aware datetime, in UTC when it comes back. Naive values are refused: nobody knows which zone they mean.

    SQLite has no zone in its DateTime (the text is UTC there); PostgreSQL stores ``timestamptz``.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value, dialect):
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; use crowdmap.db.utcnow() or an aware datetime")
        return value.astimezone(UTC)

    def process_result_value(self, value, dialect):
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# None is SQL NULL, not the JSON word null; a changed value must be assigned anew, not edited in place
Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class EnumText(TypeDecorator):
    """A StrEnum in a plain text column: a new member needs no migration. Unknown words raise ValueError."""

    impl = Text
    cache_ok = True

    def __init__(self, enum: type[StrEnum]):
        super().__init__()
        self.enum = enum

    def process_bind_param(self, value, dialect):
        return None if value is None else self.enum(value).value

    def process_result_value(self, value, dialect):
        return None if value is None else self.enum(value)


def enum_text(enum: type[StrEnum]) -> EnumText:
    return EnumText(enum)
