"""Moderators' actions as JSON."""

from dataclasses import asdict

from flask import Blueprint, g, jsonify
from flask_babel import gettext as _
from sqlalchemy import select

from crowdmap.db import db, writing
from crowdmap.errors import NotFound
from crowdmap.moderation import evidence
from crowdmap.moderation.actions import ACTIONS, decide
from crowdmap.moderation.contact import see_contact, see_contact_by_key
from crowdmap.moderation.requests import REQUESTS
from crowdmap.reports.models import Report
from crowdmap.web import Permission, actor, permits, read_json

blueprint = Blueprint("moderation_api", __name__, url_prefix="/api/v1/reports")


@blueprint.post("/<public_id>/actions/<action>")
@permits(Permission.MODERATE)
def act(public_id: str, action: str):
    if action not in REQUESTS:
        raise NotFound(_("There is no action %(name)s; there are %(all)s.", name=action[:40], all=", ".join(ACTIONS)))
    asked = read_json(REQUESTS[action])
    report, decision = decide(db.session, public_id, action, actor(), **asked.model_dump(exclude_unset=True))
    answer = {**state_of(report), "decision": decision and decision.id}
    db.session.commit()
    return jsonify(answer)


@blueprint.get("/<public_id>/evidence")
@permits(Permission.MODERATE)
def list_evidence(public_id: str):
    """What the report's grade stands on, and what the next grade needs."""
    report = db.session.scalar(select(Report).where(Report.public_id == public_id))
    if report is None:
        raise NotFound(_("There is no report %(id)s.", id=public_id[:40]))
    return jsonify(evidence.as_json(db.session, report))


@blueprint.get("/<public_id>/contact")
@permits(Permission.SEE_CONTACT, by_key=True)
def contact(public_id: str):
    key = g.get("key")
    with writing():
        found = see_contact_by_key(db.session, public_id, key) if key else see_contact(db.session, public_id, actor())
        db.session.commit()
    return jsonify(asdict(found))


def state_of(report: Report) -> dict:
    """What an action answers."""
    root = db.session.get(Report, report.merged_into_id) if report.merged_into_id else None
    return {
        "id": report.public_id, "status": report.status.value, "verification": report.verification.value,
        "verification_reason": report.verification_reason,
        "kind": report.kind.value, "category": report.category, "categories": report.codes,
        "out_of_area": report.out_of_area, "merged_into": root.public_id if root else None,
        "revision": report.revision,
    }  # fmt: skip
