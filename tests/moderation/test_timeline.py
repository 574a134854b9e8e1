"""The log: everything for the team, the course in plain words for the reporter, what became public for the public."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from crowdmap.db import db, utcnow
from crowdmap.moderation import timeline, timeline_rows, timeline_told
from crowdmap.moderation.actions import ACTIONS, perform
from crowdmap.moderation.contact import see_contact
from crowdmap.moderation.duplicates import merge_many
from crowdmap.moderation.models import Decision
from crowdmap.moderation.sources import RESTORED
from crowdmap.moderation.timeline import Asked, Decided, Entry, Received, Rows, Stage
from crowdmap.reports.models import Category, Letter, Policy, Report
from tests.builders import make_account, make_report, sign_in

NOON = datetime(2010, 1, 13, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def decided(minutes, action, *, change=None, account=7, name="Marie", reason="", report=1, evidence=None) -> Decided:
    return Decided(int(minutes * 10), report, account, action, reason, evidence, change or {}, at(minutes), name if account else None)


def rows(*decisions, **more) -> Rows:
    return Rows(1, {1: "own", 2: "child"}, list(decisions), **more)


# ---- for the team: a pure function over rows


@pytest.fixture
def words(app):
    with app.test_request_context():
        yield


sqlite = pytest.mark.databases("sqlite")


@sqlite
def test_one_line_says_who_when_from_to_and_why(words):
    (entry,) = timeline.entries(rows(decided(
        1, "reject", change={"status": ["pending", "hidden"], "description": None}, reason="spam", evidence="looked"
    )))  # fmt: skip
    assert (entry.at, entry.by, entry.role, entry.words) == (at(1), "Marie", "team", "rejected it")
    assert (entry.reason, entry.evidence) == ("spam", "looked")
    assert [(c.name, c.old, c.new) for c in entry.changes] == [("status", "pending", "hidden"), ("description", None, None)]


@sqlite
def test_the_newest_comes_first_and_of_one_moment_what_was_done_last(words):
    told = timeline.entries(rows(decided(1, "publish"), decided(2, "verify"), decided(2, "close"), messages=[Received(1, "sms", at(0), True)]))
    assert [entry.action for entry in told] == ["close", "verify", "publish", "received"]


@sqlite
def test_a_reporters_lists_of_fields_are_no_from_and_to(words):
    change = {"applied": ["contact_phone", "description"], "asked": []}
    told = timeline.entries(rows(
        decided(1, "correct", change=change, account=None), decided(2, "confirm", change={"arrived": True}, account=None),
    ))  # fmt: skip
    assert [(entry.role, entry.by) for entry in told] == [("reporter", None)] * 2
    assert [(c.name, c.old, c.new) for c in told[1].changes] == [("applied", None, "contact phone, description")]
    assert [(c.name, c.new) for c in told[0].changes] == [("arrived", "yes")]


@sqlite
def test_an_action_that_nobody_described_is_read_by_its_name(words):
    change = {"rule": "trusted-school", "marks": {"kept": 2}, "odd": [1, 2, 3], "flag": False}
    (entry,) = timeline.entries(rows(decided(1, "apply-rule", account=None, change=change)))
    assert (entry.words, entry.role) == ("apply rule", "machine")
    assert [c.new for c in entry.changes] == ["trusted-school", "kept: 2", "1, 2, 3", "no"]


@sqlite
def test_a_look_by_a_key_names_the_organisation(words):
    (entry,) = timeline.entries(rows(decided(1, "see-contact", account=None, reason="Wash (wash), key abc")))
    assert (entry.by, entry.role, entry.reason) == ("Wash (wash), key abc", "organisation", "")


@sqlite
def test_letters_and_questions_stand_with_their_decisions_once(words):
    letter = Letter(report_id=1, about="message", text="call my sister", data={}, at=at(2))
    later = Letter(report_id=1, about="correct", text="", data={"people": 80, "contact_phone": "+509 3712 3456"}, at=at(3))
    asked = Asked("q1", 1, "question", "Where?", "failed", "no such number", at(1), "Marie")
    moved = Asked("q2", 2, "question", "When?", "delivered", None, at(0), "Jo")
    told = timeline.entries(rows(
        decided(1, "ask", change={"question": [None, "q1"]}), decided(2, "message", account=None),
        letters=[letter, later], questions=[asked, moved],
    ))  # fmt: skip
    assert [(e.action, e.text, e.by) for e in told] == [
        ("correct", "people: 80", None), ("message", "call my sister", None), ("ask", "Where?", "Marie"), ("ask", "When?", "Jo"),
    ]  # fmt: skip
    assert told[2].state == "It could not be delivered: no such number." and told[2].changes == () and told[3].report == "child"


@sqlite
def test_every_action_of_the_registry_has_words(words):
    machine = ("review", "assign", "escalate", "regrade", "translate")
    assert not {*ACTIONS, *machine} - timeline.READINGS.keys()
    for name in (*ACTIONS, *machine):
        (entry,) = timeline.entries(rows(decided(1, name)))
        assert entry.words and "%(" not in entry.words and entry.words != name.replace("-", " ")


def written_as_changes() -> set[str]:
    """Names of fields that some module writes into a decision's change."""
    package = Path(timeline.__file__).parent.parent
    written = r'change\["(\w+)"\] =|doing\.set\("(\w+)"|\{"(\w+)": \[None, '
    files = [path for folder in ("moderation", "tasks") for path in (package / folder).rglob("*.py")]
    found = (match for path in files for match in re.findall(written, path.read_text(encoding="utf-8")))
    return {name for match in found for name in match if name}


