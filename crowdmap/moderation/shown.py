"""How the desk words what it shows."""

import re
from collections.abc import Iterator
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from crowdmap import geo
from crowdmap.config import settings
from crowdmap.db.search import fold
from crowdmap.reports.models import Area, Category, Policy

# names of fields that hold a person's name or how to reach them, in our own messages and in other systems' exports, in
# English, French, Kreyòl and Spanish, as `fold` has them. "Nombre" alone is a name in Spanish and a number in French, "nombre
# de personnes" is people
_PERSONAL = re.compile(
    r"contact|kontak|phone|telef|\btel\b|mobile|\bmovil|celular|cellulaire|whatsapp|e ?mail|\bmail\b|\bimel\b|courriel|correo"
    r"|sender|author|auteur|\bautora?\b|reporter|rapporteur|submitter|expediteur|remitente"
    r"|(first|last|full|person|user|family|sur) ?names?\b|prenom|apellido|siyati"
    r"|\b(nom|non|nombre) (complet|konple|de famille|de la person|et prenom)"
    r"|^(names?|noms?|non|nombres?|from|portable|cel)$"
)
DEEPEST = 8  # levels of fields within fields that are shown
_TECHNICAL = frozenset({"client_id", "csrf_token", "website", "started"})


# signs that make the words after them run the other way, so that a text reads as another
_OVERRIDES = re.compile(r"[\u202a-\u202e\u2066-\u2069]")


def _plainly(text: str) -> str:
    """With such signs named instead of obeyed; what is kept stays as it came."""
    return _OVERRIDES.sub(lambda sign: f"[U+{ord(sign[0]):04X}]", text)


def told(fields: dict | None) -> list[tuple[str, str]]:
    """A message as received, field by field, without who sent it; empty fields are left out. A field within another one
    (the properties of a GeoJSON feature) is named by both and judged by its own name."""
    return list(_told({name: value for name, value in (fields or {}).items() if name not in _TECHNICAL}))


def _told(fields: dict, above: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        if value in (None, "", [], {}) or _PERSONAL.search(fold(name)):
            continue
        path = (*above, name)
        if isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value):
            value = {str(number): item for number, item in enumerate(value, 1)}
        if isinstance(value, dict):
            if len(path) < DEEPEST:
                yield from _told(value, path)
            continue
        words = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        yield _plainly(" / ".join(path)), _plainly(words)


def category_name(category: Category, language: str) -> str:
    return category.names.get(language.partition("_")[0], category.name)


def why(reasons: list, category_names: dict[str, str]) -> list[tuple[str, str]]:
    """What makes a report urgent (see `urgency.Urgency`): codes and words; a code that nobody knows any more is left out."""
    return [(code, _WHY[code](about, category_names)) for code, about in reasons if code in _WHY]


_WHY = {
    "escalated": lambda reason, _names: _("escalated: %(reason)s", reason=reason) if reason else _("escalated"),
    "life": lambda code, names: _("life at risk: %(category)s", category=names.get(code, code)),
    "harm": lambda code, names: _("people at risk: %(category)s", category=names.get(code, code)),
    "words": lambda found, _names: _("says “%(words)s”", words=found),
    "people": lambda n, _names: ngettext("%(num)s person", "%(num)s people", n),
    "voices": lambda n, _names: ngettext("%(num)s voice", "%(num)s voices", n),
}


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
            for a in session.execute(select(Area.name, Area.lon, Area.lat).order_by(Area.radius_m.desc()))
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
