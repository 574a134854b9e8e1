"""/admin/rules: coordinators write the rules, try them on what came, and read what they did."""

from typing import Annotated, Literal

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from pydantic import BaseModel, ConfigDict, Field

from crowdmap import problems
from crowdmap.config import settings
from crowdmap.db import MOST_ID, db, reading
from crowdmap.errors import DomainError, FieldError, NotFound, StaleRevision, ValidationFailed, status_of
from crowdmap.moderation.shown import category_name
from crowdmap.moderation.triage import queries, verbs, words
from crowdmap.moderation.triage.models import Rule
from crowdmap.moderation.triage.rehearsal import REPORTS, rehearse
from crowdmap.moderation.triage.rule import Conditions, Effects, RuleWords
from crowdmap.moderation.triage.verdict import HELD_BACK
from crowdmap.reports.models import Kind
from crowdmap.web import Permission, actor, permits, problem_response, read_form, validate, wants_json

blueprint = Blueprint("rules", __name__, url_prefix="/admin/rules")
CHANNELS = ("web", "api", "sms", "email", "open311", "import")
LISTS = ("kinds", "categories", "sectors", "areas", "channels")


class RuleForm(BaseModel):
    """The fields of the page; organisations and words stand one a line or with commas."""

    model_config = ConfigDict(extra="forbid")

    revision: Annotated[int | None, Field(ge=1, le=MOST_ID)] = None
    name: str = ""
    trust_at_least: float | None = None
    trust_below: float | None = None
    organisations: Annotated[str, Field(max_length=2000)] = ""
    words: Annotated[str, Field(max_length=5000)] = ""
    channels: list[str] = []
    kinds: list[str] = []
    categories: list[str] = []
    sectors: list[str] = []
    areas: list[str] = []
    more_than: int | None = None
    minutes: int | None = None
    of: str = "all"
    decide: str | None = None
    assign_to: int | None = None
    escalate: bool = False

    def rule(self) -> RuleWords:
        """Raises ValidationFailed naming the page's fields."""
        conditions = {name: getattr(self, name) for name in (*LISTS, "trust_at_least", "trust_below")}
        conditions |= {name: _entries(getattr(self, name)) for name in ("organisations", "words")}
        if self.more_than is not None or self.minutes is not None:
            conditions["volume"] = {"more_than": self.more_than, "minutes": self.minutes, "of": self.of}
        effects = {"decide": self.decide, "assign_to": self.assign_to, "escalate": self.escalate}
        try:
            return validate(RuleWords, {"name": self.name, "conditions": conditions, "effects": effects})
        except ValidationFailed as error:
            faults = [FieldError(_field(fault.field), fault.code, fault.message) for fault in error.errors]
            raise ValidationFailed(faults) from None


class SwitchForm(BaseModel):
    model_config = ConfigDict(extra="forbid")

    active: bool = False


class MoveForm(BaseModel):
    model_config = ConfigDict(extra="forbid")

    to: Literal["up", "down"]


def _entries(text: str) -> list[str]:
    return [entry.strip() for line in text.splitlines() for entry in line.split(",") if entry.strip()]


def _field(path: str) -> str:
    """conditions.volume.minutes → minutes; conditions.words.3 → words."""
    parts = [part for part in path.split(".") if part not in ("effects", "volume") and not part.isdecimal()]
    return parts[1] if len(parts) > 1 and parts[0] == "conditions" else parts[0]


@blueprint.get("")
@permits(Permission.ADMINISTER)
def rules():
    return _list()


@blueprint.get("/new")
@permits(Permission.ADMINISTER)
def new():
    return _form(None)


@blueprint.post("")
@permits(Permission.ADMINISTER)
def add():
    made = verbs.add(db.session, actor(), read_form(RuleForm, lists=frozenset(LISTS)).rule())
    return _saved(made, _("Saved as a draft: it does nothing until you switch it on."))


