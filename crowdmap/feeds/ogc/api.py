"""/ogc/api: this interface as OpenAPI 3.0 (/req/oas30). Every layer has paths of its own: GDAL and QGIS look its
parameters up there."""

from flask_babel import gettext as _

from crowdmap.config import settings
from crowdmap.feeds.layers import all_layers
from crowdmap.feeds.ogc.documents import GEOJSON, HTML_TYPE, JSON_TYPE, OPENAPI, SCHEMA, words
from crowdmap.feeds.ogc.parameters import CRS84_NAMES, DEFAULT_LIMIT, HTML, JSON
from crowdmap.feeds.ogc.properties import MOMENT, NUMBER, SCHEMAS, TEXT, WHOLE, queryables, titles
from crowdmap.feeds.reading import MOST_LIMIT
from crowdmap.web import absolute

PROBLEM = "application/problem+json"
URI = {**TEXT, "format": "uri"}
ERRORS = {
    "NotModified": (304, "nothing changed since the ETag that was sent"),
    "BadRequest": (400, "a parameter is not known or cannot be read; errors names it"),
    "NotFound": (404, "there is no such collection or report"),
    "Gone": (410, "the report is no longer public"),
    "UnknownHost": (421, "the map is not known by this name"),
    "ServerError": (500, "something went wrong at the server"),
    "Busy": (503, "too many at once; come again after Retry-After seconds"),
}


def ref(part: str, name: str) -> dict:
    return {"$ref": f"#/components/{part}/{name}"}


def api() -> dict:
    """The whole document. Needs an application context."""
    paths = {
        "/": _get("landing", _("Landing page"), "Landing", JSON_TYPE, "capabilities"),
        "/conformance": _get("conformance", _("What of the standard is there"), "Conformance", JSON_TYPE, "capabilities"),
        "/api": _get("api", _("This document"), None, OPENAPI, "capabilities"),
        "/collections": _get("collections", _("The layers"), "Collections", JSON_TYPE, "capabilities"),
    }
    layers = [layer.slug for layer in all_layers()]
    for layer in layers:
        paths |= _layer_paths(layer)
    given = settings()
    return {
        "openapi": "3.0.3",
        "info": {
            "title": given.TITLE, "version": "1",
            "description": _("Needs, offers and damage: reported by people, checked by moderators, served as they change."),
            "license": {"name": given.DATA_LICENSE, "url": given.DATA_LICENSE},
        },
        "servers": [{"url": absolute("/ogc")}],
        "tags": [{"name": "capabilities"}, *({"name": layer, "description": words(layer)[1]} for layer in layers)],
        "paths": paths,
        "components": {"parameters": _parameters(), "schemas": _schemas(), "responses": _responses()},
    }  # fmt: skip


def _layer_paths(layer: str) -> dict:
    title, path = words(layer)[0], f"/collections/{layer}"
    asked = [
        {"name": name, "in": "query", "required": False, "description": schema["description"], "schema": schema,
         "style": "form", "explode": False}
        for name, schema in queryables(layer).items()
    ]  # fmt: skip
    common = [ref("parameters", name) for name in _parameters() if name not in ("f", "featureId")]
    item = _get(f"item-{layer}", _("One report"), "Feature", GEOJSON, layer, [ref("parameters", "featureId")], lost=True)
    item["get"]["responses"] |= {"301": {"description": "it was merged; Location is the report it is part of"}, "410": ref("responses", "Gone")}
    return {
        path: _get(f"collection-{layer}", title, "Collection", JSON_TYPE, layer),
        f"{path}/items": _get(f"items-{layer}", f"{title}: GeoJSON", "FeatureCollection", GEOJSON, layer, [*common, *asked]),
        f"{path}/items/{{featureId}}": item,
        f"{path}/queryables": _get(f"queryables-{layer}", _("What can be asked for"), None, SCHEMA, layer),
    }


def _get(name: str, summary: str, schema: str | None, media: str, tag: str, parameters=(), lost: bool = False) -> dict:
    told = ref("schemas", schema) if schema else {"type": "object"}
    errors = {str(status): ref("responses", key) for key, (status, _words) in ERRORS.items() if status not in (404, 410)}
    if lost:
        errors["404"] = ref("responses", "NotFound")
    return {
        "get": {
            "operationId": name, "summary": summary, "tags": [tag], "parameters": [*parameters, ref("parameters", "f")],
            "responses": {
                "200": {"description": summary, "content": {media: {"schema": told}, HTML_TYPE: {"schema": TEXT}}},
                **dict(sorted(errors.items())),
            },
        }
    }  # fmt: skip


def _responses() -> dict:
    problem = {PROBLEM: {"schema": ref("schemas", "Problem")}, HTML_TYPE: {"schema": TEXT}}
    return {
        key: {"description": words, **({} if status == 304 else {"content": problem})} for key, (status, words) in ERRORS.items()
    }


