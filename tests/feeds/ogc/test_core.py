"""OGC API – Features Part 1 (17-069r4), conformance class Core: its abstract tests, A.2, and the table of bad input."""

from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

import pytest

from crowdmap.feeds.layers import LAYERS
from crowdmap.feeds.ogc import CONFORMS_TO, extents
from crowdmap.feeds.ogc.parameters import interval
from crowdmap.feeds.reader import Reader
from crowdmap.filters import Scope
from crowdmap.reports.models import Kind, Status
from tests.builders import JACMEL, LEOGANE, PORT_AU_PRINCE, ids, make_report

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
ITEMS = "/ogc/collections/all/items"


def get(client, address: str) -> dict:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    return answer.get_json(force=True)


def own(href: str) -> str:
    """The path and query of one of our own addresses."""
    parts = urlsplit(href)
    assert parts.netloc == "127.0.0.1:8000", href
    return parts.path + ("?" + parts.query if parts.query else "")


def links(told: dict, rel: str) -> list[dict]:
    return [link for link in told["links"] if link["rel"] == rel]


def all_pages(client, address: str) -> list[dict]:
    pages = [get(client, address)]
    while following := links(pages[-1], "next"):
        pages.append(get(client, own(following[0]["href"])))
    return pages


# ---- A.2.1 to A.2.4: HTTP, landing page, API definition, conformance


def test_head_and_every_link_of_the_landing_page_is_answered(client, session):
    """A.2.1 /req/core/http, A.2.2 /req/core/root-op, /req/core/root-success"""
    told = get(client, "/ogc/")
    assert client.head("/ogc/").status_code == 200 and client.post("/ogc/").status_code == 405
    assert client.get("/ogc").headers["Location"].endswith("/ogc/")
    assert {"self", "alternate", "service-desc", "service-doc", "conformance", "data", "license"} <= {x["rel"] for x in told["links"]}
    for link in told["links"]:
        assert link["type"] and link["title"]
        if link["rel"] != "license":
            assert client.get(own(link["href"])).mimetype == link["type"].partition(";")[0], link


def test_the_definition_of_the_interface_is_where_the_landing_page_says(client, session):
    """A.2.3 /req/core/api-definition-op, /req/core/api-definition-success"""
    told = get(client, "/ogc/")
    answer = client.get(own(links(told, "service-desc")[0]["href"]), headers={"Accept": "*/*"})
    assert answer.headers["Content-Type"] == "application/vnd.oai.openapi+json;version=3.0"
    assert answer.get_json(force=True)["openapi"].startswith("3.0.")
    page = client.get(own(links(told, "service-doc")[0]["href"]))
    assert page.mimetype == "text/html" and "/collections/needs/items" in page.text


def test_conformance_names_core_and_what_else_is_tested_here(client, session):
    """A.2.4 /req/core/conformance-op, /req/core/conformance-success"""
    told = get(client, "/ogc/conformance")["conformsTo"]
    assert told == list(CONFORMS_TO)
    part_1 = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/"
    assert {part_1 + name for name in ("core", "geojson", "html", "oas30")} <= set(told)


# ---- A.2.5, A.2.6: collections


def test_collections_are_the_layers(client, session):
    """A.2.5 /req/core/fc-md-op, /req/core/fc-md-success, /req/core/fc-md-links, /req/core/fc-md-items"""
    told = get(client, "/ogc/collections")
    assert [one["id"] for one in told["collections"]] == list(LAYERS)
    assert links(told, "self")[0]["type"] == "application/json" and links(told, "alternate")[0]["type"] == "text/html"


def test_each_collection_links_its_items_in_every_form(client, session):
    """A.2.5 /req/core/fc-md-items-links, /rec/core/fc-md-license"""
    make_report()
    for one in get(client, "/ogc/collections")["collections"]:
        items = links(one, "items")
        assert {link["type"] for link in items} == {"application/geo+json", "text/html"}
        for link in items:
            assert client.get(own(link["href"])).mimetype == link["type"]
        assert links(one, "license") and one["crs"] == [CRS84] and one["itemType"] == "feature"


