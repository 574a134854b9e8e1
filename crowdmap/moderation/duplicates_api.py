"""Suspected duplicates for programs: the groups that are left, and one decision for a whole group."""

from typing import Annotated

from flask import Blueprint, Response, jsonify, request
from flask_babel import gettext as _
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from crowdmap.db import db
from crowdmap.dedupe import groups
from crowdmap.dedupe.groups import Group
from crowdmap.errors import FieldError, ValidationFailed
from crowdmap.moderation import comparing, duplicates
from crowdmap.moderation.api import state_of
from crowdmap.moderation.requests import GroupDecision
from crowdmap.reports.models import Report
from crowdmap.web import Permission, actor, permits, read_form, read_json

blueprint = Blueprint("duplicates_api", __name__, url_prefix="/api/v1/duplicates")


class GroupsQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=0, le=50, description="groups in the answer")] = 20


@blueprint.get("/groups")
@permits(Permission.MODERATE)
def listing():
    asked = read_form(GroupsQuery, request.args)
    found = groups.open_groups(db.session)
    figure = groups.precision(db.session)
    told = [told for group in found[: asked.limit] if (told := _told(group))]
    return jsonify(open=len(found), suggestions={"decided": figure.decided, "same": figure.same}, groups=told)


@blueprint.post("/groups/<public_id>")
@permits(Permission.MODERATE)
def decide(public_id: str):
    asked = read_json(GroupDecision)
    root = asked.root or public_id
    if public_id != root and public_id not in asked.members:
        raise ValidationFailed([FieldError("members", "other-group", _("The report of the address is not among them."))])
    verb = duplicates.merge_many if asked.decision == "merge" else duplicates.distinct_many
    decision = verb(db.session, root, asked.members, actor(), asked.reason)
    names = {root, *asked.members}
    rows = db.session.scalars(select(Report).where(Report.public_id.in_(names)).order_by(Report.id))
    body = {"decision": decision.id, "root": root, "members": [state_of(row) for row in rows]}
    db.session.commit()
    return jsonify(body)


@blueprint.delete("/decisions/<int:number>")
@permits(Permission.MODERATE)
def undo(number: int):
    duplicates.undo(db.session, number, actor())
    db.session.commit()
    return Response(status=204)


def _told(group: Group) -> dict | None:
    compared = comparing.compare(db.session, group)
    if compared is None:
        return None
    shown = {member.public_id for member in compared.members}
    pairs = [pair for pair in group.pairs if pair.a in shown and pair.b in shown][: duplicates.MOST_TOGETHER]
    words = groups.reasons(db.session, pairs)
    return {
        "root": compared.root.public_id,
        "size": compared.all,
        "members": [
            {
                "id": m.public_id, "revision": m.revision, "copy": m.copy, "reasons": compared.reasons.get(m.public_id, []),
                "report": m.feature,
            }
            for m in compared.members
        ],
        "pairs": [
            {"a": pair.a, "b": pair.b, "score": round(pair.score, 3), "exact": pair.exact, "reasons": words.get((pair.a, pair.b), [])}
            for pair in pairs
        ],
    }  # fmt: skip
