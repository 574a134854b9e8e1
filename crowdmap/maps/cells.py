"""What the map draws: single reports when few are in view, else counts in cells of 64 pixels.

Both count the place this audience may know (the publication's), never another.
"""

import math
from dataclasses import replace

import orjson

from crowdmap import geo
from crowdmap.db import db
from crowdmap.errors import InvalidParameter
from crowdmap.feeds import counts, kept_counts
from crowdmap.feeds.grid import Cell, Found, Tile, count_live, grid_level, tiles_of
from crowdmap.feeds.heads import head_seq
from crowdmap.filters import ReportFilter
from crowdmap.publishing.models import Audience, Publication

MOST_POINTS = 400  # more would cover each other, and cost a phone more than cells do
FEW, LOOSE, CLOSE_ZOOM = 60, 4, 14  # more than FEW and than LOOSE a cell overlap each other, unless the map is this close
FINER = 2  # a cell is a quarter of a tile's side: 64 px
MOST_TILES = 400  # beyond this (a wall-sized screen) cells get coarser
CLOSE = 0.62  # two means nearer than this part of a cell's side are drawn as one


def _feature(cell: Cell) -> dict:
    lon, lat = cell.point
    zoom = _common_zoom(cell.low, cell.high)
    bounds = geo.tile_bounds(*geo.cell_tile(cell.low, zoom), zoom)
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [round(lon, 6), round(lat, 6)]},
        "properties": {
            **cell.counts(), "coincident": cell.low == cell.high, "bbox": [round(side, 6) for side in bounds.as_list()],
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
    missing = counts.count(replace(chosen, placed=False, bbox=None), audience)
    nowhere, chosen = chosen.placed is False, replace(chosen, placed=True)
    level = grid_level(chosen.bbox, zoom + FINER, MOST_TILES)
    # whoever asks for what has no place finds nothing on the map
    found = {} if nowhere else count(chosen, tiles_of(chosen.bbox, level), level, audience)
    total = sum(cell.n for cell in found.values())
    head = {
        "type": "FeatureCollection", "mode": "cells" if crowded(total, len(found), zoom) else "points", "seq": seq,
        "numberMatched": total, "unplaced": missing,
    }  # fmt: skip
    if head["mode"] == "cells":
        bound(chosen, found, level, audience)
        features = [orjson.dumps(_feature(cell)) for cell in join_close(found, zoom)]
    else:
        query = chosen.select(audience).order_by(Publication.id.desc()).limit(0 if nowhere else MOST_POINTS)
        features = [row.feature for row in db.session.execute(query)]
    head["numberReturned"] = len(features)
    return seq, orjson.dumps(head)[:-1] + b',"features":[' + b",".join(features) + b"]}"


def crowded(total: int, occupied: int, zoom: int) -> bool:
    """Whether single marks would be too many, or would lie over each other in the cells that hold any."""
    return total > MOST_POINTS or (zoom < CLOSE_ZOOM and total > max(FEW, LOOSE * occupied))


def count(chosen: ReportFilter, tiles: list[Tile], level: int, audience: Audience) -> Found:
    """Cells by the x, y of their tile, exactly as the filter and its box have it: from the kept table where it knows."""
    if level <= kept_counts.FINEST and kept_counts.knows(chosen, audience):
        return kept_counts.count(chosen, tiles, level, audience)
    return count_live(chosen, tiles, level, audience)


def bound(chosen: ReportFilter, found: Found, level: int, audience: Audience) -> None:
    """See that each cell knows its least and greatest zoom-24 cell."""
    kept_counts.bound(chosen, {xy: cell for xy, cell in found.items() if cell.low is None}, level, audience)


def join_close(found: Found, zoom: int) -> list[Cell]:
    """Cells whose means nearly touch across a border of the grid become one, the larger first; most first."""
    side = 256 / (1 << FINER)
    scale = 256 * (1 << zoom)
    kept_ones: Found = {}

    def pixel(cell):
        lon, lat = cell.point
        sine = math.sin(math.radians(lat))
        return (lon / 360 + 0.5) * scale, (0.5 - math.atanh(sine) / (2 * math.pi)) * scale

    for (x, y), cell in sorted(found.items(), key=lambda item: -item[1].n):
        here = pixel(cell)
        near = [kept_ones.get((x + dx, y + dy)) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy]
        for other in filter(None, near):
            there = pixel(other)
            if abs(here[0] - there[0]) < side * CLOSE and abs(here[1] - there[1]) < side * CLOSE:
                other.add(cell)
                break
        else:
            kept_ones[(x, y)] = cell
    return sorted(kept_ones.values(), key=lambda cell: -cell.n)
