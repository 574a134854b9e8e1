"""Coordinators' pages and commands: organisations, members, keys."""

import re

import pytest
from sqlalchemy import select

from crowdmap.accounts.cli import user
from crowdmap.accounts.queries import account_by_email
from crowdmap.organisations.cli import key as key_command
from crowdmap.organisations.cli import organisation as organisation_command
from crowdmap.organisations.models import ApiKey, Membership, Organisation
from tests.builders import bearer, ids, make_account, make_key, make_organisation, make_report, sign_in

KEY = re.compile(r"cm_[a-z2-7]{8}_[a-z2-7]{32}")


@pytest.fixture
def coordinator(client, session):
    return sign_in(client, make_account("coordinator"))


def test_from_an_organisation_to_a_key_that_reads(app, coordinator, session):
    made = coordinator.post("/admin/organisations", data={"name": "Eau & Santé <b>"})
    assert made.status_code == 303
    page = coordinator.get("/admin/organisations").text
    assert "Eau &amp; Santé &lt;b&gt;" in page and "eau-sante-b" in page and "not approved" in page
    assert coordinator.post("/admin/organisations/eau-sante-b/approve").status_code == 303
    form = {"organisation": "eau-sante-b", "name": "Map", "layers": ["needs"], "precision": "partner", "per_minute": "600", "days": "30"}
    shown = coordinator.post("/admin/keys", data=form)
    assert shown.status_code == 200 and shown.headers["Cache-Control"] == "no-store"
    (text,) = set(KEY.findall(shown.text))
    assert not KEY.search(coordinator.get("/admin/keys").text)
    need, _damage = make_report(kind="need", category="WAT"), make_report(kind="damage", category="BRID")
    session.rollback()
    assert ids(app.test_client().get("/feeds/all.geojson", headers=bearer(text)).get_json(force=True)) == [need.public_id]
    public_id = text.split("_")[1]
    changed = {"layers": ["damage", "offers"], "precision": "public", "per_minute": "5", "name": "Other"}
    assert coordinator.post(f"/admin/keys/{public_id}", data=changed).status_code == 303
    row = session.scalar(select(ApiKey).where(ApiKey.public_id == public_id).execution_options(populate_existing=True))
    assert (row.name, row.per_minute, row.scope["layers"], row.scope["precision"]) == ("Other", 5, ["offers", "damage"], "public")
    assert row.scope_seq > 0 and row.expires_at is not None and row.last_used_at is not None
    session.rollback()
    page = coordinator.get(f"/admin/keys/{public_id}").text
    assert re.search(r'name="layers" value="damage" checked', page) and re.search(r'value="public" checked', page)
    assert coordinator.post(f"/admin/keys/{public_id}/revoke").status_code == 303
    assert "revoked" in coordinator.get("/admin/keys").text
    assert coordinator.post(f"/admin/keys/{public_id}", data=changed).status_code == 422


def test_forms_come_back_with_what_was_typed_and_what_is_wrong(coordinator, session):
    make_organisation("wash")
    again = coordinator.post("/admin/organisations", data={"name": "Wash again", "slug": "wash"})
    assert again.status_code == 422 and "already" in again.text and 'value="Wash again"' in again.text
    assert coordinator.post("/admin/organisations", data={"name": "X", "slug": "No Slug"}).status_code == 422
    assert coordinator.post("/admin/organisations", data={}).status_code == 422
    for wrong in ({"bbox": "1,2,3"}, {"layers": ["roads"]}, {"areas": ["Paris"]}, {"precision": "staff"}, {"per_minute": "0"},
                  {"days": "0"}, {"per_minute": "x"}, {"contact": "yes", "precision": "public"}, {"colour": "red"}):  # fmt: skip
        answer = coordinator.post("/admin/keys", data={"organisation": "wash", "name": "Typed words", **wrong})
        assert answer.status_code == 422 and 'value="Typed words"' in answer.text and not KEY.search(answer.text), wrong
        assert session.query(ApiKey).count() == 0
        session.rollback()
    assert coordinator.post("/admin/keys", data={"organisation": "none"}).status_code == 404
    key, _text = make_key()
    answer = coordinator.post(f"/admin/keys/{key.public_id}", data={"bbox": "x", "name": "Typed words"})
    assert answer.status_code == 422 and 'value="Typed words"' in answer.text


