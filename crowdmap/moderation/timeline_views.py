"""The log of a report for the team: as JSON, and as a page of its own to print."""

from flask import Blueprint, jsonify, render_template

from crowdmap.db import db
from crowdmap.moderation import timeline_rows
from crowdmap.moderation.timeline import Entry
from crowdmap.publishing.project import timestamp
from crowdmap.web import Permission, permits

blueprint = Blueprint("timeline", __name__)


@blueprint.get("/api/v1/reports/<public_id>/log")
@permits(Permission.MODERATE)
def log(public_id: str):
    report, entries = timeline_rows.by_public_id(db.session, public_id)
    return jsonify(id=report.public_id, entries=[as_json(entry) for entry in entries])


@blueprint.get("/moderate/<public_id>/log")
@permits(Permission.MODERATE)
def page(public_id: str):
    report, entries = timeline_rows.by_public_id(db.session, public_id)
    return render_template("moderation/log.html", report=report, entries=entries)


def as_json(entry: Entry) -> dict:
    """All keys are always there."""
    told = {**entry.__dict__, "at": timestamp(entry.at)}
    told["changes"] = [{"field": c.name, "label": c.label, "from": c.old, "to": c.new} for c in entry.changes]
    return told
