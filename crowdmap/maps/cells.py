"""What the map draws: single reports when few are in view, else counts in cells of 64 pixels.

Both count the place this audience may know (the publication's), never another. A cell is a tile of the map's own grid:
`cell >> 2 * (24 - z)`, so no spatial function is needed. Counting tile by tile over ranges of the index
(audience, status, cell, …) takes 50 ms for 100,000 reports where one GROUP BY, which sorts them, takes 110.
"""

import math
from dataclasses import dataclass, replace
from itertools import product

import orjson
from sqlalchemy import BigInteger, Integer, Text, case, cast, column, func, or_, select, text, values

from crowdmap import geo
from crowdmap.db import db
from crowdmap.db.spatial import in_bbox
from crowdmap.errors import InvalidParameter
from crowdmap.feeds.heads import head_seq
from crowdmap.filters import ReportFilter
from crowdmap.publishing.models import Audience, Publication
from crowdmap.reports.models import Kind

MOST_POINTS = 400  # more would cover each other, and cost a phone more than cells do
FEW, LOOSE, CLOSE_ZOOM = 60, 4, 14  # more than FEW and than LOOSE a cell overlap each other, unless the map is this close
FINER = 2  # a cell is a quarter of a tile's side: 64 px
MOST_TILES = 400  # beyond this (a wall-sized screen) cells get coarser
KINDS = tuple(kind.value for kind in Kind)
CLOSE = 0.62  # two means nearer than this part of a cell's side are drawn as one


@dataclass
class Cell:
    """Counts of one place; x and y are sums in degrees; *low* and *high* are its least and greatest zoom-24 cell."""

    n: int
    kinds: list[int]
    x: float
    y: float
    low: int
    high: int

    def add(self, other: "Cell") -> None:
        self.n += other.n
        self.kinds = [a + b for a, b in zip(self.kinds, other.kinds, strict=True)]
        self.x, self.y = self.x + other.x, self.y + other.y
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)

    @property
    def point(self) -> tuple[float, float]:
        return (self.x / self.n, self.y / self.n)

    def feature(self) -> dict:
        lon, lat = self.point
        zoom = _common_zoom(self.low, self.high)
        bounds = geo.tile_bounds(*geo.cell_tile(self.low, zoom), zoom)
        return {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [round(lon, 6), round(lat, 6)]},
            "properties": {
                "n": self.n, **dict(zip(KINDS, self.kinds, strict=True)), "coincident": self.low == self.high,
                "bbox": [round(side, 6) for side in bounds.as_list()],
            },
        }  # fmt: skip


def _common_zoom(low: int, high: int) -> int:
    """The zoom of the smallest tile that holds both cells, hence all between them in Morton order."""
    return geo.CELL_ZOOM - ((low ^ high).bit_length() + 1) // 2


def parse_zoom(text: str | None) -> int:
    if text is None or not (text.isascii() and text.isdecimal() and len(text) < 19 and int(text) <= 22):
        raise InvalidParameter("zoom is a whole number from 0 to 22", field="zoom")
    return int(text)


def view(chosen: ReportFilter, zoom: int, audience: Audience = Audience.PUBLIC) -> tuple[int, bytes]:
    """(seq, encoded feature collection) of the filter's bbox at this zoom; ``mode`` says cells or points."""
    if chosen.bbox is None:
        raise InvalidParameter("bbox=west,south,east,north is needed", field="bbox")
    seq = head_seq(audience, chosen.kinds)
    chosen = replace(chosen, placed=True)
    found = count(chosen, zoom, audience)
    total = sum(cell.n for cell in found.values())
    unplaced = db.session.scalar(replace(chosen, placed=False, bbox=None).select(audience, func.count()))
    head = {
        "type": "FeatureCollection", "mode": "cells" if crowded(total, len(found), zoom) else "points", "seq": seq,
        "numberMatched": total, "unplaced": unplaced,
    }  # fmt: skip
    if head["mode"] == "cells":
        features = [orjson.dumps(cell.feature()) for cell in join_close(found, zoom)]
    else:
        query = chosen.select(audience).order_by(Publication.id.desc()).limit(MOST_POINTS)
        features = [row.feature for row in db.session.execute(query)]
    head["numberReturned"] = len(features)
    return seq, orjson.dumps(head)[:-1] + b',"features":[' + b",".join(features) + b"]}"


def crowded(total: int, occupied: int, zoom: int) -> bool:
    """Whether single marks would be too many, or would lie over each other in the cells that hold any."""
    return total > MOST_POINTS or (zoom < CLOSE_ZOOM and total > max(FEW, LOOSE * occupied))


def count(chosen: ReportFilter, zoom: int, audience: Audience) -> dict[tuple[int, int], Cell]:
    """Cells by their x, y on the grid of zoom + FINER (coarser for a view of very many tiles)."""
    level = grid_level(chosen.bbox, zoom)
    shift = 2 * (geo.CELL_ZOOM - level)
    by_hand = chosen.text or chosen.categories or chosen.sectors or chosen.areas or chosen.near
    rows = _by_group(chosen, shift, audience) if by_hand else _by_tile(chosen, level, audience)
    found = {}
    for n, need, offer, damage, x, y, low, high in rows:
        cell = Cell(n, [need, offer, damage, n - need - offer - damage], x, y, low, high)
        found[geo.cell_tile(low, level)] = cell
    return found


