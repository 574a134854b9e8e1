"""The rules at the door: what becomes of new reports, in the transaction in which they come.

Counting a flood needs to see what others have just sent, so it happens under the log's lock: of any number of messages that
come at the same moment no more are published than the brakes let through.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from crowdmap import events
from crowdmap.accounts.models import Account
from crowdmap.config import settings
from crowdmap.db import utcnow
from crowdmap.moderation import sources
from crowdmap.moderation.models import Decision
from crowdmap.moderation.triage import queries
from crowdmap.moderation.triage.models import Attention, RuleApplication
from crowdmap.moderation.triage.rule import Facts
from crowdmap.moderation.triage.verdict import HELD_BACK, Standing, Verdict, decide
from crowdmap.publishing import hook
from crowdmap.publishing.project import Town, area_at, area_in_words
from crowdmap.reports.models import Category, Policy, Report, ReportPrivate, Status, Submission
from crowdmap.web import Permission

log = logging.getLogger(__name__)

# a file is read by whoever imports it, and published where they say so
NOT_BY_DEFAULT = frozenset({"import"})
PLAIN = frozenset({"restricted", "out-of-area"})  # why it waits, as its page says anyway


@dataclass(frozen=True)
class Arrival:
    """A report just made, and who sent it. *suspicious*: it looked like a machine's."""

    report: Report
    suspicious: bool
    source_hash: bytes | None
    device_hash: bytes | None
    network_hash: bytes | None = None
    account_id: int | None = None
    organisation: str | None = None


def triage(session: Session, arrivals: Sequence[Arrival], categories: dict[str, Category]) -> set[int]:
    """Apply the active rules to reports that wait; → ids of those that were published. The caller commits.

    A fault of a rule leaves the report waiting: it is worth more than the rule. So does a rule that cannot be read: it may
    be the one that keeps back what others publish.
    """
    # what a volunteer wrote beside it is for a person to read, whatever the rules say of the words themselves
    waiting = [one for one in arrivals if one.report.status is Status.PENDING and not one.report.translation]
    try:
        rules = queries.active(session) if waiting else []
    except queries.UnreadableRule as error:
        log.error("no rule is applied: %s", error.message)
        return set()
    if not rules:
        return set()
    door, published = Door(session, categories), set()
    for arrival in waiting:
        try:
            verdict = door.judge(arrival, rules)
        except SQLAlchemyError:
            raise
        except Exception:
            log.exception("the rules could not be applied to %s", arrival.report.public_id)
            continue
        if carry_out(session, arrival.report, verdict):
            published.add(arrival.report.id)
    return published


class Door:
    """Answers what the rules ask of reports that come together, each question once."""

    def __init__(self, session: Session, categories: dict[str, Category]):
        self.session, self.categories, self.now = session, categories, utcnow()
        self.flood, self.after = queries.flood(), settings().MODERATION == "after"
        self.more_than = cache(self._more_than)
        self.towns = cache(lambda: hook.crisis(session).areas)
        self.lock = cache(self._lock)

    def judge(self, arrival: Arrival, rules: Sequence[Standing]) -> Verdict:
        after = self.after and arrival.report.source not in NOT_BY_DEFAULT
        return decide(rules, self.facts(arrival), flood=self.flood, after=after, before_counting=self.lock)

    def _lock(self) -> None:
        """Once, for what a rule counted before may leave out those who came at the same moment."""
        events.lock(self.session)
        self.more_than.cache_clear()

    def facts(self, arrival: Arrival) -> Facts:
        ways = {
            "all": (("", None),), "network": (("network_hash", sources.network_of(arrival)),),
            "source": (("source_hash", arrival.source_hash), ("device_hash", arrival.device_hash)),
        }  # fmt: skip
        return facts_of(
            arrival.report, arrival.report.private, self.categories, organisation=arrival.organisation,
            suspicious=arrival.suspicious, towns=self.towns,
            held=lambda: sources.kept_back(arrival, sources.holds_on(self.session, arrival)),
            ask_trust=lambda: sources.trust_of(self.session, arrival),
            more_than=lambda n, minutes, of: any(self.more_than(n, minutes, *way) for way in ways[of]),
        )  # fmt: skip

    def _more_than(self, n: int, minutes: int, column: str, value: bytes | None) -> bool:
        """Whether the message before the last n, with this *value* of *column* ("": of all), came within the time: one row of
        an index, however many there are."""
        if column and value is None:
            return False
        s = Submission
        query = select(s.arrived_at).where(*([getattr(s, column) == value] if column else ()))
        arrived = self.session.scalar(query.order_by(s.id.desc()).offset(n).limit(1))
        return arrived is not None and arrived > self.now - timedelta(minutes=minutes)


