"""Plain geography: boxes, cells, distances. No SQL, no Flask.

Coordinates are always lon, lat in degrees, EPSG:4326; boxes are always west, south, east, north
(RFC 7946 §5); a box whose west is greater than its east crosses the antimeridian (RFC 7946 §5.2).
"""

import math
from dataclasses import dataclass
from functools import lru_cache

from crowdmap.errors import InvalidBbox, InvalidPoint

EARTH_RADIUS_M = 6_371_008.8  # mean radius R1 of IUGG 1980
MERCATOR_LIMIT = 85.05112877980659  # where Web Mercator's square ends
CELL_ZOOM = 24
BLUR_ZOOM = 16
PLACES = 7  # decimals of a degree in what is asked and told: a centimetre


def number(text: str, name: str) -> float:
    """A finite float from one query-string value; raises InvalidPoint naming the field."""
    try:
        value = float(text)
    except (TypeError, ValueError):
        raise InvalidPoint(f"{str(text)[:40]!r} is not a number", field=name) from None
    if not math.isfinite(value):
        raise InvalidPoint("the number must be finite", field=name)
    return value


def rounded(value: float, places: int) -> float:
    """To so many decimals, as `written` tells it; never a negative zero."""
    return round(value, places) + 0.0


def written(value: float, places: int) -> str:
    """With as few decimals as it needs, at most so many."""
    return f"{value:.{places}f}".rstrip("0").rstrip(".")


@dataclass(frozen=True)
class Bbox:
    """west, south, east, north in degrees. What is read has PLACES decimals, so that it is what is written."""

    west: float
    south: float
    east: float
    north: float

    def __post_init__(self):
        for name, value, limit in (
            ("west", self.west, 180), ("south", self.south, 90), ("east", self.east, 180), ("north", self.north, 90)
        ):
            if not math.isfinite(value) or abs(value) > limit:
                raise InvalidBbox(f"{name} {value:g} is outside -{limit} … {limit}", field="bbox")
        if self.south > self.north:
            raise InvalidBbox(f"south {self.south:g} is north of north {self.north:g}", field="bbox")

    @classmethod
    def parse(cls, text: str) -> "Bbox":
        """``west,south,east,north``; six numbers (with heights, RFC 7946 §5) are taken too."""
        parts = str(text).split(",")
        if len(parts) == 6:
            parts = parts[:2] + parts[3:5]
        if len(parts) != 4:
            raise InvalidBbox("a bbox has four numbers: west,south,east,north", field="bbox")
        try:
            return cls(*(rounded(float(part), PLACES) for part in parts))
        except ValueError:
            raise InvalidBbox("a bbox has four numbers: west,south,east,north", field="bbox") from None

    @property
    def crosses(self) -> bool:
        return self.west > self.east

    def parts(self) -> list["Bbox"]:
        """One box, or the two on either side of the antimeridian."""
        if not self.crosses:
            return [self]
        return [Bbox(self.west, self.south, 180.0, self.north), Bbox(-180.0, self.south, self.east, self.north)]

    def contains(self, lon: float, lat: float) -> bool:
        return any(p.west <= lon <= p.east and p.south <= lat <= p.north for p in self.parts())

    @property
    def width(self) -> float:
        return (self.east - self.west) % 360 if self.crosses else self.east - self.west

    def centre(self) -> tuple[float, float]:
        lon = self.west + self.width / 2
        return (lon - 360 if lon > 180 else lon, (self.south + self.north) / 2)

    def as_list(self) -> list[float]:
        return [self.west, self.south, self.east, self.north]

    def __str__(self) -> str:
        return ",".join(written(side, PLACES) for side in self.as_list())


Ends = tuple[float | None, float | None]


class Extent:
    """The box around points that come by, kept in the outermost of each half of the world."""

    def __init__(self):
        self._west = [math.inf, -math.inf]  # the lowest and the highest longitude below 0
        self._east = [math.inf, -math.inf]
        self._lats = [math.inf, -math.inf]

    def add(self, west: Ends, east: Ends, lats: Ends) -> None:
        """The least and the greatest longitude below 0, the same from 0 on, and of latitude; None where there is no point."""
        for ends, (low, high) in ((self._west, west), (self._east, east), (self._lats, lats)):
            if low is not None:
                ends[:] = min(ends[0], low), max(ends[1], high)

    def bbox(self) -> Bbox | None:
        """None without a point; across the antimeridian (RFC 7946 §5.2) where that way is the shorter one."""
        (west, west_most), (east, east_most), (south, north) = self._west, self._east, self._lats
        if south > north:
            return None
        if west_most < west or east_most < east:  # all in one half
            return Bbox(min(west, east), south, max(west_most, east_most), north)
        if west_most + 360 - east < east_most - west:
            return Bbox(east, south, west_most, north)
        return Bbox(west, south, east_most, north)


@dataclass(frozen=True)
class Location:
    """A point and how well it is known: accuracy_m in metres (None: not said), source gps|pin|gazetteer|town."""

    lon: float
    lat: float
    accuracy_m: float | None = None
    source: str = "pin"

    def __post_init__(self):
        check_point(self.lon, self.lat)


