"""Every public address, every parameter that it knows, and values that nobody should send: 4xx by name, never a 5xx."""

import re

import pytest

from crowdmap.feeds.formats import FORMATS, SWITCHES
from crowdmap.filters import PARAMETERS
from crowdmap.web import access_of
from tests.builders import make_account, make_report, sign_in

HOSTILE = (
    "", " ", "nan", "NaN", "inf", "-1", "1e999", "9" * 400, "0x10", "%00", "%FF%FE", "%ED%A0%80", "'", '"', "';--", "<script>",
    "1,2,3", "1,2,3,4,5", "181,0,0,0", "0,91,1,92", "nan,0,1,1", "10,20,5,10", "٣", "x" * 3000, "{}", "[]", "null", "true", "../..",
    "2010-13-45", "-99999d", "9999-12-31T23:59:59Z", "0001-01-01", "*", "%25", "_", "\\", "(((", '"a b', "AND OR NOT", "a:*",
)  # fmt: skip
FEEDS = (
    "/feeds/all.geojson", "/ogc/collections/all/items", "/feeds/changes", "/map/facets.json", "/map/cells.geojson", "/reports",
    "/feeds", "/tiles/all.json", "/tiles/all/8/76/114.mvt",
)  # fmt: skip
BODIES = (
    b"", b"{", b"null", b"[]", b"1", b'"x"', b'{"a":NaN}', b'{"revision":1e999}', b'{"a":"\xff"}', b'{"a":"\\ud800"}',
    b"[" * 3000, b'{"reason":{"x":[1]}}', b'{"reason":5,"revision":"1"}', b'{"text":{}}', b'{"client_id":7}',
    b'{"reason":"' + b"x" * 300_000 + b'"}',
)  # fmt: skip
SAMPLES = {
    "layer": "all", "suffix": "geojson", "slug": "roads", "token": "A" * 28, "filename": "img/icon.svg", "action": "publish",
    "code": "WAT",
}  # fmt: skip


def paths(app, method: str, report_id: str, hostile: str | None = None, **named):
    """Every route with *method*; *hostile* stands in each variable part, *named* in those of these names."""
    for rule in app.url_map.iter_rules():
        if method not in rule.methods or rule.rule.endswith("/stream") or rule.endpoint == "static":
            continue
        if hostile is not None and "<" not in rule.rule:
            continue
        filled = re.sub(r"<any\((\w+)[^>]*>", r"\1", rule.rule)
        filled = re.sub(r"<int:\w+>", "1", filled)
        yield rule, re.sub(r"<(?:\w+:)?(\w+)>", lambda m: hostile or {**SAMPLES, "public_id": report_id, **named}.get(m[1], "x"), filled)


def fine(answer, path: str):
    assert answer.status_code < 500 or path.startswith("/readyz"), f"{path[:200]} → {answer.status_code}"
    programs = ("/api/", "/feeds/", "/map/", "/ogc/", "/tiles/")
    if answer.status_code in (400, 422) and path.startswith(programs):
        problem = answer.get_json()
        assert answer.mimetype == "application/problem+json" and problem["errors"], path[:200]
        assert all(error["field"] and error["message"] for error in problem["errors"]), problem


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("path", FEEDS)
def test_no_value_of_a_filter_breaks_anything(client, session, path):
    """Filters are read once for all ways out; the three in which they are asked of a database follow for the other one."""
    no_value_breaks(client, path)


@pytest.mark.databases("postgis")
@pytest.mark.parametrize("path", ["/feeds/all.geojson", "/map/cells.geojson", "/tiles/all/8/76/114.mvt"])
def test_no_value_of_a_filter_breaks_a_question_to_postgis(client, session, path):
    no_value_breaks(client, path)


def no_value_breaks(client, path):
    make_report()
    base = "bbox=-180,-90,180,90&zoom=5" if "cells" in path else ""
    for name in (*PARAMETERS, "limit", "cursor", "since", "zoom", "colour", "datetime", "bbox-crs", "f"):
        for value in HOSTILE:
            asked = f"{path}?{base}&{name}={value}"
            if name in ("near", "radius"):
                asked += "&radius=5" if name == "near" else "&near=1,1"
            fine(client.get(asked), asked)
    answer = client.get(f"{path}?{base}&colour=red")
    assert answer.status_code == 400
    if path not in ("/reports", "/feeds"):  # pages
        assert answer.get_json()["errors"][0]["field"] == "colour"


