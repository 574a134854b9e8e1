"""/openapi.json: the public API as OpenAPI 3.1, made from the pydantic models that read what comes in."""

from dataclasses import dataclass, field
from http import HTTPStatus

from flask import Flask, jsonify
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from sqlalchemy import select

from crowdmap.alerts import described as subscriptions
from crowdmap.config import settings
from crowdmap.db import db
from crowdmap.dedupe.views import DuplicatesQuery
from crowdmap.feeds.described import FEED_LIMIT, FEED_SWITCHES, feed_contents
from crowdmap.feeds.formats import FORMATS
from crowdmap.feeds.layers import all_layers
from crowdmap.feeds.ogc.properties import SCHEMAS
from crowdmap.intake.draft import ReportDraft
from crowdmap.intake.track_views import ACTIONS as TRACK_ACTIONS
from crowdmap.intake.tracking import Nothing
from crowdmap.intake.voices import Voice
from crowdmap.language import locale_code
from crowdmap.maps import described as tiles
from crowdmap.moderation.duplicates_api import GroupsQuery
from crowdmap.moderation.requests import REQUESTS, GroupDecision
from crowdmap.moderation.vouch_views import VouchRequest
from crowdmap.reports.models import Category, Kind, Verification
from crowdmap.web import absolute, public

JSON, GEOJSON, PROBLEM, EVENTS = "application/json", "application/geo+json", "application/problem+json", "text/event-stream"


def ref(name: str) -> dict:
    return {"$ref": f"#/components/schemas/{name}"}


def listed(values, **more) -> dict:
    """A comma-separated or repeated parameter."""
    return {"type": "array", "items": {"type": "string", "enum": list(values)} if values else {"type": "string"}, **more}


NUMBER, TEXT, WHOLE = {"type": "number"}, {"type": "string"}, {"type": "integer"}
BBOX = {"type": "array", "items": NUMBER, "minItems": 4, "maxItems": 6}

