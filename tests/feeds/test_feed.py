"""The feed: what a page holds, how it is paged, validated and refused."""

import json

import geojson
import pytest

from crowdmap.filters import PARAMETERS
from crowdmap.publishing.project import PROPERTIES
from crowdmap.reports.models import Status
from tests.builders import JACMEL, LEOGANE, PORT_AU_PRINCE, ids, make_report


def get(client, address, **headers):
    answer = client.get(address, headers=headers)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return json.loads(answer.data, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_every_property_is_always_there_and_the_feature_is_valid_geojson(session, client):
    make_report(at=None, place="behind the church of Léogâne")
    feature = get(client, "/feeds/all.geojson")["features"][0]
    assert list(feature["properties"]) == list(PROPERTIES)
    assert isinstance(feature["id"], str)
    assert feature["geometry"] is None
    assert geojson.loads(json.dumps(feature)).is_valid


def test_layers_hold_their_kind_and_closed_reports_only_when_asked(session, client):
    need, offer = make_report(kind="need"), make_report(kind="offer", category="FDP")
    need.status = Status.CLOSED
    session.commit()
    assert ids(get(client, "/feeds/needs.geojson")) == []
    assert ids(get(client, "/feeds/needs.geojson?status=closed")) == [need.public_id]
    assert ids(get(client, "/feeds/all.geojson?status=all")) == [offer.public_id, need.public_id]


QUESTIONS = [
    ("bbox=-72.4,18.5,-72.3,18.6", {"a"}),
    ("bbox=170,-20,-170,20", set()),
    ("category=WAT", {"a", "b"}),
    ("category=WAT,FDP", {"a", "b", "c"}),
    ("category=FOOD", {"b"}),
    ("sector=wash", {"a", "b"}),
    ("kind=offer", {"c"}),
    ("q=BRÔKEN pump", {"a"}),
    ("q=pum", {"a"}),
    ("near=-72.335,18.543&radius=2000", {"a"}),
    ("verification=verified", {"c"}),
    ("from=2010-01-13", {"b"}),
    ("until=2010-01-13", {"a"}),
    ("placed=no", {"d"}),
    ("area=Jacmel", {"c"}),
]


def test_each_filter_finds_what_it_says(session, client):
    reports = {
        "a": make_report(at=PORT_AU_PRINCE, description="The pump is broken", occurred_at="2010-01-12T22:00:00Z"),
        "b": make_report(at=LEOGANE, categories=["FOOD"], occurred_at="2010-01-14T08:00:00Z"),
        "c": make_report(at=JACMEL, category="FDP", verification="verified"),
        "d": make_report(at=None, place="somewhere", category="COLL"),
    }
    named = {report.public_id: name for name, report in reports.items()}
    for query, expected in QUESTIONS:
        query += "&until=2011-01-01" if query.startswith("from=") else ""
        query += "&from=2000-01-01" if query.startswith("until=") else ""
        assert {named[i] for i in ids(get(client, f"/feeds/all.geojson?{query}"))} == expected, query


def test_pages_follow_each_other_though_reports_are_edited_and_added_between(session, client):
    reports = [make_report() for _ in range(7)]
    newest_first = [report.public_id for report in reversed(reports)]
    page, seen = get(client, "/feeds/all.geojson?limit=3"), []
    assert page["numberMatched"] == 7 and page["numberReturned"] == 3
    while True:
        seen += ids(page)
        reports[0].title = f"edited after {len(seen)}"
        session.commit()
        make_report()
        following = [link["href"] for link in page["links"] if link["rel"] == "next"]
        if not following:
            break
        assert following == [page["next"]]
        page = get(client, following[0].removeprefix("http://127.0.0.1:8000"))
    assert seen == newest_first


def test_a_validator_holds_until_the_layer_changes(session, client):
    need = make_report(kind="need")
    first = client.get("/feeds/needs.geojson")
    validator = {"If-None-Match": first.headers["ETag"]}
    assert client.get("/feeds/needs.geojson", headers=validator).status_code == 304
    make_report(kind="offer", category="FDP")
    assert client.get("/feeds/needs.geojson", headers=validator).status_code == 304
    need.kind = "offer"  # leaves the layer: its own seq is now another kind's
    session.commit()
    again = client.get("/feeds/needs.geojson", headers=validator)
    assert again.status_code == 200 and ids(again.get_json(force=True)) == []


def test_anybody_may_read_from_any_site_and_no_cookie_is_set(session, client):
    answer = client.get("/feeds/all.geojson", headers={"Origin": "https://elsewhere.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert {"ETag", "Link"} <= {name.strip() for name in answer.headers["Access-Control-Expose-Headers"].split(",")}
    assert "Access-Control-Allow-Credentials" not in answer.headers and "Set-Cookie" not in answer.headers
    assert 'rel="license"' in answer.headers["Link"]
    assert any(link["rel"] == "license" for link in answer.get_json(force=True)["links"])


BAD_QUESTIONS = [
    ("nonsense=1", "nonsense"),
    ("bbox=1,2,3", "bbox"),
    ("bbox=1,2,3,nan", "bbox"),
    ("bbox=0,12,1,10", "bbox"),
    ("bbox=0,-91,1,10", "bbox"),
    ("bbox=0,1e999,1,10", "bbox"),
    ("bbox=", "bbox"),
    ("kind=wish", "kind"),
    ("category=NOPE", "category"),
    ("sector=nope", "sector"),
    ("status=hidden", "status"),
    ("status=pending", "status"),
    ("verification=maybe", "verification"),
    ("from=yesterday", "from"),
    ("from=2010-13-01", "from"),
    ("until=99999-01-01", "until"),
    ("near=1,2", "radius"),
    ("radius=5", "near"),
    ("near=18.5&radius=5", "near"),
    ("near=200,1&radius=5", "near"),
    ("near=1,2&radius=-5", "radius"),
    ("near=1,2&radius=inf", "radius"),
    ("limit=0", "limit"),
    ("limit=-1", "limit"),
    ("limit=ten", "limit"),
    ("limit=999999", "limit"),
    ("limit=٣", "limit"),
    ("cursor=%00", "cursor"),
    ("cursor=abcd", "cursor"),
    ("placed=perhaps", "placed"),
    ("q=" + "a" * 300, "q"),
    ("bbox=0,0,1,1&bbox=2,2,3,3", "bbox"),
]


def test_a_bad_question_is_refused_by_name(session, client):
    for query, field in BAD_QUESTIONS:
        for address in ("/feeds/all.geojson", "/api/v1/reports"):
            answer = client.get(f"{address}?{query}")
            assert answer.status_code == 400 and answer.mimetype == "application/problem+json", (query, answer.data)
            assert answer.get_json()["errors"][0]["field"] == field, query


def test_a_cursor_of_another_filter_is_refused(session, client):
    make_report(), make_report()
    cursor = get(client, "/feeds/all.geojson?limit=1")["next"].partition("cursor=")[2]
    answer = client.get(f"/feeds/needs.geojson?limit=1&cursor={cursor}")
    assert answer.status_code == 400 and answer.get_json()["errors"][0]["field"] == "cursor"


def test_odd_words_in_a_search_are_only_words(session, client):
    make_report(description="O'Brien needs «water» — ደቂቃ 水 🚰")
    for words in ('"', "'", "a OR b", "NEAR(", "*", "x:*", "!", "\\", "O'Brien", "水", "🚰", "%00", "a%00b", "-", ")("):
        assert client.get("/feeds/all.geojson", query_string={"q": words}).status_code in (200, 400)
    assert len(ids(get(client, "/feeds/all.geojson?q=O'Brien ደቂቃ"))) == 1


def test_the_stored_filter_reads_itself_back():
    from crowdmap.filters import ReportFilter

    given = {"bbox": "-73,18,-72,19", "kind": "offer,need", "q": "Ekip Dlo", "near": "-72,18", "radius": "500", "from": "-24h"}
    chosen = ReportFilter.parse(given)
    assert ReportFilter.from_json(chosen.to_json()) == chosen
    assert chosen.relative
    assert set(chosen.to_json()) <= set(PARAMETERS)


def test_one_report_its_removal_and_its_merger(session, client):
    report, other = make_report(), make_report()
    answer = client.get(f"/api/v1/reports/{report.public_id}")
    assert answer.get_json(force=True)["id"] == report.public_id
    other.merged_into_id = report.id
    session.commit()
    moved = client.get(f"/api/v1/reports/{other.public_id}")
    assert moved.status_code == 301 and moved.headers["Location"].endswith(report.public_id)
    report.status = Status.HIDDEN
    session.commit()
    assert client.get(f"/api/v1/reports/{report.public_id}").status_code == 410
    assert client.get("/api/v1/reports/nosuchreport").status_code == 404


def test_everything_at_once_is_the_pages_together(session, client, monkeypatch):
    monkeypatch.setattr("crowdmap.feeds.reading.BATCH", 2)
    reports = [make_report(kind="need") for _ in range(5)]
    make_report(kind="offer", category="FDP")
    whole = get(client, "/feeds/needs.geojson?limit=all")
    assert ids(whole) == [report.public_id for report in reversed(reports)]
    assert whole["numberMatched"] == whole["numberReturned"] == 5 and whole["next"] is None
    first = get(client, "/feeds/needs.geojson?limit=3")
    cursor = first["next"].partition("cursor=")[2]
    assert ids(get(client, f"/feeds/needs.geojson?limit=all&cursor={cursor}")) == ids(whole)[3:]
    assert get(client, "/feeds/offers.geojson?limit=all&q=nobody+wrote+this")["features"] == []


def test_everything_at_once_is_validated_too(session, client):
    make_report(kind="need")
    tag = client.get("/feeds/needs.geojson?limit=all").headers["ETag"]
    assert client.get("/feeds/needs.geojson?limit=all", headers={"If-None-Match": tag}).status_code == 304
    make_report(kind="need")
    assert client.get("/feeds/needs.geojson?limit=all", headers={"If-None-Match": tag}).status_code == 200
