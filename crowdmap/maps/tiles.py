"""/tiles/…: vector tiles (MVT 2.1) and their TileJSON for QGIS, MapLibre and GDAL, of any layer with any filter.

A tile holds single reports where there are few, else counted cells, sixteen to a side, so that a tile of a million
reports is as small as any. It reaches over its edge by the width of a cell, or marks on it would be cut in half.
"""

import math
from urllib.parse import urlencode

import mapbox_vector_tile
import orjson
import shapely
from flask import Blueprint, Response, request
from flask_babel import gettext as _

from crowdmap import geo
from crowdmap.config import settings
from crowdmap.db import db
from crowdmap.errors import InvalidParameter
from crowdmap.feeds.answer import caching, kept
from crowdmap.feeds.heads import head_seq
from crowdmap.feeds.layers import layer_filter
from crowdmap.feeds.pages import licensed
from crowdmap.feeds.reader import Reader, reader
from crowdmap.filters import LAYERS, ReportFilter, Scope
from crowdmap.feeds import kept_counts
from crowdmap.maps.cells import count
from crowdmap.feeds.grid import KINDS, Tile, placing, ranges_of, select_in_ranges
from crowdmap.publishing.models import Publication
from crowdmap.web import absolute, conditional, etag_of, open_data

blueprint = Blueprint("tiles", __name__, url_prefix="/tiles")

MEDIA_TYPE = "application/vnd.mapbox-vector-tile"
LAYER = "reports"
EXTENT = 4096
ENCODING = {"extents": EXTENT, "y_coord_down": True, "check_winding_order": False}
MOST_ZOOM = 22
FINER = 4  # sixteen cells to a tile's side
MOST_POINTS = 500
MOST_BYTES = 250_000

# what a feature of the tile tells; a report's are those of the feeds, and few, since each costs room in every tile
OF_POINTS = {
    "id": "String", "kind": "String", "category": "String", "sector": "String", "title": "String", "status": "String",
    "verification": "String", "voices": "Number", "people": "Number", "precision_m": "Number", "occurred_at": "String",
}  # fmt: skip
OF_CELLS = {"n": "Number", **dict.fromkeys(KINDS, "Number")}


@blueprint.get("/<layer>.json")
@open_data
def tilejson(layer):
    who = reader()
    chosen = who.hold(layer_filter(layer, request.args))
    asked = {name: value for name, value in chosen.to_json().items() if name in request.args}
    query = "?" + urlencode(asked) if asked else ""
    body = orjson.dumps({
        "tilejson": "3.0.0", "name": f"{settings().TITLE}: {chosen.sentence()}", "scheme": "xyz",
        "attribution": settings().ATTRIBUTION, "license": settings().DATA_LICENSE,
        "tiles": [absolute(f"/tiles/{layer}/{{z}}/{{x}}/{{y}}.mvt{query}")],
        "minzoom": 0, "maxzoom": MOST_ZOOM, "bounds": bounds(chosen, who),
        "vector_layers": [{
            "id": LAYER, "minzoom": 0, "maxzoom": MOST_ZOOM, "fields": {**OF_POINTS, **OF_CELLS},
            "description": _("Single reports, with an id, where few are in a tile; else cells with n, the number of reports in them."),
        }],
    })  # fmt: skip
    return licensed(caching(conditional(etag_of(body), lambda: Response(body, mimetype="application/json")), who))


def bounds(chosen: ReportFilter, who: Reader) -> list[float]:
    """Around what there may be: the filter's box, else the tiles of the map (some 150 km wide) that hold any report."""
    bbox = chosen.bbox or who.scope.bbox
    if bbox is None and who.scope == Scope():
        bbox = kept_counts.extent(who.audience)
    bbox = bbox or settings().AREA or geo.Bbox(-180, -90, 180, 90)
    west, east = (-180.0, 180.0) if bbox.crosses else (bbox.west, bbox.east)  # TileJSON has no boxes across the antimeridian
    return [west, max(bbox.south, -geo.MERCATOR_LIMIT), east, min(bbox.north, geo.MERCATOR_LIMIT)]


