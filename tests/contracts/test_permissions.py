"""Every route × every role, as declared; and every change × every way in which another site could ask for it.

The gate is tried, not the views: each view is replaced by one that says it was reached.
"""

import re

import pytest

from crowdmap.accounts.roles import GRANTS, Role
from crowdmap.web import Permission, access_of
from crowdmap.web.answers import API_PREFIXES
from tests.builders import bearer, make_account, make_key, make_report, sign_in

UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
ROLES = (None, *Role)

# What must never be open to everybody, whatever a view declares; the longest prefix counts.
GUARDED = {
    "/admin": Permission.ADMINISTER,
    "/admin/webhooks": Permission.SUBSCRIBE,
    "/api/v1/subscriptions": Permission.SUBSCRIBE,
    "/moderate": Permission.MODERATE,
    "/moderate/<public_id>/contact": Permission.SEE_CONTACT,
    "/account": Permission.OWN_ACCOUNT,
    "/api/v1/reports/<public_id>/contact": Permission.SEE_CONTACT,
    "/api/v1/reports/<public_id>/actions": Permission.MODERATE,
    "/api/v1/reports/<public_id>/marks": Permission.MODERATE,
    "/api/v1/reports/<public_id>/log": Permission.MODERATE,
    "/api/v1/reports/<public_id>/vouch": Permission.VOUCH,
    "/reports/<public_id>/vouch": Permission.VOUCH,
    "/api/v1/duplicates/groups": Permission.MODERATE,
    "/api/v1/duplicates/decisions": Permission.MODERATE,
    "/work": Permission.WORK,
}
# Where a stranger may change something, or ask with a body; a new entry is a decision.
OPEN_CHANGES = re.compile(
    r"/report|/login(/code)?|/logout|/join(/<token>)?|/reset/<token>|/track(/<.*)?"
    r"|(/api/v1)?/reports/<[^/]*>/voices|/api/v1/reports|/api/v1/duplicates|/api/v1/track/<.*|/intake/.*"
)


