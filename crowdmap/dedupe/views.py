"""GET /api/v1/duplicates: has somebody reported this already?"""

from types import SimpleNamespace
from typing import Annotated

from flask import Blueprint, jsonify, request
from flask_babel import gettext as _
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from crowdmap.db import db
from crowdmap.dedupe import find as search
from crowdmap.errors import InvalidParameter
from crowdmap.publishing.models import Audience
from crowdmap.reports.models import Category, Kind
from crowdmap.web import Permission, actor, limited, public, read_form

blueprint = Blueprint("dedupe", __name__)


class DuplicatesQuery(BaseModel):
    """The parameters; lat, lon in degrees go together."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    kind: Kind | None = None
    category: Annotated[str | None, Field(max_length=40)] = None
    lat: Annotated[float | None, Field(ge=-90, le=90)] = None
    lon: Annotated[float | None, Field(ge=-180, le=180)] = None
    text: Annotated[str, Field(max_length=10_000)] = ""

    @model_validator(mode="after")
    def _point_is_whole(self):
        if (self.lat is None) != (self.lon is None):
            raise PydanticCustomError("half-point", "lat and lon go together")
        return self


@blueprint.get("/api/v1/duplicates")
@public
@limited("duplicates", methods=("GET",))
def duplicates():
    asked = read_form(DuplicatesQuery, request.args)
    if not asked.kind and not asked.category:
        raise InvalidParameter(_("Say what kind or category you look for."), field="kind")
    if asked.category and db.session.get(Category, asked.category) is None:
        raise InvalidParameter(_("There is no category %(code)s.", code=asked.category), field="category")
    draft = SimpleNamespace(
        kind=asked.kind, category=asked.category, categories=[], lon=asked.lon, lat=asked.lat, accuracy_m=None,
        occurred_at=None, title="", description=asked.text, place="",
    )  # fmt: skip
    staff = actor().can(Permission.READ_STAFF)
    side = search.side_of_draft(db.session, draft, Audience.STAFF if staff else Audience.PUBLIC)
    found = search.candidates(db.session, side, Audience.STAFF if staff else Audience.PUBLIC)
    return jsonify(candidates=[search.as_staff(c) if staff else search.as_public(c) for c in found])
