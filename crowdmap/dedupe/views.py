"""/api/v1/duplicates: has somebody reported this already? Asked before a report is sent; nothing of it is kept."""

from types import SimpleNamespace
from typing import Annotated

from flask import Blueprint, jsonify, request
from flask_babel import gettext as _
from pydantic import Field

from crowdmap.db import db, reading
from crowdmap.dedupe import find as search
from crowdmap.errors import InvalidParameter, UnknownParameter
from crowdmap.publishing.models import Audience
from crowdmap.reports.models import Category, Kind
from crowdmap.reports.texts import Situated
from crowdmap.web import Permission, actor, limited, public, read_form, read_json

blueprint = Blueprint("dedupe", __name__)


class DuplicatesQuery(Situated):
    """What is asked: kind or category, a place and time, and words."""

    kind: Kind | None = None
    category: Annotated[str | None, Field(max_length=40)] = None
    place: Annotated[str, Field(max_length=300)] = ""
    text: Annotated[str, Field(max_length=10_000)] = ""


@blueprint.get("/api/v1/duplicates")
@public
@limited("duplicates", methods=("GET",))
def duplicates():
    return candidates_for(read_form(DuplicatesQuery, request.args))


@blueprint.post("/api/v1/duplicates")
@public
@limited("duplicates")
def duplicates_of_draft():
    """The same with the fields as JSON, so that a place and words that were not sent yet stand in no address: those are
    kept in histories and in the logs of proxies."""
    for name in request.args:
        raise UnknownParameter(_("There is no parameter %(name)s here.", name=name[:60]), field=name[:60])
    with reading():
        return candidates_for(read_json(DuplicatesQuery))


def candidates_for(asked: DuplicatesQuery):
    if not asked.kind and not asked.category:
        raise InvalidParameter(_("Say what kind or category you look for."), field="kind")
    if asked.category and db.session.get(Category, asked.category) is None:
        raise InvalidParameter(_("There is no category %(code)s.", code=asked.category), field="category")
    draft = SimpleNamespace(
        kind=asked.kind, category=asked.category, categories=[], lon=asked.lon, lat=asked.lat,
        accuracy_m=asked.accuracy_m, occurred_at=asked.occurred_at, title="", description=asked.text, place=asked.place,
    )  # fmt: skip
    staff = actor().can(Permission.READ_STAFF)
    side = search.side_of_draft(db.session, draft, Audience.STAFF if staff else Audience.PUBLIC)
    found = search.candidates(db.session, side, Audience.STAFF if staff else Audience.PUBLIC)
    return jsonify(candidates=[search.as_staff(c) if staff else search.as_public(c) for c in found])