def routes(app):
    """(rule, method, a path that matches) of every route; HEAD and OPTIONS follow their GET."""
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<any\((\w+)[^>]*>", r"\1", rule.rule)
        path = re.sub(r"<[^>]*>", "1", path)
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            yield rule, method, path


def say_reached(app):
    """Replace each view by one that only says it was reached, with the same declaration."""
    for endpoint in list(app.view_functions):
        if endpoint != "static":

            def view(_access=access_of(app, endpoint), **_values):
                return "reached"

            view.access = access_of(app, endpoint)
            app.view_functions[endpoint] = view


@pytest.fixture
def gate(app):
    say_reached(app)
    return app


@pytest.fixture
def visitors(gate, session):
    """A client for each role; None is a stranger. Each sends the token that its own pages would give it."""
    clients = {role: gate.test_client() for role in ROLES}
    for role in Role:
        sign_in(clients[role], make_account(role))
    return clients


def stranger_with_token(app):
    from flask import g, session
    from flask_wtf.csrf import generate_csrf

    client = app.test_client()
    with client.session_transaction() as visit, app.test_request_context():
        g.pop("csrf_token", None)
        token = generate_csrf()
        visit.update(session)
    client.environ_base["HTTP_X_CSRFTOKEN"] = token
    return client


def test_every_route_says_who_may_call_it(app):
    silent = {rule.endpoint for rule in app.url_map.iter_rules() if access_of(app, rule.endpoint) is None}
    assert not silent


def test_a_route_that_says_nothing_is_refused_to_all(app, session):
    app.add_url_rule("/forgotten", view_func=lambda: "reached", endpoint="forgotten")
    assert app.test_client().get("/forgotten").status_code == 403
    assert sign_in(app.test_client(), make_account(Role.COORDINATOR)).get("/forgotten").status_code == 403


def test_what_is_guarded_is_never_open(app):
    for rule, _method, _path in routes(app):
        prefixes = [prefix for prefix in GUARDED if rule.rule == prefix or rule.rule.startswith(prefix + "/")]
        if prefixes:
            assert access_of(app, rule.endpoint).permission == GUARDED[max(prefixes, key=len)], rule.rule


def test_where_a_stranger_may_change_something_is_a_short_list(app):
    for rule, method, _path in routes(app):
        if method in UNSAFE and access_of(app, rule.endpoint).permission is None:
            assert OPEN_CHANGES.fullmatch(rule.rule), f"{method} {rule.rule} is open to everybody"


def test_every_route_for_every_role(gate, visitors):
    tokens = stranger_with_token(gate)
    for rule, method, path in routes(gate):
        if rule.endpoint == "static":
            continue
        access = access_of(gate, rule.endpoint)
        for role in ROLES:
            client = tokens if role is None and access.form_token else visitors[role]
            page = client.open(path, method=method, headers={"Accept": "text/html"})
            program = client.open(path, method=method, headers={"Accept": "application/json"})
            where = f"{method} {rule.rule} as {role or 'a stranger'}"
            if access.permission is None or role and access.permission in GRANTS[role]:
                assert page.text == program.text == "reached", where
            elif role:
                assert page.status_code == program.status_code == 403, where
                assert program.mimetype == "application/problem+json", where
            else:
                api = path.startswith(("/api/", "/feeds/", "/map/"))
                assert page.status_code == (401 if api else 303), where
                assert api or page.headers["Location"].startswith("/login"), where
                assert program.status_code == 401 and program.json["code"] == "sign-in", where


@pytest.mark.parametrize("granted", [False, True])
def test_every_route_for_a_key(gate, session, granted):
    """A key is nobody's account: it opens what is open to all, a contact where that was granted, and no page."""
    _key, text = make_key(*(["contact=yes"] if granted else []))
    client, opened = gate.test_client(), set()
    for rule, method, path in routes(gate):
        access, api = access_of(gate, rule.endpoint), path.startswith(API_PREFIXES)
        answer = client.open(path, method=method, headers={"Accept": "application/json", **bearer(text)})
        bad = client.open(path, method=method, headers={"Accept": "application/json", **bearer(text[:-1] + "1")})
        where = f"{method} {rule.rule} with a key"
        if api:
            assert bad.status_code == 401 and bad.json["code"] == "key-refused", where
        if access.permission is None:
            assert answer.text == "reached" or access.form_token or rule.endpoint == "static", where
        elif access.by_key and granted:
            assert answer.text == "reached", where
            opened.add(rule.rule)
        else:
            assert answer.status_code == (403 if api else 401), where
    assert opened == ({"/api/v1/reports/<public_id>/contact"} if granted else set())


def test_a_form_that_cannot_be_read_opens_no_page_to_those_who_may_not_see_it(app, session):
    """Pages show a form again with what was wrong in it: only to those who may see the page."""
    sign_in(volunteer := app.test_client(), make_account(Role.VOLUNTEER))
    report = make_report()
    for rule, method, path in changes(app):
        access = access_of(app, rule.endpoint)
        if access.permission is None or access.permission in GRANTS[Role.VOLUNTEER]:
            continue
        path = re.sub(r"<[^>]*>", report.public_id, re.sub(r"<any\((\w+)[^>]*>|<int:[^>]*>", lambda m: m[1] or "1", rule.rule))
        for client in (app.test_client(), volunteer):
            for body in (b"reason=%00", b"reason=%ff", b"%00=1"):
                answer = client.open(path, method=method, data=body, content_type="application/x-www-form-urlencoded")
                assert answer.status_code in (303, 401, 403, 404, 405), f"{method} {path} {answer.status_code}"


def changes(app):
    return [(rule, method, path) for rule, method, path in routes(app) if method in UNSAFE]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://evil.example:80", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
    ],
    ids=str,
)  # fmt: skip
def test_no_change_is_taken_from_another_site(gate, visitors, headers):
    for rule, method, path in changes(gate):
        for role in (None, Role.COORDINATOR):
            answer = visitors[role].open(path, method=method, headers={"Accept": "application/json", **headers})
            assert answer.status_code == 403 and answer.json["code"] == "cross-site", f"{method} {rule.rule} {role}"


@pytest.mark.parametrize("token", ["", "x", "ImFiYyI.aaaa.bbbb"])
def test_no_change_is_taken_from_the_signed_in_without_their_token(gate, visitors, token):
    client = visitors[Role.COORDINATOR]
    own = client.environ_base.pop("HTTP_X_CSRFTOKEN")
    anothers = visitors[Role.MODERATOR].environ_base["HTTP_X_CSRFTOKEN"]
    for rule, method, path in changes(gate):
        for wrong in (token, anothers):
            headers = {"X-CSRFToken": wrong, "Accept": "application/json"}
            answer = client.open(path, method=method, headers=headers)
            assert answer.status_code == 403 and answer.json["code"] == "csrf", f"{method} {rule.rule}"
        right = client.open(path, method=method, headers={"X-CSRFToken": own, "Origin": "http://localhost"})
        assert right.text == "reached", f"{method} {rule.rule}"


def test_no_route_changes_anything_by_get(app):
    """The database refuses it, too: a GET's transaction is read only."""
    for rule, method, _path in routes(app):
        verb = rule.rule.rsplit("/", 1)[-1]
        assert not (method == "GET" and verb in {"logout", "disable", "enable", "revoke", "publish", "hide"}), rule.rule
