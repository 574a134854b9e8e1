"""The page of one source: its address tells nothing, all of it is hidden and restored in one action, exactly."""

import re

import pytest

from crowdmap.db import db, utcnow
from crowdmap.events import Event
from crowdmap.moderation import sources, sweeps
from crowdmap.moderation.actions import perform
from crowdmap.moderation.bulk import MOST_AT_ONCE
from crowdmap.moderation.desk_models import UndoStep
from crowdmap.moderation.models import Decision
from crowdmap.moderation.triage import verbs
from crowdmap.moderation.triage.models import SourceHold, SweptReport
from crowdmap.moderation.triage.rule import RuleWords
from crowdmap.publishing.models import Publication
from crowdmap.reports.models import Report, Submission
from tests.builders import make_account, make_report, sign_in
from tests.moderation.test_together import at_once, met

SENDER = {"contact_phone": "+509 3712 3456", "source_key": "device one"}


def address(session, report: Report) -> str:
    found = sources.sources(sources.first_of(session, report.id))[0]
    token = sources.token(session, found)
    session.rollback()
    return f"/moderate/source/{token}"


def statuses(session, *reports) -> list[str]:
    session.rollback()
    return [session.get(Report, report.id, populate_existing=True).status.value for report in reports]


def seen_on(page: str) -> str:
    return re.search(r'name="seen" value="(\d+)"', page)[1]


def hide_all(client, path: str, seen: str | None = None):
    db.session.rollback()
    answer = client.post(f"{path}/hide", data={"seen": seen or seen_on(client.get(path).text)})
    assert answer.status_code == 303
    return client.get(path).text


def restore_all(client, path: str) -> str:
    db.session.rollback()  # or SQLite's one place to write would stay taken
    sweep = re.search(r'name="sweep" value="(\d+)"', client.get(path).text)[1]
    assert client.post(f"{path}/restore", data={"sweep": sweep}).status_code == 303
    return client.get(path).text


@pytest.fixture
def desk(client, session):
    return sign_in(client, make_account())


def test_all_of_a_source_is_hidden_and_restored_exactly(desk, session):
    waiting, shown, done, before = (make_report(status=s, **SENDER) for s in ("pending", "published", "published", "published"))
    other = make_report()
    colleague = make_account()
    perform(session, done.public_id, "close", colleague, done.revision)
    perform(session, before.public_id, "hide", colleague, before.revision, "names a person")
    session.commit()
    path = address(session, shown)
    page = hide_all(desk, path)
    assert "3 reports were hidden as spam." in page
    assert statuses(session, waiting, shown, done, before, other) == ["hidden"] * 4 + ["published"]
    assert session.query(Decision).filter_by(action="reject", reason="spam").count() == 3
    public = {row.public_id: row.removed for row in session.query(Publication).filter_by(audience="public")}
    assert public[shown.public_id] == public[done.public_id] == "removed" and public[other.public_id] is None
    removed = desk.get("/feeds/changes?since=0").get_json()["features"]
    assert {f["id"] for f in removed if f["properties"].get("removed")} == {shown.public_id, done.public_id, before.public_id}
    steps = session.query(UndoStep).filter(UndoStep.account_id != colleague.id)
    assert steps.count() == 0  # it is restored as a whole
    session.rollback()
    assert "undo-form" not in desk.get("/moderate").text
    restored = restore_all(desk, path)
    assert "3 reports are back as they were." in restored and "still" not in restored.split("3 reports are back")[1].split("</p>")[0]
    assert steps.count() == 0
    session.rollback()
    assert statuses(session, waiting, shown, done, before, other) == ["pending", "published", "closed", "hidden", "published"]
    assert [event.data["action"] for event in session.query(Event).filter_by(name="SourceChanged")] == ["hide", "restore"]


