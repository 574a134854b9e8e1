"""Where, as clauses. Callers give a model that has ``id``, ``geom``, ``lon`` and ``lat``, and never ask which database.

The index goes first, then the exact test on the doubles in lon and lat: index boxes are 32-bit floats on both
databases, rounded outward, so they find too much at the edges and never too little.
"""

import json
import math
from typing import NamedTuple

from sqlalchemy import Float, and_, bindparam, case, false, func, literal, literal_column, or_, select, true
from sqlalchemy.ext.compiler import compiles

from crowdmap.db.clause import Clause, given_pairs, table_of, written
from crowdmap.geo import EARTH_RADIUS_M, Bbox, bbox_around, cell_ranges

_TRIFLE = 1e-9  # of a degree: a tenth of a millimetre


def point(lon: float, lat: float) -> str:
    """The value of a geometry column, exact to the last bit on both databases."""
    return f"SRID=4326;POINT({float(lon)!r} {float(lat)!r})"


class _InIndex(Clause):
    """id, geom, west, south, east, north → the rows whose index box meets the box."""

    inherit_cache = True


@compiles(_InIndex, "sqlite")
def _in_rtree(element, compiler, **kw):
    key, geom, *box = element.clauses
    west, south, east, north = (compiler.process(side, **kw) for side in box)
    index = compiler.preparer.quote(f"idx_{table_of(geom)}_{geom.name}")
    return (
        f"({compiler.process(key, **kw)} IN (SELECT pkid FROM {index} "
        f"WHERE xmax >= {west} AND xmin <= {east} AND ymax >= {south} AND ymin <= {north}))"
    )


@compiles(_InIndex, "postgresql")
def _in_gist(element, compiler, **kw):
    _, geom, *box = element.clauses
    west, south, east, north = (compiler.process(side, **kw) for side in box)
    return f"({compiler.process(geom, **kw)} && ST_MakeEnvelope({west}, {south}, {east}, {north}, 4326))"


def _number(value: float):
    return literal(float(value), Float())


def in_bbox(model, bbox: Bbox, *, index: bool = True):
    """lon and lat inside the box, edges included. ``index=False``: compared only, for readers that scan anyway."""
    return or_(*(_in_part(model, part, index) for part in bbox.parts()))


SIDES = ("west", "south", "east", "north")


def in_given_box(model, parts: int):
    """`in_bbox` without the index, of a box of so many parts that is not known yet; `given_box` gives the parameters."""
    return or_(*(and_(*_sides(model, *_given_sides(part))) for part in range(parts)))


def given_box(bbox: Bbox) -> dict:
    sides = {f"{side}{n}": float(getattr(part, side)) for n, part in enumerate(bbox.parts()) for side in SIDES}
    return sides | {"cells": json.dumps(cell_ranges(bbox))}


def way_to_places(session):
    """(query, model, parts) → its rows in the box that `given_box` will give, found by ranges of cells: their index holds all
    that is compared, where that of places looks up row after row. A function, so that what it makes can be kept by it."""
    return {"sqlite": _by_join, "postgresql": _by_range}[session.get_bind().dialect.name]


def _by_join(query, model, parts: int):
    cells = given_pairs("cells")
    return query.join_from(model, cells, model.cell.between(cells.c.low, cells.c.high)).where(in_given_box(model, parts))


def _by_range(query, model, parts: int):
    """PostgreSQL takes a join by ranges for huge and reads all the index, unless it is told to go range by range."""
    cells = given_pairs("cells")
    inside = query.where(model.cell.between(cells.c.low, cells.c.high), in_given_box(model, parts))
    found = inside.offset(literal_column("0")).correlate(cells).lateral("found")
    return select(*found.c).select_from(cells.join(found, true()))


def _given_sides(part: int):
    return (bindparam(f"{side}{part}", type_=Float()) for side in SIDES)


def _sides(model, west, south, east, north) -> tuple:
    return (model.lon >= west, model.lon <= east, model.lat >= south, model.lat <= north)


