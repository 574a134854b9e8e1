"""/map/…: what the map's scripts ask for. Always the public view, whoever is signed in, so that one answer serves all."""

from collections.abc import Callable

import orjson
from flask import Blueprint, Response, current_app, request
from flask_babel import gettext as _

from crowdmap.db import db
from crowdmap.errors import NotFound
from crowdmap.feeds.cache import bodies
from crowdmap.feeds.heads import head_seq
from crowdmap.filters import ReportFilter
from crowdmap.maps import overlays
from crowdmap.maps.coast import coast
from crowdmap.maps.cells import parse_zoom, view
from crowdmap.maps.facets import facets
from crowdmap.maps.places import find_places
from crowdmap.publishing.models import Audience
from crowdmap.web import conditional, etag_of, public

blueprint = Blueprint("map_data", __name__, url_prefix="/map")


def cached(name: str, key: tuple, kinds: tuple, mimetype: str, build: Callable[[], tuple[int, bytes]]) -> Response:
    """What *build* gives, single-flight and at most a second old, validated by the seq it was built at."""
    head = head_seq(Audience.PUBLIC, kinds)
    db.session.rollback()  # waiting for another thread's body must not hold a snapshot
    body = bodies(current_app).get((name, *key), head, build)
    return conditional(etag_of(name, *key, body.seq), lambda: Response(body.data, mimetype=mimetype))


@blueprint.get("/cells.geojson")
@public
def cells():
    chosen = ReportFilter.parse(request.args, also=("zoom",))
    zoom = parse_zoom(request.args.get("zoom"))
    key = (chosen.canonical(), zoom)
    return cached("cells", key, chosen.kinds, "application/geo+json", lambda: view(chosen, zoom))


@blueprint.get("/facets.json")
@public
def facets_json():
    chosen = ReportFilter.parse(request.args)
    return cached("facets", (chosen.canonical(),), (), "application/json", lambda: facets(chosen))


@blueprint.get("/overlays.json")
@public
def overlays_json():
    entries = overlays.listed()
    return conditional(
        etag_of("overlays", entries), lambda: Response(orjson.dumps(entries), mimetype="application/json")
    )


@blueprint.get("/overlays/<slug>.geojson")
@public
def overlay(slug):
    found = overlays.find(slug)
    if found is None:
        raise NotFound(_("There is no such overlay."))
    return conditional(
        etag_of("overlay", slug, found.added_at), lambda: Response(found.geojson, mimetype="application/geo+json")
    )


@blueprint.get("/coast.geojson")
@public
def coast_geojson():
    body = coast()
    return conditional(etag_of("coast", body), lambda: Response(body, mimetype="application/geo+json"))


@blueprint.get("/places.json")
@public
def places_json():
    return Response(orjson.dumps(find_places(request.args.get("q", ""))), mimetype="application/json")
