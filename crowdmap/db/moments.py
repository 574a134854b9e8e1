"""Moments, as expressions. Callers never ask which database."""

from sqlalchemy import Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class utc_hour(FunctionElement):
    """A UtcDateTime column → "2010-01-12T16", the hour in UTC, as text."""

    type = Text()
    inherit_cache = True


@compiles(utc_hour, "sqlite")
def _in_text(element, compiler, **kw):
    moment = compiler.process(element.clauses, **kw)  # stored as text in UTC: "2010-01-12 16:53:00.000000"
    return f"(substr({moment}, 1, 10) || 'T' || substr({moment}, 12, 2))"


@compiles(utc_hour, "postgresql")
def _in_timestamptz(element, compiler, **kw):
    return f"to_char({compiler.process(element.clauses, **kw)} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24')"
