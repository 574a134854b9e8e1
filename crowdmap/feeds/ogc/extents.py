"""Where and since when a layer's reports are: measured when something changed, and never for more than a hundredth of
the time, since among a million reports it takes half a second."""

import threading
import time
from dataclasses import dataclass, replace
from datetime import datetime

from flask import current_app
from sqlalchemy import and_, case, func, select

from crowdmap.config import settings
from crowdmap.db import db
from crowdmap.feeds.heads import head_seq
from crowdmap.feeds.layers import layer_filter
from crowdmap.feeds.ogc.properties import VISIBLE_STATUSES
from crowdmap.feeds.reader import Reader
from crowdmap.geo import Bbox
from crowdmap.publishing.models import Publication

QUICK_S = 0.02  # what takes no longer is always fresh
SHARE = 100
MOST_KEPT = 200


@dataclass(frozen=True)
class Extent:
    """*bbox* of the published points, AREA while there are none; *since*: the first report happened then."""

    bbox: Bbox | None
    since: datetime | None


@dataclass(frozen=True)
class _Measured:
    seq: int
    at: float
    took: float
    extent: Extent

    def good(self, seq: int) -> bool:
        return self.seq == seq or (self.took > QUICK_S and time.monotonic() - self.at < self.took * SHARE)


class Extents:
    """The last measure of each layer and reader."""

    def __init__(self):
        self.kept: dict[tuple, _Measured] = {}
        self.lock = threading.Lock()


def extent(layer: str, who: Reader) -> Extent:
    """Of what this reader may see of the layer, closed reports too. Raises NotFound."""
    chosen = who.hold(replace(layer_filter(layer, {}), statuses=VISIBLE_STATUSES))
    key = (who.audience, chosen.canonical())
    seq = head_seq(who.audience, chosen.kinds)
    store = current_app.extensions.setdefault("crowdmap_extents", Extents())
    with store.lock:
        known = store.kept.get(key)
        if known is None or not known.good(seq):
            started = time.monotonic()
            found = _measure(chosen, who)
            known = _Measured(seq, time.monotonic(), time.monotonic() - started, found)
            if len(store.kept) >= MOST_KEPT:
                store.kept.clear()
            store.kept[key] = known
    return known.extent


def _measure(chosen, who) -> Extent:
    p, area = Publication, settings().AREA
    # in a crisis on both sides of the 180th meridian, longitudes count on beyond it
    across = area is not None and area.crosses
    lon = case((p.lon < 0, p.lon + 360), else_=p.lon) if across else p.lon
    columns = func.min(lon), func.max(lon), func.min(p.lat), func.max(p.lat), func.min(p.happened_at)
    query = select(*columns).where(and_(*chosen.where(who.audience, index=False)))
    west, east, south, north, since = db.session.execute(query).one()
    if west is None:
        return Extent(area, since)
    west, south, east, north = (round(value, 7) for value in (west, south, east, north))  # as features have them
    return Extent(Bbox(_back(west), south, _back(east), north), since)


def _back(lon: float) -> float:
    return round(lon - 360, 7) if lon > 180 else lon