def _parameters() -> dict:
    numbers = {"type": "array", "items": NUMBER}

    def query(name: str, schema: dict, description: str) -> dict:
        return {"name": name, "in": "query", "required": False, "style": "form", "explode": False, "schema": schema,
                "description": description}  # fmt: skip

    return {
        "f": query("f", {**TEXT, "enum": [JSON, HTML]}, "the form of the answer; else by the header Accept"),
        "limit": query(
            "limit", {**WHOLE, "minimum": 1, "maximum": MOST_LIMIT, "default": DEFAULT_LIMIT},
            "reports on a page; more is taken as the maximum, and a page for people holds fewer",
        ),
        "bbox": query(
            "bbox", {**numbers, "minItems": 4, "maxItems": 6},
            "west,south,east,north in degrees, the edges included; west greater than east crosses the 180th meridian",
        ),
        "bbox-crs": query("bbox-crs", {**TEXT, "enum": list(CRS84_NAMES), "default": CRS84_NAMES[0]}, "how bbox is read"),
        "datetime": query(
            "datetime", TEXT,
            "a time or an interval whose ends belong to it, such as 2010-01-12T00:00:00Z/..; when it happened, else when "
            "it was told",
        ),
        "cursor": query("cursor", TEXT, "from the link next; only with the same filter"),
        "q": query("q", {**TEXT, "maxLength": 200}, "words in title, text or place; beginnings of words are enough"),
        "near": query("near", {**numbers, "minItems": 2, "maxItems": 2}, "lon,lat; with radius"),
        "radius": query("radius", {**NUMBER, "maximum": 100_000}, "metres around near"),
        "from": query("from", TEXT, "a time, a date, or relative as in -24h; instead of datetime"),
        "until": query("until", TEXT, "as from, not included; instead of datetime"),
        "placed": query("placed", {**TEXT, "enum": ["yes", "no"]}, "with a point, or still without"),
        "featureId": {"name": "featureId", "in": "path", "required": True, "schema": TEXT, "description": "id of the report"},
    }  # fmt: skip


def _object(properties: dict, required=None) -> dict:
    """All *properties* are required unless *required* says which; OpenAPI 3.0 takes no empty list of them."""
    needed = list(properties if required is None else required)
    return {"type": "object", **({"required": needed} if needed else {}), "properties": properties}


def _array(items: dict) -> dict:
    return {"type": "array", "items": items}


def _schemas() -> dict:
    named, links = titles(), _array(ref("schemas", "Link"))
    properties = {
        name: {**schema, "title": named[name], **({"nullable": True} if null else {})} for name, (schema, null) in SCHEMAS.items()
    }
    bbox = _array({"type": "array", "items": NUMBER, "minItems": 4, "maxItems": 6})
    interval = _array({"type": "array", "items": {**MOMENT, "nullable": True}, "minItems": 2, "maxItems": 2})
    extent = _object({"spatial": _object({"bbox": bbox, "crs": URI}), "temporal": _object({"interval": interval, "trs": URI})}, ())
    place = {"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2}
    point = _object({"type": {**TEXT, "enum": ["Point"]}, "coordinates": place})
    return {
        "Link": _object({"href": URI, "rel": TEXT, "type": TEXT, "title": TEXT}, ("href", "rel")),
        "Landing": _object({"title": TEXT, "description": TEXT, "attribution": TEXT, "links": links}, ("links",)),
        "Conformance": _object({"conformsTo": _array(URI), "links": links}, ("conformsTo",)),
        "Collection": _object(
            {
                "id": TEXT, "title": TEXT, "description": TEXT, "attribution": TEXT, "itemType": TEXT, "crs": _array(URI),
                "extent": extent, "links": links,
            },
            ("id", "links"),
        ),
        "Collections": _object({"links": links, "collections": _array(ref("schemas", "Collection"))}),
        "Feature": _object(
            {
                "type": {**TEXT, "enum": ["Feature"]}, "id": TEXT,
                "geometry": {**point, "nullable": True}, "properties": _object(properties),
                "links": links,
            },
            ("type", "id", "geometry", "properties"),
        ),
        "FeatureCollection": _object(
            {
                "type": {**TEXT, "enum": ["FeatureCollection"]}, "title": TEXT, "features": _array(ref("schemas", "Feature")),
                "links": links, "timeStamp": MOMENT, "numberMatched": {**WHOLE, "minimum": 0},
                "numberReturned": {**WHOLE, "minimum": 0}, "seq": WHOLE, "license": URI, "attribution": TEXT,
                "next": {**URI, "nullable": True},
            },
            ("type", "features", "links", "timeStamp", "numberMatched", "numberReturned"),
        ),
        "Problem": _object(
            {
                "type": TEXT, "title": TEXT, "status": WHOLE, "detail": TEXT, "code": TEXT,
                "errors": _array(_object({"field": {**TEXT, "nullable": True}, "code": TEXT, "message": TEXT})),
            },
            ("title", "status"),
        ),
    }  # fmt: skip