def _in_part(model, box: Bbox, index: bool):
    # a trifle wider: outward rounding fails for what a float32 takes for zero
    wider = (box.west - _TRIFLE, box.south - _TRIFLE, box.east + _TRIFLE, box.north + _TRIFLE)
    clauses = [_InIndex(model.id, model.geom, *map(_number, wider))] if index else []
    return and_(*clauses, *_sides(model, box.west, box.south, box.east, box.north))


class Share(NamedTuple):
    """How much of what has a place a box holds, from 0 to 1, and the highest id there is."""

    of_all: float
    newest: int

    def is_wide(self, limit: int | None = None) -> bool:
        """Whether walking an index in the order of the list beats finding all that the box holds by their place: where it holds
        more than an eighth, or, for a list of *limit* rows, by what either way passes."""
        if limit is None or not self.of_all:
            return self.of_all > 1 / 8
        # a third of the rows is of the audience that asks; one that is walked costs as much as three entries of the cells' index
        return limit / self.of_all < self.of_all * self.newest / 3 / 3


class Sample(NamedTuple):
    """Places of some rows out of all, and the highest id there is."""

    points: list[tuple[float, float]]
    newest: int

    def share(self, bbox: Bbox) -> Share:
        """May be wrong by some hundredths."""
        return Share(sum(bbox.contains(*point) for point in self.points) / len(self.points) if self.points else 0.0, self.newest)


def sample_of(session, model) -> Sample:
    """Every so many rows one; about 0.3 ms."""
    newest = session.scalar(select(func.max(model.id))) or 0
    # whole numbers of our own, written out: as parameters they take longer than the rows
    ids = ",".join(map(str, sorted({1 + newest * i // _SAMPLE for i in range(_SAMPLE)})))
    rows = session.execute(select(model.lon, model.lat).where(model.id.in_(written(ids)), model.lon.is_not(None))).all()
    return Sample([(lon, lat) for lon, lat in rows], newest)


_SAMPLE = 96


def within_metres(model, lon: float, lat: float, metres: float, *, index: bool = True):
    """Great-circle distance of at most *metres* from the point; agrees with geo.distance_m to 0.01 % up to 100 km
    (0.1 % up to 500 km), between 75° south and north; near the poles up to 1 %.

    Many SQLite builds have no cosine, so the length of a degree is a polynomial in the difference of latitude around
    the point's own: cos(φ + δ/2) = cos φ − sin φ · δ/2 − cos φ · δ²/8 + …, the same arithmetic on both databases.
    """
    if metres < 0:
        return false()
    box = bbox_around(lon, lat, metres)
    return or_(*(_near_in_part(model, part, lon, lat, metres, index) for part in box.parts()))


def _near_in_part(model, box: Bbox, lon: float, lat: float, metres: float, index: bool):
    # on the other side of the antimeridian the point is a turn away
    turned = lon if box.west <= lon <= box.east else lon + 360 if lon < box.west else lon - 360
    degree = math.radians(EARTH_RADIUS_M)
    sine, cosine = (_no_trifle(function(math.radians(lat))) for function in (math.sin, math.cos))
    half = math.radians(0.5)
    dlat, dlon = _difference(model.lat, lat), _difference(model.lon, turned)
    bend = _number(degree * sine * half) + _number(degree * cosine * half * half / 2) * dlat
    x, y = dlon * (_number(degree * cosine) - bend * dlat), dlat * _number(degree)
    return and_(_in_part(model, box, index), x * x + y * y <= _number(metres * metres))


def _difference(column, value: float):
    # the square of 1e-170 is an error on PostgreSQL ("underflow"), and somebody will send such a coordinate
    difference = column - _number(value)
    return case((func.abs(difference) < _number(_TRIFLE), _number(0)), else_=difference)


def _no_trifle(value: float) -> float:
    return 0.0 if abs(value) < _TRIFLE else value
