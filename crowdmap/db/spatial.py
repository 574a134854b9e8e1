"""Where, as clauses. Callers give a model that has ``id``, ``geom``, ``lon`` and ``lat``, and never ask which database.

The index goes first, then the exact test on the doubles in lon and lat: index boxes are 32-bit floats on both
databases, rounded outward, so they find too much at the edges and never too little.
"""

import math
from typing import NamedTuple

from sqlalchemy import Float, and_, case, false, func, literal, or_, select
from sqlalchemy.ext.compiler import compiles

from crowdmap.db.clause import Clause, table_of, written
from crowdmap.geo import EARTH_RADIUS_M, Bbox, bbox_around

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


def _in_part(model, box: Bbox, index: bool):
    # a trifle wider: outward rounding fails for what a float32 takes for zero
    wider = (box.west - _TRIFLE, box.south - _TRIFLE, box.east + _TRIFLE, box.north + _TRIFLE)
    clauses = [_InIndex(model.id, model.geom, *map(_number, wider))] if index else []
    sides = (model.lon >= box.west, model.lon <= box.east, model.lat >= box.south, model.lat <= box.north)
    return and_(*clauses, *sides)


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


def share_of(session, model, bbox: Bbox) -> Share:
    """Judged by a sample, so it may be wrong by some hundredths; about 0.3 ms."""
    newest = session.scalar(select(func.max(model.id))) or 0
    # whole numbers of our own, written out: as parameters they take longer than the rows
    ids = ",".join(map(str, sorted({1 + newest * i // _SAMPLE for i in range(_SAMPLE)})))
    rows = session.execute(select(model.lon, model.lat).where(model.id.in_(written(ids)), model.lon.is_not(None))).all()
    return Share(sum(bbox.contains(*row) for row in rows) / len(rows) if rows else 0.0, newest)


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