@pytest.mark.parametrize("suffix", FORMATS)
def test_no_value_of_a_formats_own_breaks_anything(client, session, suffix):
    """Filters are read once for all formats: tried above."""
    make_report()
    for name in (*SWITCHES, "limit", "cursor", "bbox", "colour"):
        for value in HOSTILE:
            fine(client.get(f"/feeds/all.{suffix}?{name}={value}"), f"/feeds/all.{suffix}?{name}={value}")


def test_no_path_breaks_anything(app, client, session):
    report = make_report()
    for hostile in ("x" * 300, "%00", "%FF%FE", "'", "..%2f..", "%F0%9F%98%80", "1e999", "-1", "<b>"):
        for _rule, path in paths(app, "GET", report.public_id, hostile):
            fine(client.get(path), path)


@pytest.mark.parametrize("who", [None, "coordinator"])
def test_no_body_breaks_anything(app, client, session, who):
    report = make_report(status="pending")
    if who:
        sign_in(client, make_account(who))
    for rule, path in paths(app, "POST", report.public_id):
        if rule.rule in ("/logout", "/account/sessions/end") or access_of(app, rule.endpoint) is None:
            continue
        for body in BODIES if path.startswith("/api/") else BODIES[:2]:
            fine(client.post(path, data=body, content_type="application/json"), path)
        for data in ({}, {"email": "\0", "password": "x", "revision": "x", "reason": "\0", "text": "\0", "code": "\0"}):
            fine(client.post(path, data=data), path)


@pytest.mark.databases("sqlite")  # where a page cannot be built is seen before a database is asked
def test_no_form_breaks_the_page_that_shows_it_again(app, client, session):
    """A form that cannot be taken is shown again with its page. There may be no such page: nothing is known by that id,
    or its address cannot be read."""
    known = make_report(status="pending").public_id
    sign_in(client, make_account("coordinator"))
    nowhere = {"code": "NOPE", "token": "nothere", "key": "nothere", "slug": "nothere"}
    asked = [
        *paths(app, "POST", "nothere"), *paths(app, "POST", "nothere", **nowhere), *paths(app, "POST", "nothere", action="verify"),
        *((rule, f"{path}?{query}") for rule, path in paths(app, "POST", known, action="verify") for query in ("status=bogus", "colour=red", "order=best")),
    ]  # fmt: skip
    for rule, path in asked:
        if rule.rule in ("/logout", "/account/sessions/end") or access_of(app, rule.endpoint) is None:
            continue
        for data in ({}, {"revision": "x", "colour": "red"}, {"reason": "\0"}):
            fine(client.post(path, data=data), path)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(("path", "form", "status"), [
    ("/moderate/nothere/verify", {"revision": "x"}, 404),
    ("/moderate/nothere/verify", {"colour": "red"}, 404),
    ("/moderate/nothere/verify", {"evidence": "\0"}, 404),
    ("/moderate/{id}/verify?status=bogus", {"revision": 1}, 400),
    ("/moderate/{id}/verify?foo=1", {"revision": 1}, 400),
    ("/moderate/{id}/contact?status=bogus", {}, 400),
    ("/moderate/bulk?status=bogus", {}, 400),
    ("/moderate/undo?order=best", {}, 400),
    ("/moderate/views?status=bogus", {"colour": "red"}, 400),
    ("/moderate/duplicates/nothere", {"decision": "?"}, 404),
    ("/admin/categories/NOPE", {}, 404),
    ("/admin/texts/nothere", {}, 404),
])  # fmt: skip
def test_what_stands_in_the_way_of_the_page_is_answered(session, client, path, form, status):
    report = make_report(status="pending")
    sign_in(client, make_account("coordinator"))
    answer = client.post(path.format(id=report.public_id), data=form)
    assert answer.status_code == status and answer.mimetype == "text/html", answer.text[:300]