def test_the_extent_holds_every_report(client, session):
    """A.2.5 /req/core/fc-md-extent"""
    for at, when in ((JACMEL, "2010-01-12T22:00:00Z"), (LEOGANE, "2010-01-14T08:00:00Z")):
        make_report(at=at, category="ROAD", kind="damage", occurred_at=when)
    closed = make_report(at=PORT_AU_PRINCE, category="ROAD", kind="damage", occurred_at="2010-01-13T08:00:00Z")
    closed.status = Status.CLOSED
    session.commit()
    extent = get(client, "/ogc/collections/damage")["extent"]
    assert extent["spatial"] == {"bbox": [[LEOGANE[0], JACMEL[1], PORT_AU_PRINCE[0], PORT_AU_PRINCE[1]]], "crs": CRS84}
    assert extent["temporal"]["interval"] == [["2010-01-12T22:00:00Z", None]]
    assert "spatial" not in get(client, "/ogc/collections/offers")["extent"]


@pytest.mark.databases("sqlite")
@pytest.mark.settings(AREA="177,-20,-178,-15")
def test_an_extent_across_the_180th_meridian(client, session, monkeypatch):
    """A.2.5 /req/core/fc-md-extent: west is greater than east (RFC 7946 §5.2)"""
    monkeypatch.setattr(extents, "QUICK_S", 60)  # what took long on a busy machine would be kept for a while
    assert get(client, "/ogc/collections/damage")["extent"]["spatial"]["bbox"] == [[177, -20, -178, -15]]
    for lon in (178.5, -179.25):
        make_report(at=(lon, -17), category="ROAD", kind="damage")
    assert get(client, "/ogc/collections/damage")["extent"]["spatial"]["bbox"] == [[178.5, -17, -179.25, -17]]


def test_one_collection_is_told_as_in_the_list(client, session):
    """A.2.6 /req/core/sfc-md-op, /req/core/sfc-md-success"""
    make_report()
    for listed in get(client, "/ogc/collections")["collections"]:
        alone = get(client, f"/ogc/collections/{listed['id']}")
        assert {name: alone[name] for name in alone if name != "links"} == {name: listed[name] for name in listed if name != "links"}
        assert {"self", "alternate", "items", "license"} <= {link["rel"] for link in alone["links"]}
        assert own(links(listed, "self")[0]["href"]) == f"/ogc/collections/{listed['id']}"


# ---- A.2.7: items


def test_items_are_the_reports_of_the_layer(client, session):
    """A.2.7 /req/core/fc-op, /req/core/fc-response, /req/core/fc-links, /req/core/fc-rel-type"""
    need, offer = make_report(kind="need"), make_report(kind="offer", category="FDP")
    told = get(client, ITEMS)
    assert told["type"] == "FeatureCollection" and ids(told) == [offer.public_id, need.public_id]
    assert ids(get(client, "/ogc/collections/needs/items")) == [need.public_id]
    assert {"self", "alternate", "collection"} <= {link["rel"] for link in told["links"]}
    assert all(link["rel"] and link["type"] for link in told["links"])
    for rel in ("self", "alternate", "collection"):
        for link in links(told, rel):
            assert client.get(own(link["href"])).mimetype == link["type"]


def test_pages_follow_each_other_and_none_holds_more_than_the_limit(client, session):
    """A.2.7 /req/core/fc-limit-definition, /req/core/fc-limit-response-1, /rec/core/fc-next-1, numberMatched, numberReturned"""
    reports = [make_report() for _ in range(7)]
    pages = all_pages(client, f"{ITEMS}?limit=3")
    assert [page["numberReturned"] for page in pages] == [len(page["features"]) for page in pages] == [3, 3, 1]
    assert {page["numberMatched"] for page in pages} == {7}
    assert [one for page in pages for one in ids(page)] == [report.public_id for report in reversed(reports)]


