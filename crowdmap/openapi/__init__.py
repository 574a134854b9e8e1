"""/openapi.json: the public API as OpenAPI 3.1, made from the pydantic models that read what comes in."""

from http import HTTPStatus

from flask import Flask, jsonify
from pydantic.json_schema import models_json_schema
from sqlalchemy import select

from crowdmap.config import settings
from crowdmap.db import db
from crowdmap.dedupe.views import DuplicatesQuery
from crowdmap.feeds.layers import all_layers
from crowdmap.language import locale_code
from crowdmap.moderation.duplicates_api import GroupsQuery
from crowdmap.openapi.operations import OPERATIONS, PATH_PARAMETERS
from crowdmap.openapi.parts import JSON, Operation, PROBLEM, TEXT, ref
from crowdmap.openapi.schemas import schemas as answered
from crowdmap.reports.models import Category
from crowdmap.web import absolute, public


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
    schemas = {**schema["$defs"], **answered(), "CategoryCode": _categories()}
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
