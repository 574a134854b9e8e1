"""Taking back: the exact earlier state, only by whoever did it, only while nothing came after, and in the log."""

import re
import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from crowdmap import jobs
from crowdmap.db import utcnow
from crowdmap.moderation import undoing
from crowdmap.moderation.actions import perform
from crowdmap.moderation.desk_models import UndoStep
from crowdmap.moderation.marking import marked
from crowdmap.moderation.models import Decision
from crowdmap.moderation.taking_back import take_back
from crowdmap.publishing.models import Publication
from crowdmap.reports.models import Report, Status
from tests.builders import PORT_AU_PRINCE, make_account, make_report, sign_in

SCRIPT = {"X-Desk": "act"}


def now(session, report) -> dict:
    """Everything that an action may change, and the public row."""
    found = session.get(Report, report.id, populate_existing=True)
    session.refresh(found.private)
    public = session.scalar(select(Publication.feature).where(Publication.report_id == report.id, Publication.audience == "public"))
    state = {**undoing.state(found), "merged": found.merged_into_id, "public": public is not None}
    session.rollback()
    return state


def last(session) -> int:
    return session.scalar(select(func.max(Decision.id)))


DONE = (
    ("publish", "pending", {}), ("hide", "published", {"reason": "names a person"}), ("reject", "pending", {"reason": "spam"}),
    ("close", "published", {}), ("dispute", "published", {"reason": "seen otherwise"}), ("corroborate", "pending", {}),
    ("move", "pending", {"lat": 18.5, "lon": -72.3, "accuracy_m": 30.0}), ("move", "published", {"unplaced": True}),
    ("edit", "pending", {"title": "Other", "description": "Words", "place": "there", "people": 5, "category": "FOOD",
                         "kind": "offer", "categories": ["MED"], "occurred_at": utcnow()}),
)  # fmt: skip


@pytest.mark.parametrize(("action", "status", "fields"), DONE, ids=lambda value: str(value)[:12])
def test_undo_returns_to_the_exact_earlier_state(session, action, status, fields):
    marie = make_account()
    report = make_report(status=status, title="As it was", place="here", people=3)
    before = now(session, report)
    perform(session, report.public_id, action, marie, revision=1, **fields)
    session.commit()
    assert now(session, report) != before
    outcome = take_back(session, marie, [last(session)])
    session.commit()
    assert (outcome.done, outcome.skipped) == ([report.public_id], [])
    assert now(session, report) == before
    done = session.scalars(select(Decision).where(Decision.report_id == report.id).order_by(Decision.id)).all()
    back = undoing.opposite_of(done[-2])[0]  # a mark is taken back by withdrawing its evidence
    assert [one.action for one in done][-2:] == [action, back] and done[-1].account_id == marie.id
    assert session.get(Report, report.id).revision == 3
    session.rollback()


def test_a_translation_that_went_with_the_words_comes_back_with_them(session):
    marie = make_account()
    report = make_report(status="published", description="Nou bezwen dlo", language="ht")
    report.translation = "We need water"
    session.commit()
    before = now(session, report)
    perform(session, report.public_id, "edit", marie, revision=1, description="Nou bezwen dlo anpil")
    session.commit()
    assert now(session, report)["translation"] is None
    assert take_back(session, marie, [last(session)]).done == [report.public_id]
    session.commit()
    assert now(session, report) == before and before["translation"] == "We need water"
    feature = session.scalar(select(Publication.feature).where(Publication.report_id == report.id, Publication.audience == "public"))
    assert b"We need water" in feature
    session.rollback()


def test_joining_and_parting_are_taken_back_by_their_opposites(session):
    marie = make_account()
    a, b = make_report(), make_report()
    for action, fields, back in (("merge", {"into": b.public_id}, "unmerge"), ("distinct", {"other": b.public_id}, "ask-again")):
        before = now(session, a)
        revision = session.get(Report, a.id, populate_existing=True).revision
        perform(session, a.public_id, action, marie, revision, **fields)
        session.commit()
        mine = session.scalar(select(func.max(UndoStep.decision_id)))
        outcome = take_back(session, marie, [mine])
        session.commit()
        assert outcome.done == [a.public_id], outcome.skipped
        assert now(session, a) == before
        assert session.scalars(select(Decision.action).where(Decision.report_id == a.id).order_by(Decision.id.desc())).first() == back
        session.rollback()
    perform(session, a.public_id, "merge", marie, session.get(Report, a.id, populate_existing=True).revision, into=b.public_id)
    session.commit()
    perform(session, a.public_id, "unmerge", marie, session.get(Report, a.id, populate_existing=True).revision)
    session.commit()
    outcome = take_back(session, marie, [session.scalar(select(func.max(UndoStep.decision_id)))])
    session.commit()
    assert outcome.done and now(session, a)["merged"] == b.id