def test_too_large_a_limit_is_taken_as_the_largest(client, session, monkeypatch):
    """A.2.7 /req/core/fc-limit-response-1: the server's maximum counts, no error"""
    monkeypatch.setattr("crowdmap.feeds.ogc.parameters.MOST_LIMIT", 2)
    for _ in range(3):
        make_report()
    for limit in ("10001", "9" * 400, "00000000000020000"):
        told = get(client, f"{ITEMS}?limit={limit}")
        assert told["numberReturned"] == 2 and told["numberMatched"] == 3


def test_the_time_stamp_is_that_of_the_answer(client, session):
    """A.2.7 /req/core/fc-timeStamp"""
    before = datetime.now(UTC).replace(microsecond=0)
    make_report()
    assert before <= datetime.fromisoformat(get(client, ITEMS)["timeStamp"]) <= datetime.now(UTC)


BOXES = [
    ("-72.4,18.5,-72.3,18.6", {"a"}),
    ("-72.4,18.5,-100,-72.3,18.6,9000", {"a"}),
    ("-73,18,-72,19", {"a", "b", "c"}),
    (f"{JACMEL[0]},{JACMEL[1]},{JACMEL[0]},{JACMEL[1]}", {"c"}),
    ("170,-20,-170,20", {"d"}),
    ("-180,-90,180,90", {"a", "b", "c", "d"}),
    ("0,0,1,1", set()),
]


def test_a_box_finds_what_lies_in_it_and_nothing_without_a_place(client, session):
    """A.2.7 /req/core/fc-bbox-definition, /req/core/fc-bbox-response"""
    places = {"a": PORT_AU_PRINCE, "b": LEOGANE, "c": JACMEL, "d": (179.9, -16.5), "e": None}
    named = {
        make_report(at=at, place=None if at else "somewhere", category="ROAD", kind="damage").public_id: name
        for name, at in places.items()
    }
    for box, expected in BOXES:
        for crs in ("", "&bbox-crs=" + quote(CRS84)):
            assert {named[one] for one in ids(get(client, f"{ITEMS}?bbox={box}{crs}"))} == expected, box


TIMES = [
    ("2010-01-12T22:00:00Z", {"a"}),
    ("2010-01-12T17:00:00-05:00", {"a"}),
    ("2010-01-12t22:00:00z", {"a"}),
    ("2010-01-12T22:00:01Z", set()),
    ("2010-01-12T22:00:00Z/2010-01-14T08:00:00Z", {"a", "b"}),
    ("2010-01-12T22:00:00.000Z/2010-01-14T07:59:59.999Z", {"a"}),
    ("../2010-01-14T08:00:00Z", {"a", "b"}),
    ("/2010-01-14T08:00:00Z", {"a", "b"}),
    ("../2010-01-14T07:59:59Z", {"a"}),
    ("2010-01-14T08:00:00Z/..", {"b", "c"}),
    ("2010-01-14T08:00:00Z/", {"b", "c"}),
    ("2010-01-14T08:00:01+00:00/9999-12-31T23:59:59Z", {"c"}),
    ("2010-01-14", {"b"}),
    ("2010-01-12/2010-01-14", {"a", "b"}),
]


def test_a_time_or_an_interval_finds_what_happened_then_its_ends_included(client, session):
    """A.2.7 /req/core/fc-time-definition, /req/core/fc-time-response"""
    moments = {"a": "2010-01-12T22:00:00Z", "b": "2010-01-14T08:00:00Z", "c": "2010-02-01T00:00:00Z"}
    named = {
        make_report(category="ROAD", kind="damage", occurred_at=moment).public_id: name for name, moment in moments.items()
    }
    for text, expected in TIMES:
        for written in (text, quote(text, safe="")):
            assert {named[one] for one in ids(get(client, f"{ITEMS}?datetime={written}"))} == expected, text


