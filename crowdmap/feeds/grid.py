"""The map's grid: which tiles a view holds, and how many reports lie in each, counted as they stand.

A cell is a tile of the map's own grid, `cell >> 2 * (24 - z)`, so no spatial function is needed. Counting tile by tile
over ranges of the index (audience, status, cell, …) takes 50 ms for 100,000 reports where one GROUP BY, which sorts
them, takes 110. Where nothing but kinds or one category is asked, `feeds.kept_counts` has the counts already.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

from sqlalchemy import BigInteger, Integer, Text, case, cast, column, func, or_, select

from crowdmap import geo
from crowdmap.db import db
from crowdmap.db.clause import written
from crowdmap.db.spatial import in_bbox
from crowdmap.filters import ReportFilter
from crowdmap.publishing.models import Audience, Publication
from crowdmap.reports.models import Kind

KINDS = tuple(kind.value for kind in Kind)
MOST_RANGES = 12  # for a query that is led by another index than the cells'


class Tile(NamedTuple):
    """*inside*: wholly within the box that is asked for; in others each report is compared with it."""

    x: int
    y: int
    inside: bool


@dataclass
class Cell:
    """Counts of one place; x and y are sums in degrees; *low* and *high* are its least and greatest zoom-24 cell, None
    until somebody needs them (`kept_counts.bound`)."""

    n: int
    kinds: list[int]
    x: float
    y: float
    low: int | None = None
    high: int | None = None

    def add(self, other: "Cell") -> None:
        self.n += other.n
        self.kinds = [a + b for a, b in zip(self.kinds, other.kinds, strict=True)]
        self.x, self.y = self.x + other.x, self.y + other.y
        known = None not in (self.low, other.low)
        self.low, self.high = (min(self.low, other.low), max(self.high, other.high)) if known else (None, None)

    @property
    def point(self) -> tuple[float, float]:
        return (self.x / self.n, self.y / self.n)

    def counts(self) -> dict[str, int]:
        return {"n": self.n, **dict(zip(KINDS, self.kinds, strict=True))}


Found = dict[tuple[int, int], Cell]  # by x, y of the tile at the level asked for


def span(part: geo.Bbox, level: int) -> tuple[range, range]:
    """The columns and rows of tiles that a box which does not cross the antimeridian meets."""
    x0, y0 = geo.tile(part.west, part.north, level)
    x1, y1 = geo.tile(part.east, part.south, level)
    return range(x0, x1 + 1), range(y0, y1 + 1)


def placing(bbox: geo.Bbox | None, level: int) -> Callable[[int, int], bool | None]:
    """x, y → whether the tile is wholly inside the box; None where it does not meet it.

    The outermost tiles that a box meets are never taken as inside: the first and last rows also hold what lies beyond
    the latitudes of the grid.
    """
    if bbox is None:
        return lambda x, y: True
    spans = [span(part, level) for part in bbox.parts()]

    def place(x: int, y: int) -> bool | None:
        found = None
        for columns, rows in spans:
            if x in columns and y in rows:
                found = found or (columns.start < x < columns.stop - 1 and rows.start < y < rows.stop - 1)
        return found

    return place


def tiles_of(bbox: geo.Bbox, level: int) -> list[Tile]:
    """Every tile that the box meets, once, also where a box around the globe ends in the tile it began in."""
    place = placing(bbox, level)
    met = dict.fromkeys(xy for part in bbox.parts() for xy in product(*span(part, level)))
    return [Tile(x, y, place(x, y)) for x, y in met]


def grid_level(bbox: geo.Bbox, level: int, most: int) -> int:
    """*level*, or the next coarser one at which the box meets at most so many tiles."""
    level = min(level, geo.CELL_ZOOM)
    while level > 0:
        spans = [span(part, level) for part in bbox.parts()]
        if sum(len(columns) * len(rows) for columns, rows in spans) <= most:
            break
        level -= 1
    return level


def ranges_of(tiles: Iterable[Tile], level: int, most: int | None = None) -> list[tuple[int, int]]:
    """Inclusive (low, high) ranges of zoom-24 cells that hold exactly the tiles; with *most*, no more than about so many
    that hold them, and more."""
    numbers = sorted({geo.interleave(tile.x, tile.y) for tile in tiles})
    while True:
        merged: list[list[int]] = []
        for number in numbers:
            if merged and number == merged[-1][1] + 1:
                merged[-1][1] = number
            else:
                merged.append([number, number])
        if most is None or len(merged) <= most or level == 0:
            shift = 2 * (geo.CELL_ZOOM - level)
            return [(low << shift, ((high + 1) << shift) - 1) for low, high in merged]
        level -= 1
        numbers = sorted({number >> 2 for number in numbers})


def select_in_ranges(chosen: ReportFilter, audience: Audience, ranges: list[tuple[int, int]], *columns):
    """A select over the filter within ranges of cells; the filter's box is compared without its index."""
    p = Publication
    # whole numbers of our own, written out: binding and compiling hundreds of parameters takes as long as the query
    rows = ",".join(f"({low},{high})" for low, high in ranges)
    given = written(f"SELECT column1 AS low, column2 AS high FROM (VALUES {rows}) AS given")
    given = given.columns(column("low", BigInteger), column("high", BigInteger)).cte("ranges")
    query = replace(chosen, bbox=None).select(audience, *columns)
    query = query.join_from(p, given, p.cell.between(given.c.low, given.c.high))
    return query.where(in_bbox(p, chosen.bbox, index=False)) if chosen.bbox else query