def facts_of(report: Report, private: ReportPrivate, categories: dict[str, Category], *, towns, **more) -> Facts:
    """What the rules may know of a report; *towns()* → the areas."""
    known = [categories[code] for code in report.codes if code in categories]
    # what has a category that nobody knows is treated as the strictest
    restricted = len(known) < len(report.codes) or any(category.policy is Policy.RESTRICTED for category in known)
    return Facts(
        kind=report.kind, codes=tuple(report.codes), sectors=frozenset(category.sector for category in known),
        channel=report.source, text=f"{report.title}\n{report.description}", restricted=restricted,
        out_of_area=report.out_of_area, ask_area=lambda: area_of(report.place, private, towns()), **more,
    )  # fmt: skip


def area_of(place: str | None, private: ReportPrivate, towns: list[Town]) -> str | None:
    """The area of the exact point, else the one that the words name."""
    return area_at(private.lon, private.lat, towns) if private.lon is not None else area_in_words(place, towns)


def carry_out(session: Session, report: Report, verdict: Verdict) -> bool:
    """Write what follows, with a decision for each effect; → whether the report was published."""
    now = utcnow()

    def keep(action: str, reason: str, rule: Standing | None = None, change: dict | None = None):
        session.add(Decision(
            report_id=report.id, action=action, reason=reason, change=change or {}, at=now, rule_id=rule.id if rule else None,
        ))  # fmt: skip

    decider = verdict.decided_by
    if verdict.publish:
        report.status = Status.PUBLISHED
        change = {"status": [Status.PENDING.value, Status.PUBLISHED.value]}
        keep("publish", by(decider) if decider else queries.UNREAD, decider, change)
    elif verdict.held_back and (decider or verdict.held_back not in PLAIN):
        words = f"not published unread: {HELD_BACK[verdict.held_back]}"
        keep("review", f"{words} ({by(decider)})" if decider else words, decider)
    elif decider:
        keep("review", by(decider), decider)
    assignee = _assignee(session, verdict)
    if assignee is not None or verdict.escalated_by:
        reason = "; ".join(verdict.escalated_by) or None
        session.add(Attention(report_id=report.id, escalated_reason=reason, assigned_to_id=assignee and assignee.id))
    for one in verdict.applied:
        effects = one.rule.effects
        followed = _followed(verdict, one, assignee)
        if effects.escalate:
            keep("escalate", by(one.rule), one.rule)
        if "assign" in followed and followed["assign"] is True:
            keep("assign", by(one.rule), one.rule, {"assigned_to": [None, assignee.name or assignee.email]})
        session.add(RuleApplication(rule_id=one.rule.id, report_id=report.id, effects=followed, facts=one.facts, at=now))
    return verdict.publish


def by(rule: Standing) -> str:
    return f"by the rule “{rule.name}”"


def _assignee(session: Session, verdict: Verdict) -> Account | None:
    """Whoever a rule names may have left the team since."""
    account = session.get(Account, verdict.assigned_to) if verdict.assigned_to else None
    return account if account is not None and account.can(Permission.MODERATE) else None


def _followed(verdict: Verdict, one, assignee: Account | None) -> dict:
    """Each effect of a rule that matched → True, or why it did not follow."""
    effects, found = one.rule.effects, {}
    if effects.decide:
        found[effects.decide] = (
            "an earlier rule decided" if not one.decides
            else HELD_BACK[verdict.held_back] if verdict.held_back else True
        )  # fmt: skip
    if effects.assign_to:
        first = next(each for each in verdict.applied if each.rule.effects.assign_to)
        found["assign"] = (
            "an earlier rule assigned it" if first is not one
            else True if assignee else "that account may not check reports any more"
        )  # fmt: skip
    if effects.escalate:
        found["escalate"] = True
    return found