# name → (schema, description); style: comma-separated
FILTER = {
    "bbox": (BBOX, "west,south,east,north in degrees; west greater than east crosses the 180th meridian"),
    "kind": (listed(Kind), "alternatives"),
    "category": ({"type": "array", "items": ref("CategoryCode")}, "any of the report's categories"),
    "sector": (listed(()), "humanitarian sector, such as wash or health"),
    "status": (listed(("published", "closed", "all")), "default: published"),
    "verification": (listed(Verification), "alternatives"),
    "area": (listed(()), "names as in a feature's area"),
    "q": ({**TEXT, "maxLength": 200}, "words in title, text or place; beginnings of words are enough"),
    "near": ({"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2}, "lon,lat; with radius"),
    "radius": ({**NUMBER, "maximum": 100_000}, "metres around near"),
    "from": (TEXT, "a time, a date, or relative as in -24h; when it happened, else when it was told"),
    "until": (TEXT, "as from, not included"),
    "placed": ({**TEXT, "enum": ["yes", "no"]}, "with a point, or still without"),
}
PAGING = {
    "limit": ({**WHOLE, "minimum": 1, "maximum": 10_000}, "features on a page"),
    "cursor": (TEXT, "from next; only with the same filter"),
}
SINCE = {"since": ({**WHOLE, "minimum": 0}, "the last seq that you have; 0 is the beginning")}
OF_LAYER = {"layer": (ref("Layer"), "of this layer alone; the filter narrows it")}
IDEMPOTENCY = {
    "name": "Idempotency-Key", "in": "header", "schema": {**TEXT, "format": "uuid"},
    "description": "your own key of this message, same as client_id: a repeat gets its first answer",
}  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """One call. *path* is OpenAPI's; *query* names parameters; *answers* maps status → (words, media type, schema)
    or (words, {media type: schema}, None)."""

    method: str
    path: str
    summary: str
    tag: str
    answers: dict[int, tuple]
    body: type[BaseModel] | None = None
    query: dict = field(default_factory=dict)
    headers: tuple[dict, ...] = ()
    signed_in: bool = False
    errors: tuple[int, ...] = (400, 429, 503)


TAKES = (400, 413, 415, 422, 429, 503)
FEATURE = ("one report", GEOJSON, ref("Feature"))
PAGE = ("a page, newest first", GEOJSON, ref("FeatureCollection"))
UNCHANGED = ("nothing changed since the ETag that you sent", None, None)

OPERATIONS = (
    Operation(
        "post", "/api/v1/reports", "Send a report", "reports",
        {201: ("taken", JSON, ref("Receipt")), 200: ("taken before: its first answer, with today's status", JSON, ref("Receipt"))},
        body=ReportDraft, headers=(IDEMPOTENCY,), errors=(*TAKES, 409, 410),
    ),
    Operation(
        "get", "/api/v1/reports", "Reports that you may see", "reports", {200: PAGE, 304: UNCHANGED},
        query={**FILTER, **PAGING},
    ),
    Operation(
        "get", "/api/v1/reports/{public_id}", "One report", "reports",
        {200: FEATURE, 301: ("it was merged; Location is the report it is part of", None, None), 304: UNCHANGED},
        errors=(404, 410),
    ),
    Operation(
        "get", "/api/v1/duplicates", "Has somebody reported this already?", "reports",
        {200: ("up to five likely ones, from public reports alone", JSON, ref("Candidates"))},
        query=DuplicatesQuery, errors=(400, 422, 429),
    ),
    Operation(
        "post", "/api/v1/duplicates", "The same question, with place and words in the body: kept nowhere", "reports",
        {200: ("up to five likely ones, from public reports alone", JSON, ref("Candidates"))},
        body=DuplicatesQuery, errors=TAKES,
    ),
    Operation(
        "post", "/api/v1/reports/{public_id}/voices", "Me too: add a voice to a public report", "reports",
        {
            201: ("taken", JSON, ref("VoiceReceipt")),
            200: ("taken before; without a token where the same device told the same", JSON, ref("VoiceReceipt")),
        },
        body=Voice, headers=(IDEMPOTENCY,), errors=(*TAKES, 404, 409, 410),
    ),
    Operation(
        "post", "/api/v1/reports/{public_id}/vouch", "The team: I know that this is so", "volunteers",
        {200: ("kept; whether the report is corroborated by it", JSON, ref("Vouched"))},
        body=VouchRequest, signed_in=True, errors=(400, 401, 403, 404, 409, 410, 413, 415, 422),
    ),
    Operation(
        "get", "/api/v1/reports/{public_id}/contact", "How to reach who reported; each look is kept", "moderators",
        {200: ("as given", JSON, ref("Contact"))}, signed_in=True, errors=(401, 403, 404),
    ),
    *(
        Operation(
            "post", f"/api/v1/reports/{{public_id}}/actions/{name}", f"Moderators: {name}", "moderators",
            {200: ("the report's state afterwards", JSON, {"type": "object"})},
            body=model, signed_in=True, errors=(400, 401, 403, 404, 409, 415, 422),
        )
        for name, model in REQUESTS.items()
    ),
    Operation(
        "get", "/api/v1/duplicates/groups", "Suspected duplicates, the best first", "moderators",
        {200: ("the groups that are left, and how good suggestions have been", JSON, ref("DuplicateGroups"))},
        query=GroupsQuery, signed_in=True, errors=(401, 403, 422),
    ),
    Operation(
        "post", "/api/v1/duplicates/groups/{public_id}", "One decision for a group: merge all, or no two are the same",
        "moderators", {200: ("the reports' state afterwards, and the number to undo it by", JSON, ref("GroupDecided"))},
        body=GroupDecision, signed_in=True, errors=(400, 401, 403, 404, 409, 415, 422),
    ),
    Operation(
        "delete", "/api/v1/duplicates/decisions/{number}", "Undo a decision on a group", "moderators",
        {204: ("undone: unmerged, or asked again", None, None)}, signed_in=True, errors=(401, 403, 404, 409),
    ),
    Operation(
        "get", "/api/v1/track/{token}", "How one's own report stands", "the reporter",
        {200: ("its state, own words, letters", JSON, ref("Tracked"))}, errors=(404, 429),
    ),
    *(
        Operation(
            "post", f"/api/v1/track/{{token}}/{name}", f"The reporter: {name}", "the reporter",
            {204: ("erased; the token opens nothing any more", None, None)} if name == "erase"
            else {200: ("its state afterwards", JSON, ref("Tracked"))},
            body=None if model is Nothing else model, errors=(400, 404, 409, 415, 422, 429),
        )
        for name, (model, _verb) in TRACK_ACTIONS.items()
    ),
    Operation(
        "get", "/feeds/{layer}.{suffix}", "A layer as a feed", "feeds",
        {200: ("a page, newest first", feed_contents(ref("FeatureCollection")), None), 304: UNCHANGED},
        query={**FILTER, **PAGING, "limit": FEED_LIMIT, **FEED_SWITCHES}, errors=(400, 404, 503),
    ),
    Operation(
        "get", "/feeds/changes", "What changed: the latest state of everything since a seq", "feeds",
        {200: ("features and removals by seq", GEOJSON, ref("Changes"))},
        query={**OF_LAYER, **FILTER, **SINCE, "limit": PAGING["limit"]}, errors=(400, 404, 410, 503),
    ),
    Operation(
        "get", "/feeds/stream", "The same as server-sent events: id is the seq, data a feature or a removal", "feeds",
        {200: ("a stream that stays open", EVENTS, {"type": "string"})},
        query={**OF_LAYER, **FILTER, **SINCE}, errors=(400, 404, 410, 503),
        headers=({"name": "Last-Event-ID", "in": "header", "schema": WHOLE, "description": "resume after this seq"},),
    ),
    *subscriptions.operations(Operation, ref),
    *tiles.operations(Operation, ref, FILTER, UNCHANGED),
)  # fmt: skip
PATH_PARAMETERS = {
    "public_id": (TEXT, "id of the report"),
    "number": (WHOLE, "number of the decision"),
    "subscription_id": (TEXT, "id of the subscription"),
    "token": (TEXT, "tracking token, in any spelling"),
    "layer": (ref("Layer"), "which reports"),
    "suffix": ({**TEXT, "enum": list(FORMATS)}, "the format"),
    **tiles.PATH_PARAMETERS,
}


def nullable(schema: dict) -> dict:
    return {"anyOf": [schema, {"type": "null"}]}


def _properties() -> dict:
    """The properties of a feature, all always there."""
    return {name: nullable(schema) if null else schema for name, (schema, null) in SCHEMAS.items()}


def _schemas() -> dict:
    """What is answered; what is taken comes from the models."""
    point = {
        "type": "object", "required": ["type", "coordinates"],
        "properties": {"type": {"const": "Point"}, "coordinates": {"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2}},
    }  # fmt: skip
    removal = {
        "type": "object", "required": ["id", "seq", "removed", "reason"],
        "properties": {
            "id": TEXT, "seq": WHOLE, "removed": {"const": True},
            "reason": {**TEXT, "enum": ["removed", "merged", "no-match"]}, "merged_into": TEXT,
        },
    }  # fmt: skip

    def feature(properties, geometry):
        return {
            "type": "object", "required": ["type", "id", "geometry", "properties"],
            "properties": {"type": {"const": "Feature"}, "id": TEXT, "geometry": geometry, "properties": properties},
        }  # fmt: skip

    moment = {**TEXT, "format": "date-time"}
    contact = {f"contact_{name}": nullable(TEXT) for name in ("name", "phone", "email")}
    receipt = {"id": TEXT, "tracking_token": TEXT, "tracking_url": {**TEXT, "format": "uri"}, "status": TEXT}
    candidate = {
        "id": TEXT, "title": TEXT, "text": nullable(TEXT), "url": TEXT, "age_minutes": WHOLE, "voices": WHOLE,
        "reasons": {"type": "array", "items": TEXT},
        "distance": {**TEXT, "enum": ["same-place", "under-500-m", "under-2-km", "farther", "unknown"]},
    }  # fmt: skip
    candidates = {"type": "array", "maxItems": 5, "items": obj(candidate)}
    texts = {"type": "array", "items": TEXT}
    step = {"step": TEXT, "state": {**TEXT, "enum": ["done", "now", "ahead"]}, "at": nullable({**TEXT, "format": "date-time"})}
    return {
        **subscriptions.schemas(obj, nullable, ref),
        **tiles.schemas(obj),
        "Feature": feature(obj(_properties(), open=True), nullable(point)),
        "Removal": feature(removal, {"type": "null"}),
        "FeatureCollection": {
            **obj({
                "type": {"const": "FeatureCollection"}, "features": {"type": "array", "items": ref("Feature")},
                "numberMatched": WHOLE, "numberReturned": WHOLE, "seq": WHOLE, "next": nullable(TEXT),
                "timeStamp": {**TEXT, "format": "date-time"}, "links": {"type": "array", "items": ref("Link")},
            }, open=True),
        },
        "Changes": obj({
            "type": {"const": "FeatureCollection"}, "seq": WHOLE, "more": {"type": "boolean"},
            "features": {"type": "array", "items": {"anyOf": [ref("Feature"), ref("Removal")]}},
        }, open=True),
        "Link": {**obj({"href": TEXT, "rel": TEXT}, open=True)},
        "Receipt": obj({**receipt, "possible_duplicates": candidates}),
        "VoiceReceipt": obj({
            **receipt, "tracking_token": nullable(TEXT), "tracking_url": nullable({**TEXT, "format": "uri"}),
            "voices": nullable(WHOLE), "message": nullable(TEXT),
        }),
        "Vouched": obj({
            "id": TEXT, "verification": {**TEXT, "enum": list(Verification)}, "counts": {"type": "boolean"}, "message": TEXT,
        }),
        "Candidates": obj({"candidates": candidates}),
        "DuplicateGroups": obj({
            "open": WHOLE, "suggestions": obj({"decided": WHOLE, "same": WHOLE}),
            "groups": {"type": "array", "items": obj({
                "root": TEXT, "size": WHOLE,
                "members": {"type": "array", "items": obj({
                    "id": TEXT, "revision": WHOLE, "copy": {"type": "boolean"}, "reasons": texts, "report": ref("Feature"),
                })},
                "pairs": {"type": "array", "items": obj({
                    "a": TEXT, "b": TEXT, "score": NUMBER, "exact": {"type": "boolean"}, "reasons": texts,
                })},
            })},
        }),
        "GroupDecided": obj({
            "decision": WHOLE, "root": TEXT,
            "members": {"type": "array", "items": obj({"id": TEXT, "revision": WHOLE, "merged_into": nullable(TEXT)}, open=True)},
        }),
        "Contact": obj({"id": TEXT, **contact, "others": {"type": "array", "items": obj({**contact, "received_at": moment})}}),
        "Tracked": obj({
            "id": TEXT, "status": TEXT, "verification": TEXT, "voice": {"type": "boolean"}, "withdrawn": {"type": "boolean"},
            "merged": {"type": "boolean"}, "joined": WHOLE, "received_at": {**TEXT, "format": "date-time"},
            "steps": {"type": "array", "items": obj(step)}, "contact_kept": {"type": "array", "items": TEXT},
            "public": nullable(ref("Feature")),
        }, open=True),
        "Problem": obj({
            "type": TEXT, "title": TEXT, "status": WHOLE, "detail": TEXT, "code": TEXT,
            "errors": {"type": "array", "items": obj({"field": nullable(TEXT), "code": TEXT, "message": TEXT})},
        }, open=True),
    }  # fmt: skip


def obj(properties: dict, *, open: bool = False) -> dict:
    """An object whose properties are all always there; *open*: more may come."""
    return {"type": "object", "required": list(properties), "properties": properties, "additionalProperties": open}


def _operation(one: Operation) -> dict:
    answers = {}
    for status, (words, media, schema) in one.answers.items():
        kinds = media if isinstance(media, dict) else {kind: schema for kind in (media if isinstance(media, list) else [media] if media else [])}
        content = {kind: {"schema": shape} for kind, shape in kinds.items()}
        answers[str(status)] = {"description": words, **({"content": content} if content else {})}
    keyed = one.method == "get" and one.tag in ("feeds", "reports")
    for status in (*one.errors, *(code for code in (401, 429) if keyed and code not in one.errors)):
        answers[str(status)] = {"description": HTTPStatus(status).phrase, "content": {PROBLEM: {"schema": ref("Problem")}}}
    described = {
        "summary": one.summary, "tags": [one.tag], "operationId": _operation_id(one),
        "parameters": [*_path_parameters(one.path), *_query(one.query), *one.headers], "responses": answers,
    }  # fmt: skip
    if one.body:
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": ref(one.body.__name__)}}}
    if one.signed_in:
        described["security"] = [{"session": []}, *([{"key": []}] if one.path.endswith("/contact") else [])]
    elif keyed:
        described["security"] = [{}, {"key": []}]
    return described


def _operation_id(one: Operation) -> str:
    words = [part.translate(str.maketrans(".", "-", "{}")) for part in one.path.split("/") if part]
    return "-".join([one.method, *words])


def _path_parameters(path: str) -> list[dict]:
    return [
        {"name": name, "in": "path", "required": True, "schema": schema, "description": words}
        for name, (schema, words) in PATH_PARAMETERS.items()
        if f"{{{name}}}" in path
    ]


def _query(given) -> list[dict]:
    if isinstance(given, type):
        schema = given.model_json_schema(ref_template="#/components/schemas/{model}")
        return [{"name": name, "in": "query", "schema": one} for name, one in schema["properties"].items()]
    return [
        {"name": name, "in": "query", "schema": schema, "description": words, **(
            {"style": "form", "explode": False} if schema.get("type") == "array" else {}
        )}
        for name, (schema, words) in given.items()
    ]  # fmt: skip


def document() -> dict:
    """The whole of it, with the categories of this map. Needs an application context."""
    models = {one.body for one in OPERATIONS if one.body} | {DuplicatesQuery, GroupsQuery}
    inputs = [(model, "validation") for model in sorted(models, key=lambda model: model.__name__)]
    _map, schema = models_json_schema(inputs, ref_template="#/components/schemas/{model}")
    schemas = {**schema["$defs"], **_schemas(), "CategoryCode": _categories()}
    schemas["Layer"] = {**TEXT, "oneOf": [{"const": layer.slug, "title": layer.title} for layer in all_layers()]}
    schemas["ReportDraft"]["properties"]["category"] = ref("CategoryCode")
    schemas["ReportDraft"]["properties"]["categories"]["items"] = ref("CategoryCode")
    paths: dict[str, dict] = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})[one.method] = _operation(one)
    given = settings()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": given.TITLE, "version": "1", "license": {"name": "Data: " + given.DATA_LICENSE, "url": given.DATA_LICENSE},
            "description": "Needs, offers and damage: reported by people, checked by moderators, served as they change. "
            "Coordinates are lon, lat in degrees (EPSG:4326); a bbox is west,south,east,north.",
        },
        "externalDocs": {"url": absolute("/ogc/"), "description": "the same layers as OGC API – Features, described at /ogc/api"},
        "servers": [{"url": absolute("")}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "an organisation's key; or in X-API-Key"},
                "session": {
                    "type": "apiKey", "in": "cookie", "name": "crowdmap_sign_in",
                    "description": "a signed-in session, with the form's token in the header X-CSRFToken",
                },
            },
        },
    }  # fmt: skip


def _categories() -> dict:
    """Codes with their names in the reader's language."""
    language = locale_code().partition("-")[0]
    rows = db.session.scalars(select(Category).where(Category.active).order_by(Category.position, Category.code))
    known = [
        {"const": row.code, "title": row.names.get(language, row.name), "description": f"{row.kind}, sector {row.sector}"}
        for row in rows
    ]
    return {"type": "string", "oneOf": known} if known else {"type": "string"}


@public
def openapi():
    return jsonify(document())


def init_app(app: Flask) -> None:
    app.add_url_rule("/openapi.json", "openapi", openapi)
