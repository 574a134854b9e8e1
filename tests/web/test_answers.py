import pytest
from flask import Response

from crowdmap.web import (
    add_links,
    conditional,
    etag_of,
    keyed_hash,
    limited,
    open_data,
    own_path,
    public,
    shareable,
    url_with,
)
from crowdmap.web.limits import LIMITS, source_network


@pytest.mark.parametrize("path", ["/", "/reports?q=a%20b#x", "/admin/users", "/a//b", "/é".encode().decode()])
def test_own_paths(path):
    assert own_path(path) == path


@pytest.mark.parametrize(
    "path", ["", None, "x", "//x", "/\\x", "\\x", "http://x", "/a\nb", "/a b", "/\tb", "javascript:x", " /", "/" * 2001]
)
def test_paths_that_a_browser_reads_as_elsewhere(path):
    assert own_path(path) is None


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("fe80::1%eth0", "fe80::/64"),
        (None, "local"),
        ("unix:", "local"),
    ],
)
def test_source_network(address, network):
    assert source_network(address) == network


@pytest.mark.databases("sqlite")
def test_keys_differ_by_purpose(app):
    with app.app_context():
        assert keyed_hash("a", "text") != keyed_hash("b", "text")
        assert keyed_hash("a", "text") == keyed_hash("a", "text")


@pytest.mark.databases("sqlite")
def test_a_body_that_is_held_already_is_not_built(app):
    built = []

    def build():
        built.append(1)
        return Response("body")

    app.add_url_rule("/feeds/x", view_func=open_data(lambda: conditional(etag_of("public", 7), build)), endpoint="x")
    client = app.test_client()
    first = client.get("/feeds/x")
    etag = first.headers["ETag"]
    assert first.status_code == 200 and etag.startswith('W/"')
    for held in (etag, etag.removeprefix("W/"), '"other", ' + etag, "*"):
        answer = client.get("/feeds/x", headers={"If-None-Match": held})
        assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", etag)
    assert len(built) == 1
    assert client.get("/feeds/x", headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.databases("sqlite")
def test_a_link_to_hand_over_has_the_name_by_which_one_came(app):
    with app.test_request_context("/", base_url="http://192.168.1.20:8000"):
        assert shareable("/join/x") == "http://192.168.1.20:8000/join/x"


@pytest.mark.databases("sqlite")
@pytest.mark.settings(PUBLIC_URL="https://map.example.org")
def test_or_the_public_name_where_there_is_one(app):
    with app.test_request_context("/", base_url="http://127.0.0.1:8000"):
        assert shareable("/join/x") == "https://map.example.org/join/x"


@pytest.mark.databases("sqlite")
def test_links_of_a_page(app):
    with app.test_request_context("/feeds/needs.geojson?q=a&q=b&limit=2"):
        assert url_with(cursor="c&d", limit=None) == "http://127.0.0.1:8000/feeds/needs.geojson?q=a&q=b&cursor=c%26d"
        answer = add_links(Response(), [{"href": "http://x/y", "rel": "next", "type": "application/geo+json"}])
        assert answer.headers["Link"] == '<http://x/y>; rel="next"; type="application/geo+json"'


@pytest.mark.databases("sqlite")
@pytest.mark.settings(RATE_LIMITS="on")
def test_over_a_limit_one_is_told_when_to_come_back(app, monkeypatch):
    monkeypatch.setitem(LIMITS, "track", "2 per minute")
    app.add_url_rule("/api/slow", view_func=limited("track", ("GET",))(public(lambda: "ok")), endpoint="slow")
    client = app.test_client()
    assert [client.get("/api/slow").status_code for _i in range(3)] == [200, 200, 429]
    refused = client.get("/api/slow")
    assert refused.mimetype == "application/problem+json" and refused.json["code"] == "too-many"
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
    elsewhere = client.get("/api/slow", environ_base={"REMOTE_ADDR": "198.51.100.9"})
    assert elsewhere.status_code == 200, "another network has its own measure"


@pytest.mark.databases("sqlite")
def test_limits_can_be_lifted(app, monkeypatch):
    monkeypatch.setitem(LIMITS, "track", "1 per minute")
    app.add_url_rule("/api/free", view_func=limited("track", ("GET",))(public(lambda: "ok")), endpoint="free")
    assert [app.test_client().get("/api/free").status_code for _i in range(3)] == [200, 200, 200]


@pytest.mark.databases("sqlite")
@pytest.mark.settings(RATE_LIMITS="on")
@pytest.mark.parametrize("name", sorted(LIMITS))
def test_each_limit_is_one_the_limiter_understands(app, name):
    app.add_url_rule("/api/some", view_func=limited(name, ("GET",))(public(lambda: "ok")), endpoint="some")
    assert app.test_client().get("/api/some").status_code == 200
