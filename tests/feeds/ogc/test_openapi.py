"""OGC API – Features Part 1 (17-069r4), conformance class OpenAPI 3.0: A.7; and Part 3 (19-079r2): queryables."""

import re

import pytest

from crowdmap.feeds.layers import LAYERS
from crowdmap.filters import PARAMETERS
from crowdmap.publishing.project import PROPERTIES
from crowdmap.web import access_of
from tests.builders import ids, make_report

QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"


@pytest.fixture
def described(client, session):
    return client.get("/ogc/api").get_json(force=True)


def test_it_is_a_valid_openapi_30_document(described):
    """A.7.1 /req/oas30/oas-definition-1, /req/oas30/oas-definition-2"""
    from openapi_spec_validator import OpenAPIV30SpecValidator

    OpenAPIV30SpecValidator(described).validate()
    assert described["openapi"] == "3.0.3" and described["info"]["license"]["url"]


def test_every_route_is_described_and_none_that_is_not_there(app, described):
    """A.7.2 /req/oas30/completeness"""
    there = set()
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/ogc/"):
            assert access_of(app, rule.endpoint).open_data
            path = rule.rule.removeprefix("/ogc").replace("<public_id>", "{featureId}")
            there |= {path.replace("<layer>", layer) for layer in (LAYERS if "<layer>" in path else [""])}
    assert set(described["paths"]) == there
    names = [methods["get"]["operationId"] for methods in described["paths"].values()]
    assert len(names) == len(set(names))


def resolve(described, given):
    """*given*, or the part that it points to."""
    if "$ref" not in given:
        return given
    _, _, kind, name = given["$ref"].split("/")
    return described["components"][kind][name]


def check(described, path: str, answer):
    """The answer is as the document says: status, media type, schema (A.7.2, /req/oas30/exception-codes)."""
    from openapi_schema_validator import OAS30Validator
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT4

    told = resolve(described, described["paths"][path]["get"]["responses"][str(answer.status_code)])
    media = {name.partition(";")[0]: content for name, content in told.get("content", {}).items()}
    if answer.mimetype not in media:
        pytest.fail(f"{path} {answer.status_code}: {answer.mimetype} is none of {list(media)}")
    if "json" in answer.mimetype:
        registry = Registry().with_resource("urn:api", Resource(contents=described, specification=DRAFT4))
        schema = _absolute(media[answer.mimetype]["schema"])
        faults = [f"{list(fault.path)}: {fault.message[:200]}" for fault in OAS30Validator(schema, registry=registry).iter_errors(answer.get_json(force=True))]
        assert not faults, (path, faults)


def _absolute(schema: dict) -> dict:
    return {"$ref": "urn:api" + schema["$ref"]} if "$ref" in schema else schema


def test_answers_are_as_described(client, session, described):
    """A.7.3 /req/oas30/oas-impl, A.7.4 /req/oas30/exception-codes"""
    report = make_report(kind="need", people=5, occurred_at="2010-01-14T08:20:00Z")
    make_report(at=None, place="somewhere")
    gone = make_report(kind="need")
    gone.withdrawn_at = gone.created_at
    session.commit()
    for path in described["paths"]:
        for form in ("json", "html"):
            filled = path.replace("{featureId}", report.public_id)
            answer = client.get(f"/ogc{filled}?f={form}")
            assert answer.status_code == (404 if "{featureId}" in path and not re.search("/(all|needs)/", path) else 200)
            check(described, path, answer)
            check(described, path, client.get(f"/ogc{filled}?colour=red", headers={"Accept": "text/html" if form == "html" else "*/*"}))
    items = "/collections/needs/items"
    check(described, items + "/{featureId}", client.get(f"/ogc{items}/{gone.public_id}"))
    check(described, items, client.get(f"/ogc{items}?bbox=1"))


def test_the_parameters_of_items_are_those_that_are_taken(client, described):
    """/req/core/fc-limit-definition, fc-bbox-definition, fc-time-definition"""
    for layer in LAYERS:
        told = [resolve(described, one) for one in described["paths"][f"/collections/{layer}/items"]["get"]["parameters"]]
        names = [one["name"] for one in told]
        assert sorted(names) == sorted({*PARAMETERS, "f", "limit", "cursor", "bbox-crs", "datetime"})
    limit = described["components"]["parameters"]["limit"]["schema"]
    assert limit == {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 1000}
    assert described["components"]["parameters"]["bbox"]["schema"]["type"] == "array"
    assert not any(one["explode"] for one in told)


def test_features_are_described_whole(described):
    told = described["components"]["schemas"]["Feature"]["properties"]["properties"]
    assert list(told["properties"]) == told["required"] == list(PROPERTIES)


# ---- Part 3: queryables


def test_queryables_are_linked_from_what_can_be_filtered(client, session):
    """19-079r2 /req/queryables/queryables-link: also in the header"""
    for path in ("/ogc/collections/needs", "/ogc/collections/needs/items"):
        answer = client.get(path)
        (href,) = {link["href"] for link in answer.get_json(force=True)["links"] if link["rel"] == QUERYABLES}
        assert f'<{href}>; rel="{QUERYABLES}"' in ", ".join(answer.headers.getlist("Link"))


def test_queryables_are_a_json_schema(client, session):
    """19-079r2 /req/queryables/get-queryables-op, /req/queryables/get-queryables-response"""
    from jsonschema import Draft202012Validator

    for layer in LAYERS:
        path = f"/ogc/collections/{layer}/queryables"
        answer = client.get(path, headers={"Accept": "application/schema+json"})
        told = answer.get_json(force=True)
        assert answer.mimetype == "application/schema+json"
        Draft202012Validator.check_schema(told)
        assert told["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert told["$id"] == f"http://127.0.0.1:8000{path}" and told["type"] == "object"
        assert set(told["properties"]) <= {*PARAMETERS} & {*PROPERTIES}
        assert all(one["type"] == "string" and one["title"] for one in told["properties"].values())


def test_each_queryable_is_a_parameter_with_the_same_schema_and_finds_its_value(client, session, described):
    """19-079r2 /req/queryables-query-parameters/parameters"""
    make_report(kind="need", categories=["FOOD"])
    make_report(kind="need", category="FDP", at=None, place="somewhere", verification="verified")
    for layer in ("all", "needs"):
        asked = client.get(f"/ogc/collections/{layer}/queryables").get_json(force=True)["properties"]
        path = f"/collections/{layer}/items"
        parameters = {one["name"]: one for one in described["paths"][path]["get"]["parameters"] if "name" in one}
        for name, schema in asked.items():
            assert parameters[name]["schema"] == schema
            for value in schema.get("enum", ["Port-au-Prince", "Nowhere"]):
                told = client.get(f"/ogc{path}", query_string={name: value}).get_json(force=True)
                for feature in told["features"]:
                    properties = feature["properties"]
                    found = properties["categories"] if name == "category" else [properties[name]]
                    assert value in found or name == "sector", (name, value)
                feed = client.get(f"/feeds/{layer}.geojson", query_string={name: value}).get_json(force=True)
                assert ids(told) == ids(feed)
