"""What else the desk does: who has a report open, many reports at once, taking back, named views."""

from typing import Annotated

from flask import Blueprint, flash, jsonify, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from crowdmap import problems
from crowdmap.db import MOST_ID, db, reading
from crowdmap.errors import DomainError, FieldError, IllegalState, StaleRevision, ValidationFailed
from crowdmap.filters import ReportFilter
from crowdmap.moderation import bulk, looking, saved
from crowdmap.moderation.actions import ACTIONS, REJECTIONS
from crowdmap.moderation.bulk import Outcome
from crowdmap.moderation.requests import SEEN, Reason
from crowdmap.moderation.taking_back import take_back
from crowdmap.moderation.views import SCRIPT, answer, looks, page, tail, worked_list
from crowdmap.reports.texts import clean
from crowdmap.web import Permission, actor, permits, problem_response, read_form, wants_json

blueprint = Blueprint("desk", __name__, url_prefix="/moderate")

# what can be done to many at once, in the order in which it is offered; rejecting is offered once a reason
AT_ONCE = ("publish", "reject", "hide", "close", "restore", "reopen", "corroborate", "note")
REJECTED_AS = {
    "spam": _l("Reject: spam"), "false": _l("Reject: false"), "unverifiable": _l("Reject: cannot be checked"),
    "out-of-area": _l("Reject: outside the area"),
}  # fmt: skip


class BulkForm(BaseModel):
    """*do*: an action of AT_ONCE; ``reject:spam`` and the like; or ``category``, which puts all into one."""

    model_config = ConfigDict(extra="forbid")

    do: Annotated[str, Field(max_length=60)] = ""
    reason: Reason = ""
    category: Annotated[str, Field(max_length=12)] = ""
    seen: Annotated[list[Annotated[str, Field(pattern=SEEN)]], Field(max_length=bulk.MOST_AT_ONCE)] = []


class UndoForm(BaseModel):
    model_config = ConfigDict(extra="forbid")

    decision: Annotated[list[Annotated[int, Field(ge=1, le=MOST_ID)]], Field(max_length=bulk.MOST_AT_ONCE)] = []


class ViewForm(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, AfterValidator(clean), Field(max_length=40)] = ""
    shared: bool = False


@blueprint.post("/<public_id>/look")
@permits(Permission.MODERATE)
def look(public_id: str):
    """This moderator has the report open (still); → who else has which."""
    looking.look(db.session, public_id, actor())
    db.session.commit()
    with reading():
        return jsonify(looks=looks())


@blueprint.post("/<public_id>/leave")
@permits(Permission.MODERATE)
def leave(public_id: str):
    looking.leave(db.session, public_id, actor())
    db.session.commit()
    return "", 204


@blueprint.post("/bulk")
@permits(Permission.MODERATE)
def many():
    chosen, _order = worked_list()
    asked = read_form(BulkForm, lists=frozenset({"seen"}))
    action, reason, fields = _what(asked)
    pairs = [one.partition(":") for one in asked.seen]
    outcome = bulk.perform_many(
        db.session, actor(), action, {name: int(revision) for name, _colon, revision in pairs}, reason, **fields
    )
    db.session.commit()
    return _tell(chosen, outcome, _said(outcome, REJECTED_AS[reason] if action == "reject" else ACTIONS[action].label))


@blueprint.post("/undo")
@permits(Permission.MODERATE)
def undo():
    chosen, _order = worked_list()
    asked = read_form(UndoForm, lists=frozenset({"decision"}))
    outcome = take_back(db.session, actor(), asked.decision)
    if not outcome.done:
        first = outcome.skipped[0]
        raise IllegalState(first["why"], code=first["code"], id=first["id"])
    db.session.commit()
    return _tell(chosen, outcome, ngettext("Taken back.", "%(num)s taken back.", len(outcome.done)) + _left(outcome))


@blueprint.post("/views")
@permits(Permission.MODERATE)
def keep_view():
    asked = read_form(ViewForm)
    chosen, order = worked_list()
    view = saved.keep(db.session, actor(), asked.name, chosen, order, asked.shared)
    name = view.name
    db.session.commit()
    flash(_("%(name)s is a view now.", name=name), "good")
    return redirect(url_for("moderation.desk") + tail(), 303)


@blueprint.post("/views/<int:view_id>/remove")
@permits(Permission.MODERATE)
def remove_view(view_id: int):
    saved.remove(db.session, actor(), view_id)
    db.session.commit()
    flash(_("The view is gone. The reports in it stay as they are."), "good")
    return redirect(url_for("moderation.desk") + tail(), 303)


@blueprint.errorhandler(StaleRevision)
@blueprint.errorhandler(IllegalState)
@blueprint.errorhandler(ValidationFailed)
def show_again(error: DomainError):
    """What was in the way, above the list as it is now; for scripts, in words."""
    if wants_json() or SCRIPT in request.headers:
        db.session.rollback()
        return problem_response(error)
    shown_id = error.extra.get("id") or None
    return problems.shown_again(error, lambda: page(shown_id, error=error, opened=request.endpoint))


def _what(asked: BulkForm) -> tuple[str, str, dict]:
    """The action, its reason and its fields. Raises ValidationFailed."""
    if not asked.seen:
        raise ValidationFailed([FieldError("seen", "required", _("Choose some reports first."))])
    action, _colon, rejection = asked.do.partition(":")
    if action == "category":
        if not asked.category:
            raise ValidationFailed([FieldError("category", "required", _("Say which category."))])
        return "edit", asked.reason, {"category": asked.category}
    if action not in AT_ONCE or (rejection and rejection not in REJECTIONS):
        raise ValidationFailed([FieldError("do", "unknown", _("Choose what to do with them."))])
    if action == "reject" and (rejection or asked.reason) not in REJECTIONS:  # nobody rejects many for a reason unchosen
        raise ValidationFailed([FieldError("reason", "required", _("Choose why they are rejected."))])
    if "reason" in ACTIONS[action].needs and not (rejection or asked.reason):
        raise ValidationFailed([FieldError("reason", "required", _("Say why, in a few words."))])
    return action, rejection or asked.reason, {}


def _said(outcome: Outcome, label) -> str:
    if not outcome.done:
        return _("Nothing was changed.") + _left(outcome)
    done = ngettext("%(action)s: one report.", "%(action)s: %(num)s reports.", len(outcome.done), action=label)
    return done + _left(outcome)


def _left(outcome: Outcome) -> str:
    if not outcome.skipped:
        return ""
    return " " + ngettext("One was left as it is.", "%(num)s were left as they are.", len(outcome.skipped))


def _tell(chosen: ReportFilter, outcome: Outcome, said: str):
    tone = "warn" if outcome.skipped else "good"
    if SCRIPT in request.headers:
        with reading():
            only = outcome.done[0] if len(outcome.done) == 1 else None
            return answer(chosen, said, outcome.done, outcome.decided, open_id=only, skipped=outcome.skipped, tone=tone)
    flash(said, tone)
    for one in outcome.skipped[:10]:
        flash(f"{one['id']}: {one['why']}" if one["id"] else one["why"], "warn")
    return redirect(url_for("moderation.desk") + tail(), 303)
