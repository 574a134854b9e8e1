"""The base of clauses that each database writes in its own words."""

from sqlalchemy import Boolean, TextClause
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


def table_of(column) -> str:
    """The name of the table behind a column, also when a query uses the table under another name."""
    return getattr(column.table, "element", column.table).name
