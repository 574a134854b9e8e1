"""The operator's own layers: roads, districts, shelters. Checked and slimmed when added, then served as stored."""

import math
import re
import unicodedata

import orjson
from sqlalchemy import func, select

from crowdmap.db import db, utcnow
from crowdmap.db.search import fold
from crowdmap.errors import DomainError
from crowdmap.maps.models import Overlay

MOST_BYTES = 30_000_000
MOST_PLACES = 5_000
TYPES = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
# what the map draws by; anything else a file carries stays at home
KEPT = ("name", "highway", "waterway", "natural")
NAMES = ("name", "NAME", "Name", "title", "ADM2_EN", "ADM1_EN")


class InvalidOverlay(DomainError):
    code, title = "invalid-overlay", "The overlay could not be used"


def add(session, name: str, raw: bytes) -> Overlay:
    """Store *raw* (GeoJSON, RFC 7946, lon, lat) under *name*; one of the same name is replaced. Raises InvalidOverlay."""
    name = " ".join(name.split())
    code = slug(name)
    if not code or len(name) > 80:
        raise InvalidOverlay("an overlay needs a name of 1 to 80 characters with letters or digits", field="name")
    features = [_slim(feature, n) for n, feature in enumerate(_features(raw), 1)]
    features = [feature for feature in features if feature is not None]
    if not features:
        raise InvalidOverlay("there is no feature with a geometry in this file", field="file")
    box = [180.0, 90.0, -180.0, -90.0]
    places = {}
    for feature in features:
        bounds = _bounds(feature["geometry"])
        box = [min(box[0], bounds[0]), min(box[1], bounds[1]), max(box[2], bounds[2]), max(box[3], bounds[3])]
        called = feature["properties"].get("name")
        if called and called not in places and len(places) < MOST_PLACES:
            lon, lat = round((bounds[0] + bounds[2]) / 2, 6), round((bounds[1] + bounds[3]) / 2, 6)
            places[called] = [called, fold(called), lon, lat, bounds]
    overlay = session.scalar(select(Overlay).where(Overlay.slug == code))
    if overlay is None:
        position = (session.scalar(select(func.max(Overlay.position))) or 0) + 1
        overlay = Overlay(slug=code, position=position)
        session.add(overlay)
    overlay.name, overlay.bbox, overlay.features = name, box, len(features)
    overlay.geojson = orjson.dumps({"type": "FeatureCollection", "features": features})
    overlay.places, overlay.added_at = list(places.values()), utcnow()
    session.flush()
    return overlay


def remove(session, name: str) -> bool:
    """Whether there was one of this name."""
    overlay = session.scalar(select(Overlay).where(Overlay.slug == slug(name)))
    if overlay is not None:
        session.delete(overlay)
    return overlay is not None


def listed() -> list[dict]:
    columns = (Overlay.name, Overlay.slug, Overlay.bbox, Overlay.features)
    rows = db.session.execute(select(*columns).order_by(Overlay.position, Overlay.id))
    return [{**row._asdict(), "url": f"/map/overlays/{row.slug}.geojson"} for row in rows]


def find(code: str) -> Overlay | None:
    return db.session.scalar(select(Overlay).where(Overlay.slug == code))


def slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    plain = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return plain or re.sub(r"\s+", "-", fold(name))


def _features(raw: bytes) -> list:
    if len(raw) > MOST_BYTES:
        raise InvalidOverlay(f"at most {MOST_BYTES // 1_000_000} MB; simplify it first, for instance with ogr2ogr -simplify")
    try:
        data = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidOverlay(f"this is not JSON: {error}", field="file") from None
    kind = data.get("type") if isinstance(data, dict) else None
    if kind == "FeatureCollection" and isinstance(data.get("features"), list):
        return data["features"]
    if kind == "Feature":
        return [data]
    if kind in TYPES:
        return [{"type": "Feature", "geometry": data, "properties": {}}]
    raise InvalidOverlay("this is JSON, but no GeoJSON feature collection", field="file")


def _slim(feature, number: int) -> dict | None:
    """The feature with what the map draws only, coordinates to a metre; None without geometry."""
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if geometry is None:
        return None
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind not in TYPES:
        raise InvalidOverlay(f"feature {number}: a geometry of type {str(kind)[:30]!r} cannot be drawn", field="file")
    given = feature.get("properties") or {}
    properties = {key: str(given[key])[:120] for key in KEPT if given.get(key)}
    called = next((str(given[key])[:120] for key in NAMES if given.get(key)), None)
    if called:
        properties["name"] = called
    coordinates = _round(geometry.get("coordinates"), TYPES[kind], number)
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": properties}


def _round(value, depth: int, number: int):
    """Nested positions checked and rounded to 5 decimals (1 m); heights are left out."""
    if not isinstance(value, list) or not value:
        raise InvalidOverlay(f"feature {number}: coordinates are missing", field="file")
    if depth:
        return [_round(item, depth - 1, number) for item in value]
    lon, lat = value[:2] if len(value) > 1 else (None, None)
    for degrees, limit in ((lon, 180), (lat, 90)):
        if isinstance(degrees, bool) or not isinstance(degrees, (int, float)) or not math.isfinite(degrees):
            raise InvalidOverlay(f"feature {number}: a coordinate is no number", field="file")
        if abs(degrees) > limit:
            raise InvalidOverlay(
                f"feature {number}: {degrees:g} is outside -{limit} … {limit}; the map wants lon, lat in degrees (EPSG:4326)",
                field="file",
            )
    return [round(lon, 5), round(lat, 5)]


def _bounds(geometry) -> list[float]:
    flat = []

    def walk(value, depth):
        if depth:
            for item in value:
                walk(item, depth - 1)
        else:
            flat.append(value)

    walk(geometry["coordinates"], TYPES[geometry["type"]])
    lons, lats = zip(*flat, strict=True)
    return [min(lons), min(lats), max(lons), max(lats)]
