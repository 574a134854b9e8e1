import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from crowdmap.accounts import passwords, sessions, verbs
from crowdmap.accounts.models import LoginAttempt, LoginSession
from crowdmap.accounts.roles import Role
from crowdmap.accounts.signing_in import MOST_PER_SOURCE, SLOW_AFTER
from crowdmap.db import reading, utcnow
from tests.builders import PASSWORD, make_account, sign_in

TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


def post_login(client, email, password=PASSWORD, **fields):
    token = TOKEN.search(client.get("/login").text)[1]
    return client.post("/login", data={"email": email, "password": password, "csrf_token": token, **fields})


def key_of(client):
    cookie = client.get_cookie(sessions.cookie_name(client.application, "sign_in"))
    return cookie and cookie.value


def count_of(session, model):
    with reading():
        found = session.scalar(select(func.count()).select_from(model))
        session.rollback()
    return found


def is_in(client):
    return client.get("/account").status_code == 200


def test_signing_in_and_out(client, session):
    account = make_account(Role.MODERATOR)
    answer = post_login(client, account.email.upper())
    assert (answer.status_code, answer.headers["Location"]) == (303, "/moderate")
    assert is_in(client)
    cookie = answer.headers.getlist("Set-Cookie")[0]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie
    key = key_of(client)
    assert len(key) >= 26, "160 bits"
    token = TOKEN.search(client.get("/account").text)[1]
    assert client.post("/logout", data={"csrf_token": token}).status_code == 303
    assert count_of(session, LoginSession) == 0
    client.set_cookie(sessions.cookie_name(client.application, "sign_in"), key)
    assert not is_in(client), "a kept key is dead after signing out"


@pytest.mark.settings(PUBLIC_URL="https://map.example.org")
def test_over_https_the_cookies_belong_to_the_host_alone(client, session):
    account = make_account()
    base = "https://map.example.org"
    page = client.get("/login", base_url=base)
    answer = client.post(
        "/login", base_url=base,
        data={"email": account.email, "password": PASSWORD, "csrf_token": TOKEN.search(page.text)[1]},
    )  # fmt: skip
    cookies = page.headers.getlist("Set-Cookie") + answer.headers.getlist("Set-Cookie")
    assert len(cookies) >= 2
    for cookie in cookies:
        assert cookie.startswith("__Host-crowdmap_") and "Secure" in cookie and "Path=/" in cookie
        assert "Domain" not in cookie


def test_only_the_hash_of_the_key_is_stored(client, session):
    post_login(client, make_account().email)
    with reading():
        assert session.scalar(select(LoginSession.key_hash)) == sessions.digest(key_of(client))
        session.rollback()


class CountingHasher:
    """argon2 as it is, and how often a password was looked at."""

    def __init__(self, hasher):
        self.hasher, self.looked = hasher, 0

    def verify(self, *given):
        self.looked += 1
        return self.hasher.verify(*given)

    def __getattr__(self, name):
        return getattr(self.hasher, name)


def test_unknown_wrong_and_disabled_are_told_the_same_for_the_same_work(client, session, monkeypatch):
    """One hash of equal cost for each of them: what an address costs does not tell whether it is known."""
    known, closed = make_account(), make_account()
    make_account(Role.COORDINATOR)
    verbs.disable(closed.id, by=None)
    session.commit()
    counting = CountingHasher(passwords._hasher)
    monkeypatch.setattr(passwords, "_hasher", counting)
    assert not passwords.outdated(passwords._nobody()), "made with today's cost, as the real ones"
    told = set()
    for number, (email, password) in enumerate(
        [(known.email, "wrong wrong wrong"), ("nobody@example.org", "wrong wrong wrong"), (closed.email, PASSWORD)], 1
    ):
        answer = post_login(client, email, password)
        said = TOKEN.sub("", answer.text).replace(email, "")
        told.add((answer.status_code, said))
        assert counting.looked == number
    assert len(told) == 1 and "do not belong together" in said


