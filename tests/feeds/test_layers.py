"""Layers that a deployment names itself: made, narrowed, followed, removed; and never changed."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crowdmap.errors import InvalidParameter, ValidationFailed
from crowdmap.events import Event
from crowdmap.feeds import layers
from crowdmap.feeds.models import OwnLayer
from crowdmap.filters import ReportFilter
from tests.builders import JACMEL, LEOGANE, PORT_AU_PRINCE, ids, make_account, make_report, sign_in


def name_layer(session, slug: str, query: dict, title: str = ""):
    layer = layers.add(session, make_account("coordinator"), title=title or slug, slug=slug, chosen=ReportFilter.parse(query))
    session.commit()
    return layer


def get(client, address, status=200):
    answer = client.get(address)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_json(force=True)


def test_a_coordinator_names_a_filter_and_everybody_has_it(session, client):
    water = make_report(category="WAT", kind="need", at=PORT_AU_PRINCE)
    make_report(category="ROAD", at=PORT_AU_PRINCE)
    coordinator = sign_in(client.application.test_client(), make_account("coordinator"))
    form = {"title": "Eau à Port-au-Prince", "query": "layer=needs&category=WAT&bbox=-72.4,18.5,-72.3,18.6"}
    answer = coordinator.post("/admin/layers", data=form)
    assert answer.status_code == 303 and answer.headers["Location"].endswith("/feeds?layer=eau-a-port-au-prince")
    told = get(client, "/feeds/eau-a-port-au-prince.geojson")
    assert ids(told) == [water.public_id] and told["numberMatched"] == 1
    page = client.get("/feeds").get_data(as_text=True)
    assert "Eau à Port-au-Prince" in page and "/remove" not in page
    assert "/admin/layers/eau-a-port-au-prince/remove" in coordinator.get("/feeds").get_data(as_text=True)
    row = session.query(OwnLayer).one()
    assert row.filter == {"kind": "need", "category": "WAT", "bbox": "-72.4,18.5,-72.3,18.6"}
    event = session.query(Event).filter_by(name="LayerChanged").one()
    assert event.account_id == row.created_by_id and event.data == {"slug": row.slug, "filter": row.filter}


@pytest.mark.parametrize("who", [None, "volunteer", "moderator"])
def test_only_coordinators_name_and_remove(session, client, who):
    name_layer(session, "water", {"category": "WAT"})
    if who:
        sign_in(client, make_account(who))
    for address in ("/admin/layers", "/admin/layers/water/remove"):
        answer = client.post(address, data={"title": "x"})
        assert answer.status_code == 403 if who else answer.headers["Location"].startswith("/login")
    assert "name-layer" not in client.get("/feeds?q=x").get_data(as_text=True)
    assert get(client, "/feeds/water.geojson")["numberMatched"] == 0


def test_what_is_asked_of_a_layer_narrows_it(session, client):
    reports = {
        "pap": make_report(at=PORT_AU_PRINCE, category="WAT", categories=["FOOD"], description="pump broken"),
        "leogane": make_report(at=LEOGANE, category="WAT", description="pump and tank broken", verification="verified"),
        "jacmel": make_report(at=JACMEL, category="FOOD", description="rice is gone", occurred_at="2010-01-14T00:00:00Z"),
        "road": make_report(at=JACMEL, category="ROAD"),
        "nowhere": make_report(at=None, category="WAT", place="somewhere"),
        "closed": make_report(at=JACMEL, category="WAT", status="closed"),
    }  # fmt: skip
    named = {report.public_id: name for name, report in reports.items()}
    west, south = "-72.7,18.0,-72.4,18.7", "-73,18.0,-72,18.3"
    name_layer(session, "wash", {"category": "WAT,FOOD"})
    name_layer(session, "western", {"bbox": west, "q": "broken"})
    name_layer(session, "south", {"bbox": south, "status": "all"})
    name_layer(session, "done", {"status": "closed"})
    name_layer(session, "early", {"until": "2010-01-15", "kind": "need,damage"})
    name_layer(session, "placed", {"placed": "yes"})
    name_layer(session, "around", {"near": "-72.335,18.543", "radius": "50000"})
    questions = {
        "wash?": {"pap", "leogane", "jacmel", "nowhere"},
        "wash?category=FOOD": {"pap", "jacmel"},
        "wash?category=ROAD": set(),
        "wash?category=FOOD&q=rice": {"jacmel"},
        "wash?verification=verified": {"leogane"},
        "wash?status=all": {"pap", "leogane", "jacmel", "nowhere", "closed"},
        "western?": {"leogane"},
        "western?q=tank": {"leogane"},
        "western?q=well": set(),
        "western?bbox=-72.65,18.5,-72.0,18.6": {"leogane"},
        "western?bbox=-72.4,18.5,-72.0,18.6": set(),
        "south?": {"jacmel", "road", "closed"},
        "south?status=closed": {"closed"},
        "south?bbox=-72.7,18.2,-72.4,18.7": {"jacmel", "road", "closed"},
        "done?": {"closed"},
        "done?status=all": {"closed"},
        "early?": {"jacmel"},
        "early?from=2010-01-13": {"jacmel"},
        "early?until=2010-01-13": set(),
        "early?kind=need,offer": {"jacmel"},
        "placed?category=WAT": {"pap", "leogane"},
        "around?near=-72.335,18.543&radius=2000": {"pap"},
        "around?near=-72.535,18.234&radius=1000": {"jacmel", "road"},
    }
    for question, expected in questions.items():
        address = "/feeds/" + question.replace("?", ".geojson?")
        told = get(client, address)
        assert {named[i] for i in ids(told)} == expected, question
        assert told["numberMatched"] == len(expected), question
        # the same by its changes, wherever a link leads to them
        link = next(link["href"] for link in told["links"] if link["rel"] == "changes")
        seq, path = link.partition("since=")[2].partition("&")[0], link.removeprefix("http://127.0.0.1:8000")
        followed = get(client, path.replace(f"since={seq}", "since=0"))
        assert {named[i] for i in ids(followed)} == expected, link


@pytest.mark.parametrize("layer, query, field", [
    ({"kind": "need", "q": "x"}, "kind=offer", "kind"), ({"status": "closed"}, "status=published", "status"),
    ({"verification": "verified"}, "verification=unverified,disputed", "verification"), ({"area": "Jacmel"}, "area=Delmas", "area"),
    ({"placed": "no"}, "placed=yes", "placed"),
])  # fmt: skip
def test_a_contradiction_is_refused_by_name(session, client, layer, query, field):
    name_layer(session, "mine", layer)
    for address in (f"/feeds/mine.geojson?{query}", f"/feeds/changes?since=0&layer=mine&{query}"):
        assert get(client, address, 400)["errors"][0]["field"] == field
    assert f'id="{field}-error"' in client.get(f"/feeds?layer=mine&{query}").get_data(as_text=True)


def test_pages_of_a_narrowed_layer_follow_each_other(session, client):
    reports = [make_report(at=PORT_AU_PRINCE) for _ in range(5)]
    make_report(at=JACMEL)
    name_layer(session, "town", {"bbox": "-72.4,18.5,-72.3,18.6"})
    seen, address = [], "/feeds/town.geojson?limit=2&bbox=-72.5,18.4,-72.2,18.7"
    while address:
        page = get(client, address)
        seen += ids(page)
        address = (page["next"] or "").removeprefix("http://127.0.0.1:8000")
        assert page["numberMatched"] == 5
    assert seen == [report.public_id for report in reversed(reports)]
    cursor = get(client, "/feeds/town.geojson?limit=2")["next"].partition("cursor=")[2]
    assert get(client, f"/feeds/town.geojson?limit=2&cursor={cursor}&bbox=-72.5,18.4,-72.2,18.7", 400)["errors"][0]["field"] == "cursor"


def test_changes_tell_what_left_a_layer(session, client):
    name_layer(session, "town", {"bbox": "-72.4,18.5,-72.3,18.6"})
    report = make_report(category="ROAD", at=PORT_AU_PRINCE)
    told = get(client, "/feeds/changes?since=0&layer=town")
    assert ids(told) == [report.public_id]
    report.private.lon, report.private.lat = JACMEL
    session.commit()
    (gone,) = get(client, f"/feeds/changes?since={told['seq']}&layer=town&category=ROAD")["features"]
    assert gone["properties"]["reason"] == "no-match" and gone["id"] == report.public_id
    assert get(client, "/feeds/changes?since=0&layer=nonesuch", 404)["errors"][0]["field"] == "layer"
    assert get(client, "/feeds/changes?since=0&layer=damage")["features"]


def test_a_removed_layer_is_gone_and_its_name_stays_taken(session, client):
    make_report()
    name_layer(session, "town", {"q": "report"})
    assert get(client, "/feeds/town.geojson")["numberMatched"] == 1
    coordinator = sign_in(client.application.test_client(), make_account("coordinator"))
    assert coordinator.post("/admin/layers/town/remove").status_code == 303
    for address in ("/feeds/town.geojson", "/feeds/changes?since=0&layer=town"):
        assert "all, needs" in get(client, address, 404)["detail"]
    assert coordinator.post("/admin/layers/town/remove").status_code == 404
    again = coordinator.post("/admin/layers", data={"title": "Town", "query": "q=other"})
    assert again.status_code == 422 and "is or was taken" in again.get_data(as_text=True)
    assert client.get("/feeds?layer=town").status_code == 400


REFUSED = [
    ({"title": "Changes", "query": "q=x"}, "slug"),
    ({"title": "Needs", "query": "q=x"}, "slug"),
    ({"title": "水", "query": "q=x"}, "slug"),
    ({"title": "Fine", "slug": "No/Such..Name", "query": "q=x"}, "slug"),
    ({"title": "Fine", "slug": "a", "query": "q=x"}, "slug"),
    ({"title": "Fine", "query": "from=-24h"}, "from"),
    ({"title": "Fine", "query": "until=-1d&from=2010-01-01"}, "until"),
    ({"title": "Fine", "query": ""}, "title"),
    ({"title": "Fine", "query": "layer=needs"}, "title"),
    ({"title": "Fine", "query": "kind=nonsense"}, "kind"),
    ({"title": "Fine", "query": "status=hidden"}, "status"),
    ({"title": "Fine", "query": "layer=nonesuch&q=x"}, "layer"),
    ({"title": "", "query": "q=x"}, "title"),
    ({"title": "x" * 81, "query": "q=x"}, "title"),
    ({"title": "Fine", "query": "q=x", "more": "1"}, "more"),
]


@pytest.mark.databases("sqlite")
def test_what_cannot_be_a_layer_is_said_and_nothing_is_lost(session, client):
    sign_in(client, make_account("coordinator"))
    for form, field in REFUSED:
        answer = client.post("/admin/layers", data=form)
        text = answer.get_data(as_text=True)
        assert answer.status_code == 422, form
        assert f'href="#{field}"' in text or f'id="{field}-error"' in text, form
        if form["title"] == "Fine" and "name-layer" in text:
            assert 'value="Fine"' in text
    assert session.query(OwnLayer).count() == 0


def test_a_part_of_an_own_layer_is_a_layer_where_one_filter_says_it(session):
    actor = make_account("coordinator")
    town = name_layer(session, "town", {"bbox": "-72.4,18.5,-72.3,18.6"})
    narrowed = layers.narrowed(town, ReportFilter.parse({"q": "water"}))
    assert layers.add(session, actor, title="Town water", slug=None, chosen=narrowed).filter.text == "water"
    with pytest.raises(ValidationFailed) as refused:
        both = layers.narrowed(town, ReportFilter.parse({"bbox": "-72.35,18.5,-72.3,18.6"}))
        layers.add(session, actor, title="Corner", slug=None, chosen=both)
    assert refused.value.errors[0].field == "layer"


def test_a_category_or_sector_that_is_gone_finds_nothing_and_breaks_nothing(session, client):
    from crowdmap.reports.models import Category

    make_report(category="WAT")
    session.add(Category(code="OLD", name="Old", sector="bygone", kind="need"))
    session.commit()
    name_layer(session, "old", {"sector": "bygone"})
    session.get(Category, "OLD").sector = "wash"
    session.commit()
    assert get(client, "/feeds/old.geojson")["numberMatched"] == 0
    assert client.get("/feeds?layer=old").status_code == 200
    assert get(client, "/feeds/all.geojson?sector=bygone", 400)["errors"][0]["field"] == "sector"


def test_layers_are_listed_once_built_in_first(session):
    name_layer(session, "zebra", {"q": "z"}, "Zebra")
    name_layer(session, "apple", {"q": "a"}, "apple")
    assert [layer.slug for layer in layers.all_layers()] == [*layers.LAYERS, "apple", "zebra"]
    assert [layer.own for layer in layers.all_layers()] == [False] * 5 + [True] * 2
    assert layers.find("zebra") == layers.all_layers()[-1]


NUMBERS = st.floats(-90, 90) | st.floats(-1e-6, 1e-6) | st.integers(-90, 90)
BOX = st.tuples(*[NUMBERS] * 4).map(lambda s: f"{s[0]!r},{min(s[1], s[3])!r},{s[2]!r},{max(s[1], s[3])!r}")
PARAMETERS = st.fixed_dictionaries({}, optional={
    "bbox": BOX, "q": st.text(max_size=11).map(str.strip), "area": st.text(max_size=20), "placed": st.sampled_from(("yes", "no")),
    "kind": st.lists(st.sampled_from(("need", "offer", "damage"))).map(",".join), "from": st.just("-24h"),
})  # fmt: skip
CIRCLE = st.fixed_dictionaries({
    "near": st.tuples(NUMBERS, NUMBERS).map(lambda p: f"{p[0]!r},{p[1]!r}"), "radius": st.floats(0.001, 100_000).map(repr),
})  # fmt: skip


@given(st.builds(lambda plain, circle: {**plain, **circle}, PARAMETERS, st.just({}) | CIRCLE))
@pytest.mark.databases("sqlite")
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
def test_what_a_filter_is_written_as_is_the_filter(session, query):
    """Whoever follows a layer asks for it by what was written, and caches know it by that: it must be the same circle."""
    chosen = ReportFilter.parse(query)
    assert ReportFilter.parse(chosen.to_json()) == chosen
    assert ReportFilter.from_json(chosen.to_json()).canonical() == chosen.canonical()


@pytest.mark.databases("sqlite")
def test_a_circle_and_a_box_are_taken_as_they_can_be_written(session):
    chosen = ReportFilter.parse({"near": "-72.33512341,18.54312349", "radius": "12345.6784", "bbox": "-0.00000001,1,2.00000006,3"})
    assert (chosen.near, chosen.radius_m) == ((-72.3351234, 18.5431235), 12345.678)
    assert chosen.to_json() == {"bbox": "0,1,2.0000001,3", "near": "-72.3351234,18.5431235", "radius": "12345.678"}
    for refused in ({"near": "1,1", "radius": "0.0004"}, {"q": "x" * 201}, {"q": "\ufdfa" * 20}):
        with pytest.raises(InvalidParameter):
            ReportFilter.parse(refused)


def test_filters_that_mean_the_same_are_one_answer_and_others_are_not(session):
    """Caches and cursors know a filter by its canonical text."""
    town, wash = (layers.Layer("x", "x", ReportFilter.parse(query)) for query in ({"bbox": "0,0,1,1"}, {"category": "WAT"}))
    plain = ReportFilter.parse({"bbox": "0,0,1,1", "q": "water"})
    assert layers.narrowed(town, ReportFilter.parse({"q": "water"})).canonical() == plain.canonical()
    assert layers.narrowed(town, ReportFilter.parse({"bbox": "0,0,1,1", "q": "water"})).canonical() == plain.canonical()
    texts = {
        layers.narrowed(layer, ReportFilter.parse(query)).canonical()
        for layer in (town, wash)
        for query in ({}, {"bbox": "0,0,2,2"}, {"category": "FOOD"}, {"bbox": "0,0,1,1", "category": "WAT"})
    }
    assert len(texts) == 7  # both end at the same box of the same category
    assert "out of" in layers.narrowed(wash, ReportFilter.parse({"category": "FOOD"})).sentence()