@pytest.mark.databases("sqlite")
@pytest.mark.settings(TIMEZONE="America/Port-au-Prince")
def test_a_date_alone_is_that_day_where_the_crisis_is(app, session):
    assert interval("2010-01-12") == ("2010-01-12T05:00:00Z", "2010-01-13T05:00:00Z")
    assert interval("2010-03-14") == ("2010-03-14T05:00:00Z", "2010-03-15T05:00:00Z")
    assert interval("2012-03-11") == ("2012-03-11T05:00:00Z", "2012-03-12T04:00:00Z")


def test_what_was_published_within_the_last_second_of_an_interval_belongs_to_it(client, session):
    """A.2.7 /req/core/fc-time-response: times are published to the second, and kept more finely"""
    report = make_report(category="ROAD", kind="damage")
    told = get(client, ITEMS)["features"][0]["properties"]["created_at"]
    assert ids(get(client, f"{ITEMS}?datetime={told}")) == [report.public_id]
    assert ids(get(client, f"{ITEMS}?datetime=../{told}")) == [report.public_id]


PARAMETERS = [
    "", "category=WAT", "category=WAT,FDP", "sector=wash", "kind=offer", "q=pump", "near=-72.335,18.543&radius=2000",
    "verification=verified", "from=2010-01-13", "until=2010-01-13", "placed=no", "area=Jacmel", "status=all", "status=closed",
    "bbox=-72.4,18.5,-72.3,18.6&kind=need,damage",
]  # fmt: skip


def test_the_same_filter_finds_the_same_reports_as_in_the_feed(client, session):
    """A.2.7 /rec/core/fc-filters"""
    make_report(description="The pump is broken", occurred_at="2010-01-12T22:00:00Z")
    make_report(at=LEOGANE, categories=["FOOD"], occurred_at="2010-01-14T08:00:00Z")
    make_report(at=JACMEL, category="FDP", kind="offer", verification="verified")
    make_report(at=None, place="somewhere", category="COLL")
    make_report().status = Status.CLOSED
    session.commit()
    for query in PARAMETERS:
        assert ids(get(client, f"{ITEMS}?{query}")) == ids(get(client, f"/feeds/all.geojson?{query}")), query


# ---- A.2.8: one feature


def test_one_report_alone_is_what_it_is_in_the_list(client, session):
    """A.2.8 /req/core/f-op, /req/core/f-success, /req/core/f-links"""
    make_report()
    listed = get(client, ITEMS)["features"][0]
    answer = client.get(f"{ITEMS}/{listed['id']}")
    alone = answer.get_json(force=True)
    assert answer.mimetype == "application/geo+json"
    assert {name: alone[name] for name in alone if name != "links"} == listed
    assert {"self", "alternate", "collection"} <= {link["rel"] for link in alone["links"]}
    for rel in ("self", "alternate", "collection"):
        for link in links(alone, rel):
            assert client.get(own(link["href"])).mimetype == link["type"]


