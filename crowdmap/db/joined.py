"""Many encoded values out of a query as one: a row for each costs Python more than all of them cost the database, and on
SQLite every row is a hand-over between threads."""

from sqlalchemy import LargeBinary
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

SEPARATOR = b",\n"  # encoded JSON holds no line break of its own, so this parts them again


class joined(FunctionElement):
    """joined(column, key): an aggregate, the bytes of *column* with SEPARATOR between, the highest *key* first; NULL without
    a row. The rows must come out of a subquery in that order which has a limit: SQLite before 3.44 goes by that."""

    type = LargeBinary()
    inherit_cache = True


@compiles(joined, "sqlite")
def _on_sqlite(element, compiler, **kw):
    column, _key = element.clauses
    return f"CAST(group_concat({compiler.process(column, **kw)}, ',' || char(10)) AS BLOB)"


@compiles(joined, "postgresql")
def _on_postgresql(element, compiler, **kw):
    column, key = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"string_agg({column}, '\\x2c0a'::bytea ORDER BY {key} DESC)"