@blueprint.post("/examples")
@permits(Permission.ADMINISTER)
def examples():
    """The two that the empty page offers, as drafts."""
    for one in verbs.examples(db.session):
        verbs.add(db.session, actor(), one)
    db.session.commit()
    flash(_("Two drafts are there. They do nothing until you switch them on."), "good")
    return redirect(url_for("rules.rules"), 303)


@blueprint.get("/<int:rule_id>")
@permits(Permission.ADMINISTER)
def rule(rule_id: int):
    return _form(queries.rule(db.session, rule_id))


@blueprint.post("/<int:rule_id>/change")
@permits(Permission.ADMINISTER)
def change(rule_id: int):
    queries.rule(db.session, rule_id)
    asked = read_form(RuleForm, lists=frozenset(LISTS))
    if asked.revision is None:
        raise ValidationFailed([FieldError("revision", "required", _("Say which revision you saw."))])
    return _saved(verbs.change(db.session, actor(), rule_id, asked.rule(), asked.revision))


@blueprint.post("/<int:rule_id>/switch")
@permits(Permission.ADMINISTER)
def switch(rule_id: int):
    queries.rule(db.session, rule_id)
    found = verbs.switch(db.session, actor(), rule_id, read_form(SwitchForm).active)
    return _saved(found, _("It is on from now on.") if found.active else _("It is off from now on."))


@blueprint.post("/<int:rule_id>/move")
@permits(Permission.ADMINISTER)
def move(rule_id: int):
    queries.rule(db.session, rule_id)
    return _saved(verbs.move(db.session, actor(), rule_id, -1 if read_form(MoveForm).to == "up" else 1))


@blueprint.post("/<int:rule_id>/remove")
@permits(Permission.ADMINISTER)
def remove(rule_id: int):
    return _saved(verbs.remove(db.session, actor(), rule_id), _("Removed. The log still names it."))


@blueprint.get("/try")
@permits(Permission.ADMINISTER)
def try_all():
    return _rehearsal(None)


@blueprint.get("/<int:rule_id>/try")
@permits(Permission.ADMINISTER)
def try_one(rule_id: int):
    """The active rules with this one as if it were on."""
    return _rehearsal(queries.rule(db.session, rule_id))


@blueprint.get("/log")
@permits(Permission.ADMINISTER)
def log():
    return _log(None)


@blueprint.get("/<int:rule_id>/log")
@permits(Permission.ADMINISTER)
def log_of(rule_id: int):
    return _log(queries.rule(db.session, rule_id))


@blueprint.errorhandler(ValidationFailed)
@blueprint.errorhandler(StaleRevision)
@blueprint.errorhandler(queries.UnreadableRule)
def show_again(error: DomainError):
    """The form as it was filled in, with what is wrong; of a rule that cannot be read the list, where it can be switched off."""
    db.session.rollback()
    if wants_json():
        return problem_response(error)
    with reading():
        rule_id = (request.view_args or {}).get("rule_id")
        if request.endpoint in ("rules.add", "rules.change"):
            found = db.session.get(Rule, rule_id) if rule_id is not None else None
            if rule_id is not None and found is None:
                return problems.from_domain(NotFound())
            return _form(found, error, typed=request.form), status_of(error)
        return _list(error), status_of(error)


def _saved(made: Rule, more: str = ""):
    name = made.name
    db.session.commit()
    flash(" ".join(part for part in (_("%(name)s: saved.", name=name), more) if part), "good")
    return redirect(url_for("rules.rules") + f"#rule-{made.id}", 303)


def names() -> words.Names:
    choices = queries.choices(db.session)
    language = str(get_locale())
    return words.Names(
        {category.code: category_name(category, language) for category in choices["categories"]},
        {account.id: account.name or account.email for account in choices["accounts"]},
    )


def _list(error: DomainError | None = None):
    called, found = names(), queries.rules(db.session)
    return render_template(
        "moderation/rules/rules.html", rules=[(one, _sentence(one, called)) for one in found], error=error,
        times=queries.times_applied(db.session), after=settings().MODERATION == "after", flood=queries.flood(),
        examples=[] if found else [words.sentence(one.conditions, one.effects, called) for one in verbs.examples(db.session)],
        missing=queries.what_is_missing(db.session) if settings().MODERATION == "after" else None,
    )  # fmt: skip


