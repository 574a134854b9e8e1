"""The marks of one report as JSON, with the ids that the actions keep-mark and mask-mark take."""

from flask import Blueprint, jsonify
from sqlalchemy import select

from crowdmap.db import db
from crowdmap.errors import NotFound
from crowdmap.moderation.marking import marked
from crowdmap.reports.models import Report
from crowdmap.web import Permission, permits

blueprint = Blueprint("marks_api", __name__, url_prefix="/api/v1/reports")


@blueprint.get("/<public_id>/marks")
@permits(Permission.MODERATE)
def marks(public_id: str):
    report = db.session.scalar(select(Report).where(Report.public_id == public_id))
    if report is None:
        raise NotFound()
    found = marked(report)
    return jsonify(
        id=report.public_id, revision=report.revision, masked=len(found.masked), kept=len(found.kept),
        marks=[
            {"id": one.id, "kind": one.kind, "text": one.text, "state": one.state, "mask": one.mask} for one in found.marks
        ],
    )  # fmt: skip
