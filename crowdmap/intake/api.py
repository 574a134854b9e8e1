"""POST /api/v1/reports and "me too": the same door for programs. No cookie is needed."""

import logging
from uuid import UUID, uuid4

import orjson
from flask import Blueprint, Response, current_app, g, request
from flask_babel import gettext as _

from crowdmap.db import db, reading
from crowdmap.dedupe import candidates_for_public
from crowdmap.errors import FieldError, InvalidParameter, UnknownParameter, ValidationFailed
from crowdmap.intake import voices
from crowdmap.intake.draft import ReportDraft
from crowdmap.intake.submit import Incoming, Receipt, check_complete, submit
from crowdmap.web import absolute, actor, client_device, client_source, limited, parse_json, public, read_json

log = logging.getLogger(__name__)
blueprint = Blueprint("intake_api", __name__)
CHANNEL = "api"


@blueprint.post("/api/v1/reports")
@public
@limited("submit")
def create_report():
    refuse_query()
    refuse_photos()
    draft = read_json(ReportDraft)
    key = message_key(draft.client_id)
    check_complete(draft)
    receipt = submit(db.session, Incoming(
        draft, CHANNEL, key, parse_json(request.get_data()), source_key=client_device(), network=client_source(), **proved_sender(),
    ))  # fmt: skip
    db.session.commit()
    return receipt_response(receipt, possible_duplicates=possible_duplicates(draft, receipt.public_id))


@blueprint.post("/api/v1/reports/<public_id>/voices")
@public
@limited("submit")
def add_voice(public_id):
    refuse_query()
    voice = read_json(voices.Voice)
    key = message_key(voice.client_id)
    report = voices.target(db.session, public_id)
    verbatim = {**parse_json(request.get_data()), "voice_of": public_id}
    heard = voices.add(db.session, Incoming(
        voices.as_draft(voice, report), CHANNEL, key, verbatim, source_key=client_device(), network=client_source(),
        voice_of=report,
    ))  # fmt: skip
    db.session.commit()
    return voice_response(heard)


def proved_sender() -> dict:
    """Who sends, as far as they proved it: ``account_id`` of whoever is signed in, and the ``organisation`` (slug) of the
    key, or of which they are a member."""
    key, account = g.get("key"), actor()
    if key is not None:
        return {"organisation": key.slug}
    if not account.is_authenticated:
        return {}
    return {"account_id": account.id, "organisation": current_app.extensions["crowdmap_organisation_of"](account.id)}


def refuse_query(*allowed: str) -> None:
    """Raises UnknownParameter naming the first query parameter that this call does not know."""
    for name in request.args:
        if name not in allowed:
            raise UnknownParameter(_("There is no parameter %(name)s here.", name=name[:60]), field=name[:60])


def refuse_photos() -> None:
    """Raises InvalidParameter naming ``photos``: said plainly, so that no client believes a photo was kept."""
    given = request.mimetype == "multipart/form-data"
    if not given and request.is_json:
        body = parse_json(request.get_data())
        given = isinstance(body, dict) and "photos" in body
    if given:
        words = _("Photos cannot be taken yet. Send the report without them, as application/json.")
        raise InvalidParameter(words, field="photos", code="photos-not-taken")


def message_key(client_id: UUID | None) -> str:
    """The sender's own key: header Idempotency-Key or client_id; a fresh one where neither is given.

    Raises ValidationFailed where the header is no UUID, or another one than client_id.
    """
    header = request.headers.get("Idempotency-Key")
    if header is None:
        return str(client_id or uuid4())
    try:
        key = UUID(header.strip().strip('"'))  # a structured field's string has quotes, most clients send none
    except ValueError:
        words = _("This must be a UUID.")
        raise ValidationFailed([FieldError("Idempotency-Key", "uuid-parsing", words)]) from None
    if client_id is not None and client_id != key:
        words = _("client_id is another key than the header Idempotency-Key; send one, or the same twice.")
        raise ValidationFailed([FieldError("client_id", "two-keys", words)])
    return str(key)


def possible_duplicates(draft: ReportDraft, own_id: str | None = None) -> list[dict]:
    """Up to five public reports that may tell the same; looked for after the commit, holding nobody up.

    Never raises: a report that is kept, or about to be, is worth more than what resembles it.
    """
    try:
        with reading():
            return [found for found in candidates_for_public(db.session, draft) if found["id"] != own_id]
    except Exception:
        db.session.rollback()
        log.exception("could not look for duplicates of what was sent")
        return []


def voice_response(heard: voices.Heard) -> Response:
    """As a receipt with ``voices`` as they are now and a ``message`` or null; without a token where nothing was kept."""
    feature = voices.public_feature(db.session, heard.report.id)
    more = {"voices": feature["properties"]["voices"] if feature else None, "message": heard.words or None}
    if heard.receipt is not None:
        return receipt_response(heard.receipt, **more)
    report = heard.report
    body = {"id": report.public_id, "tracking_token": None, "tracking_url": None, "status": report.status.value, **more}
    response = Response(orjson.dumps(body), mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def receipt_response(receipt: Receipt, **more) -> Response:
    """201 for what is new, 200 for a repeat; never cached, for it holds the token."""
    body = {
        "id": receipt.public_id, "tracking_token": receipt.token,
        "tracking_url": absolute(f"/track/{receipt.token}"), "status": receipt.status.value, **more,
    }  # fmt: skip
    response = Response(orjson.dumps(body), 200 if receipt.repeated else 201, mimetype="application/json")
    response.headers["Location"] = absolute(f"/api/v1/reports/{receipt.public_id}")
    response.headers["Cache-Control"] = "no-store"
    return response