def test_programs_take_back_by_the_number_that_the_action_answered(session, client):
    """Whatever was done: by writing back what was, or by the opposite action."""
    marie = make_account()
    sign_in(client, marie)
    a, b = make_report(description="Report: call 3456 7890"), make_report()
    key, other, other_id = a.public_id, b.public_id, b.id
    mark = marked(a).marks[0].id
    session.rollback()
    steps = (
        ("edit", {"title": "Mistyped"}, "undo"), ("merge", {"into": other}, "unmerge"), ("distinct", {"other": other}, "ask-again"),
        ("keep-mark", {"mark": mark}, "mask-mark"),
        ("verify", {"evidence": "called"}, "withdraw-evidence"),
    )  # fmt: skip
    revision = 1
    for action, fields, back in steps:
        before = now(session, a)
        done = client.post(f"/api/v1/reports/{key}/actions/{action}", json={**fields, "revision": revision}).get_json()
        wanted = {"decision": done["decision"], "revision": done["revision"]}
        undone = client.post(f"/api/v1/reports/{key}/actions/undo", json=wanted)
        assert undone.status_code == 200, (action, undone.text)
        assert now(session, a) == before, action
        told = undone.get_json()
        assert session.get(Decision, told["decision"]).action == back and (told["merged_into"], told["verification"]) == (None, "unverified")
        session.rollback()
        again = client.post(f"/api/v1/reports/{key}/actions/undo", json={**wanted, "revision": told["revision"]})
        assert again.status_code == 409, (action, again.text)
        revision = told["revision"]
    done = client.post(f"/api/v1/reports/{key}/actions/merge", json={"into": other, "revision": revision}).get_json()
    for bad in ({"decision": done["decision"], "revision": revision}, {"decision": 2**31 - 1, "revision": done["revision"]}, {"decision": done["decision"], "revision": 10**30}):
        assert client.post(f"/api/v1/reports/{key}/actions/undo", json=bad).status_code == 409
    wanted = {"decision": done["decision"], "revision": 1}
    assert client.post(f"/api/v1/reports/{other}/actions/undo", json=wanted).status_code == 409  # another report's
    assert now(session, a)["merged"] == other_id


def test_it_is_refused_in_kind_words(session, client):
    marie, paul = make_account(name="Marie Vincent"), make_account(name="Paul Other")
    report = make_report(status="pending")
    perform(session, report.public_id, "publish", marie, revision=1)
    session.commit()
    mine = last(session)
    assert take_back(session, paul, [mine]).skipped[0]["code"] == "too-late"  # somebody else's
    session.rollback()
    perform(session, report.public_id, "close", paul, revision=2)
    session.commit()
    sign_in(client, marie)
    answer = client.post("/moderate/undo", data={"decision": mine}, headers={**SCRIPT, "Accept": "application/json"})
    assert answer.status_code == 409 and "Somebody else changed this report" in answer.get_json(force=True)["detail"]
    page = client.post("/moderate/undo", data={"decision": mine})
    assert page.status_code == 409 and "Somebody else changed this report" in page.text and report.public_id in page.text
    assert now(session, report)["status"] == "closed"
    assert client.post("/moderate/undo", data={"decision": "x"}).status_code == 422
    assert client.post("/moderate/undo", data={}).status_code == 409


def test_it_is_too_late_after_a_minute_and_nothing_of_it_is_kept(session):
    marie = make_account()
    report, other = make_report(status="pending", description="My name is Planted"), make_report(status="pending")
    perform(session, report.public_id, "edit", marie, revision=1, description="No name")
    session.commit()
    mine = last(session)
    session.execute(update(UndoStep).values(at=utcnow() - undoing.KEPT - timedelta(seconds=1)))
    session.commit()
    assert take_back(session, marie, [mine]).skipped[0]["code"] == "too-late"
    perform(session, other.public_id, "publish", marie, revision=1)
    session.commit()
    assert session.scalar(select(func.count()).select_from(UndoStep)) == 2  # no action waits for others' old steps
    session.commit()
    jobs.sweep(session)  # the worker, whether or not anybody acts
    assert session.scalars(select(UndoStep.decision_id)).all() == [last(session)]
    undoing.forget(session, other.id)
    assert session.scalars(select(UndoStep.decision_id)).all() == []
    session.rollback()


