"""/feeds without scripts: what is chosen, counted and shown, and what it says of what cannot be read."""

import html
import re

import pytest

from crowdmap.feeds.formats import FORMATS
from tests.builders import JACMEL, PORT_AU_PRINCE, make_report

HOSTILE = "\"><script>alert(1)</script>' onload=x {{7*7}} `id` $HOME \\ ‮"


def page(client, address, status=200, **given):
    answer = client.get(address, **given)
    text = answer.get_data(as_text=True)
    assert answer.status_code == status, text[:800]
    return text


def address_of(text: str, name: str) -> str:
    return html.unescape(re.search(rf'id="address-{name}" readonly value="([^"]*)"', text)[1])


def count_in(text: str) -> int:
    return int(re.search(r'data-matched="(\d*)"', text)[1])


QUERIES = (
    "", "layer=needs", "layer=damage&category=ROAD", "kind=need&kind=offer", "category=WAT&category=FOOD", "sector=wash",
    "status=closed", "status=published&status=closed", "verification=verified", "q=pump", "area=Jacmel", "placed=no",
    "bbox=-72.4,18.5,-72.3,18.6", "near=-72.335,18.543&radius=2000", "from=-24h", "from=2010-01-12&until=2010-01-13",
    "layer=needs&kind=need&q=%20&bbox=&near=&radius=&from=&until=",
)  # fmt: skip


def test_the_count_is_that_of_the_addresses_it_gives(session, client):
    make_report(at=PORT_AU_PRINCE, description="The pump is broken", occurred_at="2010-01-12T22:00:00Z")
    make_report(at=JACMEL, category="ROAD", verification="verified")
    make_report(at=None, place="somewhere", kind="offer", category="FDP")
    make_report(category="WAT", status="closed")
    for query in QUERIES:
        text = page(client, f"/feeds?{query}")
        for name in FORMATS:
            address = address_of(text, name).removeprefix("http://localhost")
            assert address.startswith("/feeds/") and f".{name}" in address
            assert client.get(address).status_code == 200
        told = client.get(address_of(text, "geojson").removeprefix("http://localhost")).get_json()
        assert count_in(text) == told["numberMatched"], query
        for feature in told["features"]:
            assert f'href="/reports/{feature["id"]}"' in text


def test_the_page_says_what_is_chosen_and_shows_the_newest(session, client):
    for n in range(9):
        make_report(category="WAT", description=f"Water number {n}")
    text = page(client, "/feeds?layer=needs&category=WAT&verification=unverified&q=water&area=Jacmel&from=2010-01-01")
    assert count_in(text) == 0 and "The addresses hold all the same" in text
    for part in ('value="needs" checked', 'value="WAT" checked', 'value="unverified" checked', 'value="Jacmel" checked'):
        assert part in text
    assert "needs in WAT marked not verified yet with the words “water” in Jacmel since 2010-01-01" in text
    text = page(client, "/feeds?layer=needs&q=water")
    assert count_in(text) == 9 and "Water number 8" in text and "Water number 2" not in text
    assert "last change" in text and "as GeoJSON" in text


@pytest.mark.databases("sqlite")
def test_everything_wrong_is_said_beside_its_field_and_nothing_is_lost(session, client):
    make_report()
    query = "bbox=1,2,3&near=1,2&from=yesterday&kind=wish&category=NOPE&q=water&placed=perhaps"
    text = page(client, f"/feeds?{query}", 400)
    for name in ("bbox", "radius", "from", "kind", "category", "placed"):
        slot = re.search(rf'data-slot="{name}">(.*?)</div>', text, re.DOTALL)[1]
        assert 'class="error"' in slot, name
    for typed in ('value="1,2,3"', 'value="1,2"', 'value="yesterday"', 'value="water"'):
        assert typed in text
    assert 'id="addresses"' not in text and 'readonly value="http' not in text
    assert page(client, "/feeds?colour=red", 400).count("colour") > 1
    assert "nonesuch" in page(client, "/feeds?layer=nonesuch", 400)
    assert page(client, "/feeds?layer=needs&kind=offer", 400).count("the layer needs holds need only") >= 2


@pytest.mark.databases("sqlite")
def test_what_strangers_typed_is_text_on_the_page(session, client):
    make_report(title=HOSTILE, description=HOSTILE)
    for name in ("q", "bbox", "near", "from", "layer", "category", "kind", "area", "colour", HOSTILE):
        answer = client.get("/feeds", query_string={name: HOSTILE})
        text = answer.get_data(as_text=True)
        assert answer.status_code in (200, 400)
        assert "<script>alert" not in text and "' onload=x" not in re.sub(r'"[^"]*"', "", text)
        assert "49" not in re.findall(r"{{.*?}}", text)


@pytest.mark.databases("sqlite")
def test_it_is_whole_without_scripts_and_sets_no_cookie(session, client):
    make_report()
    answer = client.get("/feeds?q=report")
    text = answer.get_data(as_text=True)
    assert "Set-Cookie" not in answer.headers
    assert len(re.findall(r"<h1[ >]", text)) == 1
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    for described in re.findall(r'aria-describedby="([^"]+)"', text):
        assert set(described.split()) <= set(ids)
    for label in re.findall(r'<label for="([^"]+)"', text):
        assert label in ids
    assert re.search(r'<form[^>]*id="feed-form" method="get" action="/feeds"', text)
    assert 'href="/feeds" aria-current="page"' in text


@pytest.mark.databases("sqlite")
def test_a_time_that_moves_has_no_changes_and_says_why(session, client):
    make_report()
    text = page(client, "/feeds?from=-24h")
    assert 'id="address-geojson"' in text and 'id="address-changes"' not in text and "cannot follow it" in text
    text = page(client, "/feeds?from=2010-01-01&layer=needs")
    assert address_of(text, "changes") == "http://localhost/feeds/changes?from=2010-01-01&layer=needs&since=0"


@pytest.mark.databases("sqlite")
@pytest.mark.settings(PUBLIC_URL="https://map.example.org")
def test_addresses_are_those_by_which_others_reach_the_map(session, client):
    text = page(client, "/feeds?layer=offers&q=clinic", base_url="https://map.example.org")
    assert address_of(text, "geojson") == "https://map.example.org/feeds/offers.geojson?q=clinic"


@pytest.mark.databases("sqlite")
def test_staff_see_what_everybody_sees(session, client):
    from tests.builders import make_account, sign_in

    make_report(status="pending")
    make_report()
    sign_in(client, make_account("coordinator"))
    assert count_in(page(client, "/feeds")) == 1
    assert 'id="name-layer"' in page(client, "/feeds?q=report")