@sqlite
def test_every_field_of_a_change_has_words_or_is_not_told():
    known = timeline.LABELS.keys() | timeline.UNSAID
    assert {"placed_by", "assigned_to", "settled"} <= written_as_changes()
    assert not written_as_changes() - known


@sqlite
def test_accounts_of_volunteers_are_no_numbers_in_the_log(words):
    change = {"point": None, "placed_by": [None, [12, 15]], "categorised_by": [None, [3]]}
    (entry,) = timeline.entries(rows(decided(1, "move", account=None, change=change)))
    assert [c.name for c in entry.changes] == ["point"]


# ---- for the public


def public(*decisions, coarse=False, first=1, **more) -> list[tuple]:
    stages = [] if first is None else [Stage("first-public", at(first))]
    found = timeline_told.public_entries(rows(*decisions, stages=stages, **more), at(0), coarse=coarse)
    assert all(entry.by is None and not entry.text and not entry.changes and not entry.evidence for entry in found)
    return [(entry.at, entry.action, entry.reason) for entry in found][::-1]


@sqlite
def test_the_course_of_a_public_report(words):
    told = public(
        decided(1, "publish", change={"status": ["pending", "published"]}),
        decided(2, "verify", change={"verification": ["unverified", "verified"]}, evidence="called Jean"),
        decided(3, "edit", change={"description": None}, reason="said too much"),
        decided(4, "note", reason="call Jean"), decided(5, "see-contact"), decided(6, "ask", change={"question": [None, "q"]}),
        decided(7, "move", change={"point": None}),
        decided(8, "close", change={"status": ["published", "closed"]}),
        decided(9, "reopen", change={"status": ["closed", "published"]}),
        decided(10, "hide", change={"status": ["published", "hidden"]}, reason="her husband looks for her"),
        decided(11, "dispute", change={"verification": ["verified", "disputed"]}),
        decided(12, "edit", change={"title": None}),
        decided(13, "restore", change={"status": ["hidden", "pending"]}),
        decided(14, "publish", change={"status": ["pending", "published"]}),
        decided(15, "reject", change={"status": ["published", "hidden"]}, reason="unverifiable"),
    )  # fmt: skip
    assert told == [
        (at(0), "received", ""), (at(1), "on-map", ""), (at(2), "verified", ""), (at(3), "corrected", ""), (at(7), "moved", ""),
        (at(8), "closed", ""), (at(9), "reopened", ""), (at(10), "off-map", ""), (at(14), "on-map", ""), (at(14), "disputed", ""),
        (at(15), "off-map", "it could not be checked"),
    ]  # fmt: skip


