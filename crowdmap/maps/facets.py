"""How many reports a view holds per kind, category, status, verification and day, each counted with all filters but
its own: the number beside a box says what ticking it would show."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import case, func

from crowdmap.config import settings
from crowdmap.db import db
from crowdmap.db.moments import utc_hour
from crowdmap.feeds.counts import count
from crowdmap.feeds.heads import head_seq
from crowdmap.filters import ReportFilter
from crowdmap.feeds.grid import select_in_view
from crowdmap.publishing.models import Audience, Publication, PublicationCategory
from crowdmap.reports.models import VISIBLE, Kind, Verification

def facets(chosen: ReportFilter, audience: Audience = Audience.PUBLIC) -> tuple[int, bytes]:
    """(seq, JSON) of ``{seq, total, unplaced, kind, category, status, verification, day}``; days in the crisis's zone."""
    seq = head_seq(audience)
    total, by_kind, by_verification = _sums(chosen, audience)
    if chosen.kinds:
        by_kind = _sums(chosen.without("kinds"), audience)[1]
    if chosen.verifications:
        by_verification = _sums(chosen.without("verifications"), audience)[2]
    unplaced = count(replace(chosen, placed=False, bbox=None), audience)
    body = {
        "seq": seq, "total": total, "unplaced": unplaced, "kind": by_kind, "verification": by_verification,
        "status": _statuses(chosen, audience, total), "category": _categories(chosen, audience),
        "day": _days(chosen, audience),
    }  # fmt: skip
    return seq, orjson.dumps(body)


def _sums(chosen, audience) -> tuple[int, dict[str, int], dict[str, int]]:
    """All, per kind, per verification: sums over one scan, where groups would have to be sorted first."""
    words = [(Publication.kind, kind) for kind in Kind] + [(Publication.verification, word) for word in Verification]
    sums = [func.sum(case((column == word, 1), else_=0)) for column, word in words]
    total, *counts = db.session.execute(select_in_view(chosen, audience, func.count(), *sums)).one()
    counted = {word.value: n for (_column, word), n in zip(words, counts, strict=True) if n}
    return total, *({word.value: counted[word] for word in words if word in counted} for words in (Kind, Verification))


def _statuses(chosen, audience, total) -> dict[str, int]:
    if len(chosen.statuses) > 1:
        query = select_in_view(chosen, audience, Publication.status.label("word"), func.count()).group_by("word")
        return {status.value: n for status, n in db.session.execute(query)}
    (mine,) = chosen.statuses
    counted = {mine.value: total}
    for other in VISIBLE - {mine}:
        counted[other.value] = db.session.scalar(select_in_view(replace(chosen, statuses=(other,)), audience, func.count()))
    return {status: n for status, n in counted.items() if n}


def _categories(chosen, audience) -> dict[str, int]:
    link = PublicationCategory
    query = select_in_view(chosen.without("categories"), audience, link.code.label("code"), func.count())
    query = query.join_from(Publication, link, link.publication_id == Publication.id).group_by("code")
    return {code: n for code, n in db.session.execute(query)}


def _days(chosen, audience) -> list[tuple[str, int]]:
    """Counted by the hour in UTC, which both databases can, and summed up to days of the crisis's zone here."""
    query = select_in_view(chosen.without("since", "until"), audience, utc_hour(Publication.happened_at).label("hour"), func.count())
    zone, days = ZoneInfo(settings().TIMEZONE), Counter()
    for hour, n in db.session.execute(query.group_by("hour")):
        moment = datetime.strptime(hour, "%Y-%m-%d %H").replace(tzinfo=UTC)
        days[moment.astimezone(zone).date().isoformat()] += n
    return sorted(days.items())
