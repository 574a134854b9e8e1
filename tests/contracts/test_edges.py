"""Over all routes: what is limited is limited by every method, a number too large is a 404, an error says its own status."""

import pytest

from crowdmap.errors import DomainError, status_of
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
    assert names == {"submit", "login", "join", "duplicates", "track"}
