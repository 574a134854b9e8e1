"""Numbers, as expressions. Callers never ask which database."""

from sqlalchemy import BigInteger
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class whole(FunctionElement):
    """A number that is not negative → the whole one not above it; Python's int() gives the same."""

    type = BigInteger()
    inherit_cache = True


@compiles(whole, "sqlite")
def _cast_cuts(element, compiler, **kw):
    return f"CAST({compiler.process(element.clauses, **kw)} AS INTEGER)"


@compiles(whole, "postgresql")
def _cast_rounds(element, compiler, **kw):
    return f"CAST(trunc({compiler.process(element.clauses, **kw)}) AS BIGINT)"
