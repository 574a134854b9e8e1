"""/track and /api/v1/track: the page behind the code. Never cached, never told to another site."""

import orjson
from flask import Blueprint, Response, flash, redirect, render_template, request
from flask_babel import gettext as _

from crowdmap import problems
from crowdmap.db import db
from crowdmap.errors import NotFound, ValidationFailed
from crowdmap.intake import tracking
from crowdmap.intake.api import refuse_query
from crowdmap.intake.tokens import grouped, tidy_token, tracking_token
from crowdmap.intake.tracking import Tracked
from crowdmap.moderation.sources import said_yes
from crowdmap.moderation.talk import Question
from crowdmap.publishing.project import timestamp
from crowdmap.reports.models import VISIBLE, Kind, ReportPrivate
from crowdmap.web import absolute, limited, public, read_form, read_json, validate, wants_json

blueprint = Blueprint("track", __name__)
BOTH = ("GET", "POST")

# action → (what it takes, the verb, what the page says afterwards)
ACTIONS = {
    "correct": (tracking.Correction, tracking.correct),
    "withdraw": (tracking.Nothing, lambda session, found, _nothing: tracking.withdraw(session, found)),
    "erase": (tracking.Nothing, lambda session, found, _nothing: tracking.erase(session, found)),
    "confirm": (tracking.Arrival, tracking.confirm),
    "message": (tracking.Message, tracking.write),
}


@blueprint.get("/track")
@public
def enter_code():
    return render_template("intake/enter_code.html", errors=[], code="")


@blueprint.post("/track")
@public
@limited("track")
def look_up():
    token = tidy_token(request.form.get("code", ""))
    tracking.find(db.session, token)
    return redirect(f"/track/{token}", 303)


@blueprint.get("/track/<token>")
@public
@limited("track", methods=BOTH)
def page(token):
    return show(tracking.find(db.session, token))


@blueprint.get("/track/<token>/sent")
@public
@limited("track", methods=BOTH)
def sent(token):
    found = tracking.find(db.session, token)
    code = tracking_token(found.submission.id)
    return render_template("intake/sent.html", found=found, token=code, code=grouped(code), link=absolute(f"/track/{code}"))


@blueprint.get("/track/<token>/erase")
@public
@limited("track", methods=BOTH)
def ask_erase(token):
    found = tracking.find(db.session, token)
    return render_template("intake/erase.html", found=found, token=tracking_token(found.submission.id))


@blueprint.post("/track/<token>/<any(correct, withdraw, erase, confirm, message):action>")
@public
@limited("track")
def act(token, action):
    found = tracking.find(db.session, token, to_change=True)
    model, verb = ACTIONS[action]
    given = _changed(found) if action == "correct" else request.form
    done = verb(db.session, found, read_form(model, given))
    db.session.commit()
    if action == "erase":
        return render_template("intake/erased.html", voice=not found.original)
    flash(_said(action, found, done), "good")
    return redirect(f"/track/{tracking_token(found.submission.id)}", 303)


def _changed(found: Tracked):
    """The correction's fields that are not what they were: the page shows today's values to be typed over."""
    form = request.form.copy()
    if not found.original:  # its page shows none of these, and must not tell a stranger who guesses them either
        return form
    for name, old in _current(found).items():
        if name in form and form[name].replace("\r\n", "\n").strip() == str(old):
            form.poplist(name)
    return form


def _current(found: Tracked) -> dict:
    report = found.report
    return {
        "title": report.title, "description": report.description, "place": report.place or "",
        "people": "" if report.people is None else report.people,
    }  # fmt: skip


def _said(action: str, found: Tracked, done) -> str:
    if action == "correct" and not done:
        return _("Thank you. Your correction was sent to the people who check reports; they will put it right.")
    if action == "message" and request.form.get("question"):
        return _("Thank you. Your answer was sent to the people who asked.")
    return {
        "correct": _("Thank you. It is corrected."),
        "withdraw": _("You took it back. It is not on the map any more."),
        "confirm": _("Thank you for telling us."),
        "message": _("Your message was sent to the people who check reports."),
    }[action]


def show(found: Tracked, errors=(), status: int = 200):
    token = tracking_token(found.submission.id)
    private = db.session.get_one(ReportPrivate, found.report.id) if found.original else None
    return render_template(
        "intake/track.html", found=found, errors=list(errors), token=token, code=grouped(token), now=_current(found),
        point=private if private and private.lon is not None else None, own=own_words(found),
        steps=[(step, _label(step, found)) for step in tracking.pathway(found)], history=tracking.history(found),
    ), status  # fmt: skip