def test_what_came_or_changed_meanwhile_is_left_and_told(desk, session):
    first, second = make_report(**SENDER), make_report(**SENDER)
    path = address(session, first)
    seen = seen_on(desk.get(path).text)
    perform(session, second.public_id, "edit", make_account(), second.revision, description="Other words")
    session.commit()
    late = make_report(**SENDER)
    page = hide_all(desk, path, seen)
    assert "One report was hidden as spam. 2 are still open." in page
    assert f"{second.public_id}: It came or was changed" in page and f"{late.public_id}: It came" in page
    assert statuses(session, first, second, late) == ["hidden", "published", "published"]
    # and the other way round: what somebody decided on since stays as they left it
    third = session.get(Report, first.id)
    perform(session, third.public_id, "restore", make_account(), third.revision)
    session.commit()
    page = restore_all(desk, path)
    assert f"{first.public_id}: Somebody else changed this report" in page
    assert statuses(session, first) == ["pending"]


@pytest.mark.databases("sqlite")
def test_hundreds_go_step_by_step(desk, session, monkeypatch):
    monkeypatch.setattr(sweeps, "MOST_AT_ONCE", 3)
    reports = [make_report(**SENDER) for _ in range(8)]
    path = address(session, reports[0])
    assert "8 reports were hidden as spam." in hide_all(desk, path)
    assert session.query(SweptReport).count() == 8
    session.rollback()
    assert "8 reports are back" in restore_all(desk, path)
    assert set(statuses(session, *reports)) == {"published"} and MOST_AT_ONCE == 200


@pytest.mark.databases("sqlite")
def test_what_takes_too_long_goes_on_with_another_press(desk, session, monkeypatch):
    monkeypatch.setattr(sweeps, "MOST_AT_ONCE", 2)
    reports = [make_report(**SENDER) for _ in range(5)]
    path = address(session, reports[0])
    monkeypatch.setattr("crowdmap.moderation.source_views.MOST_SECONDS", 1e-9)
    monkeypatch.setattr("crowdmap.moderation.source_views.time.monotonic", iter(range(100)).__next__)
    answer = desk.post(f"{path}/hide", data={"seen": 10**9})
    assert answer.status_code == 303
    assert statuses(session, *reports).count("hidden") in (0, 2)


def test_a_merged_report_is_left_to_its_root(desk, session):
    root, child, own = make_report(), make_report(**SENDER), make_report(**SENDER)
    child.merged_into_id = root.id
    session.commit()
    page = hide_all(desk, address(session, child))
    assert "One report was hidden as spam." in page and "still open" not in page and "as spam</button>" not in page
    assert "merged into another report" in page and statuses(session, child, own) == ["published", "hidden"]


def test_what_others_told_as_well_stays_on_the_map_and_is_told(desk, session):
    """A spammer's copy came first, and the true report was merged into it."""
    with_child, with_grandchild, with_voice, alone = (make_report(**SENDER) for _ in range(4))
    own, true, deep = make_report(**SENDER), make_report(), make_report(status="pending")
    true.merged_into_id, own.merged_into_id, deep.merged_into_id = with_child.id, with_grandchild.id, own.id
    session.commit()
    assert desk.post(f"/api/v1/reports/{with_voice.public_id}/voices", json={"text": "so it is"}).status_code in (200, 201)
    path = address(session, alone)
    page = desk.get(path).text
    assert "Hide it as spam" in page and "Others told the same as 3 reports" in page and page.count("others told it too") == 3
    page = hide_all(desk, path)
    assert page.count("Others told the same. Decide on it by itself.") == 3 and "as spam</button>" not in page
    assert statuses(session, with_child, with_grandchild, with_voice, alone) == ["published"] * 3 + ["hidden"]
    shown = f"/reports/{with_child.public_id}"
    session.rollback()
    assert desk.get(shown).status_code == 200
    refused = desk.post(f"{path}/hide", data={"seen": 10**9}, headers={"Accept": "application/json"})
    assert refused.status_code == 409 and refused.get_json(force=True)["code"] == "others-told"


