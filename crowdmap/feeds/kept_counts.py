"""Counts in the cells of the grid out of the kept table (`publishing.counts`), for filters by nothing but kinds and one
category: some hundred rows are read, however many reports there are.

The edge of a view is exact all the same. Tiles that the box cuts are parted into finer ones, which are kept too, until
few enough reports are left in the tiles on the edge to compare each of them with the box.
"""

import json
from dataclasses import fields
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from sqlalchemy import Integer, Text, bindparam, case, cast, func, select

from crowdmap import geo
from crowdmap.db import db
from crowdmap.db.clause import given_pairs
from crowdmap.db.spatial import given_box, in_given_box
from crowdmap.filters import ReportFilter, Scope
from crowdmap.feeds.grid import (
    Cell, Found, Tile, count_live, given_tiles, grid_level, placing, ranges_of, tiles_of,
)  # fmt: skip
from crowdmap.publishing.counts import ALL, COUNTED, FINEST, LEVELS, UNPLACED
from crowdmap.publishing.models import Audience, CellCount, Publication
from crowdmap.reports.models import Kind, Status

MOST_TILES = 64  # a total is begun with so many; what its edge cuts is parted into finer ones
MOST_COMPARED_AT_ONCE = 8_000  # where only their number is asked
MOST_COMPARED = 2_000  # reports on the edge, one by one: 1 ms
EXTENT = 8  # a level of the table: some 150 km
_PLAIN = {"bbox", "kinds", "categories", "statuses", "placed", "scope"}  # what the table can answer, if it is not too much of it


def knows(chosen: ReportFilter, audience: Audience) -> bool:
    """Whether the table has what the filter asks, but for its box."""
    other = (field for field in fields(chosen) if field.name not in _PLAIN)
    return (
        audience in COUNTED
        and chosen.statuses == (Status.PUBLISHED,)
        and len(chosen.categories) <= 1  # a report in two of them would count twice
        and chosen.scope == Scope(kinds=chosen.scope.kinds)
        and all(getattr(chosen, field.name) == field.default for field in other)
    )


def kinds_of(chosen: ReportFilter) -> list[Kind]:
    return [kind for kind in Kind if kind in (chosen.kinds or Kind) and kind in (chosen.scope.kinds or Kind)]


def category_of(chosen: ReportFilter) -> str:
    return chosen.categories[0] if chosen.categories else ALL


_c = CellCount.__table__.c
_SUM = select(func.sum(_c.n)).where(
    _c.audience == bindparam("audience"), _c.level.in_(bindparam("levels", expanding=True)),
    _c.category == bindparam("category"), _c.kind.in_(bindparam("kinds", expanding=True)),
)  # fmt: skip


def total(chosen: ReportFilter, audience: Audience) -> int:
    """How many reports a filter that the table `knows` finds, with its box."""
    if chosen.bbox is None:
        levels = {None: (UNPLACED, LEVELS[0]), True: (LEVELS[0],), False: (UNPLACED,)}[chosen.placed]
        return _sum(chosen, audience, levels)
    if chosen.placed is False:
        return 0
    level = grid_level(chosen.bbox, FINEST, MOST_TILES)
    parts = _parted(chosen, tiles_of(chosen.bbox, level), level, audience, MOST_COMPARED_AT_ONCE)
    n = sum(cell.n for _tile, _at, cell in parts.inside)
    if parts.edge:
        given = given_box(chosen.bbox) | {"cells": json.dumps(ranges_of(parts.edge, parts.at))}
        counting = _in_given_box(chosen.without("bbox"), audience, len(chosen.bbox.parts()))
        n += int(db.session.connection().scalar(counting, given) or 0)
    return n


@lru_cache(128)
def _in_given_box(chosen: ReportFilter, audience: Audience, parts: int):
    """How many there are in a box and in ranges of cells, which are given when it is asked: range by range, as `_sums_of`."""
    cells = given_pairs("cells")
    inside = chosen.select(audience, func.count()).where(
        Publication.cell.between(cells.c.low, cells.c.high), in_given_box(Publication, parts)
    )
    return select(func.sum(inside.correlate(cells).scalar_subquery())).select_from(cells)


def _sum(chosen: ReportFilter, audience: Audience, levels) -> int:
    given = {"audience": audience, "levels": levels, "category": category_of(chosen), "kinds": kinds_of(chosen)}
    return int(db.session.connection().scalar(_SUM, given) or 0)


def extent(audience: Audience) -> geo.Bbox | None:
    """A box around the tiles of level EXTENT that hold any report; None where there is none."""
    c = CellCount
    query = select(c.cell).where(c.audience == audience, c.level == EXTENT, c.category == ALL).distinct()
    boxes = [geo.tile_bounds(*geo.cell_tile(cell << 2 * (geo.CELL_ZOOM - EXTENT), EXTENT), EXTENT) for (cell,) in db.session.execute(query)]
    if not boxes:
        return None
    return geo.Bbox(
        min(box.west for box in boxes), min(box.south for box in boxes),
        max(box.east for box in boxes), max(box.north for box in boxes),
    )  # fmt: skip


def stored(level: int) -> int:
    """The level of the table that holds *level* whole, or in parts; up to FINEST."""
    return next(one for one in LEVELS if one >= level)


def count(chosen: ReportFilter, tiles: list[Tile], level: int, audience: Audience) -> Found:
    """As `grid.count_live`, up to level FINEST; the cells' *low* and *high* are left open."""
    parts = _parted(chosen, tiles, level, audience, MOST_COMPARED)
    found: Found = {}
    for tile, at, cell in parts.inside:
        _add(found, tile.x, tile.y, at - level, cell)
    for (x, y), cell in count_live(chosen, parts.edge, parts.at, audience, dense=True).items():
        cell.low = cell.high = None
        _add(found, x, y, parts.at - level, cell)
    return found


