"""Coordinators write, order and switch the rules. What changes a rule is kept in the log of events."""

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from crowdmap.accounts.models import Account
from crowdmap.db import utcnow
from crowdmap.errors import FieldError, NotAllowed, StaleRevision, ValidationFailed
from crowdmap.events import RuleChanged, record
from crowdmap.moderation.triage import queries
from crowdmap.moderation.triage.models import Rule
from crowdmap.moderation.triage.rule import Conditions, Effects, RuleWords
from crowdmap.reports.models import Area, Category
from crowdmap.web import Permission

MOST_RULES = 100  # each is held against every report that comes


def add(session: Session, actor: Account, words: RuleWords, *, active: bool = False) -> Rule:
    """A new rule, the last in the list; the caller commits. Raises NotAllowed, ValidationFailed."""
    _check(session, actor, words)
    there = queries.rules(session)
    if len(there) >= MOST_RULES:
        raise ValidationFailed([FieldError("name", "too-many", _("At most %(n)s rules.", n=MOST_RULES))])
    made = Rule(
        name=words.name, position=max((one.position for one in there), default=0) + 1, active=active,
        created_by_id=actor.id, **_stored(words),
    )  # fmt: skip
    session.add(made)
    session.flush()
    record(session, RuleChanged(account_id=actor.id, rule_id=made.id, action="add", change=_snapshot(made)))
    return made


def change(session: Session, actor: Account, rule_id: int, words: RuleWords, revision: int) -> Rule:
    """Raises NotAllowed, NotFound, ValidationFailed, StaleRevision."""
    found = _rule(session, actor, rule_id, revision)
    _check(session, actor, words)
    before = _snapshot(found)
    found.name = words.name
    for name, value in _stored(words).items():
        setattr(found, name, value)
    after = _snapshot(found)
    changed = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
    _changed(session, found, actor, "change", changed)
    return found


def switch(session: Session, actor: Account, rule_id: int, active: bool) -> Rule:
    """Raises NotAllowed, NotFound, UnreadableRule (switching it off is always possible)."""
    found = _rule(session, actor, rule_id)
    if found.active != active:
        if active:
            queries.standing(found)
        found.active = active
        _changed(session, found, actor, "switch", {"active": [not active, active]})
    return found


def move(session: Session, actor: Account, rule_id: int, by: int) -> Rule:
    """One place up (-1) or down (1); at the end of the list nothing happens."""
    found = _rule(session, actor, rule_id)
    query = select(Rule).where(Rule.removed_at.is_(None)).order_by(Rule.position, Rule.id)
    order = list(session.scalars(query.with_for_update()))
    old = order.index(found)
    new = min(max(old + by, 0), len(order) - 1)
    if new != old:
        order.insert(new, order.pop(old))
        for position, one in enumerate(order, 1):
            one.position = position
        _changed(session, found, actor, "move", {"position": [old + 1, new + 1]})
    return found


def remove(session: Session, actor: Account, rule_id: int) -> Rule:
    """It applies no more and is listed no more; the log still names it."""
    found = _rule(session, actor, rule_id)
    found.active, found.removed_at = False, utcnow()
    _changed(session, found, actor, "remove", None)
    return found


# in the languages of `urgency.DANGER`: two thirds of the first crisis's messages were in Kreyòl or French
LIFE = [
    "trapped", "bleeding", "cholera", "coincé*", "sous les décombres", "saign*", "kwense", "anba dekonb", "ap senyen", "kolera",
    "atrapad*", "bajo los escombros", "sangr*",
]  # fmt: skip


def examples(session: Session) -> list[RuleWords]:
    """Two to begin with, of what this crisis has; as drafts they do nothing."""
    water = session.scalar(select(Category.name).where(Category.code == "WAT"))
    trusted = {"trust_at_least": 0.7}
    return [
        RuleWords(
            name=_("Trusted sources: water") if water else _("Trusted sources"),
            conditions=Conditions(**trusted, categories=["WAT"] if water else []), effects=Effects(decide="publish"),
        ),
        RuleWords(
            name=_("Lives at risk first"), conditions=Conditions(words=LIFE),
            effects=Effects(decide="review", escalate=True),
        ),
    ]  # fmt: skip


def _rule(session: Session, actor: Account, rule_id: int, revision: int | None = None) -> Rule:
    if not actor.can(Permission.ADMINISTER):
        raise NotAllowed()
    found = queries.rule(session, rule_id)
    session.refresh(found, with_for_update=True)
    if revision is not None and revision != found.revision:
        raise StaleRevision(_("Somebody else changed this rule since you opened it. Look at it again."))
    return found


def _changed(session: Session, rule: Rule, actor: Account, action: str, change: dict | None) -> None:
    rule.revision += 1
    rule.changed_at = utcnow()
    record(session, RuleChanged(account_id=actor.id, rule_id=rule.id, action=action, change=change))


def _stored(words: RuleWords) -> dict:
    return {
        "conditions": words.conditions.model_dump(mode="json", exclude_defaults=True),
        "effects": words.effects.model_dump(mode="json", exclude_defaults=True),
    }


def _snapshot(rule: Rule) -> dict:
    return {"name": rule.name, "conditions": rule.conditions, "effects": rule.effects}


def _check(session: Session, actor: Account, words: RuleWords) -> None:
    """What a rule names must be there when it is written."""
    if not actor.can(Permission.ADMINISTER):
        raise NotAllowed()
    errors = []
    c = words.conditions
    known = {
        "categories": set(session.scalars(select(Category.code))), "sectors": set(session.scalars(select(Category.sector))),
        "areas": set(session.scalars(select(Area.name))),
    }  # fmt: skip
    for name, there in known.items():
        if missing := [value for value in getattr(c, name) if value not in there]:
            errors.append(FieldError(name, "unknown", _("There is no %(value)s here.", value=missing[0])))
    if words.effects.assign_to is not None:
        account = session.get(Account, words.effects.assign_to)
        if account is None or not account.can(Permission.MODERATE):
            errors.append(FieldError("assign_to", "unknown", _("Choose somebody who may check reports.")))
    if errors:
        raise ValidationFailed(errors)