@blueprint.get("/<layer>/<z>/<x>/<y>.mvt")
@open_data
def tile(layer, z, x, y):
    at, who = parse_tile(z, x, y), reader()
    chosen = who.hold(layer_filter(layer, request.args))
    key = ("tile", chosen.canonical(), *at)
    lasting = layer in LAYERS  # a layer of one's own can be removed, which changes no report
    answer = kept(
        key, who, chosen.kinds, MEDIA_TYPE, lambda: build(chosen, who.audience, *at), relative=chosen.relative, again=lasting
    )
    return licensed(answer)


def parse_tile(z: str, x: str, y: str) -> tuple[int, int, int]:
    """Raises InvalidParameter, naming which of them is wrong."""
    most, found = MOST_ZOOM, []
    for name, text in (("z", z), ("x", x), ("y", y)):
        if not (text.isascii() and text.isdecimal() and len(text) <= 7 and int(text) <= most):
            raise InvalidParameter(f"{name} is a whole number from 0 to {most}", field=name)
        found.append(int(text))
        most = (1 << found[0]) - 1
    return tuple(found)


def build(chosen: ReportFilter, audience, z: int, x: int, y: int) -> tuple[int, bytes]:
    """(seq, the tile); empty bytes where it holds nothing."""
    seq = head_seq(audience, chosen.kinds)
    if chosen.placed is False:
        return seq, b""
    level = min(z + FINER, geo.CELL_ZOOM)
    tiles = cells_of(z, x, y, level, chosen.bbox)
    found = count(chosen, tiles, level, audience)
    if not found:
        return seq, b""
    if sum(cell.n for cell in found.values()) <= MOST_POINTS:
        data = encode(_points(chosen, audience, tiles, level), z, x, y)
        if len(data) <= MOST_BYTES:
            return seq, data
    return seq, encode(_cells(found.values()), z, x, y)


def cells_of(z: int, x: int, y: int, level: int, bbox: geo.Bbox | None) -> list[Tile]:
    """The cells of a tile, and of a ring around it, which goes on beyond the antimeridian; less those outside the box."""
    place, side, around = placing(bbox, level), 1 << (level - z), 1 << level
    columns = range(x * side - 1, (x + 1) * side + 1) if z else range(around)
    rows = range(max(0, y * side - 1), min(around, (y + 1) * side + 1))
    met = dict.fromkeys((column % around, row) for column in columns for row in rows)
    return [Tile(*xy, inside) for xy in met if (inside := place(*xy)) is not None]


def _points(chosen, audience, tiles, level):
    """(lon, lat, properties) of each report, the newest last: it is drawn over the others."""
    p = Publication
    query = select_in_ranges(chosen, audience, ranges_of(tiles, level), p.lon, p.lat, p.feature).order_by(p.id)
    for lon, lat, feature in db.session.connection().execute(query.execution_options(binary_results=True)):
        told = orjson.loads(feature)
        told["properties"]["id"] = told["id"]
        yield lon, lat, {name: told["properties"][name] for name in OF_POINTS}


def _cells(found):
    """The same of counted cells, the smallest last."""
    for cell in sorted(found, key=lambda cell: -cell.n):
        yield *cell.point, cell.counts()


def encode(marks, z: int, x: int, y: int) -> bytes:
    """MVT of (lon, lat, properties); what is null has no key in it."""
    marks = list(marks)
    if not marks:
        return b""
    places = shapely.points([position(lon, lat, z, x, y) for lon, lat, _ in marks])
    features = [
        {"geometry": place, "properties": {name: value for name, value in told.items() if value is not None}}
        for place, (_lon, _lat, told) in zip(places, marks, strict=True)
    ]
    return mapbox_vector_tile.encode({"name": LAYER, "features": features}, default_options=ENCODING)


def position(lon: float, lat: float, z: int, x: int, y: int) -> tuple[int, int]:
    """In the tile's own coordinates, y down; what lies beyond the antimeridian is beside the tile, not around the world."""
    around = EXTENT << z
    sine = math.sin(math.radians(max(-geo.MERCATOR_LIMIT, min(geo.MERCATOR_LIMIT, lat))))
    across = (lon / 360 + 0.5) * around - x * EXTENT
    if z:
        across = (across - EXTENT / 2 + around / 2) % around - around / 2 + EXTENT / 2
    return round(across), round((0.5 - math.atanh(sine) / (2 * math.pi)) * around - y * EXTENT)