def test_a_form_that_cannot_be_read_shows_a_stranger_nothing(app, session):
    """Who may see a page is asked before its form is read."""
    key, _text = make_key()
    for path in ("/admin/keys", f"/admin/keys/{key.public_id}", "/admin/organisations", "/admin/organisations/wash/members"):
        answer = app.test_client().post(path, data={"name": "\0"})
        assert answer.status_code == 303 and key.public_id not in answer.text and "wash" not in answer.text.lower(), path


def test_members_come_and_go(coordinator, session):
    make_organisation("wash")
    account = make_account("volunteer")
    account_id = account.id
    assert coordinator.post("/admin/organisations/wash/members", data={"email": account.email.upper()}).status_code == 303
    assert coordinator.post("/admin/organisations/wash/members", data={"email": account.email}).status_code == 303
    assert account.email in coordinator.get("/admin/organisations").text
    assert session.query(Membership).count() == 1
    session.rollback()
    assert coordinator.post("/admin/organisations/wash/members", data={"email": "nobody@example.org"}).status_code == 422
    assert coordinator.post(f"/admin/organisations/wash/members/{account_id}/remove").status_code == 303
    assert coordinator.post(f"/admin/organisations/wash/members/{account_id}/remove").status_code == 404
    assert session.query(Membership).count() == 0
    session.rollback()


@pytest.mark.parametrize("name", ["Ärzte ohne Grenzen", "水", "x" * 100])
def test_a_short_name_is_made_of_any_name(coordinator, session, name):
    assert coordinator.post("/admin/organisations", data={"name": name}).status_code == 303
    slug = session.scalar(select(Organisation.slug))
    session.rollback()
    assert re.fullmatch(r"[a-z0-9-]{1,40}", slug)
    assert coordinator.post(f"/admin/organisations/{slug}/approve").status_code == 303


def run(app, command, *args, **options):
    return app.test_cli_runner().invoke(command, args, **options)


def test_the_command_line_does_the_same(app, client, session):
    assert run(app, organisation_command, "add", "Water Cluster", "--slug", "wash").exit_code == 0
    made = run(app, key_command, "add", "--organisation", "wash", "--scope", "layers=needs", "--scope", "sectors=wash")
    assert made.exit_code == 0, made.output
    assert "opens nothing before" in made.output
    (text,) = KEY.findall(made.output)
    public_id = text.split("_")[1]
    assert client.get("/feeds/all.geojson", headers=bearer(text)).status_code == 401
    assert run(app, organisation_command, "approve", "wash").exit_code == 0
    assert client.get("/feeds/all.geojson", headers=bearer(text)).status_code == 200
    listed = run(app, key_command, "list").output
    assert public_id in listed and "needs · sector wash" in listed and "in use" in listed and text not in listed
    session.rollback()  # a command's own process ends its transaction
    assert "wash" in run(app, organisation_command, "list").output
    session.rollback()
    changed = run(app, key_command, "change", public_id, "--scope", "precision=public")
    assert changed.exit_code == 0 and "as the public sees them" in changed.output
    assert run(app, key_command, "revoke", public_id).exit_code == 0
    for wrong in (("add", "--organisation", "none"), ("revoke", "aaaaaaaa"), ("add", "--organisation", "wash", "--scope", "layers=x")):
        assert run(app, key_command, *wrong).exit_code == 1
    assert run(app, key_command, "add").exit_code == 2


def test_an_account_is_added_with_its_organisation(app, session):
    make_organisation("wash")
    made = run(app, user, "add", "Marie@Example.org", "--role", "volunteer", "--organisation", "wash")
    assert made.exit_code == 0 and "Passphrase" in made.output and "Member of wash" in made.output, made.output
    account = account_by_email("marie@example.org")
    assert session.query(Membership).one().account_id == account.id
    session.rollback()
    refused = run(app, user, "add", "jean@example.org", "--role", "volunteer", "--organisation", "none")
    assert refused.exit_code == 1 and account_by_email("jean@example.org") is None
    session.rollback()
