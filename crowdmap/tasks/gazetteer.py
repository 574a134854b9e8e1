"""The gazetteer: the crisis's own towns, and places that a coordinator uploaded as GeoJSON. Never a report's place."""

import math
from dataclasses import dataclass

import orjson
from flask_babel import gettext as _
from sqlalchemy import delete, func, insert, or_, select
from sqlalchemy.orm import Session

from crowdmap import geo
from crowdmap.config import settings
from crowdmap.db import MOST_ID, utcnow
from crowdmap.db.search import fold
from crowdmap.errors import DomainError
from crowdmap.events import PlacesChanged, record
from crowdmap.reports.models import Area
from crowdmap.tasks.models import Place, PlaceFile, PlaceName

MOST_BYTES = 5_000_000
MOST_PLACES = 50_000
MOST_NAMES = 20  # of one place
FOUND = 12
POINT_M, LEAST_M, MOST_M = 300.0, 50.0, 100_000.0  # how far a name reaches around a point; bounds of what is taken
DEPTHS = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
NAMES = ("name", "NAME", "Name", "title", "ADM3_EN", "ADM2_EN", "ADM1_EN")
ALIASES = ("aliases", "alias", "alt_name", "old_name", "short_name", "other_names")


class InvalidPlaces(DomainError):
    code, title = "invalid-places", "The file of places could not be used"


@dataclass(frozen=True)
class Found:
    """One place: *code* is how an answer names it."""

    code: str
    name: str
    kind: str
    lon: float
    lat: float
    radius_m: float


# ---- asking


def search(session: Session, words: str, limit: int = FOUND) -> list[Found]:
    """Places one of whose names holds the words, each at the beginning of a word; the shortest such name first."""
    wanted = fold(words[:200])
    if not wanted:
        return []
    found = []
    for area in session.scalars(select(Area)):
        ranks = [rank for name in (area.name, *area.aliases) if (rank := _rank(wanted, fold(name))) is not None]
        if ranks:
            found.append((min(ranks), 0, area.name, Found(f"area:{area.code}", area.name, _("town"), area.lon, area.lat, area.radius_m)))
    names, like = PlaceName.folded, wanted.replace("\\", "")  # folded words hold neither % nor _
    query = select(Place, names, PlaceFile.name).join(PlaceName, PlaceName.place_id == Place.id).join(PlaceFile, PlaceFile.id == Place.file_id)
    query = query.where(or_(names.like(f"{like}%"), names.like(f"% {like}%"))).order_by(func.length(names), Place.id)
    for place, name, file in session.execute(query.limit(limit * 3)):
        found.append((_rank(wanted, name) or (0, 0), 1, place.name, Found(f"place:{place.id}", place.name, file, place.lon, place.lat, place.radius_m)))
    ordered, codes = [], set()
    for *_order, one in sorted(found, key=lambda line: line[:3]):
        if one.code not in codes:
            codes.add(one.code)
            ordered.append(one)
    return ordered[:limit]


def _rank(wanted: str, name: str) -> tuple[int, int] | None:
    """The lower the nearer; None where the name does not hold the words."""
    if f" {wanted}" not in f" {name}":
        return None
    return (0 if name == wanted else 1 if name.startswith(wanted) else 2), len(name)


def find(session: Session, code: str) -> Found | None:
    """The place that an answer names, if there is one."""
    kind, _colon, key = code.partition(":")
    if kind == "area":
        area = session.get(Area, key)
        return area and Found(code, area.name, _("town"), area.lon, area.lat, area.radius_m)
    if kind == "place" and key.isascii() and key.isdecimal() and len(key) < 11 and int(key) <= MOST_ID:
        place = session.get(Place, int(key))
        return place and Found(code, place.name, "", place.lon, place.lat, place.radius_m)
    return None


def files(session: Session) -> list[PlaceFile]:
    return list(session.scalars(select(PlaceFile).order_by(PlaceFile.name)))


# ---- changing; the caller commits


def add(session: Session, name: str, raw: bytes, account=None) -> PlaceFile:
    """Take the named places of *raw* (GeoJSON, RFC 7946, lon, lat) as the file *name*; one of the same name is replaced.

    Raises InvalidPlaces, which names the feature at fault.
    """
    name = " ".join(name.split())
    if not name or len(name) > 80:
        raise InvalidPlaces(_("Give the file a name of 1 to 80 characters."), field="name")
    # all that takes time before the first question: nobody else writes from there to the commit
    places = read(raw)
    names = [dict.fromkeys(filter(None, map(fold, (one["name"], *one["aliases"])))) for one in places]
    record(session, PlacesChanged(account_id=account.id if account else None, name=name, action="add"))
    file = session.scalar(select(PlaceFile).where(PlaceFile.name == name))
    if file is None:
        file = PlaceFile(name=name, places=0)
        session.add(file)
    else:
        session.execute(delete(PlaceName).where(PlaceName.place_id.in_(select(Place.id).where(Place.file_id == file.id))))
        session.execute(delete(Place).where(Place.file_id == file.id))
    file.places, file.added_at, file.added_by_id = len(places), utcnow(), account.id if account else None
    session.flush()
    # one statement for all, which RETURNING would make one each on SQLite: the ids grow in the order of the rows
    session.execute(insert(Place.__table__), [{**one, "file_id": file.id} for one in places])
    ids = session.scalars(select(Place.id).where(Place.file_id == file.id).order_by(Place.id)).all()
    rows = [{"place_id": place_id, "folded": one} for place_id, of in zip(ids, names, strict=True) for one in of]
    session.execute(insert(PlaceName.__table__), rows)
    return file


