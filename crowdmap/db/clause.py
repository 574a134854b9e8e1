"""The base of clauses that each database writes in its own words."""

from sqlalchemy import BigInteger, Boolean, TextClause, bindparam, column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class Clause(FunctionElement):
    """A condition over columns and values, the arguments; how it reads is said with @compiles per dialect, in brackets.
    A subclass sets ``inherit_cache = True``."""

    type = Boolean()

    def self_group(self, against=None):
        # a function of a truth value would be written "… = 1" on SQLite, and no index would be used
        return self


class written(TextClause):
    """As ``text``, for what is put together of values: a statement with it is not kept in compiled form, since it comes but
    once, and would push out what everybody's questions need."""

    inherit_cache = False


class _Pairs(FunctionElement):
    inherit_cache = True


@compiles(_Pairs, "sqlite")
def _on_sqlite(element, compiler, **kw):
    given = compiler.process(element.clauses, **kw)
    return f"(SELECT json_extract(value, '$[0]') AS low, json_extract(value, '$[1]') AS high FROM json_each({given}))"


@compiles(_Pairs, "postgresql")
def _on_postgresql(element, compiler, **kw):
    given = compiler.process(element.clauses, **kw)
    pairs = f"jsonb_array_elements(CAST({given} AS jsonb)) AS given (pair)"
    return f"(SELECT CAST(pair ->> 0 AS bigint) AS low, CAST(pair ->> 1 AS bigint) AS high FROM {pairs})"


def given_pairs(name: str):
    """A table of whole numbers, *low* and *high*, out of a parameter: JSON, ``[[low, high], …]``. However many there are, the
    statement is the same, and is put together once."""
    return _Pairs(bindparam(name)).table_valued(column("low", BigInteger), column("high", BigInteger), name=name)


def table_of(column) -> str:
    """The name of the table behind a column, also when a query uses the table under another name."""
    return getattr(column.table, "element", column.table).name
