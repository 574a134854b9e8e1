"""A dry run: what rules would have done to the latest reports. Nothing is written.

Facts are those of the time as far as they can be known: how many came before each is counted again; trust is today's.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from crowdmap.config import settings
from crowdmap.moderation import sources
from crowdmap.moderation.models import Decision
from crowdmap.moderation.triage import queries
from crowdmap.moderation.triage.arriving import NOT_BY_DEFAULT, facts_of
from crowdmap.moderation.triage.verdict import Standing, Verdict, decide
from crowdmap.publishing import hook
from crowdmap.reports.models import Category, Report, Submission

REPORTS, MESSAGES = 200, 2000  # the latest that are looked at; messages to count a flood among


@dataclass(frozen=True)
class Rehearsed:
    report: Report
    verdict: Verdict


def rehearse(session: Session, rules: Sequence[Standing], limit: int = REPORTS) -> list[Rehearsed]:
    """Of the latest *limit* reports, the latest first, what *rules* make of each."""
    query = select(Report).order_by(Report.id.desc()).limit(limit).options(joinedload(Report.private))
    reports = list(session.scalars(query))
    if not reports:
        return []
    first = _first_messages(session, [report.id for report in reports])
    suspicious = _suspicious(session, [report.id for report in reports])
    categories = {category.code: category for category in session.scalars(select(Category))}
    towns, arrivals = cache(lambda: hook.crisis(session).areas), cache(lambda: _Arrivals(session))
    flood, after = queries.flood(), settings().MODERATION == "after"
    counted, held = cache(sources.counted), cache(lambda: sources.all_held(session))
    found = []
    for report in reports:
        sent = first.get(report.id) or _Sent()
        facts = facts_of(
            report, report.private, categories, organisation=sent.organisation, suspicious=report.id in suspicious, towns=towns,
            held=lambda sent=sent: sources.kept_back(sent, held()),
            ask_trust=lambda sent=sent: sources.trust_of(session, sent, counted),
            more_than=lambda n, minutes, of, sent=sent: arrivals().more_than(sent, n, minutes, of),
        )  # fmt: skip
        by_default = after and report.source not in NOT_BY_DEFAULT
        found.append(Rehearsed(report, decide(rules, facts, flood=flood, after=by_default)))
    return found


@dataclass(frozen=True)
class _Sent:
    """What is known of who sent a message."""

    account_id: int | None = None
    organisation: str | None = None
    source_hash: bytes | None = None
    device_hash: bytes | None = None
    network_hash: bytes | None = None
    id: int = 0


def _first_messages(session: Session, report_ids: list[int]) -> dict[int, _Sent]:
    s = Submission
    firsts = select(func.min(s.id)).where(s.report_id.in_(report_ids)).group_by(s.report_id)
    columns = (s.report_id, s.account_id, s.organisation, s.source_hash, s.device_hash, s.network_hash, s.id)
    query = select(*columns).where(s.id.in_(firsts))
    return {row[0]: _Sent(*row[1:]) for row in session.execute(query)}


def _suspicious(session: Session, report_ids: list[int]) -> set[int]:
    """Those that came with a note of the machine."""
    d = Decision
    query = select(d.report_id).where(d.report_id.in_(report_ids), d.action == "note", d.account_id.is_(None))
    return set(session.scalars(query))


class _Arrivals:
    """The latest messages with their times, to count again how many had come when each came."""

    def __init__(self, session: Session):
        s = Submission
        query = select(s.id, s.source_hash, s.device_hash, s.network_hash, s.arrived_at).where(s.arrived_at.is_not(None))
        self.ways: dict = defaultdict(lambda: ([], []))  # all, a source, a device or a network → ids and seconds, in order
        for row in session.execute(query.order_by(s.id.desc()).limit(MESSAGES)).all()[::-1]:
            seconds = row.arrived_at.timestamp()
            for way in ("all", ("source", row.source_hash), ("device", row.device_hash), ("network", row.network_hash)):
                self.ways[way][0].append(row.id)
                self.ways[way][1].append(seconds)

    def more_than(self, sent: _Sent, n: int, minutes: int, of: str) -> bool:
        asked = {
            "all": ["all"], "source": [("source", sent.source_hash), ("device", sent.device_hash)],
            "network": [("network", sources.network_of(sent))],
        }[of]  # fmt: skip
        return any(self._more_than(way, sent.id, n, minutes) for way in asked if way[1] is not None)

    def _more_than(self, way, message_id: int, n: int, minutes: int) -> bool:
        """As at the door: whether the message before the last n had come within the time."""
        ids, seconds = self.ways.get(way, ((), ()))
        own = bisect_left(ids, message_id)
        if own == len(ids) or ids[own] != message_id or own < n:
            return False
        return seconds[own - n] > seconds[own] - 60 * minutes
