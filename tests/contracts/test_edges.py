"""Over all routes: what is limited is limited by every method, a number too large is a 404, an error says its own status."""

import pytest
from werkzeug.datastructures import MultiDict

from crowdmap.errors import DomainError, status_of
from crowdmap.feeds.reading import make_cursor
from crowdmap.filters import ReportFilter
from crowdmap.publishing.models import Audience
from crowdmap.web.limits import limiter
from tests.builders import make_account, sign_in
from tests.contracts.test_permissions import routes


def limited(app):
    for rule, method, path in routes(app):
        name, methods = getattr(app.view_functions[rule.endpoint], "limited", (None, ()))
        if method in methods:
            yield name, method, path


@pytest.mark.settings(RATE_LIMITS="on")
@pytest.mark.databases("sqlite")
def test_whatever_is_limited_by_get_is_limited_by_head(app, session):
    asked = {(name, path) for name, method, path in limited(app) if method == "GET"}
    assert {name for name, _path in asked} >= {"duplicates", "track"}
    for name, path in sorted(asked):
        limiter.reset()
        client = app.test_client()
        codes = [client.head(path).status_code for _ in range(121)]
        assert codes[0] != 429 and codes[-1] == 429, (name, path)
        assert client.get(path).status_code == 429, (name, path)
    limiter.reset()


@pytest.mark.databases("sqlite")
def test_every_limited_route_is_known_as_one(app):
    names = {name for name, _method, _path in limited(app)}
    assert names == {"submit", "login", "join", "duplicates", "track", "subscriptions"}


@pytest.mark.parametrize("number", [2**31 - 1, 2**31, 2**63 - 1, 2**63, 10**30, "9" * 5000])
def test_a_number_beyond_all_rows_is_not_found(app, session, number):
    clients = sign_in(app.test_client(), make_account("moderator")), sign_in(app.test_client(), make_account("coordinator"))
    app.testing = False
    tried = 0
    for rule, method, _path in routes(app):
        if "<int" in rule.rule:
            path = rule.rule.partition("<int")[0] + str(number) + rule.rule.partition(">")[2]
            for client in clients:
                assert client.open(path, method=method).status_code in (403, 404, 422), (method, path[:80])
                tried += 1
    assert tried >= 10


def test_numbers_in_a_query_may_be_as_long_as_one_likes(client, session):
    client.application.testing = False
    for path in ("/api/v1/reports?limit={}", "/feeds/all.geojson?limit={}", "/map/cells.geojson?bbox=-73,18,-72,19&zoom={}",
                 "/feeds/changes?since={}"):  # fmt: skip
        assert client.get(path.format("1" * 5000)).status_code in (400, 410), path
    for number in (2**31, 2**63):
        cursor = make_cursor(number, ReportFilter.parse(MultiDict()), Audience.PUBLIC)
        assert client.get(f"/api/v1/reports?cursor={cursor}").status_code == 400
        desk = sign_in(client.application.test_client(), make_account())
        assert desk.get(f"/moderate?after={number}").status_code == 400
        assert desk.get(f"/moderate/duplicates?done={number}").status_code == 200
        assert desk.post("/moderate/duplicates/undo", data={"decision": number}).status_code == 422


def test_an_error_says_in_its_body_the_status_it_has(app, client, monkeypatch):
    app.testing = False

    def fail(*_args, **_more):
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr("crowdmap.intake.api.submit", fail)
    body = {"category": "WAT", "description": "No water", "lon": -72.3, "lat": 18.5}
    for answer in (
        client.post("/api/v1/reports", json=body), client.get("/api/v1/nothing-here"), client.put("/api/v1/reports"),
        client.post("/api/v1/reports", data="{", content_type="application/json"), client.get("/api/v1/duplicates/groups"),
    ):  # fmt: skip
        assert answer.status_code >= 400 and answer.get_json(force=True)["status"] == answer.status_code


def test_every_error_has_a_status():
    kinds = set(DomainError.__subclasses__())
    while kinds:
        kind = kinds.pop()
        kinds |= set(kind.__subclasses__())
        assert 400 <= status_of(kind.__new__(kind)) <= 599
