"""How much an action at the desk asks the database. Each question costs as much as its answer, on any machine, so that their
number is what keeps an action fast; what it takes in time is measured by benchmarks/desk.py."""

import re

import pytest
from sqlalchemy import event, select

from crowdmap.db import db
from crowdmap.moderation.bulk import perform_many
from crowdmap.publishing.marks import Mark
from tests.builders import make_account, make_report, sign_in

SCRIPT = {"X-Desk": "act"}
# action → its fields, and the most that it may ask, in this order done to one report
MOST = {
    "note": ({"reason": "called"}, 11),
    "verify": ({"evidence": "called back"}, 29),
    "edit": ({"title": "Water", "description": "Water for 40 people"}, 28),
    "move": ({"lat": "18.54", "lon": "-72.33"}, 26),
    "distinct": ({"other": "{other}"}, 20),
    "ask-again": ({"other": "{other}"}, 19),
    "merge": ({"into": "{other}"}, 40),
    "unmerge": ({}, 34),
    "publish": ({}, 30),
    "close": ({}, 29),
    "hide": ({"reason": "names a person"}, 30),
}


@pytest.fixture
def asked(app):
    """The statements since the last `clear`."""
    found: list[str] = []

    def note(_connection, _cursor, statement, *_more):
        found.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield found
    event.remove(db.engine, "before_cursor_execute", note)


@pytest.mark.databases("sqlite")
def test_no_action_asks_more_than_it_needs(app, session, asked):
    one, other = make_report(status="pending"), make_report(status="pending")
    desk, revision, wrong = sign_in(app.test_client(), make_account("moderator")), 1, {}
    desk.post(f"/moderate/{other.public_id}/note", data={"reason": "all is made once", "revision": 1}, headers=SCRIPT)
    for action, (fields, most) in MOST.items():
        if action == "hide":
            desk.post(f"/moderate/{one.public_id}/reopen", data={"revision": revision}, headers=SCRIPT)
            revision += 1
        data = {name: value.replace("{other}", other.public_id) for name, value in fields.items()}
        asked.clear()
        answer = desk.post(f"/moderate/{one.public_id}/{action}", data={**data, "revision": revision}, headers=SCRIPT)
        assert answer.status_code == 200, (action, answer.text)
        if len(asked) > most:
            wrong[action] = len(asked)
        revision += action not in ("note", "distinct", "ask-again")
    assert not wrong


def test_an_open_report_comes_without_the_desk_around_it(app, session, asked):
    report = make_report(status="pending", title="Water")
    desk = sign_in(app.test_client(), make_account("moderator"))
    whole = desk.get(f"/moderate/{report.public_id}").text
    asked.clear()
    alone = desk.get(f"/moderate/{report.public_id}", headers={"X-Desk": "ahead"}).text
    assert not [one for one in asked if "queue_count" in one or "desk_view" in one]
    work = re.compile(r'<div class="desk-work" id="desk-work">.*?</aside>', re.DOTALL)
    assert 'id="queue-list"' in whole and 'id="queue-list"' not in alone
    same = [re.sub(r'name="csrf_token" value="[^"]+"', "", work.search(page)[0]) for page in (alone, whole)]
    assert same[0] == same[1]
    assert re.search("<title>.*</title>", alone)[0] == re.search("<title>.*</title>", whole)[0]
    assert f'data-open="{report.public_id}" data-revision="1"' in alone


def test_news_when_nothing_happened_looks_for_no_rows(app, session, asked):
    make_report(status="pending")
    desk = sign_in(app.test_client(), make_account("moderator"))
    seq = re.search(r'data-seq="(\d+)"', desk.get("/moderate").text)[1]
    asked.clear()
    news = desk.get(f"/moderate/new.json?since={seq}").json
    assert (news["seq"], news["rows"], news["gone"], news["more"]) == (int(seq), [], [], False)
    assert not [one for one in asked if "FROM publication" in one or "FROM category" in one]
    make_report(status="pending")
    assert len(desk.get(f"/moderate/new.json?since={seq}").json["rows"]) == 1


def marks_of(session, report):
    return session.scalars(select(Mark.kind).where(Mark.report_id == report.id)).all()


def test_marks_follow_words_and_contact_and_nothing_else(session, asked):
    report, moderator = make_report(status="pending", description="Call 3712 3456"), make_account("moderator")
    assert marks_of(session, report) == ["phone"]
    session.rollback()
    asked.clear()
    perform_many(session, moderator, "corroborate", {report.public_id: 1})
    session.commit()
    assert not [one for one in asked if "mark." in one and "FROM mark" in one]
    perform_many(session, moderator, "edit", {report.public_id: 2}, description="Call nobody")
    session.commit()
    assert marks_of(session, report) == []
    session.rollback()
    report.private.contact_phone = "+509 3712 3456"
    session.commit()
    assert marks_of(session, report) == ["phone"]
    session.rollback()


def test_words_changed_before_a_savepoint_that_fails_count_still(session):
    one, other = make_report(status="pending", description="Call 3712 3456"), make_report(status="pending")
    outcome = perform_many(
        session, make_account("moderator"), "edit", {one.public_id: 1, other.public_id: 7}, description="Call nobody"
    )
    session.commit()
    assert outcome.done == [one.public_id] and len(outcome.skipped) == 1
    assert marks_of(session, one) == []
    session.rollback()
