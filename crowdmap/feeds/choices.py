"""What somebody chose on the page that builds feeds: read as forgivingly as a form, as exactly as a feed.

A feed refuses the first thing it cannot read. A person wants to hear of all of it beside the fields, and to lose none:
so what is wrong is told and left out, and the rest is read again.
"""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from crowdmap.db import db
from crowdmap.errors import FieldError, InvalidParameter, NotFound, UnknownParameter
from crowdmap.feeds.heads import head_seq
from crowdmap.feeds.layers import LAYERS, Layer, find, narrowed
from crowdmap.feeds.recipes import Wanted
from crowdmap.filters import ReportFilter
from crowdmap.publishing.models import Audience, Publication
from crowdmap.reports.models import Area

TOGETHER = {"near": ("near", "radius"), "radius": ("near", "radius")}
LATEST = 5_000  # changes looked through for the newest that matches


@dataclass(frozen=True)
class Choices:
    """*given*: as typed, empty fields left out. *asked*: what the question itself says; *chosen*: with the layer's part."""

    given: MultiDict
    layer: Layer
    asked: ReportFilter
    chosen: ReportFilter
    errors: tuple[FieldError, ...] = ()

    def picked(self, name: str) -> list[str]:
        """The values of a list as typed, known or not."""
        return [item.strip() for value in self.given.getlist(name) for item in value.split(",") if item.strip()]

    @property
    def query(self) -> dict[str, str]:
        """The parameters that the layer's address needs."""
        query = self.asked.to_json()
        if self.layer.slug != "all" and LAYERS.get(self.layer.slug) == self.asked.kinds:
            del query["kind"]
        return query

    @property
    def merged(self) -> dict[str, str] | None:
        """Layer and question as one filter; None where one cannot say both."""
        return None if self.chosen.also else self.chosen.to_json()

    @property
    def page(self) -> str:
        """This choice as parameters of the page, in one spelling."""
        named = {} if self.layer.slug == "all" else {"layer": self.layer.slug}
        return urlencode({**named, **self.query})

    def wanted(self, base: str) -> Wanted:
        return Wanted(self.layer.slug, base, self.query, self.merged, self.chosen.relative)


def read(args: MultiDict, leave_out: tuple[str, ...] = ()) -> Choices:
    """Of a query string or a form. Never raises for what somebody typed: it is in ``errors``."""
    given = MultiDict(
        (name, value) for name, value in args.items(multi=True) if value.strip(" ,") and name not in leave_out
    )
    rest, errors = given.copy(), []
    slugs = rest.poplist("layer") or ["all"]
    try:
        layer = find(slugs[0].strip())
    except NotFound as error:
        errors += error.errors
        layer = find("all")
    while True:
        try:
            asked = ReportFilter.parse(rest)
            chosen = narrowed(layer, asked, with_status="status" in rest)
            return Choices(given, layer, asked, chosen, tuple(errors))
        except (InvalidParameter, UnknownParameter) as error:
            errors += error.errors
            field = error.errors[0].field
            if not any([rest.poplist(name) for name in TOGETHER.get(field, (field,))]):  # or it would come for ever
                raise


def newest_change(chosen: ReportFilter, audience: Audience) -> datetime | None:
    """When the latest change of what the filter finds was; None if it is not among the newest few thousand of all."""
    recent = Publication.seq > head_seq(audience) - LATEST
    query = chosen.select(audience, Publication.updated_at).where(recent).order_by(Publication.seq.desc()).limit(1)
    return db.session.scalar(query)


def areas() -> list[str]:
    """Names that a report's ``area`` may have."""
    return sorted(db.session.scalars(select(Area.name).distinct()))
