"""What every answer carries: every route, every error, static files."""

import re

import pytest

from crowdmap.accounts.roles import Role
from crowdmap.web import access_of, public
from crowdmap.web.headers import content_security_policy, tile_source
from tests.builders import make_account, sign_in
from tests.contracts.test_permissions import routes, say_reached

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}
OPEN_DATA = re.compile(r"/(feeds|tiles|ogc)/.*|/map/.*")


def check_common(answer, where=""):
    for name, value in ALWAYS.items():
        assert answer.headers.getlist(name) == [value], f"{name} {where}"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "*" not in policy, where
    assert "script-src 'self';" in policy and "frame-ancestors 'none'" in policy, where
    assert "geolocation=(self)" in answer.headers["Permissions-Policy"], where
    assert answer.headers["Referrer-Policy"] in ("strict-origin", "no-referrer"), where
    assert "Server" not in answer.headers or "ython" not in answer.headers["Server"], where


def test_every_route(app, session):
    say_reached(app)
    client = app.test_client()
    staff = sign_in(app.test_client(), make_account(Role.COORDINATOR))
    for rule, method, path in routes(app):
        where = f"{method} {rule.rule}"
        access = access_of(app, rule.endpoint)
        for visitor in (client, staff):
            answer = visitor.open(path, method=method)
            check_common(answer, where)
            if access.open_data:
                assert answer.headers["Access-Control-Allow-Origin"] == "*", where
                assert "Access-Control-Allow-Credentials" not in answer.headers, where
                assert "Set-Cookie" not in answer.headers and "Cookie" not in answer.vary, where
                assert {"ETag", "Link"} <= set(answer.headers["Access-Control-Expose-Headers"].split(", ")), where
                assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin", where
            else:
                assert "Access-Control-Allow-Origin" not in answer.headers, where
                assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin", where
        if rule.endpoint != "static" and not access.open_data:
            assert answer.headers["Cache-Control"] == "no-store", f"{where} of somebody signed in"
            assert "Cookie" in answer.vary, where
        if path.startswith(("/track", "/api/v1/track", "/join", "/reset")):
            answer = client.open(path, method=method)
            assert answer.headers["Cache-Control"] == "no-store", where
            assert answer.headers["Referrer-Policy"] == "no-referrer", where


def test_open_data_is_feeds_and_maps_read_by_get(app):
    for rule, method, _path in routes(app):
        if access_of(app, rule.endpoint).open_data:
            assert method == "GET" and OPEN_DATA.fullmatch(rule.rule), rule.rule


def test_errors_and_static_files(app, client):
    app.testing = False

    @public
    def broken():
        raise RuntimeError("a planted phone number: +509 3412 7788")

    app.add_url_rule("/broken", view_func=broken)
    tried = {
        404: client.get("/no/such/page"),
        405: client.delete("/login"),
        401: client.get("/api/v1/reports/1/contact"),
        413: client.post("/login", data={"email": "x" * 300_000}),
        500: client.get("/broken"),
        303: client.get("/account"),
        421: client.get("/login", base_url="http://evil.example"),
        200: client.get("/static/img/icon.svg"),
    }  # fmt: skip
    for status, answer in tried.items():
        assert answer.status_code == status, answer.text[:300]
        check_common(answer, status)
        assert "3412" not in answer.text
    problem = client.get("/broken", headers={"Accept": "application/json"})
    assert problem.mimetype == "application/problem+json" and "3412" not in problem.text
    check_common(problem)


@pytest.mark.settings(TILE_URL="https://{s}.tile.example.org/{z}/{x}/{y}.png", PUBLIC_URL="https://map.example.org")
def test_the_tile_server_is_the_one_stranger_and_https_is_for_good(client):
    headers = client.get("/login", base_url="https://map.example.org").headers
    assert "img-src 'self' data: blob: https://*.tile.example.org;" in headers["Content-Security-Policy"]
    assert headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.databases("sqlite")
def test_plain_http_promises_no_https(client):
    assert "Strict-Transport-Security" not in client.get("/login").headers


@pytest.mark.parametrize(
    ("tile_url", "source"),
    [
        ("", ""),
        ("/tiles/{z}/{x}/{y}.png", ""),
        ("https://tile.openstreetmap.org/{z}/{x}/{y}.png", "https://tile.openstreetmap.org"),
        ("http://10.0.0.2:8080/{z}/{x}/{y}.png", "http://10.0.0.2:8080"),
        ("javascript:alert(1)", ""),
    ],
)
def test_tile_source(tile_url, source):
    assert tile_source(tile_url) == source
    assert content_security_policy(tile_url).count(";") == 10


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("public_url", "host", "status"),
    [
        ("http://127.0.0.1:8000", "192.168.1.20:8000", 200),
        ("http://127.0.0.1:8000", "[fd00::7]:8000", 200),
        ("http://127.0.0.1:8000", "crisis-laptop", 200),
        ("http://127.0.0.1:8000", "crisis.local:8000", 200),
        ("http://127.0.0.1:8000", "evil.example", 421),
        ("https://map.example.org", "map.example.org", 200),
        ("https://map.example.org", "MAP.example.org:443", 200),
        ("https://map.example.org", "127.0.0.1:8000", 200),
        ("https://map.example.org", "evil.example", 421),
        ("https://map.example.org", "evil.map.example.org", 421),
        ("https://map.example.org", "192.168.1.20", 421),
        ("https://map.example.org", "crisis-laptop", 421),
    ],
)
def test_only_names_this_map_is_known_by(app_settings, public_url, host, status):
    from crowdmap import create_app

    app = create_app({**app_settings, "PUBLIC_URL": public_url})
    assert app.test_client().get("/reset", base_url=f"http://{host}").status_code == status


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(("proxies", "seen"), [(0, "10.9.8.7"), (1, "203.0.113.5"), (2, "198.51.100.1")])
def test_forwarded_addresses_are_believed_from_known_proxies_only(app_settings, proxies, seen):
    from flask import request

    from crowdmap import create_app

    app = create_app({**app_settings, "TRUSTED_PROXIES": proxies})
    app.add_url_rule("/who", view_func=public(lambda: request.remote_addr), endpoint="who")
    forwarded = {"X-Forwarded-For": "198.51.100.1, 203.0.113.5"}
    answer = app.test_client().get("/who", headers=forwarded, environ_base={"REMOTE_ADDR": "10.9.8.7"})
    assert answer.text == seen
