"""How the desk words what it shows."""

import re
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crowdmap import geo
from crowdmap.config import settings
from crowdmap.reports.models import Area, Category, Policy

# names of fields that hold a person's name or how to reach them, in our own messages and in other systems' exports
_PERSONAL = re.compile(
    r"contact|phone|mobile|e-?mail|sender|author|reporter|submitter|(first|last|full|person|user).?name|^name$|^from$|^tel\b",
    re.IGNORECASE,
)
_TECHNICAL = frozenset({"client_id", "csrf_token", "website", "started"})


# signs that make the words after them run the other way, so that a text reads as another
_OVERRIDES = re.compile(r"[\u202a-\u202e\u2066-\u2069]")


def _plainly(text: str) -> str:
    """With such signs named instead of obeyed; what is kept stays as it came."""
    return _OVERRIDES.sub(lambda sign: f"[U+{ord(sign[0]):04X}]", text)


def told(fields: dict | None) -> list[tuple[str, str]]:
    """A message as received, field by field, without who sent it; empty fields are left out."""
    pairs = []
    for name, value in (fields or {}).items():
        if value in (None, "", [], {}) or name in _TECHNICAL or _PERSONAL.search(name):
            continue
        words = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        pairs.append((_plainly(name), _plainly(words)))
    return pairs


def category_name(category: Category, language: str) -> str:
    return category.names.get(language.partition("_")[0], category.name)


def note_of(change: dict) -> str:
    """A decision's change in words: "status: pending → published; description"."""
    parts = []
    for name, values in (change or {}).items():
        label = _FIELDS.get(name, name)
        if values is None:
            parts.append(str(label))
        else:
            old, new = (
                "–" if v in (None, "", []) else ", ".join(map(str, v)) if isinstance(v, list) else str(v)
                for v in values
            )
            parts.append(f"{label}: {old} → {new}")
    return "; ".join(parts)


_FIELDS = {
    "more_categories": "categories", "occurred_at": "time", "out_of_area": "outside the area", "point": "point",
    "merged_into": "merged into", "taken_in": "taken in", "distinct_from": "not the same as", "vouched_by": "accounts",
    "placed_by": "accounts", "categorised_by": "accounts",
}  # fmt: skip


def map_of(session: Session, found, static: str) -> dict[str, Any]:
    """What the small map draws: exact point, public point, the tile it was blurred to, twins. For staff only."""
    preview = found.preview
    exact = preview.place if preview else found.report.private
    tile = None
    if preview and preview.policy is Policy.TILE and exact and exact.lon is not None:
        tile = geo.tile_bounds(*geo.tile(exact.lon, exact.lat, geo.BLUR_ZOOM), geo.BLUR_ZOOM).as_list()
    return {
        "exact": None if exact is None or exact.lon is None else [exact.lon, exact.lat, exact.accuracy_m],
        "public": list(preview.point) if preview and preview.point else None,
        "tile": tile,
        "kind": found.report.kind.value,
        "twins": [
            {
                "id": twin.public_id,
                "lon": twin.lon,
                "lat": twin.lat,
                "title": twin.title,
                "kind": found.report.kind.value,
            }
            for twin in found.twins
            if twin.lon is not None
        ],
        **ground(session, static),
    }


def ground(session: Session, static: str) -> dict[str, Any]:
    """What any small map of the desk stands on."""
    area = settings().AREA
    return {
        "area": area.as_list() if area else None,
        "tiles": {"url": settings().TILE_URL, "attribution": settings().TILE_ATTRIBUTION},
        "towns": [
            {"name": a.name, "lon": a.lon, "lat": a.lat}
            for a in session.scalars(select(Area).order_by(Area.radius_m.desc()))
        ],
        "urls": {"world": f"{static}/vendor/world-atlas/countries-50m.json", "overlays": "/map/overlays.json"},
    }


def map_of_group(session: Session, found, static: str) -> dict[str, Any]:
    """The points of a group (comparing.Comparison) as the team knows them, numbered; circles for those in view."""
    shown = {member.public_id for member in found.columns}
    points = [
        {
            "id": member.public_id, "n": found.numbers[member.public_id], "lon": member.point[0], "lat": member.point[1],
            "precision": member.properties["precision_m"], "title": member.title[:80], "shown": member.public_id in shown,
        }
        for member in found.members
        if member.point
    ]  # fmt: skip
    return {"points": points, **ground(session, static)}
