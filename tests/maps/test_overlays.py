"""Overlays: refused by name when they cannot be drawn, slimmed, served as stored; and places of the search box."""

import json

import pytest

from crowdmap.maps import overlays
from crowdmap.maps.places import find_places
from crowdmap.reports import crisis

ROAD = {"type": "Feature", "properties": {"name": "Rue Pavée", "highway": "primary", "phone": "+509 3456 7890"},
        "geometry": {"type": "LineString", "coordinates": [[-72.3341234, 18.5431234, 12.0], [-72.33, 18.54]]}}  # fmt: skip
PARK = {"type": "Feature", "properties": {"NAME": "Champ de Mars"},
        "geometry": {"type": "Polygon", "coordinates": [[[-72.34, 18.54], [-72.33, 18.54], [-72.33, 18.55], [-72.34, 18.54]]]}}  # fmt: skip


def encode(*features):
    return json.dumps({"type": "FeatureCollection", "features": list(features)}).encode()


def test_an_overlay_is_served_with_what_is_drawn_and_nothing_else(session, client):
    overlays.add(session, " Roads  and parks ", encode(ROAD, PARK))
    session.commit()
    (entry,) = client.get("/map/overlays.json").get_json()
    assert entry["name"] == "Roads and parks" and entry["features"] == 2
    assert entry["bbox"] == [-72.34, 18.54, -72.33, 18.55]
    served = client.get(entry["url"]).get_json(force=True)["features"]
    assert served[0]["properties"] == {"name": "Rue Pavée", "highway": "primary"}
    assert served[0]["geometry"]["coordinates"] == [[-72.33412, 18.54312], [-72.33, 18.54]]
    assert served[1]["properties"] == {"name": "Champ de Mars"}


def test_the_same_name_replaces_and_remove_takes_it_away(session, client):
    overlays.add(session, "Roads", encode(ROAD))
    overlays.add(session, "roads", encode(ROAD, PARK))
    session.commit()
    assert [entry["features"] for entry in overlays.listed()] == [2]
    assert overlays.remove(session, "Roads") and not overlays.remove(session, "Roads")
    session.commit()
    assert client.get("/map/overlays.json").get_json() == []
    assert client.get("/map/overlays/roads.geojson").status_code == 404


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    "raw",
    [b"not json", b"[]", b'{"type":"Topology"}', b'{"type":"FeatureCollection"}', encode(), encode({"type": "Feature", "geometry": None}),
     encode({**ROAD, "geometry": {"type": "Circle", "coordinates": [1, 2]}}),
     encode({**ROAD, "geometry": {"type": "Point", "coordinates": [200000, 2050000]}}),
     encode({**ROAD, "geometry": {"type": "Point", "coordinates": ["1", "2"]}}),
     encode({**ROAD, "geometry": {"type": "LineString", "coordinates": [1, 2]}}),
     encode({**ROAD, "geometry": {"type": "LineString"}})],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused_with_words(session, raw):
    with pytest.raises(overlays.InvalidOverlay) as refused:
        overlays.add(session, "Roads", raw)
    assert refused.value.message


@pytest.mark.databases("sqlite")
def test_a_name_needs_letters(session):
    for name in ("", "  ", "---", "x" * 81):
        with pytest.raises(overlays.InvalidOverlay):
            overlays.add(session, name, encode(ROAD))
    assert overlays.add(session, "طرق", encode(ROAD)).slug


def test_places_are_towns_and_what_overlays_name_the_nearest_spelling_first(session, client):
    crisis.load("earthquake")
    overlays.add(session, "Roads", encode(ROAD, {**ROAD, "properties": {"name": "Route de Jacmel"}}))
    session.commit()
    found = client.get("/map/places.json?q=jacm").get_json()
    assert [place["name"] for place in found] == ["Jacmel", "Route de Jacmel"]
    assert found[0]["bbox"][0] < found[0]["lon"] < found[0]["bbox"][2] and found[1]["kind"] == "Roads"
    assert client.get("/map/places.json?q=rue+pavee").get_json()[0]["name"] == "Rue Pavée"
    assert client.get("/map/places.json?q=leyogan").get_json()[0]["name"] == "Léogâne"
    assert client.get("/map/places.json").get_json() == client.get("/map/places.json?q=%20").get_json() == []
    assert len(find_places("a")) <= 12


def test_the_command_adds_lists_and_removes(app, session, tmp_path):
    from crowdmap.cli import cli

    path = tmp_path / "roads.geojson"
    path.write_bytes(encode(ROAD, PARK))
    run = app.test_cli_runner().invoke
    group = cli.commands["overlay"]
    assert "2 features, 2 names" in run(group, ["add", "Roads", str(path)]).output
    assert "Roads" in run(group, ["list"]).output
    assert run(group, ["remove", "Roads"]).exit_code == 0
    assert run(group, ["remove", "Roads"]).exit_code == 1
