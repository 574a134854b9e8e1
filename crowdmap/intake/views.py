"""/report: the form. It works without JavaScript; with it, one question a screenful and a draft that survives a dead
network."""

from flask import Blueprint, Response, redirect, render_template, request
from flask_babel import gettext as _
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from werkzeug.exceptions import RequestEntityTooLarge, TooManyRequests

from crowdmap import problems
from crowdmap.db import db, is_busy, reading
from crowdmap.errors import Busy, DomainError, FieldError, SameKeyOtherContent, TooMany, ValidationFailed, status_of
from crowdmap.intake import api, form, voices
from crowdmap.intake.draft import MOST_TEXT, MOST_TITLE, MOST_WORDS
from crowdmap.intake.submit import Incoming, Receipt, check_complete, is_here, submit
from crowdmap.web import client_device, client_source, limited, public, read_form, wants_json
from crowdmap.web.limits import spend, too_many, uncounted

blueprint = Blueprint("intake", __name__)
CHANNEL = "web"


@blueprint.get("/report")
@public
def new_report():
    return form_page(form.blank(request.args))


@blueprint.post("/report")
@public
@limited("submit")
def send_report():
    draft = form.read(request.form)
    place_unknown = bool(request.form.get("place_unknown"))
    voice_of = request.form.get("voice_of")
    check_complete(draft, place_needed=not place_unknown)
    key = api.message_key(draft.client_id)
    # who has searched too often is not asked: the report is kept all the same
    if not voice_of and form.may_ask(request.form) and not is_here(db.session, CHANNEL, key) and spend("duplicates"):
        twins = form.unanswered(request.form, api.possible_duplicates(draft))
        if twins:
            uncounted()
            return ask_page(twins)
    # what it agreed with may have left the map meanwhile: then its words are a report of their own
    report = voices.target_or_none(db.session, voice_of) if voice_of else None
    incoming = Incoming(
        draft, CHANNEL, key, form.verbatim(request.form), source_key=client_device(), network=client_source(), voice_of=report,
        note=form.suspicion(request.form, draft.client_id), **api.proved_sender(),
    )  # fmt: skip
    heard = voices.add(db.session, incoming) if report else None
    receipt = heard.receipt if heard else submit(db.session, incoming)
    db.session.commit()
    return sent(receipt) if receipt else told_before(heard)


@blueprint.post("/reports/<public_id>/voices")
@public
@limited("submit")
def add_voice(public_id):
    """The button "I need this too" of a report's page: ``text``, a contact, and ``client_id`` against doubles."""
    given = request.form.copy()
    trapped = bool(given.pop(form.TRAP, ""))
    voice = read_form(voices.Voice, given)
    report = voices.target(db.session, public_id)
    contact = {name: given[name] for name in ("contact_name", "contact_phone", "contact_email") if given.get(name)}
    heard = voices.add(db.session, Incoming(
        voices.as_draft(voice, report), CHANNEL, api.message_key(voice.client_id),
        {"text": given.get("text", ""), **contact, "voice_of": public_id}, source_key=client_device(), network=client_source(),
        voice_of=report, note=form.NOTE_TRAP if trapped else "",
    ))  # fmt: skip
    db.session.commit()
    return sent(heard.receipt) if heard.receipt else told_before(heard)


def sent(receipt: Receipt):
    if wants_json():
        return api.receipt_response(receipt)
    return redirect(f"/track/{receipt.token}/sent", 303)


def told_before(heard: voices.Heard):
    """Nothing new was said, so nothing more was kept: said kindly, and what to do about it."""
    if wants_json():
        return api.voice_response(heard)
    return render_template("intake/told.html", heard=heard)


def form_page(typed: dict, errors=(), fresh: bool = True) -> str:
    """The form; *typed* stands in its fields. A form that comes back keeps the moment it was first handed out."""
    opened = form.opened(typed["client_id"]) if fresh or not typed.get("opened") else typed["opened"]
    return render_template(
        "intake/report.html", typed=typed, errors=list(errors), opened=opened, groups=form.tiles(db.session), bands=form.bands(),
        map=form.map_config(db.session), most={"title": MOST_TITLE, "description": MOST_TEXT, "place": MOST_WORDS}, trap=form.TRAP,
    )  # fmt: skip


def ask_page(twins: list[dict]):
    """Is it one of these? Nothing is stored yet, and the page says so; every field goes along."""
    if wants_json():
        return {"status": "asked", "possible_duplicates": twins}
    own = ("asked", "voice_of", "csrf_token")
    fields = [(name, value) for name, value in request.form.items(multi=True) if name not in own]
    return render_template("intake/ask.html", twins=twins, fields=fields, bands=form.bands(), age=form.age)


def _form_again(error: DomainError, status: int):
    """What was typed stays, whatever was wrong with it; anything else of this blueprint is answered as everywhere."""
    if wants_json() or request.endpoint != "intake.send_report":
        return problems.from_domain(error)
    db.session.rollback()
    typed = _typed()
    errors = error.errors or [FieldError("", error.code, error.message)]
    if isinstance(error, SameKeyOtherContent) or not _is_uuid(typed.get("client_id")):
        typed = {**typed, "client_id": form.blank(request.args)["client_id"], "opened": ""}
    if isinstance(error, SameKeyOtherContent):
        words = _("The report you sent from this page before is kept. This one is different: send it again as a new one.")
        errors = [FieldError("", error.code, words)]
    with reading():  # who has to type again must not wait for the place to write
        response = Response(form_page(typed, errors, fresh=False), status)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _typed() -> dict[str, str]:
    """What was typed; of a body too large to be read, nothing."""
    try:
        return form.typed_again(request.form)
    except RequestEntityTooLarge:
        return {}


def _is_uuid(text: str | None) -> bool:
    return bool(text) and len(text) == 36 and text.count("-") == 4


@blueprint.errorhandler(ValidationFailed)
@blueprint.errorhandler(SameKeyOtherContent)
def _again(error):
    return _form_again(error, status_of(error))


@blueprint.errorhandler(DBAPIError)
def _cannot_be_kept(error):
    """A full disk or a locked database: the form stays, with all that was typed, to be sent again."""
    db.session.rollback()
    if wants_json() or request.endpoint != "intake.send_report" or not is_busy(error):
        return problems.from_anything(error)
    try:
        return _form_again(Busy(_("This could not be kept just now. Nothing is sent yet: please send it again in a moment.")), 503)
    except SQLAlchemyError:  # not even reading works
        return problems.from_anything(error)


@blueprint.errorhandler(TooManyRequests)
@blueprint.errorhandler(TooMany)
def _too_many(error):
    return _form_again(error if isinstance(error, TooMany) else too_many(), 429)