def select_in_view(chosen: ReportFilter, audience: Audience, *columns):
    """A select over the filter whose bbox is found by ranges of cells: for readers that count most of what is there,
    the spatial index, which looks up row after row, is ten times slower than the cells' covering index."""
    if chosen.bbox is None:
        return chosen.select(audience, *columns)
    return select_in_ranges(chosen, audience, geo.cell_ranges(chosen.bbox), *columns)


def count_live(
    chosen: ReportFilter, tiles: list[Tile], level: int, audience: Audience, *, dense: bool = False
) -> Found:  # fmt: skip
    """Every report that the filter finds in the tiles, counted now. *dense*: most of what is there is wanted, whatever
    the filter looks like."""
    if not tiles:
        return {}
    way = _by_group if chosen.by_hand and not dense else _by_tile
    found = {}
    for n, need, offer, damage, x, y, low, high in way(chosen, tiles, level, audience):
        found[geo.cell_tile(low, level)] = Cell(n, [need, offer, damage, n - need - offer - damage], x, y, low, high)
    return found


def _sums() -> tuple:
    """n, needs, offers, damage, sum of lon, sum of lat, least cell, greatest cell."""
    p = Publication
    kinds = (func.sum(case((p.kind == kind, 1), else_=0)) for kind in (Kind.NEED, Kind.OFFER, Kind.DAMAGE))
    return (func.count(), *kinds, func.sum(p.lon), func.sum(p.lat), func.min(p.cell), func.max(p.cell))


def _by_group(chosen, tiles, level, audience):
    """One GROUP BY: right where the filter finds few rows through an index of its own (words, categories)."""
    tile = Publication.cell.op(">>")(cast(2 * (geo.CELL_ZOOM - level), Integer)).label("tile")
    query = select_in_ranges(chosen, audience, ranges_of(tiles, level, MOST_RANGES), *_sums(), tile)
    wanted = {geo.interleave(tile.x, tile.y) for tile in tiles}
    for *sums, number in db.session.execute(query.group_by("tile")):
        if number in wanted:
            yield sums


def given_tiles(tiles: Iterable[Tile], level: int):
    """low, high, edge and number of tiles as a table to join with; low and high are zoom-24 cells."""
    shift = 2 * (geo.CELL_ZOOM - level)
    rows = []
    for tile in tiles:
        number = geo.interleave(tile.x, tile.y)
        rows.append(f"({number << shift},{((number + 1) << shift) - 1},{int(not tile.inside)},{number})")
    columns = {"low": BigInteger, "high": BigInteger, "edge": Integer, "number": BigInteger}
    names = ", ".join(f"column{i} AS {name}" for i, name in enumerate(columns, 1))
    words = f"SELECT {names} FROM (VALUES {','.join(rows)}) AS given"
    return written(words).columns(*(column(name, kind) for name, kind in columns.items())).cte("tiles")


def _by_tile(chosen, tiles, level, audience):
    """One range of the index a tile; only tiles on the view's edge compare coordinates."""
    p = Publication
    given = given_tiles(tiles, level)
    # several sums out of one scan: a subquery gives one value, so they travel as one text
    told = None
    for part in _sums():
        item = cast(part, Text)
        told = item if told is None else told + "," + item
    query = replace(chosen, bbox=None, placed=None).select(audience, told).where(p.cell.between(given.c.low, given.c.high))
    if chosen.bbox:
        query = query.where(or_(given.c.edge == 0, in_bbox(p, chosen.bbox, index=False)))
    sums = query.correlate(given).scalar_subquery()
    for (found,) in db.session.execute(select(sums).select_from(given)):
        if found is not None:  # an empty tile has no sum
            n, need, offer, damage, x, y, least, most = found.split(",")
            yield int(n), int(need), int(offer), int(damage), float(x), float(y), int(least), int(most)
