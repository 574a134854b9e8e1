"""The coordinators' pages of rules, and whether a crisis may publish before the check."""

import re

import pytest
from click.testing import CliRunner
from flask.cli import ScriptInfo
from sqlalchemy import update

from crowdmap.cli import cli
from crowdmap.events import Event
from crowdmap.moderation.triage.models import Rule, RuleApplication
from crowdmap.reports.models import Category
from tests.builders import LEOGANE, make_account, make_report, sign_in

FORM = {"name": "Water there", "trust_at_least": "0.7", "categories": ["WAT"], "areas": ["Léogâne"], "decide": "publish"}


@pytest.fixture
def coordinator(client, session):
    return sign_in(client, make_account("coordinator"))


def the_rule(session) -> int:
    """Id of the only rule; the session lets go of SQLite's one place to write."""
    number = session.query(Rule.id).one()[0]
    session.rollback()
    return number


def stored(session) -> dict:
    """The conditions of the only rule."""
    conditions = session.query(Rule.conditions).one()[0]
    session.rollback()
    return conditions


def switch_on(client, session) -> None:
    assert client.post(f"/admin/rules/{the_rule(session)}/switch", data={"active": "yes"}).status_code == 303


def page_of(client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.text


def test_two_drafts_at_a_click_then_on_then_applied(coordinator, session):
    empty = page_of(coordinator, "/admin/rules")
    assert "No rule yet" in empty and "comes from a trusted source, publish it." in empty
    assert coordinator.post("/admin/rules/examples").status_code == 303
    drafts = session.query(Rule.id, Rule.active, Rule.position).order_by(Rule.position).all()
    assert [(active, position) for _id, active, position in drafts] == [(False, 1), (False, 2)]
    session.rollback()
    assert coordinator.post(f"/admin/rules/{drafts[1].id}/switch", data={"active": "yes"}).status_code == 303
    report = make_report(status="pending", description="Three people trapped")
    log = page_of(coordinator, "/admin/rules/log")
    assert report.public_id in log and "Lives at risk first" in log and "“trapped”" in log
    assert "applied once" in page_of(coordinator, "/admin/rules")
    desk = page_of(coordinator, f"/moderate/{report.public_id}")
    assert "Lives at risk first" in desk and "Who sent it" in desk and "not known before" not in desk


def test_a_rule_is_written_and_reads_as_a_sentence(coordinator, session):
    assert coordinator.post("/admin/rules", data=FORM).status_code == 303
    page = page_of(coordinator, "/admin/rules")
    assert re.search(r"If a report of [^<]+ comes from a trusted source in Léogâne, publish it\.", page)
    number = the_rule(session)
    assert stored(session) == {"trust_at_least": 0.7, "categories": ["WAT"], "areas": ["Léogâne"]}
    form = page_of(coordinator, f"/admin/rules/{number}")
    assert 'value="0.7" selected' in form and 'value="WAT" checked' in form
    changed = {**FORM, "words": "fire, flood\nrain*", "more_than": "5", "minutes": "10", "of": "source", "revision": "1"}
    assert coordinator.post(f"/admin/rules/{number}/change", data=changed).status_code == 303
    assert stored(session)["words"] == ["fire", "flood", "rain*"]
    assert stored(session)["volume"] == {"more_than": 5, "minutes": 10, "of": "source"}
    assert coordinator.post(f"/admin/rules/{number}/change", data=changed).status_code == 409
    assert [event.data["action"] for event in session.query(Event).filter_by(name="RuleChanged")] == ["add", "change"]


@pytest.mark.databases("sqlite")
def test_rules_are_moved_switched_and_removed(coordinator, session):
    for name in "ABC":
        coordinator.post("/admin/rules", data={**FORM, "name": name})
    ids = {rule.name: rule.id for rule in session.query(Rule)}
    session.rollback()
    coordinator.post(f"/admin/rules/{ids['C']}/move", data={"to": "up"})
    coordinator.post(f"/admin/rules/{ids['C']}/move", data={"to": "up"})
    coordinator.post(f"/admin/rules/{ids['C']}/move", data={"to": "up"})
    assert [rule.name for rule in session.query(Rule).order_by(Rule.position)] == ["C", "A", "B"]
    session.rollback()
    coordinator.post(f"/admin/rules/{ids['A']}/remove")
    page = page_of(coordinator, "/admin/rules")
    assert page.index("<bdi>C</bdi>") < page.index("<bdi>B</bdi>") and "<bdi>A</bdi>" not in page
    assert coordinator.get(f"/admin/rules/{ids['A']}").status_code == 404


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(("changed", "field"), [
    ({"name": ""}, "name"), ({"decide": ""}, "decide"), ({"categories": ["NOPE"]}, "categories"), ({"areas": ["Atlantis"]}, "areas"),
    ({"trust_at_least": "2"}, "trust_at_least"), ({"trust_at_least": "much"}, "trust_at_least"), ({"more_than": "5"}, "minutes"),
    ({"assign_to": "99999"}, "assign_to"), ({"words": "…"}, "words"), ({"kinds": ["wish"]}, "kinds"), ({"decide": "explode"}, "decide"),
    ({"colour": "red"}, "colour"), ({"trust_at_least": "", "categories": [], "areas": []}, "conditions"),
])  # fmt: skip
def test_rubbish_is_refused_by_name_and_what_was_typed_stays(coordinator, session, changed, field):
    answer = coordinator.post("/admin/rules", data={**FORM, **changed}, headers={"Accept": "application/json"})
    assert answer.status_code == 422
    assert answer.get_json(force=True)["errors"][0]["field"] == field
    page = coordinator.post("/admin/rules", data={**FORM, **changed})
    assert page.status_code == 422 and f'href="#{field}"' in page.text
    assert session.query(Rule).count() == 0


@pytest.mark.databases("sqlite")
def test_a_rule_of_another_version_is_shown_and_can_be_switched_off(app, coordinator, session):
    coordinator.post("/admin/rules", data=FORM)
    switch_on(coordinator, session)
    number = the_rule(session)
    session.execute(update(Rule).values(conditions={"moon": "full"}))
    session.commit()
    page = page_of(coordinator, "/admin/rules")
    assert "This version cannot read it." in page and "every report waits" in page and f"/admin/rules/{number}/try" not in page
    assert "before somebody has read them" in page_of(coordinator, "/about")
    assert "WRONG rules" in run(app, "doctor").output and "Water there" in run(app, "doctor").output
    for path in ("/admin/rules/try", f"/admin/rules/{number}", f"/admin/rules/{number}/try"):
        answer = coordinator.get(path)
        assert answer.status_code == 409 and "cannot read the rule “Water there”" in answer.text
    assert coordinator.post(f"/admin/rules/{number}/switch").status_code == 303
    page = page_of(coordinator, "/admin/rules")
    assert "every report waits" not in page and "Switch on" not in page
    assert coordinator.post(f"/admin/rules/{number}/switch", data={"active": "yes"}).status_code == 409
    assert coordinator.post(f"/admin/rules/{number}/remove").status_code == 303
    assert "No rule yet" in page_of(coordinator, "/admin/rules")
    session.rollback()  # what the command saw before
    assert "well  rules" in run(app, "doctor").output


@pytest.mark.databases("sqlite")
@pytest.mark.settings(LANGUAGES="en,fr")
def test_the_form_names_categories_in_its_readers_language(coordinator, session):
    session.execute(update(Category).where(Category.code == "WAT").values(names={"fr": "De l'eau"}))
    session.commit()
    assert "De l&#39;eau" in page_of(coordinator, "/admin/rules/new?lang=fr")


@pytest.mark.databases("sqlite")
def test_moderators_write_no_rules(client, session):
    sign_in(client, make_account("moderator"))
    assert client.get("/admin/rules").status_code == 403
    assert client.post("/admin/rules", data=FORM).status_code == 403


def test_a_dry_run_of_200_reports_writes_nothing(coordinator, session):
    for n in range(200):
        make_report(status="pending", at=LEOGANE, source_key=f"device {n}")
    coordinator.post("/admin/rules", data={**FORM, "trust_at_least": ""})
    coordinator.post("/admin/rules", data=FORM)
    rules = session.query(Rule).order_by(Rule.id).all()
    session.rollback()
    page = page_of(coordinator, f"/admin/rules/{rules[0].id}/try")
    assert "Of 200 reports" in page and page.count("Water there</bdi>:") == 200
    assert "no rule" in page_of(coordinator, f"/admin/rules/{rules[1].id}/try")
    assert session.query(RuleApplication).count() == 0


@pytest.mark.databases("sqlite")
def test_the_draft_of_lives_at_risk_is_no_english_one(coordinator, session):
    coordinator.post("/admin/rules/examples")
    second = session.query(Rule.id).order_by(Rule.position.desc()).first().id
    session.rollback()
    for words in ("Moun yo kwense anba dekonb", "Deux enfants coincés", "Ella sangra"):
        make_report(status="pending", description=words)
    make_report(status="pending", description="No water")
    page = page_of(coordinator, f"/admin/rules/{second}/try")
    assert page.count("Lives at risk first</bdi>:") == 3 and "One more waits: no rule met it" in page
    first = session.query(Rule.id).order_by(Rule.position).first().id
    session.rollback()
    page = page_of(coordinator, f"/admin/rules/{first}/try")
    assert "No rule would have done anything with them" in page and page.index("<details") < page.index("No water")


@pytest.mark.databases("sqlite")
def test_empty_pages_say_what_they_are_for(coordinator, session):
    assert "No report yet" in page_of(coordinator, "/admin/rules/try")
    assert "Nothing yet" in page_of(coordinator, "/admin/rules/log")
    assert coordinator.get("/admin/rules/log?after=x").status_code == 400


# ---- MODERATION=after


def run(app, *args):
    return CliRunner().invoke(cli, args, obj=ScriptInfo(create_app=lambda: app), prog_name="crowdmap")


@pytest.mark.databases("sqlite")
@pytest.mark.settings(MODERATION="after")
def test_the_start_refuses_after_until_a_rule_is_on(app, client, session):
    told = run(app, "serve", "--port", "1")
    assert told.exit_code == 1 and "no active triage rule" in told.output and "MODERATION=before" in told.output
    doctor = run(app, "doctor")
    assert "WRONG moderation" in doctor.output and "no active triage rule" in doctor.output
    coordinator = sign_in(client, make_account("coordinator"))
    coordinator.post("/admin/rules", data=FORM)
    assert "nothing is published unread now" in page_of(coordinator, "/admin/rules")
    switch_on(coordinator, session)
    assert "well  moderation" in run(app, "doctor").output


@pytest.mark.databases("sqlite")
@pytest.mark.settings(MODERATION="after", FLOOD_PER_MINUTE=0)
def test_after_needs_both_brakes(app, client, session):
    coordinator = sign_in(client, make_account("coordinator"))
    coordinator.post("/admin/rules", data=FORM)
    switch_on(coordinator, session)
    assert "FLOOD_PER_MINUTE" in run(app, "doctor").output


@pytest.mark.databases("sqlite")
@pytest.mark.settings(MODERATION="after")
def test_public_pages_say_not_checked_yet(client, session):
    report = make_report()
    assert "not checked yet" in page_of(client, f"/reports/{report.public_id}")
    assert "not checked yet" in page_of(client, "/about") and "Volunteers check each report" not in page_of(client, "/about")
    assert "not checked yet" in page_of(client, "/")


@pytest.mark.databases("sqlite")
@pytest.mark.settings(MODERATION="after")
def test_the_reporter_is_told_that_it_is_on_the_map_already(client, session):
    coordinator = sign_in(client.application.test_client(), make_account("coordinator"))
    coordinator.post("/admin/rules", data=FORM)
    switch_on(coordinator, session)
    body = {"category": "FOOD", "description": "No food", "place": "Delmas"}
    answer = client.post("/api/v1/reports", json=body).get_json()
    assert answer["status"] == "published"
    assert "on the map already" in page_of(client, f"/track/{answer['tracking_token']}/sent")


@pytest.mark.databases("sqlite")
def test_the_about_page_tells_of_rules_that_publish(client, session):
    assert "before somebody has read them" not in page_of(client, "/about")
    coordinator = sign_in(client.application.test_client(), make_account("coordinator"))
    coordinator.post("/admin/rules", data=FORM)
    switch_on(coordinator, session)
    assert "before somebody has read them" in page_of(client, "/about")