def _sentence(rule: Rule, called: words.Names) -> str:
    """"" for one that this version cannot read."""
    try:
        one = queries.standing(rule)
    except queries.UnreadableRule:
        return ""
    return words.sentence(one.conditions, one.effects, called)


def _form(found: Rule | None, error: DomainError | None = None, typed=None):
    choices, called = queries.choices(db.session), names()
    one = queries.standing(found) if found else None
    conditions, effects = (one.conditions, one.effects) if one else (Conditions(), Effects())
    return render_template(
        "moderation/rules/rule.html", rule=found, error=error, typed=typed, now=_now(found, conditions, effects, typed),
        sentence=words.sentence(conditions, effects, called) if found else "", kinds=list(Kind), channels=CHANNELS,
        kind_words=words.kind_words, trust_choices=trust_choices(), called=called, **choices,
    )  # fmt: skip


def trust_choices() -> list[tuple[str, str]]:
    return [
        ("0.3", _("a little (one published)")), ("0.5", _("somewhat (three published)")),
        ("0.7", _("trusted (five published, none false)")), ("0.9", _("very much (some twenty published, none false)")),
    ]  # fmt: skip


def _now(found: Rule | None, conditions: Conditions, effects: Effects, typed) -> dict:
    """What stands in each field: as typed, else as stored."""
    if typed is not None:
        return {name: typed.getlist(name) if name in LISTS else typed.get(name, "") for name in RuleForm.model_fields}
    volume = conditions.volume
    now = conditions.model_dump(mode="json", exclude={"volume"}) | effects.model_dump()
    now |= {
        "name": found.name if found else "", "organisations": ", ".join(conditions.organisations),
        "words": "\n".join(conditions.words),
        "more_than": volume.more_than if volume else "", "minutes": volume.minutes if volume else "",
        "of": volume.of if volume else "all", "revision": found.revision if found else "",
    }  # fmt: skip
    return {name: "" if value is None else value for name, value in now.items()}


def _rehearsal(chosen: Rule | None):
    rules = [one for one in queries.rules(db.session) if one.active or (chosen is not None and one.id == chosen.id)]
    found = rehearse(db.session, [queries.standing(one) for one in rules])
    called = names()
    rows = [
        {
            "report": one.report, "effects": _effects(one.verdict),
            "why": [(applied.rule.name, words.met(applied.facts, called)) for applied in one.verdict.applied],
            "held_back": words.why_not(HELD_BACK[one.verdict.held_back]) if one.verdict.held_back else "",
        }
        for one in found
    ]  # fmt: skip
    rows.sort(key=lambda row: not row["why"])  # what met a rule first; otherwise the latest first, as they come
    return render_template(
        "moderation/rules/try.html", chosen=chosen, rules=[(one, _sentence(one, called)) for one in rules], rows=rows,
        most=REPORTS, published=sum(one.verdict.publish for one in found), touched=sum(bool(one.verdict.applied) for one in found),
    )  # fmt: skip


def _effects(verdict) -> list[str]:
    decider = verdict.decided_by
    found = [words.effect_name("publish")] if verdict.publish else []
    if not verdict.publish and (verdict.held_back or decider):
        found.append(words.effect_name("review"))
    found += [words.effect_name("assign")] if verdict.assigned_to else []
    return found + ([words.effect_name("escalate")] if verdict.escalated_by else [])


def _log(chosen: Rule | None):
    page = queries.logged(db.session, chosen.id if chosen else None, request.args.get("after"))
    called = names()
    rows = [
        {
            "rule": name, "report": public_id, "at": applied.at, "why": words.met(applied.facts, called),
            "effects": [
                (words.effect_name(effect), "" if followed is True else words.why_not(followed))
                for effect, followed in applied.effects.items()
            ],
        }
        for applied, name, public_id in page.rows
    ]  # fmt: skip
    return render_template("moderation/rules/log.html", chosen=chosen, rows=rows, after=page.after)
