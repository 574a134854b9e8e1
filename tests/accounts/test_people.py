import pytest
from sqlalchemy import select

from crowdmap.accounts import verbs
from crowdmap.accounts.cli import user
from crowdmap.accounts.models import Account
from crowdmap.accounts.roles import GRANTS, Role
from crowdmap.db import reading
from crowdmap.errors import ValidationFailed
from crowdmap.events import Event
from crowdmap.web import Permission
from tests.accounts.test_signing_in import is_in, post_login
from tests.builders import PASSWORD, make_account, sign_in


def reread(session, account):
    with reading():
        found = session.get(Account, account.id, populate_existing=True)
        session.rollback()
    return found


def test_each_role_may_all_that_the_one_below_may():
    volunteer, moderator, coordinator = (GRANTS[role] for role in Role)
    assert volunteer < moderator < coordinator == set(Permission)
    assert Permission.SEE_CONTACT not in volunteer and Permission.ADMINISTER not in moderator


def test_the_page_lists_people_and_changes_their_role(client, session):
    sign_in(client, make_account(Role.COORDINATOR))
    account = make_account(Role.VOLUNTEER, name="<b>Ti Jan</b>")
    assert "&lt;b&gt;Ti Jan&lt;/b&gt;" in client.get("/admin/users").text
    assert client.post(f"/admin/users/{account.id}/role", data={"role": "moderator"}).status_code == 303
    assert reread(session, account).role == Role.MODERATOR


def test_disable_and_enable(client, session):
    sign_in(client, make_account(Role.COORDINATOR))
    account = make_account()
    theirs = sign_in(client.application.test_client(), account)
    assert client.post(f"/admin/users/{account.id}/disable").status_code == 303
    assert not is_in(theirs)
    assert post_login(client.application.test_client(), account.email).status_code == 422
    assert client.post(f"/admin/users/{account.id}/reset-link").status_code == 422
    assert client.post(f"/admin/users/{account.id}/enable").status_code == 303
    assert post_login(client.application.test_client(), account.email).status_code == 303


@pytest.mark.parametrize("path", ["disable", "role"])
def test_the_last_coordinator_stays(client, session, path):
    last = make_account(Role.COORDINATOR)
    sign_in(client, last)
    answer = client.post(f"/admin/users/{last.id}/{path}", data={"role": "volunteer"})
    assert answer.status_code == 422 and "last coordinator" in answer.text
    assert reread(session, last).role == Role.COORDINATOR and reread(session, last).is_active
    make_account(Role.COORDINATOR)
    assert client.post(f"/admin/users/{last.id}/{path}", data={"role": "volunteer"}).status_code == 303


def test_what_is_done_to_accounts_is_in_the_log_without_secrets(client, session):
    by = make_account(Role.COORDINATOR)
    account = verbs.create_account("new@example.org", Role.VOLUNTEER, PASSWORD, by=by.id)
    verbs.set_role(account.id, Role.MODERATOR, by=by.id)
    token = verbs.make_reset_link(account.id, by=by.id)
    session.commit()
    with reading():
        events = list(session.scalars(select(Event).where(Event.name == "AccountEvent").order_by(Event.seq)))
        session.rollback()
    assert [event.data["action"] for event in events] == ["created", "role-moderator", "reset-link"]
    assert {event.account_id for event in events} == {by.id}
    written = str([event.data for event in events])
    assert token not in written and "new@example.org" not in written and PASSWORD not in written


def test_an_address_is_taken_in_any_spelling(session):
    make_account(email="marie@example.org")
    with pytest.raises(ValidationFailed) as refused:
        verbs.create_account(" MARIE@example.org", Role.VOLUNTEER, PASSWORD)
    assert [(fault.field, fault.code) for fault in refused.value.errors] == [("email", "taken")]


def test_all_faults_are_told_at_once(session):
    with pytest.raises(ValidationFailed) as refused:
        verbs.create_account("no address", Role.VOLUNTEER, "short", name="x" * 101)
    assert [fault.field for fault in refused.value.errors] == ["email", "name", "password"]


def run(app, *args, **options):
    return app.test_cli_runner().invoke(user, args, **options)


def test_the_command_line_adds_lists_disables(app, client):
    made = run(app, "add", "Chef@Example.org", "--role", "coordinator")
    assert made.exit_code == 0, made.output
    passphrase = made.output.rsplit(": ", 1)[1].strip()
    assert post_login(client, "chef@example.org", passphrase).status_code == 303
    two = ("add", "two@example.org", "--role", "moderator", "--password-stdin")
    assert run(app, *two, input=PASSWORD + "\n").exit_code == 0
    assert post_login(app.test_client(), "two@example.org").status_code == 303
    listed = run(app, "list").output.splitlines()
    assert [line.split() for line in listed] == [["chef@example.org", "coordinator"], ["two@example.org", "moderator"]]
    assert run(app, "disable", "TWO@example.org").exit_code == 0
    assert run(app, "list").output.splitlines()[1].split() == ["two@example.org", "moderator", "disabled"]
    assert run(app, "enable", "two@example.org").exit_code == 0
    assert "/reset/" in run(app, "reset", "two@example.org").output
    for refused in (run(app, "disable", "chef@example.org"), run(app, "disable", "nobody@example.org")):
        assert refused.exit_code != 0
    assert run(app, "add", "x@example.org", "--role", "emperor").exit_code == 2