def own_words(found: Tracked) -> dict:
    """Title, text and place as the reporter gave them; of a voice, what came with it."""
    if found.original:
        report = found.report
        return {"title": report.title, "description": report.description, "place": report.place, "people": report.people}
    told = found.submission.verbatim
    return {
        "title": told.get("title"), "description": told.get("description") or told.get("text"),
        "place": told.get("place"), "people": told.get("people"),
    }  # fmt: skip


def _label(step: tracking.Step, found: Tracked) -> str:
    kind = found.root.kind
    # what a rule put there nobody may have read yet
    unread = step.state == "done" and not any(said_yes(one) for one in found.decisions if one.report_id == found.root.id)
    if step.name == "on_map" and found.feature is None and found.root.status in VISIBLE:
        if unread:
            return _("Known to those who help, not shown in public")
        return _("Checked; known to those who help, not shown in public")
    return {
        "received": _("Received"),
        "on_map": _("On the map") if unread else _("Checked and put on the map"),
        "verified": _("Verified"),
        "taken": _("Somebody takes it on"),
        "brought": _("Help is brought") if kind is Kind.NEED else _("Help is given") if kind is Kind.OFFER else _("Settled"),
        "confirmed": _("You say it arrived") if kind is Kind.NEED else _("Confirmed by you"),
    }[step.name]


# ---- the same for programs


@blueprint.get("/api/v1/track/<token>")
@public
@limited("track", methods=BOTH)
def api_show(token):
    refuse_query()
    return as_json(tracking.find(db.session, token))


@blueprint.post("/api/v1/track/<token>/<any(correct, withdraw, erase, confirm, message):action>")
@public
@limited("track")
def api_act(token, action):
    refuse_query()
    found = tracking.find(db.session, token, to_change=True)
    model, verb = ACTIONS[action]
    empty = model is tracking.Nothing and not request.get_data()
    verb(db.session, found, validate(model, {}) if empty else read_json(model))
    db.session.commit()
    if action == "erase":
        return Response(status=204)
    return as_json(tracking.find(db.session, token))


def as_json(found: Tracked) -> Response:
    """How it stands, and one's own words; of contact only which fields are kept, for a link can be passed on."""
    private = db.session.get_one(ReportPrivate, found.report.id)
    body = {
        # another's id only where everybody may know it
        "id": (found.root if found.feature else found.report).public_id,
        "status": found.root.status.value,
        "verification": found.root.verification.value,
        "ended": found.ended,
        "voice": not found.original,
        "withdrawn": found.withdrawn,
        "merged": found.merged,
        "joined": found.joined,
        "received_at": timestamp(found.submission.received_at),
        "steps": [{"step": s.name, "state": s.state, "at": timestamp(s.at)} for s in tracking.pathway(found)],
        **own_words(found),
        "contact_kept": [name for name in tracking.CONTACT if found.original and getattr(private, name)],
        "public": found.feature,
        "letters": [
            {"about": one.about, "text": one.text, "data": one.data, "at": timestamp(one.at)} for one in found.letters
        ],
        "questions": [_question_as_json(one) for one in found.questions],
        "history": [
            {"step": one.action, "words": one.words, "reason": one.reason or None, "at": timestamp(one.at)}
            for one in tracking.history(found)
        ],
    }
    response = Response(orjson.dumps(body), mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def _question_as_json(one: Question) -> dict:
    """*waits*: for a first answer. Who asked is told to nobody outside the team."""
    return {
        "id": one.row.public_id, "kind": one.row.kind.value, "text": one.row.body, "language": one.row.language,
        "at": timestamp(one.row.at), "waits": one.waits,
        "answers": [{"text": answer.text, "at": timestamp(answer.at)} for answer in one.answers],
    }  # fmt: skip


@blueprint.errorhandler(ValidationFailed)
def _again(error):
    """The page comes back with what is wrong and what was typed."""
    if wants_json() or request.endpoint != "track.act":
        return problems.from_domain(error)
    db.session.rollback()
    found = tracking.look(db.session, request.view_args["token"])
    return show(found, error.errors, 422) if found else _unknown(tracking.unknown())


@blueprint.errorhandler(NotFound)
def _unknown(error):
    """A mistyped code is asked for again; the page is the same for one that never was and one that was erased."""
    if wants_json():
        return problems.from_domain(error)
    db.session.rollback()
    code = request.form.get("code", "") if request.endpoint == "track.look_up" else ""
    return render_template("intake/enter_code.html", errors=[error], code=code), 404
