"""Our own CSV, HXL and GeoJSON: fields by name, by tag, by property; and telling the formats apart."""

import json
from datetime import datetime, timezone

import pytest

from crowdmap.intake.files import UnreadableFile
from crowdmap.intake.files.row import BadRow
from tests.intake.reading import detected, read

OWN = "id,kind,category,title,description,lat,lon,place,people,occurred_at,contact_phone\n"
ROW = 'a1,need,WAT,Water,"Sixty, no water",18.54,-72.33,Rue du Puits,60,2010-01-14T08:30:00Z,+509 5511 2233\n'
TAGS = (
    "#meta+id,#meta+kind,#subsector,#description+title,#description,#geo+lat,#geo+lon,#loc+name,#affected,"
    "#date+occurred,#contact+phone\n"
)
FIELDS = {
    "kind": "need",
    "category": "WAT",
    "categories": ["WAT"],
    "title": "Water",
    "description": "Sixty, no water",
    "lat": 18.54,
    "lon": -72.33,
    "place": "Rue du Puits",
    "people": 60,
    "occurred_at": datetime(2010, 1, 14, 8, 30, tzinfo=timezone.utc),
    "contact_phone": "+509 5511 2233",
}
FEATURE = {
    "type": "Feature",
    "id": "a1",
    "geometry": {"type": "Point", "coordinates": [-72.33, 18.54]},
    "properties": {
        "kind": "need", "category": "WAT", "categories": ["WAT", "FOOD"], "title": "Water", "description": "Sixty",
        "status": "published", "verification": "verified", "precision_m": 580, "people": 60, "place": None,
        "area": "Delmas", "occurred_at": None, "created_at": "2010-01-14T08:30:00Z", "seq": 7, "voices": 1,
        "photos": [],
    },
}  # fmt: skip


@pytest.mark.parametrize(
    "content", [OWN + ROW, OWN + TAGS + ROW, "\ufeff" + OWN + ROW, (OWN + ROW).replace("\n", "\r\n")]
)
def test_own_csv(tmp_path, content):
    (row,) = read(tmp_path, "csv", content)
    assert (row.problem, row.external_id, row.fields) == (None, "test:a1", FIELDS)


def test_other_separators_and_names(tmp_path):
    content = "Description;Latitude;Longitude;Category;note to self\nNo water;18.5;-72.3;Water shortage;x\n"
    (row,) = read(tmp_path, "csv", content)
    assert (row.fields["lat"], row.fields["lon"], row.fields["category"]) == (18.5, -72.3, "WAT")
    assert row.verbatim["note to self"] == "x"


def test_a_given_kind_wins_and_a_named_category_is_the_primary_one(tmp_path):
    (row,) = read(tmp_path, "csv", "kind,category,categories,description\noffer,WAT,FOOD|WAT,We bring water\n")
    assert (row.fields["kind"], row.fields["category"], row.fields["categories"]) == ("offer", "WAT", ["WAT", "FOOD"])


def test_the_guard_against_formulas_is_undone(tmp_path):
    (row,) = read(tmp_path, "csv", "description,category\n\"'=2+2 families\",FOOD\n")
    assert row.fields["description"] == "=2+2 families"


@pytest.mark.parametrize(
    "line, words",
    [
        ("a,wish,WAT,,D,,,,,,", "kind 'wish' is none of"),
        ("a,need,WAT,,D,1,,,,,", "only one of"),
        ("a,need,WAT,,D,,,,many,,", "people 'many' is not a number"),
        ("a,need,WAT,,D,,,,2.5,,", "not a whole number"),
        ("a,need,WAT,,D,,,,1e999,,", "people must be a finite number"),
        ("a,need,WAT,,,,,,,,", "neither a title nor a description"),
        ("a,need,WAT,,D,,,,,soon,", "the date 'soon'"),
    ],
)
def test_bad_rows_of_own_csv(tmp_path, line, words):
    (row,) = read(tmp_path, "csv", OWN + line + "\n")
    assert words in row.problem


