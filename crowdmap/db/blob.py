"""SpatiaLite's geometry BLOB, to and from Shapely.

``00 01 srid(i32) minx miny maxx maxy(4 × f64) 7C class(u32) coordinates FE``, little-endian; the class is ISO's
(1 point … 7 collection, +1000 with z), the coordinates are those of WKB, but the members of a multi-geometry begin
with 69 where WKB repeats the byte order. Source: the SpatiaLite wiki, "BLOB-Geometry internal format".
"""

import math
import re
import struct

import shapely

_HEAD = struct.Struct("<BBi4dB")
_POINT = struct.Struct("<BBi4dBI2dB")
_BOUNDS = struct.Struct("<4d")
_HEAD_LENGTH = _HEAD.size  # 39, and the class follows
_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
_EWKT_POINT = re.compile(rf"(?:SRID=(\d+);)?POINT ?\({_NUMBER} {_NUMBER}\)")
_SRID = re.compile(r"\s*SRID\s*=\s*(-?\d+)\s*;", re.IGNORECASE)

_COORDINATES = {0: 2, 1: 3, 2: 3, 3: 4}  # XY, XYZ, XYM, XYZM
NAMES = {
    0: "GEOMETRY", 1: "POINT", 2: "LINESTRING", 3: "POLYGON", 4: "MULTIPOINT", 5: "MULTILINESTRING",
    6: "MULTIPOLYGON", 7: "GEOMETRYCOLLECTION",
}  # fmt: skip
CLASSES = {name: number for number, name in NAMES.items()}


class NotGeometry(ValueError):
    """Bytes or text that are no geometry, or an empty one, which the format cannot hold."""


def point(lon: float, lat: float, srid: int) -> bytes:
    _check_finite(lon, lat)
    return _POINT.pack(0, 1, srid, lon, lat, lon, lat, 0x7C, 1, lon, lat, 0xFE)


def from_ewkt(text: str, srid: int | None = None) -> bytes:
    """``SRID=4326;POINT(lon lat)`` or plain WKT with *srid* (0: not said) → BLOB. Raises NotGeometry."""
    simple = _EWKT_POINT.fullmatch(text)
    if simple:
        return point(float(simple[2]), float(simple[3]), int(simple[1] or srid or 0))
    match = _SRID.match(text)
    if match:
        srid, text = int(match[1]), text[match.end() :]
    try:
        return encode(shapely.from_wkt(text), srid or 0)
    except shapely.errors.ShapelyError as error:
        raise NotGeometry(str(error)) from error


def from_wkb(data: bytes | str, srid: int | None = None) -> bytes:
    """WKB or EWKB, as bytes or hex; its own SRID wins over *srid*."""
    try:
        shape = shapely.from_wkb(data)
    except shapely.errors.ShapelyError as error:
        raise NotGeometry(str(error)) from error
    return encode(shape, shapely.get_srid(shape) or srid or 0)


def _check_finite(*numbers: float) -> None:
    if not all(map(math.isfinite, numbers)):
        raise NotGeometry("coordinates must be finite numbers")


def encode(shape: shapely.Geometry, srid: int) -> bytes:
    if shape is None or shape.is_empty:
        raise NotGeometry("an empty geometry cannot be stored")
    _check_finite(*shape.bounds)
    wkb = bytearray(shapely.to_wkb(shape, byte_order=1, flavor="iso", include_srid=False))
    for start in _members(wkb, 0):
        wkb[start] = 0x69
    return _HEAD.pack(0, 1, srid, *shape.bounds, 0x7C) + bytes(wkb[1:]) + b"\xfe"


def decode(blob: bytes) -> tuple[shapely.Geometry, int]:
    """→ (shape, srid). Raises NotGeometry."""
    srid = srid_of(blob)
    wkb = bytearray(b"\x01" + blob[_HEAD_LENGTH:-1])
    try:
        for start in _members(wkb, 0):
            wkb[start] = 1
        return shapely.from_wkb(bytes(wkb)), srid
    except (struct.error, KeyError, shapely.errors.ShapelyError) as error:
        raise NotGeometry("the bytes of the geometry are damaged") from error


def is_blob(blob) -> bool:
    return (
        isinstance(blob, bytes)
        and len(blob) >= _HEAD_LENGTH + 5
        and (blob[0], blob[1], blob[_HEAD_LENGTH - 1], blob[-1]) == (0, 1, 0x7C, 0xFE)
    )


def _checked(blob) -> bytes:
    if not is_blob(blob):
        raise NotGeometry("these bytes are no geometry")
    return blob


def srid_of(blob: bytes) -> int:
    return struct.unpack_from("<i", _checked(blob), 2)[0]


def class_of(blob: bytes) -> int:
    return struct.unpack_from("<I", _checked(blob), _HEAD_LENGTH)[0]


def bounds(blob: bytes) -> tuple[float, float, float, float]:
    """West, south, east, north, from the header: no coordinate is read."""
    return _BOUNDS.unpack_from(_checked(blob), 6)


def _members(wkb: bytearray, start: int) -> list[int]:
    """Where the members of a multi-geometry begin, nested ones too: the places of the byte that differs from WKB."""
    found: list[int] = []
    _walk(wkb, start, found, member=False)
    return found


def _walk(wkb, start, found, member=True) -> int:
    if member:
        found.append(start)
    kind = struct.unpack_from("<I", wkb, start + 1)[0]
    size = 8 * _COORDINATES[kind // 1000]
    at = start + 5
    base = kind % 1000
    if base == 1:
        return at + size
    count = struct.unpack_from("<I", wkb, at)[0]
    at += 4
    if base == 2:
        return at + count * size
    if base == 3:
        for _ in range(count):
            at += 4 + size * struct.unpack_from("<I", wkb, at)[0]
        return at
    if base not in NAMES or base == 0:
        raise KeyError(kind)
    for _ in range(count):
        at = _walk(wkb, at, found)
    return at
