"""One filter: the same question finds the same reports in every format, page, stream, tile, cell and in OGC API."""

import json
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mapbox_vector_tile import decode

from crowdmap.feeds import stream
from crowdmap.feeds.formats import FORMATS
from crowdmap.reports.models import Kind, Verification
from tests.builders import JACMEL, LEOGANE, PORT_AU_PRINCE, make_report
from tests.contracts.formats_read import READERS

WORLD = "-180,-85,180,85"
QUESTIONS = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.lists(st.sampled_from([str(kind) for kind in Kind]), min_size=1, max_size=3, unique=True).map(",".join),
        "category": st.sampled_from(["WAT", "FOOD", "ROAD", "WAT,FDP", "FDP"]),
        "sector": st.sampled_from(["wash", "health,wash", "logistics"]),
        "status": st.sampled_from(["published", "closed", "all"]),
        "verification": st.sampled_from([*map(str, Verification), "verified,corroborated"]),
        "q": st.sampled_from(["pump", "water", "brok", "nobody wrote this", "pump water"]),
        "bbox": st.sampled_from(["-72.4,18.5,-72.3,18.6", "-73,18,-72,19", "170,-20,-170,20", WORLD]),
        "area": st.sampled_from(["Jacmel", "Léogâne", "Jacmel,Léogâne"]),
        "placed": st.sampled_from(["yes", "no"]),
        "from": st.sampled_from(["2010-01-13", "2010-01-12T22:00:00Z"]),
        "until": st.sampled_from(["2010-01-14", "2030-01-01T00:00:00Z"]),
    },
)


@pytest.fixture
def reports(session):
    """A few of each, some of them closed, one hidden, one merged, one without a place, one beyond the antimeridian."""
    found = [
        make_report(at=PORT_AU_PRINCE, description="The pump is broken", occurred_at="2010-01-12T22:00:00Z"),
        make_report(at=PORT_AU_PRINCE, description="Water at the school", categories=["FOOD"], verification="verified"),
        make_report(at=LEOGANE, kind="damage", category="ROAD", description="Broken bridge", occurred_at="2010-01-13T09:00:00Z"),
        make_report(at=JACMEL, kind="offer", category="FDP", description="A pump to lend", verification="corroborated"),
        make_report(at=None, place="behind the church of Léogâne", description="Water, please"),
        make_report(at=(179.5, -17.2), kind="damage", category="ROAD"),
        make_report(at=JACMEL, kind="information", category="ROAD", occurred_at="2010-01-12T22:00:00Z"),
        make_report(at=LEOGANE, description="hidden water"),
        make_report(at=LEOGANE, description="merged water"),
        make_report(at=JACMEL, kind="offer", category="FDP", description="closed pump"),
    ]
    found[7].status, found[9].status = "hidden", "closed"
    found[8].merged_into_id = found[1].id
    session.commit()
    return found


def test_every_outlet_finds_the_same(client, reports, tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "CHECK_S", 0.02)
    monkeypatch.setattr(stream, "HEART_BEAT_S", 0.06)
    answer = client.get("/feeds/stream?since=0", buffered=False)
    assert any(b"data: " in piece for piece in answer.response)  # from here on the process knows the newest seq
    answer.close()

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(QUESTIONS)
    def same(question):
        query = urlencode(question)
        feed = client.get(f"/feeds/all.geojson?limit=10000&{query}").get_json()
        expected = {feature["id"] for feature in feed["features"]}
        placed = {feature["id"] for feature in feed["features"] if feature["geometry"]}
        assert feed["numberMatched"] == len(expected) == len(feed["features"])
        for suffix in FORMATS:
            answer = client.get(f"/feeds/all.{suffix}?limit=all&{query}")
            assert {one.id for one in READERS[suffix](answer.data, tmp_path)} == expected, suffix
        assert paged(client, query) == expected
        items = client.get(f"/ogc/collections/all/items?limit=10000&{query}").get_json()
        assert {one["id"] for one in items["features"]} == expected and items["numberMatched"] == len(expected)
        changed = client.get(f"/feeds/changes?since=0&limit=1000&{query}").get_json()
        assert {one["id"] for one in changed["features"] if not one["properties"].get("removed")} == expected
        assert streamed(client, query) == expected
        assert in_tile(client, query) == placed
        cells = client.get(f"/map/cells.geojson?zoom=20&{urlencode({'bbox': WORLD, **question})}").get_json()
        assert cells["numberMatched"] == len(placed)

    same()


def paged(client, query: str) -> set[str]:
    found, cursor = [], ""
    while True:
        page = client.get(f"/feeds/all.geojson?limit=2&{query}&{cursor}").get_json()
        found += [feature["id"] for feature in page["features"]]
        if not page["next"]:
            assert len(found) == len(set(found))
            return set(found)
        cursor = "cursor=" + page["next"].partition("cursor=")[2].partition("&")[0]


def streamed(client, query: str) -> set[str]:
    """What a stream from the beginning tells before it has nothing more to say."""
    answer = client.get(f"/feeds/stream?since=0&{query}", buffered=False)
    assert answer.status_code == 200
    told = b""
    for piece in answer.response:
        if b"heart-beat" in piece:
            break
        told += piece
    answer.close()
    found = [json.loads(line[6:]) for line in told.decode().splitlines() if line.startswith("data: ")]
    return {one["id"] for one in found if not one["properties"].get("removed")}


def in_tile(client, query: str) -> set[str]:
    """The reports of the one tile that holds the world."""
    answer = client.get(f"/tiles/all/0/0/0.mvt?{query}")
    assert answer.status_code == 200
    features = decode(answer.data)["reports"]["features"] if answer.data else []
    return {one["properties"]["id"] for one in features}
