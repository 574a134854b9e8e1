import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import select, update

from crowdmap.accounts import verbs
from crowdmap.accounts.models import Account, Invitation, ResetLink
from crowdmap.accounts.roles import Role
from crowdmap.db import reading, utcnow
from tests.builders import PASSWORD, make_account, sign_in
from tests.accounts.test_signing_in import TOKEN, is_in, post_login

LINK = re.compile(r'value="http://localhost(/(?:join|reset)/[^"]+)"')


def post(client, path, **fields):
    token = TOKEN.search(client.get(path).text)[1]
    return client.post(path, data={"csrf_token": token, **fields})


def newcomer(**fields):
    return {"email": "New@Example.org", "name": "Nou Vini", "password": PASSWORD, **fields}


def role_of(session, email):
    with reading():
        found = session.scalar(select(Account.role).where(Account.email == email))
        session.rollback()
    return found


def invite(session, **given):
    token = verbs.invite(**{"role": Role.MODERATOR, "by": None, **given})
    session.commit()
    return "/join/" + token


def test_an_invitation_makes_one_account_of_its_role_and_signs_it_in(client, session):
    path = invite(session)
    assert post(client, path, **newcomer()).status_code == 303
    assert is_in(client)
    assert role_of(session, "new@example.org") == Role.MODERATOR
    other = client.application.test_client()
    assert other.get(path).status_code == 410
    token = TOKEN.search(other.get("/login").text)[1]
    again = other.post(path, data={"csrf_token": token, **newcomer(email="second@example.org")})
    assert again.status_code == 410
    assert role_of(session, "second@example.org") is None


def test_the_form_comes_back_with_what_was_typed_and_the_link_stays_good(client, session):
    path = invite(session)
    answer = post(client, path, **newcomer(password="password1234"))
    assert answer.status_code == 422
    assert "New@Example.org" in answer.text and "Nou Vini" in answer.text and "password1234" not in answer.text
    assert post(client, path, **newcomer()).status_code == 303


def test_an_invitation_for_an_address_is_for_that_address(client, session):
    path = invite(session, email="Wanted@example.org")
    assert "wanted@example.org" in client.get(path).text
    assert post(client, path, **newcomer()).status_code == 410
    assert post(client, path, **newcomer(email="WANTED@example.org")).status_code == 303


@pytest.mark.parametrize("change", [{"expires_at": utcnow() - timedelta(seconds=1)}, {"revoked_at": utcnow()}])
def test_old_and_withdrawn_invitations_are_worth_nothing(client, session, change):
    path = invite(session)
    session.execute(update(Invitation).values(**change))
    session.commit()
    assert client.get(path).status_code == 410
    assert client.get("/join/" + "x" * 27).status_code == 410, "as an unknown one"


def test_links_are_stored_as_hashes(client, session):
    token = verbs.invite(Role.VOLUNTEER, by=None)
    reset = verbs.make_reset_link(make_account().id, by=None)
    session.commit()
    with reading():
        stored = [*session.scalars(select(Invitation.token_hash)), *session.scalars(select(ResetLink.token_hash))]
        session.rollback()
    assert token not in stored and reset not in stored
    assert all(len(text) == 64 for text in stored)


def test_joining_is_by_invitation(client, session):
    page = client.get("/join")
    assert page.status_code == 200 and "by invitation" in page.text and "csrf_token" not in page.text.split("<main")[1]
    token = TOKEN.search(client.get("/login").text)[1]
    client.post("/join", data={"csrf_token": token, **newcomer()})
    assert role_of(session, "new@example.org") is None


@pytest.mark.settings(JOIN="open")
def test_where_joining_is_open_one_becomes_a_volunteer_whatever_one_asks(client, session):
    assert post(client, "/join", **newcomer(role="coordinator")).status_code == 303
    assert role_of(session, "new@example.org") == Role.VOLUNTEER
    assert post(client.application.test_client(), "/join", **newcomer(email="nEw@example.org")).status_code == 422