def test_five_wrong_guesses_close_the_door_for_this_source_only(client, session):
    account = make_account()
    for _i in range(MOST_PER_SOURCE):
        assert post_login(client, account.email, "wrong wrong wrong").status_code == 422
    refused = post_login(client, account.email)
    assert refused.status_code == 429 and int(refused.headers["Retry-After"]) == 900
    elsewhere = client.application.test_client()
    elsewhere.environ_base["REMOTE_ADDR"] = "198.51.100.7"
    assert post_login(elsewhere, account.email).status_code == 303
    assert post_login(client, make_account().email).status_code == 303, "another account from the same place"


def test_an_unknown_address_meets_the_same_limit(client):
    for _i in range(MOST_PER_SOURCE):
        assert post_login(client, "nobody@example.org", "wrong wrong wrong").status_code == 422
    assert post_login(client, "nobody@example.org", "wrong wrong wrong").status_code == 429


def test_the_door_opens_again_and_success_clears_the_count(client, session):
    account = make_account()
    for _i in range(MOST_PER_SOURCE):
        post_login(client, account.email, "wrong wrong wrong")
    session.execute(update(LoginAttempt).values(at=utcnow() - timedelta(minutes=16)))
    session.commit()
    assert post_login(client, account.email).status_code == 303
    assert count_of(session, LoginAttempt) == 0


def test_many_guesses_from_many_places_slow_an_account_but_never_lock_it(client, session, monkeypatch):
    slept = []
    monkeypatch.setattr("crowdmap.accounts.signing_in.time.sleep", slept.append)
    account = make_account()
    for number in range(SLOW_AFTER):
        guesser = client.application.test_client()
        guesser.environ_base["REMOTE_ADDR"] = f"203.0.{number}.9"
        post_login(guesser, account.email, "wrong wrong wrong")
    assert not slept
    assert post_login(client, account.email).status_code == 303
    assert len(slept) == 1


def test_the_traces_of_guessing_hold_no_address(client, session):
    post_login(client, "nobody@example.org", "wrong wrong wrong")
    with reading():
        row = session.scalar(select(LoginAttempt))
        session.rollback()
    assert "nobody" not in row.account_key and "127.0.0" not in row.source_key


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "\\\\evil.example", 
     "evil.example", "javascript:alert(1)", "/%0d%0a//evil\r\nLocation: x", "///evil.example", "/" + "a" * 3000],
)  # fmt: skip
def test_after_signing_in_nobody_is_sent_elsewhere(client, session, wanted):
    assert post_login(client, make_account(Role.VOLUNTEER).email, next=wanted).headers["Location"] == "/"


def test_after_signing_in_one_goes_on_where_one_was(client, session):
    account = make_account(Role.COORDINATOR)
    asked = client.get("/admin/users?q=1")
    assert asked.headers["Location"] == "/login?next=/admin/users?q%3D1"
    assert 'value="/admin/users?q=1"' in client.get(asked.headers["Location"]).text
    assert post_login(client, account.email, next="/admin/users?q=1").headers["Location"] == "/admin/users?q=1"


def test_a_key_or_token_planted_before_signing_in_is_worth_nothing_after(client, session):
    attacker = client.application.test_client()
    planted = TOKEN.search(attacker.get("/login").text)[1]
    for name in ("sign_in", "visit"):
        cookie = attacker.get_cookie(sessions.cookie_name(client.application, name))
        client.set_cookie(sessions.cookie_name(client.application, name), cookie.value if cookie else "a" * 27)
    post_login(client, make_account().email)
    assert key_of(client) != "a" * 27
    assert not is_in(attacker)
    attacker.set_cookie(sessions.cookie_name(client.application, "sign_in"), "a" * 27)
    assert not is_in(attacker)
    assert client.post("/logout", data={"csrf_token": planted}).status_code == 403


def test_signing_in_again_replaces_the_session(client, session):
    account = make_account()
    post_login(client, account.email)
    first = key_of(client)
    other = client.application.test_client()
    other.set_cookie(sessions.cookie_name(client.application, "sign_in"), first)
    token = TOKEN.search(client.get("/account").text)[1]
    data = {"email": account.email, "password": PASSWORD, "csrf_token": token}
    client.post("/login", data=data)
    assert key_of(client) != first
    assert is_in(client) and not is_in(other)