@pytest.mark.databases("sqlite")
def test_who_took_it_back_and_what_is_hidden_speak_for_nothing(desk, session):
    report = make_report(**SENDER)
    hidden, gone = make_report(), make_report()
    hidden.merged_into_id = gone.merged_into_id = report.id
    hidden.status = "hidden"
    gone.withdrawn_at = utcnow()
    session.query(Submission).filter_by(report_id=gone.id).update({"withdrawn_at": utcnow()})
    session.commit()
    hide_all(desk, address(session, report))
    assert statuses(session, report) == ["hidden"]


def test_restoring_earns_the_source_no_trust(desk, session):
    coordinator = make_account("coordinator")
    words = {"name": "Water", "conditions": {"categories": ["WAT"]}, "effects": {"decide": "publish"}}
    verbs.add(session, coordinator, RuleWords.model_validate(words), active=True)
    session.commit()
    reports = [make_report(status="pending", **SENDER) for _ in range(5)]
    sent = sources.first_of(session, reports[0].id)
    session.rollback()
    path = address(session, reports[0])
    hide_all(desk, path)
    restore_all(desk, path)
    assert set(statuses(session, *reports)) == {"published"}
    assert sources.trust_of(session, sent) == 0
    # what a person had published before counts as it did
    perform(session, reports[0].public_id, "verify", coordinator, session.get(Report, reports[0].id).revision, evidence="called")
    session.commit()
    hide_all(desk, path)
    restore_all(desk, path)
    assert sources.history(session, sources.sources(sent)[0], sent.device_hash).published == 1
    session.rollback()


def test_a_source_is_held_and_released(desk, session):
    path = address(session, make_report(**SENDER))
    assert desk.post(f"{path}/hold", data={"reason": "a robot"}).status_code == 303
    page = desk.get(path).text
    assert "a robot" in page and "Release" in page
    assert desk.post(f"{path}/hold").status_code == 409
    assert desk.post(f"{path}/release").status_code == 303 and desk.post(f"{path}/release").status_code == 409
    kept = session.query(SourceHold).one()
    assert kept.released_at is not None


def test_what_two_held_at_once_is_released_at_once(session, app, monkeypatch):
    source = sources.sources(sources.first_of(session, make_report(**SENDER).id))[0]
    actors, held, meet = [make_account() for _ in range(2)], sources.held, met()
    monkeypatch.setattr(sources, "held", lambda *of: (held(*of), meet())[0])
    session.rollback()
    outcome = at_once(app, *(lambda s, one=one: sources.hold(s, source, one) for one in actors))
    assert any(isinstance(one, SourceHold) for one in outcome), outcome
    monkeypatch.undo()
    sources.release(session, source, actors[0])
    session.commit()
    assert sources.held(session, [source]) is None and sources.all_held(session) == set()
    session.rollback()


@pytest.mark.databases("sqlite")
def test_the_address_is_opaque_and_cannot_be_made_up(desk, session):
    report = make_report(**SENDER)
    path = address(session, report)
    sent = session.query(Submission).one()
    for part in (sent.source_hash.hex(), "3712", sent.device_hash.hex()):
        assert part not in path and part not in desk.get(path).text
    head, _dash, seal = path.rpartition("/")[2].partition("-")
    for token in (f"{head}-{seal[:-1]}x", f"d{head[1:]}-{seal}", f"c99999-{seal}", "x", f"{head}", "c1-", "c-é", f"c{'9' * 30}-{seal}"):
        for what in ("", "/hide", "/hold"):
            method = desk.post if what else desk.get
            answer = method(f"/moderate/source/{token}{what}", **({"data": {"seen": 1}} if what == "/hide" else {}))
            assert answer.status_code == 404, token


@pytest.mark.databases("sqlite")
def test_bad_forms_are_refused_by_name(desk, session):
    path = address(session, make_report(**SENDER))
    for what, data, field in (("hide", {}, "seen"), ("hide", {"seen": "x"}, "seen"), ("restore", {}, "sweep"), ("hold", {"reason": "x" * 301}, "reason")):
        answer = desk.post(f"{path}/{what}", data=data, headers={"Accept": "application/json"})
        assert answer.status_code == 422 and answer.get_json(force=True)["errors"][0]["field"] == field
    assert desk.post(f"{path}/restore", data={"sweep": 99}).status_code == 404


