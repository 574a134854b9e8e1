"""Many encoded values out of a query as one. On SQLite every row is a hand-over between threads, which costs more than the
row does, so there the database joins them. PostgreSQL is another process: a thousand values on their way from there cost as
much as all the rest of a page, so they are kept here, and it is asked which ones, as which version, and for what is not here."""

from typing import NamedTuple

from sqlalchemy import Integer, LargeBinary, any_, bindparam, case, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from crowdmap.db.versions import Version, versions

SEPARATOR = b",\n"  # encoded JSON holds no line break of its own, so this parts them again
_BINARY = {"binary_results": True}


class Taken(NamedTuple):
    """*last*: the id of the last of *n* rows; *ends*: (least, most) of longitude west of Greenwich, of longitude east of
    it, and of latitude; each None where there is none. *beside*: what was asked for in the same moment. *more*: whether there
    are rows below, None where that was not seen."""

    n: int
    last: int | None
    pieces: list[bytes]
    ends: tuple
    beside: tuple
    more: bool | None = None


class Joined:
    """What *query* finds: a select of (id, version, encoded value, lon, lat) of a model, by falling id, whose limit is the
    parameter ``limit``. Where the version is the same, so are the other three. *beside*: more single values to ask for at once,
    each a scalar subquery. *sorts*: the database finds the rows in another order."""

    def __init__(self, query, model, beside: tuple = (), sorts: bool = False):
        key, version, value, lon, lat = query.selected_columns
        rows = query.with_only_columns(key, value, lon, lat)
        self._one = _as_one((_values_last(rows, model) if sorts else rows).subquery(), beside)
        listed = query.with_only_columns(key, version).subquery()
        self._versions = select(*map(_listed, listed.c), *beside)
        columns = (getattr(model, column.key) for column in (key, version, value, lon, lat))
        self._missing = select(*columns).where(model.id == any_(bindparam("ids", type_=ARRAY(Integer))))

    def take(self, connection, given: dict) -> Taken:
        """Asked with the values *given* for its parameters."""
        if connection.dialect.name == "sqlite":
            n, last, data, *ends = connection.execute(self._one, given).one()
            ends, beside = ends[:6], ends[6:]
            return Taken(n, last, [data] if n else [], tuple(zip(ends[::2], ends[1::2], strict=True)), beside)
        limit = given["limit"]
        given = given | {"limit": limit + 1}  # one row costs less than another question whether there is one
        ids, seqs, *beside = connection.execute(self._versions, given, execution_options=_BINARY).one()
        if not ids:
            return Taken(0, None, [], ((None, None),) * 3, beside, False)
        more = len(ids) > limit
        del ids[limit:], seqs[limit:]
        found = versions(connection.engine).take(ids, seqs, lambda ids: self._read(connection, ids))
        _seqs, values, lons, lats = zip(*found, strict=True)
        lons = [lon for lon in lons if lon is not None]
        west, east = [lon for lon in lons if lon < 0], [lon for lon in lons if lon >= 0]
        ends = tuple(map(_ends, (west, east, [lat for lat in lats if lat is not None])))
        return Taken(len(ids), ids[-1], [SEPARATOR.join(values)], ends, beside, more)

    def _read(self, connection, ids: list[int]):
        for key, *version in connection.execute(self._missing, {"ids": ids}, execution_options=_BINARY):
            yield key, Version(*version)


def _ends(numbers: list[float]) -> tuple:
    return (min(numbers), max(numbers)) if numbers else (None, None)


def _values_last(rows, model):
    """Places alone, which stand in the index, are sorted; values are read only of those that are taken."""
    key, value, lon, lat = rows.selected_columns
    found, table = rows.with_only_columns(key, lon, lat).subquery(), model.__table__.alias()
    value = select(table.c[value.key]).where(table.c.id == found.c.id).scalar_subquery()
    return select(found.c.id, value, found.c.lon, found.c.lat).order_by(found.c.id.desc())


def _as_one(rows, beside: tuple):
    key, value, lon, lat = rows.c
    sides = (case((lon < 0, lon)), case((lon >= 0, lon)), lat)
    ends = (end for side in sides for end in (func.min(side), func.max(side)))
    return select(func.count(), func.min(key), _joined(value), *ends, *beside)


class _joined(FunctionElement):
    """An aggregate; NULL without a row. The rows come out of a subquery in an order which has a limit: SQLite goes by that."""

    type = LargeBinary()
    inherit_cache = True


@compiles(_joined, "sqlite")
def _on_sqlite(element, compiler, **kw):
    return f"CAST(group_concat({compiler.process(element.clauses, **kw)}, ',' || char(10)) AS BLOB)"


class _listed(FunctionElement):
    """An aggregate, in the order of the rows; NULL without a row. Of no type: the driver makes a list of it."""

    inherit_cache = True


@compiles(_listed, "postgresql")
def _on_postgresql(element, compiler, **kw):
    return f"array_agg({compiler.process(element.clauses, **kw)})"