@sqlite
@pytest.mark.parametrize("back", [
    [decided(3, "undo", change={"status": ["hidden", "published"]})],
    [decided(3, "restore", change={"status": ["hidden", "pending"]}, reason=RESTORED),
     decided(4, "publish", change={"status": ["pending", "published"]}, reason=RESTORED)],
])  # fmt: skip
def test_what_was_hidden_by_mistake_is_told_as_such(words, back):
    given = [decided(1, "publish", change={"status": ["pending", "published"]}), decided(2, "reject", change={"status": ["published", "hidden"]}, reason="spam")]
    told = timeline_told.public_entries(rows(*given, *back, stages=[Stage("first-public", at(1))]), at(0), coarse=False)
    assert [(entry.words, entry.reason) for entry in told[:2]] == [("Back on the map", ""), ("Taken off the map by mistake", "")]
    still = timeline_told.public_entries(rows(*given, stages=[Stage("first-public", at(1))]), at(0), coarse=False)
    assert (still[0].words, still[0].reason) == ("Taken off the map", "it was no report")
    more = dict(received=at(0), withdrawn=None, joined=None, original=True, public=True)
    mine = timeline_told.reporter_entries([*given, *back], [], [], [], **more)
    assert "Hidden by mistake" in [entry.words for entry in mine] and not any(entry.reason for entry in mine)


@sqlite
@pytest.mark.parametrize("decisions, told", [
    ([{"change": {"status": ["pending", "published"]}}], "Checked and put on the map"),
    ([{"change": {"status": ["pending", "published"]}, "account": None}], "Put on the map, not checked yet"),
    ([{"account": None, "reason": "as its source had it"}], "Put on the map"),  # a file, which knew how sure it is
    ([{"change": {"status": ["pending", "published"]}, "account": None}, {"action": "verify"}], "Checked and put on the map"),
    ([{"reason": RESTORED}], "Put on the map"),
])  # fmt: skip
def test_what_nobody_of_the_team_read_is_not_called_checked(words, decisions, told):
    given = [decided(n, **{"action": "publish", **one}) for n, one in enumerate(decisions)]
    found = timeline_told.public_entries(rows(*given, stages=[Stage("first-public", at(5))]), at(0), coarse=False)
    assert [entry.words for entry in found if entry.action == "on-map"] == [told]


@sqlite
def test_times_of_peoples_needs_are_cut_to_the_hour_and_no_move_is_told(words):
    told = public(
        decided(71, "move", change={"point": None}), decided(72, "edit", change={"place": None}),
        decided(75, "verify", change={"verification": ["unverified", "verified"]}),
        decided(76, "edit", change={"title": None}), decided(77, "edit", change={"title": None}), coarse=True, first=59,
    )  # fmt: skip
    assert told == [(at(0), "received", ""), (at(0), "on-map", ""), (at(60), "verified", ""), (at(60), "corrected", "")]


@sqlite
def test_nothing_of_before_it_was_public_is_told_but_what_was_known_then(words):
    told = public(
        decided(1, "edit", change={"title": None}), decided(2, "verify", change={"verification": ["unverified", "verified"]}),
        decided(3, "move", change={"point": None}), first=5,
    )  # fmt: skip
    assert told == [(at(0), "received", ""), (at(5), "on-map", ""), (at(5), "verified", "")]
    assert public(decided(1, "publish"), first=None) == []


@sqlite
def test_joined_reports_are_told_only_where_the_public_had_seen_them(words):
    merged = [decided(2, "merge", change={"taken_in": [None, "hidden-one"]}), decided(3, "merge", change={"taken_in": [None, ["a", "b"]]})]
    assert public(*merged, were_public=frozenset({"own", "b"}))[2:] == [(at(3), "joined", "")]


# ---- with a database