@pytest.mark.databases("sqlite")
def test_volunteers_see_no_source(client, session):
    path = address(session, make_report(**SENDER))
    sign_in(client, make_account("volunteer"))
    assert client.get(path).status_code == 403 and client.post(f"{path}/hide", data={"seen": 1}).status_code == 403


@pytest.mark.databases("sqlite")
def test_after_an_erasure_the_source_is_gone(client, session):
    body = {"category": "WAT", "description": "No water", "place": "Delmas", "contact_phone": "+509 3712 3456"}
    token = client.post("/api/v1/reports", json=body).get_json()["tracking_token"]
    path = address(session, session.query(Report).one())
    assert client.post(f"/api/v1/track/{token}/erase", json={}).status_code == 204
    assert sign_in(client, make_account()).get(path).status_code == 404


@pytest.mark.parametrize(
    ("action", "reason", "holds"), [("reject", "false", 2), ("reject", "spam", 2), ("reject", "unverifiable", 0), ("hide", "false", 0)]
)
def test_erasing_what_was_rejected_as_false_holds_who_sent_it(client, session, action, reason, holds):
    body = {"category": "WAT", "description": "No water", "place": "Delmas", "contact_phone": "+509 3712 3456"}
    moderator = make_account()
    for words in ("No water", "Still none"):  # a source that is held already is not held twice
        sent = client.post("/api/v1/reports", json={**body, "description": words}).get_json()
        perform(session, sent["id"], action, moderator, 1, reason)
        session.commit()
        assert client.post(f"/api/v1/track/{sent['tracking_token']}/erase", json={}).status_code == 204
    kept = session.query(SourceHold).all()
    assert len(kept) == holds and all(one.held_by_id is None and one.released_at is None for one in kept)
    session.rollback()
    client.post("/api/v1/reports", json=body)
    report = session.query(Report).order_by(Report.id.desc()).first()
    known = sources.sources(sources.first_of(session, report.id))
    assert bool(sources.held(session, known)) == bool(holds)
    path, desk = address(session, report), sign_in(client, moderator)
    page = desk.get(path).text
    assert ("was erased by its reporter" in page) == bool(holds)
    if holds:
        assert desk.post(f"{path}/release").status_code == 303 and "was erased by its reporter" not in desk.get(path).text


def test_erasing_what_was_restored_or_only_joined_holds_nobody(client, session):
    body = {"category": "WAT", "description": "No water", "place": "Delmas", "contact_phone": "+509 3712 3456"}
    sent, moderator = client.post("/api/v1/reports", json=body).get_json(), make_account()
    for action, reason in (("reject", "false"), ("restore", ""), ("publish", "")):
        perform(session, sent["id"], action, moderator, session.query(Report).one().revision, reason)
        session.commit()
    voice = client.post(f"/api/v1/reports/{sent['id']}/voices", json={"text": "me too", "contact_phone": "+509 3700 0000"}).get_json()
    perform(session, sent["id"], "reject", moderator, session.query(Report).one().revision, "false")
    session.commit()
    assert client.post(f"/api/v1/track/{voice['tracking_token']}/erase", json={}).status_code == 204
    assert session.query(SourceHold).count() == 0
    perform(session, sent["id"], "restore", moderator, session.query(Report).one().revision)
    session.commit()
    assert client.post(f"/api/v1/track/{sent['tracking_token']}/erase", json={}).status_code == 204
    assert session.query(SourceHold).count() == 0
    session.rollback()


def test_who_is_signed_in_is_known_by_account(session, client):
    account = make_account("volunteer", name="Marie")
    sign_in(client, account)
    body = {"category": "WAT", "description": "No water", "place": "Delmas"}
    assert client.post("/api/v1/reports", json=body).status_code == 201
    sent = session.query(Submission).one()
    assert sent.account_id == account.id
    assert [source.kind.value for source in sources.sources(sent)] == ["account", "device"]
    assert "Marie" in sources.name_of(session, sources.sources(sent)[0])
