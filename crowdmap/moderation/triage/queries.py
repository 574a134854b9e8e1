"""Reading rules, what they did, and whether a crisis may publish unread."""

from dataclasses import dataclass

from flask_babel import gettext as _
from pydantic import ValidationError
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from crowdmap.accounts.models import Account
from crowdmap.config import settings
from crowdmap.db import IDS, MOST_ID, by_ids
from crowdmap.errors import IllegalState, InvalidCursor, NotFound
from crowdmap.moderation import queueing
from crowdmap.moderation.models import Decision
from crowdmap.moderation.triage.models import Attention, Rule, RuleApplication
from crowdmap.moderation.triage.rule import Conditions, Effects
from crowdmap.moderation.triage.verdict import Flood, Standing
from crowdmap.publishing import masks
from crowdmap.reports.models import Area, Category, Report

PAGE = 100
UNREAD = "published unread, as this crisis chose (MODERATION=after)"


class UnreadableRule(IllegalState):
    """Another version wrote it, or a hand in the database."""

    code, title = "unreadable-rule", "This version cannot read a rule"


def standing(rule: Rule) -> Standing:
    """Raises UnreadableRule for one that this version cannot read."""
    try:
        return Standing(rule.id, rule.name, Conditions.model_validate(rule.conditions), Effects.model_validate(rule.effects))
    except ValidationError as error:
        words = _("This version cannot read the rule “%(name)s”. Switch it off, or remove it.", name=rule.name)
        raise UnreadableRule(words) from error


def rules(session: Session) -> list[Rule]:
    """All that were not removed, in their order."""
    return list(session.scalars(select(Rule).where(Rule.removed_at.is_(None)).order_by(Rule.position, Rule.id)))


def active(session: Session) -> list[Standing]:
    """Raises UnreadableRule: the others must not decide as if that one said nothing."""
    query = select(Rule).where(Rule.active, Rule.removed_at.is_(None)).order_by(Rule.position, Rule.id)
    return [standing(rule) for rule in session.scalars(query)]


def unreadable(session: Session) -> str | None:
    """What is wrong, in a sentence, where a rule that is on cannot be read: nothing is published unread then."""
    try:
        active(session)
    except UnreadableRule as error:
        return error.message
    return None


_A = Attention.__table__.c
_ESCALATED = select(_A.report_id, _A.escalated_reason).where(_A.report_id.in_(IDS), _A.escalated_reason.is_not(None))


@queueing.escalates
def escalated(session: Session, ids: list[int]) -> dict[int, str]:
    """Which of these reports a rule wants to be seen first, and the rule's name; for the desk's queue."""
    return {row.report_id: row.escalated_reason for row in by_ids(session, _ESCALATED, ids)}


def rule(session: Session, rule_id: int) -> Rule:
    """Raises NotFound."""
    found = session.get(Rule, rule_id)
    if found is None or found.removed_at is not None:
        raise NotFound(_("There is no such rule."))
    return found


def flood() -> Flood:
    return Flood(settings().FLOOD_PER_MINUTE, settings().FLOOD_PER_SOURCE, settings().FLOOD_PER_NETWORK)


# ---- publishing unread


def what_is_missing(session: Session) -> str | None:
    """Why a crisis may not choose MODERATION=after now, in a sentence for its operator; None: it may."""
    if not masking_is_in_place():
        return _("personal marks in the words are not masked by this version")
    if not session.scalar(select(func.count()).select_from(Rule).where(Rule.active, Rule.removed_at.is_(None))):
        return _("there is no active triage rule: make one at /admin/rules, starting with MODERATION=before")
    brakes = flood()
    if not (brakes.a_minute and brakes.of_source and brakes.of_network):
        return _("the flood brakes FLOOD_PER_MINUTE, FLOOD_PER_SOURCE and FLOOD_PER_NETWORK must be more than 0")
    return None


def masking_is_in_place() -> bool:
    words = masks.mask("Call +509 3712 3456 or write to somebody@example.org") or ""
    return "3712" not in words and "somebody" not in words


def publishes_unread(session: Session) -> bool:
    """Whether something may be on the map that nobody of the team has read; in doubt it is said."""
    try:
        return any(settings().MODERATION == "after" or one.effects.decide == "publish" for one in active(session))
    except UnreadableRule:
        return True


# ---- what rules did


@dataclass(frozen=True)
class Logged:
    """One page of the log, the latest first. *after*: of the next page, or None."""

    rows: list
    after: int | None


def logged(session: Session, rule_id: int | None = None, after: str | None = None, limit: int = PAGE) -> Logged:
    """Rows of (RuleApplication, rule's name, report's public id). Raises InvalidCursor."""
    a = RuleApplication
    query = select(a, Rule.name, Report.public_id).join(Rule, Rule.id == a.rule_id).join(Report, Report.id == a.report_id)
    if rule_id is not None:
        query = query.where(a.rule_id == rule_id)
    if after:
        if not (after.isascii() and after.isdecimal() and len(after) < 11 and int(after) <= MOST_ID):
            raise InvalidCursor(_("This page was not made here; start at the first."), field="after")
        query = query.where(a.id < int(after))
    rows = session.execute(query.order_by(a.id.desc()).limit(limit + 1)).all()
    more, rows = len(rows) > limit, rows[:limit]
    return Logged(rows, rows[-1][0].id if more else None)


def times_applied(session: Session) -> dict[int, int]:
    a = RuleApplication
    return dict(session.execute(select(a.rule_id, func.count()).group_by(a.rule_id)).all())


@dataclass(frozen=True)
class Wanted:
    """What triage said of one report, for the desk: the escalation, the assignee's name, and the decisions of rules."""

    escalated: str | None
    assigned_to: str | None
    decisions: list[Decision]


def wanted(session: Session, report_id: int) -> Wanted:
    query = select(Attention, Account).outerjoin(Account, Account.id == Attention.assigned_to_id)
    row = session.execute(query.where(Attention.report_id == report_id)).one_or_none()
    found, account = row or (None, None)
    by_rule = or_(Decision.rule_id.is_not(None), Decision.action == "review", Decision.reason == UNREAD)
    decisions = select(Decision).where(Decision.report_id == report_id, Decision.account_id.is_(None), by_rule)
    decisions = decisions.where(Decision.action.in_(("publish", "review")))
    return Wanted(
        found and found.escalated_reason, account and (account.name or account.email),
        list(session.scalars(decisions.order_by(Decision.id))),
    )  # fmt: skip


# ---- what a form offers


def choices(session: Session) -> dict:
    """Names for sentences and forms: categories by code, sectors, areas, accounts that may check reports by id."""
    categories = list(session.scalars(select(Category).order_by(Category.position, Category.code)))
    accounts = session.scalars(select(Account).where(Account.disabled_at.is_(None)).order_by(Account.name, Account.email))
    return {
        "categories": categories, "sectors": sorted({category.sector for category in categories}),
        "areas": list(session.scalars(select(Area.name).order_by(Area.name))),
        "accounts": [account for account in accounts if account.can("moderate")],
    }  # fmt: skip
