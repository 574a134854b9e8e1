"""What few rows meet, whatever the planner believes.

SQLite counts how many rows a value of an index has on the average, NULL among them: of a column that nearly always is NULL it
believes that each value is in nearly all rows, and reads the whole table for two of them (a hundred thousand reports: 30 ms).
PostgreSQL counts NULL apart.
"""

from sqlalchemy.ext.compiler import compiles

from crowdmap.db.clause import Clause


class seldom(Clause):
    """seldom(condition): the same condition, answered by its index."""

    inherit_cache = True


@compiles(seldom, "sqlite")
def _with_a_likelihood(element, compiler, **kw):
    return f"likelihood({compiler.process(element.clauses, **kw)}, 0.0001)"


@compiles(seldom, "postgresql")
def _as_it_is(element, compiler, **kw):
    return f"({compiler.process(element.clauses, **kw)})"
