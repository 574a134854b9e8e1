"""The pages everybody reads: map, list, one report, what this map is."""

import math
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request
from flask_babel import gettext as _
from sqlalchemy import select

from crowdmap.config import settings
from crowdmap.db import db
from crowdmap.errors import Gone, NotFound
from crowdmap.feeds import reading
from crowdmap.feeds.reportview import view_of
from crowdmap.filters import ReportFilter
from crowdmap.language import locale_code
from crowdmap.maps.words import pathway_of, strings, voice_words
from crowdmap.moderation.grades import sentence
from crowdmap.moderation.timeline_rows import for_public
from crowdmap.moderation.triage.queries import publishes_unread
from crowdmap.moderation.vouching import may_vouch
from crowdmap.publishing.models import Audience
from crowdmap.reports.models import Area, Category, Policy, Status
from crowdmap.web import absolute, actor, public

blueprint = Blueprint("maps", __name__)
PAGE = 50
WORLD = [-170.0, -56.0, 179.0, 74.0]
LOOKS = ("lang", "dir")  # how a page is shown, not what it shows


@blueprint.get("/")
@public
def map_page():
    return render_template(
        "maps/map.html", config=map_config(), strings=strings(), categories=public_categories(),
        total=reading.count(ReportFilter(), Audience.PUBLIC),
    )  # fmt: skip


def map_config() -> dict:
    given = settings()
    towns = db.session.scalars(select(Area).order_by(Area.radius_m.desc()))
    return {
        "area": given.AREA.as_list() if given.AREA else WORLD,
        "tiles": {"url": given.TILE_URL, "attribution": given.TILE_ATTRIBUTION} if given.TILE_URL else None,
        "towns": [{"name": town.name, "lon": town.lon, "lat": town.lat} for town in towns],
        "urls": {
            "cells": "/map/cells.geojson", "facets": "/map/facets.json", "overlays": "/map/overlays.json",
            "places": "/map/places.json", "reports": "/feeds/all.geojson", "report": "/api/v1/reports/",
            "stream": "/feeds/stream", "changes": "/feeds/changes",
            "coast": "/map/coast.geojson", "world": "/static/vendor/world-atlas/countries-50m.json",
        },
    }  # fmt: skip


def public_categories() -> list[dict]:
    """Active categories that can have public reports, by the reader's language."""
    language = locale_code().split("-")[0]
    query = select(Category).where(Category.active, Category.policy != Policy.RESTRICTED).order_by(Category.position)
    return [
        {"code": item.code, "name": item.names.get(language, item.name), "kind": item.kind.value, "sector": item.sector}
        for item in db.session.scalars(query)
    ]


@blueprint.get("/reports")
@public
def report_list():
    """The list, as good without JavaScript as the map is with it."""
    chosen = ReportFilter.parse(request.args, also=("cursor", *LOOKS))
    cursor = request.args.get("cursor") or None
    found = reading.page(chosen, Audience.PUBLIC, PAGE, cursor)
    query = chosen.to_json()
    return render_template(
        "maps/reports.html", views=[view_of(data) for data in found.features()], matched=found.matched, chosen=chosen,
        asked=request.args, categories=public_categories(), query=urlencode(query),
        next="/reports?" + urlencode({**query, "cursor": found.cursor}) if found.cursor else None,
        newest="/reports?" + urlencode(query) if cursor else None,
        feed=absolute("/feeds/all.geojson" + ("?" + urlencode(query) if query else "")),
    )  # fmt: skip


@blueprint.get("/reports/<public_id>")
@public
def report_page(public_id):
    row = reading.one(public_id, Audience.PUBLIC)
    if row is None:
        raise NotFound(_("There is no such report here, or it is not public yet."))
    if row.removed is not None:
        if row.merged_into:
            return redirect(f"/reports/{row.merged_into}", 301)
        raise Gone(_("This report is no longer public. It may have been taken back, or it was not what it seemed."))
    view = view_of(row.feature)
    names = {item["code"]: item["name"] for item in public_categories()}
    history, checked = for_public(db.session, row.report_id, view.created_at)
    help_kind = {"need": "offer", "offer": "need"}.get(view.kind)
    return render_template(
        "maps/report.html", view=view, category=names.get(view.category, view.category),
        others=[names[code] for code in view.categories if code != view.category and code in names],
        steps=pathway_of(view, checked), closed=view.status == Status.CLOSED, link=absolute(f"/reports/{view.id}"),
        config=map_config(), help_link=help_kind and "/report?" + urlencode({"kind": help_kind, "category": view.category}),
        zoom=zoom_for(view.precision_m), voice_words=voice_words(),
        grade_words=sentence(view.verification, view.feature["properties"].get("verification_reason")),
        may_vouch=may_vouch(db.session, view.id, actor(), view.verification),
        history=history,
    )  # fmt: skip


def zoom_for(precision_m: float | None) -> int:
    """The zoom at which the circle of precision fills about a fifth of a small map (at 156 km a pixel for zoom 0)."""
    return max(4, min(16, round(math.log2(156_543 * 60 / max(precision_m or 50.0, 40.0)))))


@blueprint.get("/about")
@public
def about():
    return render_template(
        "maps/about.html", base=settings().PUBLIC_URL, categories=public_categories(), unread=publishes_unread(db.session)
    )