class _Parts(NamedTuple):
    """Tiles wholly inside the box at any level, and those at level *at* that it cuts."""

    inside: list[tuple[Tile, int, Cell]]
    edge: list[Tile]
    at: int


def _parted(chosen: ReportFilter, tiles: list[Tile], level: int, audience: Audience, compared: int) -> _Parts:
    """Those that hold any report, parted until no more than *compared* reports are left in the tiles on the edge."""
    inside, wanted, at = [], tiles, level
    while True:
        sums = _read(chosen, wanted, at, audience) if wanted else {}
        there = [(tile, sums[tile.x, tile.y]) for tile in wanted if (tile.x, tile.y) in sums]
        inside += [(tile, at, cell) for tile, cell in there if tile.inside]
        edge = [tile for tile, _cell in there if not tile.inside]
        if at == FINEST or sum(cell.n for tile, cell in there if not tile.inside) <= compared:
            return _Parts(inside, edge, at)
        finer = stored(at + 1)
        wanted, at = _finer(edge, chosen.bbox, finer - at, finer), finer


def _add(found: Found, x: int, y: int, shift: int, cell: Cell) -> None:
    whole = found.get((x >> shift, y >> shift))
    if whole is None:
        found[x >> shift, y >> shift] = cell
    else:
        whole.add(cell)


def _finer(tiles, bbox, shift: int, level: int) -> list[Tile]:
    place, side = placing(bbox, level), range(1 << shift)
    met = ((tile.x << shift | x, tile.y << shift | y) for tile in tiles for x, y in product(side, side))
    return [Tile(x, y, inside) for x, y in met if (inside := place(x, y)) is not None]


# A subquery a tile, so that both databases look up a range of the key for each: PostgreSQL takes a join by ranges for huge
# and reads the whole level once for every tile. It gives one value, so the sums travel as one text.
@lru_cache(128)
def _sums_of(shift: int):
    """(low, sums) of each of the ``tiles``, which are ranges of zoom-24 cells; *shift*: from these to the level's own."""
    tiles = given_pairs("tiles")
    told = None
    for part in (_c.n, *(case((_c.kind == kind, _c.n), else_=0) for kind in Kind), _c.lon, _c.lat):
        item = cast(func.sum(part), Text)
        told = item if told is None else told + "," + item
    low, high = (side.op(">>")(cast(shift, Integer)) for side in (tiles.c.low, tiles.c.high))
    inside = select(told).where(
        _c.audience == bindparam("audience"), _c.level == bindparam("level"), _c.category == bindparam("category"),
        _c.kind.in_(bindparam("kinds", expanding=True)), _c.cell.between(low, high),
    )  # fmt: skip
    return select(tiles.c.low, inside.correlate(tiles).scalar_subquery())


def _read(chosen, tiles, level, audience) -> Found:
    kinds = kinds_of(chosen)
    if not kinds:
        return {}
    at, beside = stored(level), 2 * (geo.CELL_ZOOM - level)
    lows = {geo.interleave(tile.x, tile.y) << beside: (tile.x, tile.y) for tile in tiles}
    pairs = json.dumps([(low, low + (1 << beside) - 1) for low in lows])
    given = {"tiles": pairs, "audience": audience, "level": at, "category": category_of(chosen), "kinds": kinds}
    found: Found = {}
    for low, told in db.session.connection().execute(_sums_of(2 * (geo.CELL_ZOOM - at)), given):
        if told is not None:  # an empty tile has no sum
            n, *counts, lon, lat = map(int, told.split(","))
            found[lows[low]] = Cell(n, counts, lon / 1e7, lat / 1e7)
    return found


def bound(chosen: ReportFilter, found: Found, level: int, audience: Audience) -> None:
    """Set the least and greatest cell of each, by looking at the ends of the table's finest level; where both ends lie in
    one cell of it, at those of the publications. On the edge of a view that includes what lies beside it."""
    c, p = CellCount, Publication
    where = (c.audience == audience, c.level == FINEST, c.category == category_of(chosen), c.kind.in_(kinds_of(chosen)))
    for (x, y), cell in found.items():  # should the table be in need of repair, the map still draws what it has
        number, beside = geo.interleave(x, y), 2 * (geo.CELL_ZOOM - level)
        cell.low, cell.high = number << beside, ((number + 1) << beside) - 1
    shift = 2 * (geo.CELL_ZOOM - FINEST)
    together = {}
    for xy, (low, high) in _ends(select(c.cell).where(*where), c.cell, found, level, shift):
        found[xy].low, found[xy].high = low << shift, ((high + 1) << shift) - 1
        if low == high:
            together[geo.cell_tile(low << shift, FINEST)] = xy
    fine = chosen.without("bbox", "placed").select(audience, p.cell)
    for xy, (low, high) in _ends(fine, p.cell, together, FINEST, 0):
        cell = found[together[xy]]
        cell.low, cell.high = low, high


def _ends(query, column, places, level: int, shift: int):
    """x, y → (first, last) of *column* in each tile, by two look-ups in its index."""
    tiles = [Tile(x, y, True) for x, y in places]
    if not tiles:
        return
    given = given_tiles(tiles, level)
    low, high = (side.op(">>")(cast(shift, Integer)) for side in (given.c.low, given.c.high))
    inside = query.where(column.between(low, high)).correlate(given)
    first, last = (inside.order_by(order).limit(1).scalar_subquery() for order in (column, column.desc()))
    numbers = {geo.interleave(tile.x, tile.y): (tile.x, tile.y) for tile in tiles}
    for number, low, high in db.session.execute(select(given.c.number, first, last)):
        if low is not None:
            yield numbers[number], (low, high)