def check_point(lon: float, lat: float) -> None:
    """Raises InvalidPoint, in words that help with swapped coordinates."""
    if not (math.isfinite(lon) and math.isfinite(lat)):
        raise InvalidPoint("the coordinates must be finite numbers", field="lat")
    if abs(lat) > 90:
        hint = " (are lat and lon swapped?)" if abs(lon) <= 90 else ""
        raise InvalidPoint(f"lat {lat:g} is outside -90 … 90{hint}", field="lat")
    if abs(lon) > 180:
        raise InvalidPoint(f"lon {lon:g} is outside -180 … 180", field="lon")


def tile(lon: float, lat: float, zoom: int) -> tuple[int, int]:
    """x, y of the Web-Mercator tile (y from the north) that holds the point; latitudes are clamped at ±85.05°."""
    lat = max(-MERCATOR_LIMIT, min(MERCATOR_LIMIT, lat))
    n = 1 << zoom
    x = int((lon + 180.0) / 360.0 * n)
    y = int((1.0 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2.0 * n)
    return (max(0, min(n - 1, x)), max(0, min(n - 1, y)))


def tile_bounds(x: int, y: int, zoom: int) -> Bbox:
    n = 1 << zoom

    def lat(row):
        return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * row / n))))

    return Bbox(x / n * 360 - 180, lat(y + 1), (x + 1) / n * 360 - 180, lat(y))


@lru_cache(1 << 14)  # the same columns and rows come by over and over
def _spread(v: int) -> int:
    v &= 0xFFFFFFFF
    v = (v | (v << 16)) & 0x0000FFFF0000FFFF
    v = (v | (v << 8)) & 0x00FF00FF00FF00FF
    v = (v | (v << 4)) & 0x0F0F0F0F0F0F0F0F
    v = (v | (v << 2)) & 0x3333333333333333
    return (v | (v << 1)) & 0x5555555555555555


def _gather(v: int) -> int:
    v &= 0x5555555555555555
    v = (v | (v >> 1)) & 0x3333333333333333
    v = (v | (v >> 2)) & 0x0F0F0F0F0F0F0F0F
    v = (v | (v >> 4)) & 0x00FF00FF00FF00FF
    v = (v | (v >> 8)) & 0x0000FFFF0000FFFF
    return (v | (v >> 16)) & 0x00000000FFFFFFFF


def interleave(x: int, y: int) -> int:
    """Morton order: y's bits over x's, as in a quadkey."""
    return _spread(x) | (_spread(y) << 1)


def cell(lon: float, lat: float) -> int:
    """48 bits: the interleaved zoom-24 tile; ``cell >> 2 * (24 - z)`` is the tile at zoom z."""
    return interleave(*tile(lon, lat, CELL_ZOOM))


def cell_tile(value: int, zoom: int) -> tuple[int, int]:
    """x, y at *zoom* of a full (zoom-24) cell."""
    value >>= 2 * (CELL_ZOOM - zoom)
    return (_gather(value), _gather(value >> 1))


def cell_ranges(bbox: Bbox, most: int = 12) -> list[tuple[int, int]]:
    """At most about *most* inclusive (low, high) ranges of cells that together cover the box; more than the box too."""
    ranges = []
    for part in bbox.parts():
        zoom = CELL_ZOOM
        while True:
            x0, y0 = tile(part.west, part.north, zoom)
            x1, y1 = tile(part.east, part.south, zoom)
            if (x1 - x0 + 1) * (y1 - y0 + 1) <= most or zoom == 0:
                break
            zoom -= 1
        shift = 2 * (CELL_ZOOM - zoom)
        for x in range(x0, x1 + 1):
            for y in range(y0, y1 + 1):
                low = interleave(x, y) << shift
                ranges.append((low, low + (1 << shift) - 1))
    ranges.sort()
    merged = [ranges[0]]
    for low, high in ranges[1:]:
        if low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def tile_centre(lon: float, lat: float, zoom: int = BLUR_ZOOM) -> tuple[float, float]:
    """The blur: the centre of the point's tile. Deterministic, so that averaging and narrow boxes find nothing."""
    x, y = tile(lon, lat, zoom)
    n = 1 << zoom
    centre_lat = math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * (y + 0.5) / n))))
    return (round((x + 0.5) / n * 360 - 180, 7), round(centre_lat, 7))


def tile_side_metres(lat: float, zoom: int = BLUR_ZOOM) -> float:
    """The side on the ground of a tile at this latitude, in metres."""
    return 2 * math.pi * EARTH_RADIUS_M * math.cos(math.radians(min(abs(lat), MERCATOR_LIMIT))) / (1 << zoom)


def distance_m(a_lon: float, a_lat: float, b_lon: float, b_lat: float) -> float:
    """Great-circle distance in metres (haversine; ≤ 0.5 % off the ellipsoid)."""
    p, q = math.radians(a_lat), math.radians(b_lat)
    h = math.sin((q - p) / 2) ** 2 + math.cos(p) * math.cos(q) * math.sin(math.radians(b_lon - a_lon) / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, h)))


def bbox_around(lon: float, lat: float, metres: float) -> Bbox:
    """A box that holds every point within *metres*; the whole band of longitudes near a pole."""
    dlat = math.degrees(metres / EARTH_RADIUS_M) * 1.001
    south, north = max(-90.0, lat - dlat), min(90.0, lat + dlat)
    widest = max(abs(south), abs(north))
    dlon = 180.0 if widest >= 89.9 else dlat / math.cos(math.radians(widest))
    if dlon >= 180.0:
        return Bbox(-180.0, south, 180.0, north)
    west, east = lon - dlon, lon + dlon
    return Bbox(west + 360 if west < -180 else west, south, east - 360 if east > 180 else east, north)