def test_what_is_not_in_the_collection_is_not_there_what_was_is_gone_and_what_was_merged_leads_on(client, session):
    """A.2.8 /req/core/f-success, §7.5.1: 404, 410 and 301"""
    need, other, offer = make_report(kind="need"), make_report(kind="need"), make_report(kind="offer", category="FDP")
    pending, closed = make_report(status="pending"), make_report(kind="need")
    closed.status = Status.CLOSED
    other.merged_into_id = need.id
    offer.withdrawn_at = offer.created_at
    session.commit()
    base = "/ogc/collections"
    assert client.get(f"{base}/needs/items/{need.public_id}").status_code == 200
    assert client.get(f"{base}/needs/items/{closed.public_id}").status_code == 200
    for path in (f"offers/items/{need.public_id}", f"all/items/{pending.public_id}", "all/items/none", "none", "none/items", "none/queryables",
                 "none/items/" + need.public_id, f"needs/items/{offer.public_id}"):  # fmt: skip
        answer = client.get(f"{base}/{path}")
        assert answer.status_code == 404 and answer.mimetype == "application/problem+json", path
    for layer in ("all", "offers"):
        assert client.get(f"{base}/{layer}/items/{offer.public_id}").status_code == 410
    for form in ("", "?f=html"):
        moved = client.get(f"{base}/needs/items/{other.public_id}{form}")
        assert moved.status_code == 301 and own(moved.headers["Location"]) == f"{base}/needs/items/{need.public_id}{form}"
    need.kind = "damage"  # merged into what is now of another layer
    session.commit()
    moved = client.get(f"{base}/needs/items/{other.public_id}")
    assert own(moved.headers["Location"]) == f"{base}/all/items/{need.public_id}"


# ---- A.2.9: coordinates, parameters


def test_coordinates_are_longitude_and_latitude(client, session):
    """/req/core/crs84"""
    make_report(at=JACMEL, category="ROAD", kind="damage")
    assert get(client, ITEMS)["features"][0]["geometry"]["coordinates"] == list(JACMEL)


BAD = [
    ("limit=0", "limit"), ("limit=-1", "limit"), ("limit=", "limit"), ("limit=many", "limit"), ("limit=1.5", "limit"), ("limit=٣", "limit"),
    ("limit=all", "limit"), ("limit=1&limit=2", "limit"), ("bbox=1,2,3", "bbox"), ("bbox=1,2,3,4,5", "bbox"),
    ("bbox=0,10,1,5", "bbox"), ("bbox=a,b,c,d", "bbox"), ("bbox=0,0,1,91", "bbox"), ("bbox=", "bbox"), ("bbox=0,0,1,1&bbox=0,0,2,2", "bbox"),
    ("bbox=0,0,1,1&bbox-crs=http://www.opengis.net/def/crs/EPSG/0/4326", "bbox-crs"), ("bbox-crs=", "bbox-crs"),
    ("datetime=", "datetime"), ("datetime=..", "datetime"), ("datetime=../..", "datetime"), ("datetime=/", "datetime"),
    ("datetime=yesterday", "datetime"), ("datetime=-24h", "datetime"), ("datetime=2010-13-01T00:00:00Z", "datetime"),
    ("datetime=2010-01-12T00:00:00", "datetime"), ("datetime=20100112", "datetime"), ("datetime=2010-01-12T00:00:00Z/2010", "datetime"),
    ("datetime=2010-01-13T00:00:00Z/2010-01-12T00:00:00Z", "datetime"), ("datetime=2010-01-01T00:00:00Z/../..", "datetime"),
    ("datetime=0001-01-01T00:00:00%2B05:00", "datetime"), ("datetime=2010-01-01T00:00:00Z&from=2010-01-01", "datetime"),
    ("datetime=2010-01-01&datetime=2010-01-02", "datetime"),
    ("f=gml", "f"), ("f=", "f"), ("f=json&f=html", "f"), ("crs=x", "crs"), ("offset=3", "offset"), ("filter=x", "filter"), ("token=x", "token"),
    ("lang=en", "lang"), ("kind=wish", "kind"), ("category=NOPE", "category"), ("cursor=abc", "cursor"), ("status=pending", "status"),
    ("q=" + "x" * 201, "q"), ("near=1,1", "radius"),
]  # fmt: skip


def test_what_cannot_be_read_is_refused_and_named(client, session):
    """/req/core/query-param-invalid, /req/core/query-param-unknown"""
    for query, field in BAD:
        answer = client.get(f"{ITEMS}?{query}")
        assert answer.status_code == 400 and answer.mimetype == "application/problem+json", query
        assert answer.json["errors"][0]["field"] == field, answer.text