def outside_area(session: Session, file: PlaceFile) -> int:
    """How many of its places lie outside the crisis area; 0 where none is set. Some do (a capital, a port across the
    border); all of them is what swapped lat and lon look like."""
    area = settings().AREA
    points = session.execute(select(Place.lon, Place.lat).where(Place.file_id == file.id)) if area else ()
    return sum(not area.contains(lon, lat) for lon, lat in points)


def remove(session: Session, file_id: int, account=None) -> str | None:
    """The name of the file that is gone; None where there was none."""
    file = session.get(PlaceFile, file_id)
    if file is None:
        return None
    session.execute(delete(PlaceName).where(PlaceName.place_id.in_(select(Place.id).where(Place.file_id == file.id))))
    session.execute(delete(Place).where(Place.file_id == file.id))
    session.delete(file)
    record(session, PlacesChanged(account_id=account.id if account else None, name=file.name, action="remove"))
    return file.name


def read(raw: bytes) -> list[dict]:
    """The named features of a GeoJSON document as {name, aliases, lon, lat, radius_m}. Raises InvalidPlaces."""
    if len(raw) > MOST_BYTES:
        raise InvalidPlaces(_("At most %(n)s MB can be taken.", n=MOST_BYTES // 1_000_000), field="file")
    try:
        data = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise InvalidPlaces(_("This is not JSON."), field="file") from None
    features = data.get("features") if isinstance(data, dict) and data.get("type") == "FeatureCollection" else None
    if not isinstance(features, list):
        raise InvalidPlaces(_("This is no GeoJSON feature collection."), field="file")
    places = [place for number, feature in enumerate(features, 1) if (place := _place(feature, number))]
    if not places:
        raise InvalidPlaces(_("No feature in this file has both a name and a geometry."), field="file")
    if len(places) > MOST_PLACES:
        raise InvalidPlaces(_("At most %(n)s places can be taken.", n=MOST_PLACES), field="file")
    return places


def _place(feature, number: int) -> dict | None:
    """None for a feature without a name or geometry: files of the field have many."""
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    given = feature.get("properties") if isinstance(feature, dict) else None
    given = given if isinstance(given, dict) else {}
    name = next((text for key in NAMES if (text := _text(given.get(key)))), None)
    if name is None or geometry is None:
        return None
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind not in DEPTHS:
        _refuse(number, _("a geometry of type %(type)s has no place", type=str(kind)[:30]))
    positions: list[tuple[float, float]] = []
    _walk(geometry.get("coordinates"), DEPTHS[kind], number, positions)
    box = _box(positions)
    lon, lat = box.centre()
    corners = max(geo.distance_m(lon, lat, box.east, side) for side in (box.south, box.north))
    reach = corners if len(positions) > 1 else _number(given.get("radius_m")) or POINT_M
    aliases = [alias for key in ALIASES for alias in _aliases(given.get(key)) if alias != name]
    return {
        "name": name, "aliases": list(dict.fromkeys(aliases))[:MOST_NAMES], "lon": round(lon, 6), "lat": round(lat, 6),
        "radius_m": round(min(MOST_M, max(LEAST_M, reach)), 1),
    }  # fmt: skip


def _box(positions: list[tuple[float, float]]) -> geo.Bbox:
    """Around all of them, across the antimeridian where that is the shorter way (RFC 7946 §5.2)."""

    def ends(values: list[float]) -> geo.Ends:
        return min(values, default=None), max(values, default=None)

    extent = geo.Extent()
    lons = [lon for lon, _lat in positions]
    extent.add(ends([lon for lon in lons if lon < 0]), ends([lon for lon in lons if lon >= 0]), ends([lat for _lon, lat in positions]))
    return extent.bbox()


def _walk(value, depth: int, number: int, positions: list) -> None:
    if not isinstance(value, list) or not value:
        _refuse(number, _("coordinates are missing"))
    if depth:
        for item in value:
            _walk(item, depth - 1, number, positions)
        return
    lon, lat = value[:2] if len(value) > 1 else (None, None)
    for degrees, limit in ((lon, 180), (lat, 90)):
        if _number(degrees) is None and degrees != 0:
            _refuse(number, _("a coordinate is no number"))
        if abs(degrees) > limit:
            _refuse(number, _("%(n)s is outside -%(limit)s … %(limit)s; lon, lat in degrees are wanted (EPSG:4326)", n=f"{degrees:g}", limit=limit))
    positions.append((float(lon), float(lat)))


def _refuse(number: int, words: str):
    raise InvalidPlaces(_("Feature %(n)s: %(words)s.", n=number, words=words), field="file")


def _number(value) -> float | None:
    fine = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if fine and value else None


def _text(value) -> str | None:
    """A name as it can be kept: one line, no control characters, at most 120 characters."""
    if not isinstance(value, str):
        return None
    text = " ".join("".join(c for c in value if c.isprintable() or c.isspace()).split())[:120]
    return text if fold(text) else None


def _aliases(value) -> list[str]:
    """OpenStreetMap joins names by semicolons; others write a list."""
    items = value if isinstance(value, list) else value.split(";") if isinstance(value, str) else []
    return [text for item in items if (text := _text(item))]