def grid_level(bbox: geo.Bbox, zoom: int) -> int:
    level = min(zoom + FINER, geo.CELL_ZOOM)
    while level > 0:
        spans = [_span(part, level) for part in bbox.parts()]
        if sum(len(columns) * len(rows) for columns, rows in spans) <= MOST_TILES:
            break
        level -= 1
    return level


def _span(part: geo.Bbox, level: int) -> tuple[range, range]:
    """The columns and rows of tiles that the box meets."""
    x0, y0 = geo.tile(part.west, part.north, level)
    x1, y1 = geo.tile(part.east, part.south, level)
    return range(x0, x1 + 1), range(y0, y1 + 1)


def _sums() -> tuple:
    """n, needs, offers, damage, sum of lon, sum of lat, least cell, greatest cell."""
    p = Publication
    kinds = (func.sum(case((p.kind == kind, 1), else_=0)) for kind in (Kind.NEED, Kind.OFFER, Kind.DAMAGE))
    return (func.count(), *kinds, func.sum(p.lon), func.sum(p.lat), func.min(p.cell), func.max(p.cell))


def _by_group(chosen, shift, audience):
    """One GROUP BY: right where the filter finds few rows through an index of its own (words, categories)."""
    tile = Publication.cell.op(">>")(cast(shift, Integer)).label("tile")
    for row in db.session.execute(select_in_view(chosen, audience, *_sums(), tile).group_by("tile")):
        yield row[:-1]


def select_in_view(chosen: ReportFilter, audience: Audience, *columns):
    """A select over the filter whose bbox is found by ranges of cells: for readers that count most of what is there,
    the spatial index, which looks up row after row, is ten times slower than the cells' covering index."""
    if chosen.bbox is None:
        return chosen.select(audience, *columns)
    p = Publication
    ranges = values(column("low", BigInteger), column("high", BigInteger), name="ranges")
    ranges = ranges.data(geo.cell_ranges(chosen.bbox)).cte("ranges")
    query = replace(chosen, bbox=None).select(audience, *columns)
    query = query.join_from(p, ranges, p.cell.between(ranges.c.low, ranges.c.high))
    return query.where(in_bbox(p, chosen.bbox, index=False))


def _by_tile(chosen, level, audience):
    """One range of the index a tile; only tiles on the view's edge compare coordinates."""
    p = Publication
    shift = 2 * (geo.CELL_ZOOM - level)
    rows = []
    for part in chosen.bbox.parts():
        for x, y in product(*_span(part, level)):
            low = geo.interleave(x, y) << shift
            bounds = geo.tile_bounds(x, y, level)
            inside = (
                part.west < bounds.west and bounds.east < part.east and part.south < bounds.south and bounds.north < part.north
            )
            rows.append(f"({low},{low + (1 << shift) - 1},{int(not inside)})")
    # whole numbers of our own, written out: binding and compiling 1,200 parameters took as long as counting
    tiles = text(f"SELECT column1 AS low, column2 AS high, column3 AS edge FROM (VALUES {','.join(rows)}) AS given")
    tiles = tiles.columns(column("low", BigInteger), column("high", BigInteger), column("edge", Integer)).cte("tiles")
    # several sums out of one scan: a subquery gives one value, so they travel as one text
    told = None
    for part in _sums():
        item = cast(part, Text)
        told = item if told is None else told + "," + item
    sums = (
        replace(chosen, bbox=None, placed=None).select(audience, told)
        .where(p.cell.between(tiles.c.low, tiles.c.high))
        .where(or_(tiles.c.edge == 0, in_bbox(p, chosen.bbox, index=False)))
        .correlate(tiles).scalar_subquery()
    )  # fmt: skip
    for (found,) in db.session.execute(select(sums).select_from(tiles)):
        if found is not None:  # an empty tile has no sum
            n, need, offer, damage, x, y, least, most = found.split(",")
            yield int(n), int(need), int(offer), int(damage), float(x), float(y), int(least), int(most)


def join_close(found: dict[tuple[int, int], Cell], zoom: int) -> list[Cell]:
    """Cells whose means nearly touch across a border of the grid become one, the larger first; most first."""
    side = 256 / (1 << FINER)
    scale = 256 * (1 << zoom)
    kept: dict[tuple[int, int], Cell] = {}

    def pixel(cell):
        lon, lat = cell.point
        sine = math.sin(math.radians(lat))
        return (lon / 360 + 0.5) * scale, (0.5 - math.atanh(sine) / (2 * math.pi)) * scale

    for (x, y), cell in sorted(found.items(), key=lambda item: -item[1].n):
        here = pixel(cell)
        near = [kept.get((x + dx, y + dy)) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy]
        for other in filter(None, near):
            there = pixel(other)
            if abs(here[0] - there[0]) < side * CLOSE and abs(here[1] - there[1]) < side * CLOSE:
                other.add(cell)
                break
        else:
            kept[(x, y)] = cell
    return sorted(kept.values(), key=lambda cell: -cell.n)