@pytest.mark.parametrize(
    ("role", "idle", "alive"),
    [
        (Role.COORDINATOR, timedelta(minutes=29), True),
        (Role.COORDINATOR, timedelta(minutes=31), False),
        (Role.MODERATOR, timedelta(minutes=31), True),
        (Role.MODERATOR, timedelta(hours=12, minutes=1), False),
        (Role.VOLUNTEER, timedelta(hours=11), True),
    ],
)
def test_an_idle_session_ends(client, session, role, idle, alive):
    sign_in(client, make_account(role), seen_at=utcnow() - idle)
    assert is_in(client) is alive


def test_no_session_lives_longer_than_a_day(client, session):
    sign_in(client, make_account(Role.VOLUNTEER), created_at=utcnow() - timedelta(hours=24, minutes=1))
    assert not is_in(client)


def test_last_use_is_noted_at_most_every_five_minutes(client, session):
    now = utcnow()
    row = select(LoginSession.seen_at)
    sign_in(client, make_account(), seen_at=now - timedelta(minutes=4))
    assert is_in(client)
    with reading():
        assert session.scalar(row) < now
        session.rollback()
    session.execute(update(LoginSession).values(seen_at=now - timedelta(minutes=6)))
    session.commit()
    assert is_in(client)
    with reading():
        assert session.scalar(row) >= now
        session.rollback()


@pytest.mark.parametrize(
    "deed",
    [
        lambda account: verbs.disable(account.id, by=None),
        lambda account: verbs.set_role(account.id, Role.VOLUNTEER, by=None),
        lambda account: verbs.change_password(account.id, "x"),
        lambda account: verbs.end_sessions(account.id),
    ],
    ids=["disabled", "role", "password", "everywhere"],
)
def test_sessions_die_with(client, session, deed):
    account = make_account(Role.MODERATOR)
    sign_in(client, account)
    assert is_in(client)
    deed(account)
    session.commit()
    assert not is_in(client)


def test_changing_ones_password_keeps_this_browser_and_ends_the_others(client, session):
    account = make_account()
    post_login(client, account.email)
    before = key_of(client)
    other = sign_in(client.application.test_client(), account)
    token = TOKEN.search(client.get("/account/password").text)[1]
    fresh = "nine slow herons at dusk"
    wrong = client.post("/account/password", data={"current": "x", "password": fresh, "csrf_token": token})
    assert wrong.status_code == 422 and "not your present password" in wrong.text
    weak = client.post("/account/password", data={"current": PASSWORD, "password": "password1234", "csrf_token": token})
    assert weak.status_code == 422 and is_in(other)
    answer = client.post(
        "/account/password", data={"current": PASSWORD, "password": fresh, "csrf_token": token}
    )
    assert answer.status_code == 303
    assert is_in(client) and key_of(client) != before
    assert not is_in(other)
    again = client.application.test_client()
    assert post_login(again, account.email).status_code == 422
    assert post_login(again, account.email, "nine slow herons at dusk").status_code == 303


def test_signing_out_everywhere(client, session):
    account = make_account()
    other = sign_in(client.application.test_client(), account)
    sign_in(client, account)
    assert client.post("/account/sessions/end").status_code == 303
    assert not is_in(client) and not is_in(other)


def test_a_stranger_gets_no_row_and_public_pages_no_cookie(client, session):
    assert "Set-Cookie" not in client.get("/reset").headers
    assert "crowdmap_visit" in client.get("/login").headers["Set-Cookie"]
    assert count_of(session, LoginSession) == 0


@pytest.mark.parametrize("value", ["", "x", "a" * 3000, "é", "a.b.c", "'; DROP TABLE session; --"])
def test_odd_cookies_are_no_cookies(client, value):
    for name in ("sign_in", "visit"):
        client.set_cookie(sessions.cookie_name(client.application, name), value)
    assert client.get("/login").status_code == 200
    assert client.get("/account").status_code == 303


def test_a_session_read_holds_no_place_of_the_writer(client, session):
    """The view runs with no transaction open: signing in was looked up on a connection of its own."""
    from crowdmap.db import db
    from crowdmap.web import Permission, permits

    app, seen = client.application, []

    @permits(Permission.OWN_ACCOUNT)
    def look():
        seen.append(db.session().in_transaction())
        return ""

    app.add_url_rule("/look", view_func=look, methods=["POST"])
    sign_in(client, make_account())
    assert client.post("/look").status_code == 200
    assert seen == [False]
