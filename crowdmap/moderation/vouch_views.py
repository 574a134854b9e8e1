"""To vouch for a public report: as JSON, and the form on its page."""

from typing import Annotated

from flask import Blueprint, flash, jsonify, redirect, request
from flask_babel import gettext as _
from pydantic import BaseModel, ConfigDict, Field

from crowdmap.db import db
from crowdmap.moderation.requests import Text
from crowdmap.moderation.vouching import Vouched, vouch
from crowdmap.web import Permission, actor, client_device, client_source, permits, read_form, read_json

blueprint = Blueprint("vouching", __name__)


class VouchRequest(BaseModel):
    """How they know it."""

    model_config = ConfigDict(extra="forbid")

    evidence: Annotated[Text, Field(max_length=2000, description="how you know; only the team reads it")] = ""


@blueprint.post("/api/v1/reports/<public_id>/vouch")
@permits(Permission.VOUCH)
def vouch_for(public_id: str):
    asked = read_json(VouchRequest)
    done = vouch(db.session, public_id, actor(), asked.evidence, client_device(), client_source())
    db.session.commit()
    return jsonify(
        id=done.report.public_id, verification=done.report.verification.value, counts=done.counts, message=said(done)
    )  # fmt: skip


@blueprint.post("/reports/<public_id>/vouch")
@permits(Permission.VOUCH)
def vouch_on_page(public_id: str):
    asked = read_form(VouchRequest, request.form)
    done = vouch(db.session, public_id, actor(), asked.evidence, client_device(), client_source())
    db.session.commit()
    flash(said(done), "good")
    return redirect(f"/reports/{done.report.public_id}", 303)


def said(done: Vouched) -> str:
    if done.corroborated:
        return _("Thank you. Two of you know it: the report is marked as told by several.")
    if done.counts:
        return _("Thank you, it is kept. When somebody elsewhere knows it independently, the report is marked.")
    return _("Thank you, it is kept for the moderators. Your account is newer than this report, so it does not mark it by itself.")
