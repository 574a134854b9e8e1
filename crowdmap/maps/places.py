"""Names one can fly to: the crisis's towns, and what the overlays name. Never a report's place."""

from flask_babel import gettext as _
from sqlalchemy import select

from crowdmap import geo
from crowdmap.db import db
from crowdmap.db.search import fold
from crowdmap.maps.models import Overlay
from crowdmap.reports.models import Area

MOST = 12


def find_places(words: str) -> list[dict]:
    """At most 12 of ``{name, kind, lon, lat, bbox}`` whose name holds the words; a name that begins so comes first."""
    wanted = fold(words[:200])
    if not wanted:
        return []
    found = []
    for area in db.session.scalars(select(Area)):
        rank = min(_rank(wanted, fold(name)) for name in (area.name, *area.aliases))
        box = geo.bbox_around(area.lon, area.lat, area.radius_m)
        found.append((rank, 0, area.name, _("town"), area.lon, area.lat, [round(side, 5) for side in box.as_list()]))
    for overlay in db.session.execute(select(Overlay.name, Overlay.places)):
        for name, folded, lon, lat, box in overlay.places:
            found.append((_rank(wanted, folded), 1, name, overlay.name, lon, lat, box))
    found = sorted(place for place in found if place[0] < 3)[:MOST]
    return [
        {"name": name, "kind": kind, "lon": lon, "lat": lat, "bbox": box} for _r, _o, name, kind, lon, lat, box in found
    ]


def _rank(wanted: str, name: str) -> int:
    """0 the name itself, 1 its beginning, 2 the beginning of one of its words, 3 not at all."""
    if name == wanted:
        return 0
    if name.startswith(wanted):
        return 1
    return 2 if f" {wanted}" in f" {name}" else 3
