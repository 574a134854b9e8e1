"""OGC API – Features Part 1 (17-069r4), conformance class GeoJSON: A.3."""

import json

import geojson
import pytest

from tests.builders import make_report

ITEMS = "/ogc/collections/all/items"


def read(answer) -> dict:
    assert answer.status_code == 200, answer.text
    return json.loads(answer.data, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_items_are_sent_as_geojson_to_whoever_asks_for_it(client, session):
    """A.3.1 /req/geojson/definition"""
    report = make_report()
    for path in (ITEMS, f"{ITEMS}/{report.public_id}"):
        for accept in ("application/geo+json", "application/geo+json, application/json;q=0.5", "*/*", "application/json", None):
            answer = client.get(path, headers={"Accept": accept} if accept else {})
            assert answer.mimetype == "application/geo+json", accept
        assert client.get(f"{path}?f=json", headers={"Accept": "text/html"}).mimetype == "application/geo+json"


def test_collections_and_features_are_valid_with_links_beside_them(client, session):
    """A.3.2 /req/geojson/content"""
    make_report(title='"quotes" \\ and <tags> & دعم  ')
    make_report(at=None, place="behind the church")
    told = read(client.get(ITEMS))
    collection = geojson.loads(json.dumps(told))
    assert isinstance(collection, geojson.FeatureCollection) and collection.is_valid
    assert isinstance(told["links"], list)
    for feature in told["features"]:
        alone = read(client.get(f"{ITEMS}/{feature['id']}"))
        assert isinstance(geojson.loads(json.dumps(alone)), geojson.Feature) and isinstance(alone["links"], list)
        assert alone["id"] == feature["id"] and alone["properties"] == feature["properties"]
    assert [feature["geometry"] for feature in told["features"]].count(None) == 1


def test_an_empty_collection_is_one_too(client, session):
    """A.3.2 /req/geojson/content"""
    told = read(client.get(ITEMS))
    assert (told["features"], told["numberMatched"], told["numberReturned"]) == ([], 0, 0)
    assert told["next"] is None and geojson.loads(json.dumps(told)).is_valid
