"""How many reports a view holds per kind, category, status, verification and day, each counted with all filters but
its own: the number beside a box says what ticking it would show."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import func

from crowdmap.config import settings
from crowdmap.db import db
from crowdmap.db.moments import utc_hour
from crowdmap.feeds.reading import head_seq
from crowdmap.filters import ReportFilter
from crowdmap.maps.cells import select_in_view
from crowdmap.publishing.models import Audience, Publication, PublicationCategory
from crowdmap.reports.models import VISIBLE

DIMENSIONS = {"kind": ("kinds",), "verification": ("verifications",), "day": ("since", "until")}


def facets(chosen: ReportFilter, audience: Audience = Audience.PUBLIC) -> tuple[int, bytes]:
    """(seq, JSON) of ``{seq, total, unplaced, kind, category, status, verification, day}``; days in the crisis's zone."""
    seq = head_seq(audience)
    counted = {name: Counter() for name in ("kind", "verification", "status", "category", "day")}
    hours = Counter()
    # dimensions without a filter of their own share one scan; with one, each is asked without it
    free = [name for name, fields in DIMENSIONS.items() if chosen.without(*fields) == chosen]
    scans = [(chosen, free)] + [(chosen.without(*DIMENSIONS[name]), [name]) for name in DIMENSIONS if name not in free]
    for asked, names in scans:
        for row in _grouped(asked, audience, names) if names else ():
            *keys, n = row
            for name, key in zip(names, keys, strict=True):
                (hours if name == "day" else counted[name])[key] += n
    for status, n in _count_by(_all_statuses(chosen), audience, Publication.status):
        counted["status"][status] = n
    for code, n in _by_category(chosen.without("categories"), audience):
        counted["category"][code] = n
    for hour, n in hours.items():
        counted["day"][_local_day(hour)] += n
    total = sum(n for status, n in counted["status"].items() if status in chosen.statuses)
    unplaced = db.session.scalar(replace(chosen, placed=False, bbox=None).select(audience, func.count()))
    by_name = {name: {str(key): n for key, n in found.items()} for name, found in counted.items()}
    body = {"seq": seq, "total": total, "unplaced": unplaced, **by_name, "day": sorted(by_name["day"].items())}
    return seq, orjson.dumps(body)


def _columns(names):
    columns = {
        "kind": Publication.kind, "verification": Publication.verification, "day": utc_hour(Publication.happened_at),
    }  # fmt: skip
    return [columns[name].label(f"by_{name}") for name in names]


def _grouped(chosen, audience, names):
    query = select_in_view(chosen, audience, *_columns(names), func.count())
    return db.session.execute(query.group_by(*(f"by_{name}" for name in names)))


def _count_by(chosen, audience, column):
    return db.session.execute(select_in_view(chosen, audience, column.label("key"), func.count()).group_by("key"))


def _by_category(chosen, audience):
    link = PublicationCategory
    query = select_in_view(chosen, audience, link.code.label("key"), func.count())
    return db.session.execute(query.join_from(Publication, link, link.publication_id == Publication.id).group_by("key"))


def _all_statuses(chosen):
    return replace(chosen, statuses=tuple(sorted(VISIBLE)))


def _local_day(hour: str) -> str:
    moment = datetime.strptime(hour, "%Y-%m-%dT%H").replace(tzinfo=UTC)
    return moment.astimezone(ZoneInfo(settings().TIMEZONE)).date().isoformat()