def test_hxl_by_its_tags_alone(tmp_path):
    (row,) = read(tmp_path, "hxl", "Une,liste\n" + TAGS + ROW)
    assert (row.problem, row.external_id, row.fields) == (None, "test:a1", FIELDS)
    assert read(tmp_path, "hxl", TAGS + ROW)[0].fields == FIELDS


def test_hxl_without_tags(tmp_path):
    with pytest.raises(BadRow, match="no row of HXL tags"):
        read(tmp_path, "hxl", OWN + ROW)


def test_a_feature_of_a_feed(tmp_path):
    (row,) = read(tmp_path, "geojson", json.dumps({"type": "FeatureCollection", "features": [FEATURE]}))
    assert row.external_id == "test:a1" and row.verbatim == FEATURE
    assert (row.approved, row.verified) == (True, True)
    assert row.fields == {
        "kind": "need", "category": "WAT", "categories": ["WAT", "FOOD"], "title": "Water", "description": "Sixty",
        "lon": -72.33, "lat": 18.54, "accuracy_m": 580.0, "people": 60, "place": "Delmas",
        "occurred_at": datetime(2010, 1, 14, 8, 30, tzinfo=timezone.utc),
    }  # fmt: skip


def changed(**properties):
    return {**FEATURE, "properties": {**FEATURE["properties"], **properties}}


@pytest.mark.parametrize(
    "feature, words",
    [
        ("text", "no GeoJSON Feature"),
        ({**FEATURE, "geometry": {"type": "Polygon", "coordinates": []}}, "geometry is a Polygon"),
        ({**FEATURE, "geometry": {"type": "Point", "coordinates": [1]}}, "two coordinates"),
        ({**FEATURE, "geometry": {"type": "Point", "coordinates": ["east", 18]}}, "longitude 'east' is not a number"),
        ({**FEATURE, "geometry": {"type": "Point", "coordinates": [18.5, -172.3]}}, "swapped"),
        (changed(removed=True), "removed this report"),
        (changed(title=None, description=None), "neither a title"),
        (changed(title={"en": "x"}), "a text was expected"),
        (changed(people=True), "people 'True' is not a number"),
        (changed(created_at=5), "the date must be a text"),
        (changed(status="gone"), "status 'gone'"),
    ],
)
def test_features_that_cannot_be(tmp_path, feature, words):
    rows = read(tmp_path, "geojson", json.dumps({"type": "FeatureCollection", "features": [feature, FEATURE]}))
    assert words in rows[0].problem and not rows[0].fields
    assert (rows[1].line, rows[1].problem) == (2, None)


def test_unplaced_and_a_feature_a_line(tmp_path):
    line = json.dumps({**FEATURE, "geometry": None})
    rows = read(tmp_path, "geojson", f"\x1e{line}\n\x1e{line.replace('580', 'NaN')}\n")
    assert "lon" not in rows[0].fields and "accuracy_m" not in rows[0].fields
    assert "not valid JSON" in rows[1].problem


@pytest.mark.parametrize("content", ["{", '{"type": "FeatureCollection"}', "[1]", '{"type":"x","a":' + "[" * 100_000])
def test_what_is_no_geojson(tmp_path, content):
    with pytest.raises(BadRow):
        read(tmp_path, "geojson", content)


@pytest.mark.parametrize(
    "content, name",
    [
        (OWN + ROW, "csv"),
        (OWN + TAGS + ROW, "csv"),
        (TAGS + ROW, "hxl"),
        ("Numéro,Texte\n#meta+id,#description\n1,x\n", "hxl"),
        ("#,FORM #,INCIDENT TITLE,INCIDENT DATE\n", "ushahidi"),
        ("\ufeffSerial,INCIDENT TITLE,INCIDENT DATE,LOCATION\r\n", "ushahidi"),
        (json.dumps({"type": "FeatureCollection", "features": []}), "geojson"),
    ],
)
def test_the_format_is_seen(tmp_path, content, name):
    assert detected(tmp_path, content) == name


@pytest.mark.parametrize("content", ["", "name,age\nx,3\n", "<kml/>"])
def test_an_unknown_format_is_asked_for(tmp_path, content):
    with pytest.raises(UnreadableFile, match="--format"):
        detected(tmp_path, content)