@pytest.mark.parametrize("email", ["", "x", "a@b@c", "a b@c.org", "a@" + "b" * 300, "<x@y.z>", 'a"b@c.org', "@c.org"])
def test_odd_addresses_are_refused_by_name(client, session, email):
    answer = post(client, invite(session), **newcomer(email=email))
    assert answer.status_code == 422 and 'href="#email"' in answer.text


def reset_path(session, account):
    token = verbs.make_reset_link(account.id, by=None)
    session.commit()
    return "/reset/" + token


def test_a_reset_link_sets_a_password_once(client, session):
    account = make_account()
    elsewhere = sign_in(client.application.test_client(), account)
    path = reset_path(session, account)
    weak = post(client, path, password="password1234")
    assert weak.status_code == 422 and is_in(elsewhere)
    assert post(client, path, password="nine slow herons at dusk").headers["Location"] == "/login"
    assert not is_in(elsewhere)
    assert client.get(path).status_code == 410
    assert post_login(client, account.email).status_code == 422
    assert post_login(client, account.email, "nine slow herons at dusk").status_code == 303


def test_a_newer_reset_link_replaces_the_older(client, session):
    account = make_account()
    older, newer = reset_path(session, account), reset_path(session, account)
    assert client.get(older).status_code == 410
    assert client.get(newer).status_code == 200


def test_a_reset_link_lasts_half_an_hour_and_not_past_disabling(client, session):
    make_account(Role.COORDINATOR)
    account = make_account()
    path = reset_path(session, account)
    session.execute(update(ResetLink).values(expires_at=utcnow()))
    session.commit()
    assert client.get(path).status_code == 410
    path = reset_path(session, account)
    verbs.disable(account.id, by=None)
    session.commit()
    assert client.get(path).status_code == 410


@pytest.mark.parametrize("path", ["/join/secret-token", "/reset/secret-token", "/join", "/reset"])
def test_pages_behind_a_secret_link_tell_nobody_their_address(client, path):
    headers = client.get(path).headers
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"


def test_from_a_page_without_referrer_the_token_stands_for_the_origin(client, session):
    """A browser sends `Origin: null` from there, and on plain http no Sec-Fetch-Site."""
    path = invite(session)
    token = TOKEN.search(client.get(path).text)[1]
    null = {"Origin": "null"}
    assert client.post(path, data=newcomer(), headers=null).status_code == 403
    assert client.post(path, data={**newcomer(), "csrf_token": token}, headers=null).status_code == 303


def test_a_coordinator_invites_and_resets_from_the_page(client, session):
    sign_in(client, make_account(Role.COORDINATOR))
    account = make_account(Role.VOLUNTEER)
    guest = client.application.test_client()
    made = client.post("/admin/users/invite", data={"role": "moderator"})
    assert made.status_code == 200 and made.headers["Cache-Control"] == "no-store"
    assert guest.get(LINK.search(made.text)[1]).status_code == 200
    assert LINK.search(client.get("/admin/users").text) is None, "shown once"
    made = client.post(f"/admin/users/{account.id}/reset-link")
    assert guest.get(LINK.search(made.text)[1]).status_code == 200
    with reading():
        invitation_id = session.scalar(select(Invitation.id))
        session.rollback()
    assert client.post(f"/admin/invitations/{invitation_id}/revoke").status_code == 303
    assert client.post("/admin/invitations/999/revoke").status_code == 404


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"role": "emperor"}, "role"),
        ({}, "role"),
        ({"role": "moderator", "email": "not an address"}, "email"),
    ],
)
def test_odd_invitations_are_refused_by_name(client, session, fields, field):
    sign_in(client, make_account(Role.COORDINATOR))
    answer = client.post("/admin/users/invite", data=fields)
    assert answer.status_code == 422 and f'href="#{field}"' in answer.text


def test_of_two_who_use_a_link_at_the_same_moment_one_gets_in(app, client, session):
    path = invite(session)
    doors = Barrier(2)

    def come(name):
        guest = app.test_client()
        token = TOKEN.search(guest.get(path).text)[1]
        doors.wait()
        return guest.post(path, data={"csrf_token": token, **newcomer(email=f"{name}@example.org")}).status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(come, ["one", "two"])) == [303, 410]
    with reading():
        assert len(session.scalars(select(Account)).all()) == 1
        session.rollback()
