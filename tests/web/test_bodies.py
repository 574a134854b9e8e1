"""Bad input is refused by name."""

import json
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from crowdmap.errors import MalformedBody, ValidationFailed
from crowdmap.web import MAX_JSON, parse_json, public, read_json, validate


@pytest.fixture(autouse=True)
def words(request):
    """gettext wants an application."""
    if "app" not in request.fixturenames:
        from flask import Flask
        from flask_babel import Babel

        app = Flask("words")
        Babel(app)
        with app.test_request_context():
            yield
    else:
        yield


@pytest.mark.parametrize(
    ("raw", "field", "code"),
    [
        (b'{"lat": NaN}', "lat", "not-a-number"),
        (b'{"lat": -Infinity}', "lat", "not-a-number"),
        (b'{"lat": 1e999}', "lat", "not-a-number"),
        (b'{"a": [0, {"b": NaN}]}', "a.1.b", "not-a-number"),
        (b"NaN", "body", "not-a-number"),
        (b'{"description": "\xff\xfe"}', "description", "not-utf-8"),
        (b"\xff", "body", "not-utf-8"),
        (b'{"description": "\\ud800"}', "description", "broken-text"),
        (b'{"description": "a\\u0000b"}', "description", "broken-text"),
        (b'{"a": 1, "a": 2}', "a", "repeated-name"),
        (b"[" * 33 + b"]" * 33, "body", "too-deep"),
        (b'{"a":' * 100_000, "body", "too-deep"),
        (b"", "body", "not-json"),
        (b"{", "body", "not-json"),
        (b"{'a': 1}", "body", "not-json"),
        (b'{"a": 1} {"b": 2}', "body", "not-json"),
        (b'{"a": ' + b"9" * 5000 + b"}", "body", "not-json"),
    ],
)
def test_what_is_not_json(raw, field, code):
    with pytest.raises(MalformedBody) as refused:
        parse_json(raw)
    assert [(error.field, error.code) for error in refused.value.errors] == [(field, code)]


@pytest.mark.parametrize(
    "text",
    ['{"a": "[[{{ \\" ]"}', "[" * 32 + "]" * 32, '"O\'Brien ☂ \\ud83d\\ude00 مرحبا"', "1e300", " [1, 2.5] "],
)
def test_odd_but_legal_json_is_taken(text):
    assert parse_json(text.encode()) == json.loads(text)


class Sample(BaseModel):
    model_config = ConfigDict(extra="forbid")

    lat: float = Field(ge=-90, le=90)
    kind: Literal["need", "offer"]
    title: str = Field(default="", max_length=5)
    people: int | None = Field(default=None, ge=0)


@pytest.mark.parametrize(
    ("data", "faults"),
    [
        ({}, {"lat": "missing", "kind": "missing"}),
        ({"lat": 95, "kind": "need"}, {"lat": "less-than-equal"}),
        ({"lat": "x", "kind": "need"}, {"lat": "float-parsing"}),
        ({"lat": 1, "kind": "wish"}, {"kind": "literal-error"}),
        ({"lat": 1, "kind": "need", "title": "longer"}, {"title": "string-too-long"}),
        ({"lat": 1, "kind": "need", "people": 2.5}, {"people": "int-from-float"}),
        ({"lat": 1, "kind": "need", "colour": "red"}, {"colour": "extra-forbidden"}),
        ([], {"body": "model-type"}),
        ("text", {"body": "model-type"}),
        (None, {"body": "model-type"}),
    ],
)
def test_every_fault_is_named(data, faults):
    with pytest.raises(ValidationFailed) as refused:
        validate(Sample, data)
    assert {error.field: error.code for error in refused.value.errors} == faults
    assert all(error.message.endswith(".") for error in refused.value.errors), "whole sentences"


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("sent", "status", "field"),
    [
        ({"data": "{}", "content_type": "text/plain"}, 415, "Content-Type"),
        ({"data": {"lat": "1"}}, 415, "Content-Type"),
        ({"data": b'{"lat": NaN}', "content_type": "application/json"}, 400, "lat"),
        ({"data": b'"' + b"x" * (MAX_JSON + 1) + b'"', "content_type": "application/json"}, 413, "body"),
        ({"json": {"lat": 1}}, 422, "kind"),
        ({"json": {"lat": "1", "kind": "need"}}, 422, "lat"),
    ],
)
def test_a_bad_body_is_a_problem_that_names_the_field(app, sent, status, field):
    view = public(lambda: read_json(Sample).model_dump())
    app.add_url_rule("/api/try", view_func=view, methods=["POST"], endpoint="x")
    answer = app.test_client().post("/api/try", **sent)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert [error["field"] for error in answer.json["errors"]] == [field]
    assert app.test_client().post("/api/try", json={"lat": 1, "kind": "need"}).json["lat"] == 1


def test_bounds_are_told_as_people_write_them():
    with pytest.raises(ValidationFailed) as refused:
        validate(Sample, {"lat": 95, "kind": "need"})
    assert [fault.message for fault in refused.value.errors] == ["This must be at most 90."]