@pytest.mark.databases("sqlite")
def test_the_worker_takes_old_steps_away_by_itself(session, app, monkeypatch):
    report = make_report(status="pending", description="My name is Planted")
    perform(session, report.public_id, "edit", make_account(), revision=1, description="No name")
    session.execute(update(UndoStep).values(at=utcnow() - undoing.KEPT - timedelta(seconds=1)))
    session.commit()
    monkeypatch.setattr(jobs, "BESIDE", [])
    stop = threading.Event()
    monkeypatch.setattr(stop, "wait", lambda _seconds: stop.set())  # one round of the loop
    jobs.run(app, stop)
    assert session.scalars(select(UndoStep.decision_id)).all() == []
    session.rollback()


def test_erasing_takes_the_words_out_of_the_steps(session, client):
    told = {"category": "WAT", "description": "Planted words", "lon": -72.3, "lat": 18.5}
    made = client.post("/api/v1/reports", json=told).get_json()
    perform(session, made["id"], "edit", make_account(), revision=1, description="Other")
    session.commit()
    assert session.scalar(select(func.count()).select_from(UndoStep)) == 1
    session.rollback()
    assert client.post(f"/api/v1/track/{made['tracking_token']}/erase", json={}).status_code == 204
    assert session.scalar(select(func.count()).select_from(UndoStep)) == 0
    session.rollback()


def test_notes_and_looks_at_a_contact_are_not_offered(session):
    marie, report = make_account(), make_report(contact_phone="+509 3456 7890")
    perform(session, report.public_id, "note", marie, reason="wants a call")
    session.commit()
    assert session.scalar(select(func.count()).select_from(UndoStep)) == 0 and undoing.offered(session, marie) == []
    session.rollback()


@pytest.mark.databases("sqlite")
def test_a_form_without_scripts_offers_it_on_the_next_page_for_ten_seconds(session, client):
    sign_in(client, make_account())
    report = make_report(status="pending")
    page = client.post(f"/moderate/{report.public_id}/publish", data={"revision": 1}, follow_redirects=True).text
    mine = re.search(r'id="undo-form".*?name="decision" value="(\d+)"', page, re.DOTALL)[1]
    assert re.search(r'id="said-what"><p>[^<]+: “[^<]+”\.</p>', page)  # what, and of which report
    back = client.post("/moderate/undo", data={"decision": mine}, follow_redirects=True)
    assert "Taken back." in back.text and now(session, report)["status"] == Status.PENDING
    assert "undo-form" not in back.text
    client.post(f"/moderate/{report.public_id}/publish", data={"revision": 3})
    session.execute(update(UndoStep).values(at=utcnow() - undoing.OFFERED))
    session.commit()
    assert "undo-form" not in client.get("/moderate").text


@pytest.mark.databases("sqlite")
def test_a_script_is_told_what_was_done_and_what_left_its_list(session, client):
    sign_in(client, make_account())
    report = make_report(status="pending")
    told = client.post(f"/moderate/{report.public_id}/publish", data={"revision": 1}, headers=SCRIPT).get_json()
    assert told["done"] == told["left"] == [report.public_id] and told["said"] == "It is on the map now."
    assert 'action="/moderate/undo"' in told["html"]
    told = client.post(f"/moderate/{report.public_id}/close?status=all", data={"revision": 2}, headers=SCRIPT).get_json()
    assert told["left"] == [] and 'action="/moderate/undo?status=all"' in told["html"]
    assert told["seen"] == [f"{report.public_id}:3"]  # whoever did it knows the report as it is now
    late = client.post(f"/moderate/{report.public_id}/reopen", data={"revision": 1}, headers=SCRIPT)
    assert late.status_code == 409 and 'id="desk-work"' in late.text


@pytest.mark.parametrize(
    ("action", "form"),
    [
        ("edit", {"title": "Water", "description": "We thirst", "kind": "need", "category": "WAT"}),
        ("move", {"lon": PORT_AU_PRINCE[0], "lat": PORT_AU_PRINCE[1]}),
        ("note", {"reason": "calls again"}),
    ],
    ids=str,
)
def test_what_changes_nothing_says_so_and_takes_nothing_else_back(session, client, action, form):
    """The decision before it was on another report: this toast is no way back for that."""
    sign_in(client, make_account())
    first, second = make_report(status="pending"), make_report(status="pending", title="Water", description="We thirst")
    told = client.post(f"/moderate/{first.public_id}/publish", data={"revision": 1}, headers=SCRIPT).get_json()
    assert "undo-form" in told["html"]
    told = client.post(f"/moderate/{second.public_id}/{action}", data={"revision": 1, **form}, headers=SCRIPT).get_json()
    assert "undo-form" not in told["html"]
    assert told["said"] == ("Noted." if action == "note" else "Nothing was changed.")
    assert now(session, first)["status"] == Status.PUBLISHED
    kept = session.scalars(select(Decision.action).where(Decision.report_id == second.id)).all()
    assert kept == (["note"] if action == "note" else [])
    session.rollback()
