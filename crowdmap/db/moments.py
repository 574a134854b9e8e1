"""Moments, as expressions. Callers never ask which database."""

from sqlalchemy import Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class utc_hour(FunctionElement):
    """A UtcDateTime column → "2010-01-12 16", the hour in UTC, as text."""

    type = Text()
    inherit_cache = True


@compiles(utc_hour, "sqlite")
def _in_text(element, compiler, **kw):
    # stored as text in UTC: "2010-01-12 16:53:00.000000"
    return f"substr({compiler.process(element.clauses, **kw)}, 1, 13)"


@compiles(utc_hour, "postgresql")
def _in_timestamptz(element, compiler, **kw):
    return f"to_char({compiler.process(element.clauses, **kw)} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24')"
