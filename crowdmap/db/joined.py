"""Many encoded values out of a query as one. On SQLite every row is a hand-over between threads, which costs more than the
row does, so there the database joins them; PostgreSQL takes twice as long to join them as to send them."""

from typing import NamedTuple

from sqlalchemy import LargeBinary, case, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

SEPARATOR = b",\n"  # encoded JSON holds no line break of its own, so this parts them again


class Taken(NamedTuple):
    """*last*: the id of the last of *n* rows; *ends*: (least, most) of longitude west of Greenwich, of longitude east of
    it, and of latitude; each None where there is none. *more*: whether there are rows below, None where that was not seen."""

    n: int
    last: int | None
    pieces: list[bytes]
    ends: tuple
    more: bool | None = None


class Joined:
    """A select of (id, encoded value, lon, lat), by falling id, whose limit is the parameter ``limit``."""

    def __init__(self, query):
        self._rows, self._one = query, _as_one(query.subquery())

    def take(self, connection, given: dict) -> Taken:
        """Asked with the values *given* for its parameters."""
        if connection.dialect.name == "sqlite":
            n, last, data, *ends = connection.execute(self._one, given).one()
            return Taken(n, last, [data] if n else [], tuple(zip(ends[::2], ends[1::2], strict=True)))
        limit = given["limit"]
        given = given | {"limit": limit + 1}  # one row costs less than another question whether there is one
        rows = connection.execute(self._rows, given, execution_options={"binary_results": True}).all()
        more = len(rows) > limit
        del rows[limit:]
        if not rows:
            return Taken(0, None, [], ((None, None),) * 3, more)
        ids, values, lons, lats = zip(*rows, strict=True)
        lons = [lon for lon in lons if lon is not None]
        west, east = [lon for lon in lons if lon < 0], [lon for lon in lons if lon >= 0]
        ends = tuple(map(_ends, (west, east, [lat for lat in lats if lat is not None])))
        return Taken(len(ids), ids[-1], [SEPARATOR.join(values)], ends, more)


def _ends(numbers: list[float]) -> tuple:
    return (min(numbers), max(numbers)) if numbers else (None, None)


def _as_one(rows):
    key, value, lon, lat = rows.c
    sides = (case((lon < 0, lon)), case((lon >= 0, lon)), lat)
    return select(func.count(), func.min(key), _joined(value), *(end for side in sides for end in (func.min(side), func.max(side))))


class _joined(FunctionElement):
    """An aggregate; NULL without a row. The rows come out of a subquery in an order which has a limit: SQLite goes by that."""

    type = LargeBinary()
    inherit_cache = True


@compiles(_joined, "sqlite")
def _on_sqlite(element, compiler, **kw):
    return f"CAST(group_concat({compiler.process(element.clauses, **kw)}, ',' || char(10)) AS BLOB)"