def test_no_document_takes_a_parameter_that_it_does_not_know(client, session):
    """/req/core/query-param-unknown"""
    report = make_report()
    for path in ("/", "/api", "/conformance", "/collections", "/collections/all", "/collections/all/queryables",
                 f"/collections/all/items/{report.public_id}"):  # fmt: skip
        for query, field in (("x=1", "x"), ("bbox=0,0,1,1", "bbox"), ("f=xml", "f"), ("lang=en", "lang")):
            answer = client.get(f"/ogc{path}?{query}")
            assert answer.status_code == 400 and answer.json["errors"][0]["field"] == field, path


def test_a_layer_of_one_kind_refuses_another(client, session):
    assert client.get("/ogc/collections/needs/items?kind=need").status_code == 200
    answer = client.get("/ogc/collections/needs/items?kind=offer")
    assert answer.status_code == 400 and answer.json["errors"][0]["field"] == "kind"


# ---- what the house asks of every feed


def test_answers_are_validated_open_to_all_sites_and_set_no_cookie(client, session):
    report = make_report()
    for path in ("/", "/api", "/conformance", "/collections", "/collections/all", "/collections/all/queryables", "/collections/all/items",
                 f"/collections/all/items/{report.public_id}"):  # fmt: skip
        for form in ("json", "html"):
            client.set_cookie("crowdmap_language", "fr")
            answer = client.get(f"/ogc{path}?f={form}", headers={"Origin": "https://elsewhere.example"})
            assert answer.status_code == 200, path
            assert answer.headers["Access-Control-Allow-Origin"] == "*" and "Set-Cookie" not in answer.headers
            assert {"Accept", "Accept-Language"} <= set(answer.vary) and "Cookie" not in answer.vary
            assert 'rel="license"' in answer.headers["Link"] and answer.headers["Cache-Control"].startswith("public")
            again = client.get(f"/ogc{path}?f={form}", headers={"If-None-Match": answer.headers["ETag"]})
            assert again.status_code == 304 and not again.data, path


def test_a_validator_holds_until_the_layer_changes_and_belongs_to_one_form(client, session):
    need = make_report(kind="need")
    path = "/ogc/collections/needs/items"
    tags = {form: client.get(f"{path}?f={form}").headers["ETag"] for form in ("json", "html")}
    as_page = client.get(path, headers={"Accept": "text/html", "If-None-Match": tags["json"]})
    assert as_page.status_code == 200 and as_page.mimetype == "text/html"
    make_report(kind="offer", category="FDP")
    assert client.get(f"{path}?f=json", headers={"If-None-Match": tags["json"]}).status_code == 304
    need.title = "another title"
    session.commit()
    for form, tag in tags.items():
        assert client.get(f"{path}?f={form}", headers={"If-None-Match": tag}).status_code == 200


def test_whoever_reads_is_held_to_their_scope(client, session, monkeypatch):
    """Lists, single reports, their removals and the extent: what lies outside is not there."""
    inside, outside = make_report(category="ROAD", kind="damage", at=JACMEL), make_report(kind="offer", category="FDP")
    removed = make_report(kind="damage", category="ROAD")
    merged = make_report(kind="offer", category="FDP")
    removed.withdrawn_at, merged.merged_into_id = removed.created_at, outside.id
    session.commit()
    monkeypatch.setattr("crowdmap.feeds.ogc.views.reader", lambda: Reader(scope=Scope(kinds=(Kind.DAMAGE,))))
    answer = client.get(ITEMS)
    assert ids(answer.get_json(force=True)) == [inside.public_id] and "public" not in answer.headers.get("Cache-Control", "")
    assert get(client, "/ogc/collections/all")["extent"]["spatial"]["bbox"] == [[*JACMEL, *JACMEL]]
    assert client.get(f"{ITEMS}/{inside.public_id}").status_code == 200
    for report in (outside, removed, merged):
        assert client.get(f"{ITEMS}/{report.public_id}").status_code == 404