def act(session, report, action, actor, **fields):
    done = perform(session, report.public_id, action, actor, revision=report.revision, **fields)
    session.commit()
    return done


@pytest.fixture
def told(session, client):
    """A report to which much was done, and its tree."""
    actor = make_account(name="Marie Vincent", email="marie@example.org")
    report = make_report(status="pending", contact_phone="+509 3712 3456", category="ROAD", kind="damage")
    child = make_report(status="pending", category="ROAD", kind="damage", contact_phone="+509 3700 0000")
    act(session, report, "publish", actor)
    see_contact(session, report.public_id, actor)
    session.commit()
    act(session, report, "verify", actor, evidence="called back")
    merge_many(session, report.public_id, {report.public_id: report.revision, child.public_id: child.revision}, actor, "same bridge")
    session.commit()
    client.post(f"/api/v1/reports/{report.public_id}/voices", json={"text": "me too", "contact_phone": "+509 3711 1111"})
    session.rollback()
    return report, child


def test_the_team_reads_everything_and_no_contact(client, session, told):
    report, child = told
    sign_in(client, make_account())
    answer = client.get(f"/api/v1/reports/{report.public_id}/log")
    assert answer.status_code == 200
    entries = answer.get_json()["entries"]
    assert [(e["action"], e["by"], e["role"]) for e in entries if e["action"] != "received"] == [
        ("merge", "Marie Vincent", "team"), ("verify", "Marie Vincent", "team"), ("see-contact", "Marie Vincent", "team"),
        ("first-public", None, "machine"), ("publish", "Marie Vincent", "team"),
    ]  # fmt: skip
    assert {(e["role"], e["report"]) for e in entries if e["action"] == "received"} == {
        ("other", None), ("reporter", None), ("reporter", child.public_id)
    }  # fmt: skip
    merged = next(e for e in entries if e["action"] == "merge")
    assert merged["changes"] == [{"field": "taken_in", "label": "taken in", "from": "–", "to": child.public_id}] and merged["reason"] == "same bridge"
    assert not re.search(r"37\d\d", answer.text)
    page = client.get(f"/moderate/{report.public_id}")
    assert "Marie Vincent <strong>" in page.text.replace("<bdi>", "").replace("</bdi>", "") and "saw the contact" in page.text
    whole = client.get(f"/moderate/{report.public_id}/log")
    assert whole.text.count("<li class=\"by-") == len(entries) and re.search(r'<time datetime="\d{4}-\d\d-\d\dT', whole.text)
    below = client.get(f"/api/v1/reports/{child.public_id}/log").get_json()["entries"]
    assert [e["action"] for e in below] == ["merge", "received"]


def test_it_is_for_moderators(app, session, told):
    report, _child = told
    volunteer = sign_in(app.test_client(), make_account("volunteer"))
    for path in (f"/api/v1/reports/{report.public_id}/log", f"/moderate/{report.public_id}/log"):
        assert volunteer.get(path).status_code == 403
        assert app.test_client().get(path, headers={"Accept": "application/json"}).status_code == 401
    moderator = sign_in(app.test_client(), make_account())
    for path in ("/api/v1/reports/nothere/log", "/moderate/nothere/log"):
        assert moderator.get(path).status_code == 404


def test_the_public_page_tells_the_course_without_people(client, session, told):
    report, _child = told
    page = client.get(f"/reports/{report.public_id}").text
    section = page[page.index("Its history") :]
    for words in ("Received", "Checked and put on the map", "Verified"):
        assert words in section
    assert "Marie" not in page and "called back" not in page and "contact" not in section.partition("</ol>")[0]


def test_a_needs_page_tells_no_minute(client, session):
    report = make_report(status="pending", category="WAT", kind="need")
    act(session, report, "publish", make_account())
    page = client.get(f"/reports/{report.public_id}").text
    section = page[page.index("Its history") :].partition("</section>")[0]
    assert (moments := re.findall(r'datetime="([^"]+)"', section)) and all(":00:00" in moment for moment in moments)


