"""/map/…: what the map's scripts ask for. Always the public view, whoever is signed in, so that one answer serves all."""

import orjson
from flask import Blueprint, Response, request
from flask_babel import gettext as _

from crowdmap.errors import NotFound
from crowdmap.feeds.answer import kept
from crowdmap.feeds.reader import PUBLIC
from crowdmap.filters import ReportFilter
from crowdmap.maps import overlays
from crowdmap.maps.coast import coast
from crowdmap.maps.cells import parse_zoom, view
from crowdmap.maps.facets import facets
from crowdmap.maps.places import find_places
from crowdmap.web import conditional, etag_of, public

blueprint = Blueprint("map_data", __name__, url_prefix="/map")


@blueprint.get("/cells.geojson")
@public
def cells():
    chosen = ReportFilter.parse(request.args, also=("zoom",))
    zoom = parse_zoom(request.args.get("zoom"))
    key = ("cells", chosen.canonical(), zoom)
    return kept(key, PUBLIC, chosen.kinds, "application/geo+json", lambda: view(chosen, zoom), relative=chosen.relative)


@blueprint.get("/facets.json")
@public
def facets_json():
    chosen = ReportFilter.parse(request.args)
    key = ("facets", chosen.canonical())
    return kept(key, PUBLIC, (), "application/json", lambda: facets(chosen), relative=chosen.relative)


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