def test_the_reporter_reads_plain_words(client, session):
    told = client.post("/api/v1/reports", json={"kind": "need", "category": "WAT", "description": "x", "place": "y"}).get_json()
    report, actor = session.query(Report).filter_by(public_id=told["id"]).one(), make_account(name="Marie Vincent")
    act(session, report, "publish", actor)
    act(session, report, "ask", actor, text="Where?")
    act(session, report, "reject", actor, reason="unverifiable")
    act(session, report, "restore", actor, reason="free words")
    act(session, report, "note", actor, reason="free words")
    session.rollback()
    address = f"/api/v1/track/{told['tracking_token']}"
    client.post(f"{address}/message", json={"text": "please"})
    history = client.get(address).get_json()["history"][::-1]
    assert [(one["step"], one["reason"]) for one in history] == [
        ("received", None), ("on-map", None), ("ask", None), ("hidden", "it could not be checked"), ("pending", None), ("message", None),
    ]  # fmt: skip
    page = client.get(f"/track/{told['tracking_token']}").text
    assert "Everything that happened" in page and "We wrote to you" in page
    assert "Marie" not in page and "free words" not in page


def test_a_voice_does_not_read_of_anothers_withdrawal(client, session):
    report = make_report()
    first = client.post(f"/api/v1/reports/{report.public_id}/voices", json={"text": "one"}).get_json()
    other = client.post(f"/api/v1/reports/{report.public_id}/voices", json={"text": "two"}, headers={"User-Agent": "x"}).get_json()
    client.post(f"/api/v1/track/{other['tracking_token']}/withdraw")
    steps = [one["step"] for one in client.get(f"/api/v1/track/{first['tracking_token']}").get_json()["history"]]
    assert steps == ["received"]
    steps = [one["step"] for one in client.get(f"/api/v1/track/{other['tracking_token']}").get_json()["history"]]
    assert steps == ["withdraw", "received"]


def test_who_is_not_shown_reads_that_it_is_known_to_those_who_help(client, session):
    told = client.post("/api/v1/reports", json={"kind": "need", "category": "MISS", "description": "x", "place": "y"}).get_json()
    report = session.query(Report).filter_by(public_id=told["id"]).one()
    act(session, report, "publish", make_account())
    (step, _received) = client.get(f"/api/v1/track/{told['tracking_token']}").get_json()["history"]
    assert "not shown in public" in step["words"]


def test_leaving_the_public_by_a_stricter_rule_is_told(client, session):
    from crowdmap.publishing import policy

    report, actor = make_report(status="published", category="ROAD", kind="damage"), make_account("coordinator")
    row = session.get(Category, "ROAD")
    values = {name: getattr(row, name) for name in ("name", "kind", "sector", "parent")}
    policy.change(session, actor, "ROAD", **values, policy=Policy.RESTRICTED, active=True)
    session.commit()
    told = timeline_rows.by_public_id(session, report.public_id)[1]
    assert "left-public" in [entry.action for entry in told]
    session.rollback()


def test_other_tables_join_in(session, monkeypatch):
    monkeypatch.setattr(timeline, "SOURCES", [])

    @timeline.source
    def rules(_session, ids):
        return [Entry(utcnow(), "rule", "let a rule publish it", by="trusted school") for _id in ids]

    told = timeline_rows.by_public_id(session, make_report().public_id)[1]
    assert (told[0].words, told[0].by) == ("let a rule publish it", "trusted school")
    session.rollback()


def test_two_hundred_lines_cost_no_more_questions_than_none(session):
    report, actor = make_report(), make_account()

    def asked() -> int:
        statements, note = [], lambda *given: statements.append(given[2])
        event.listen(db.engine, "before_cursor_execute", note)
        try:
            timeline_rows.for_team(session, report)
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        return len(statements)

    few = asked()
    session.add_all(Decision(report_id=report.id, account_id=actor.id, action="note", reason=str(n)) for n in range(200))
    session.commit()
    session.refresh(report)
    assert len(timeline_rows.for_team(session, report)) == 203  # and received, published, public
    assert asked() == few <= 8
    session.rollback()
