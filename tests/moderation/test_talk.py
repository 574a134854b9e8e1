"""A question goes to the reporter's page and the answer comes back: who sees what, what may not be, what an erasure leaves."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from crowdmap.db import db, scrub, utcnow
from crowdmap.errors import NotAllowed
from crowdmap.intake import tracking
from crowdmap.moderation.actions import perform
from crowdmap.moderation.models import Decision
from crowdmap.publishing.models import Publication
from crowdmap.reports.models import Letter, Report, Talk
from crowdmap.reports.outbox import Outgoing, State
from tests.builders import make_account, make_report, sign_in
from tests.intake.test_tracking import everything

URL = "/api/v1/track"
NEED = {
    "kind": "need", "category": "WAT", "title": "Water for sixty", "description": "We have none", "place": "Rue Capois 12",
    "lat": 18.543, "lon": -72.335, "language": "fr",
}  # fmt: skip


@pytest.fixture
def mine(client, session):
    """A pending need in French: its id and token."""
    told = client.post("/api/v1/reports", json=NEED).get_json()
    return {"token": told["tracking_token"], "id": told["id"]}


@pytest.fixture
def desk(app, session):
    """A moderator's client."""
    return sign_in(app.test_client(), make_account(name="Marie Vincent", email="marie@example.org"))


def ask(desk, mine, status=200, **fields):
    fields = fields or {"text": "Where exactly is the blue gate?"}
    answer = desk.post(f"/api/v1/reports/{mine['id']}/actions/ask", json=fields)
    assert answer.status_code == status, answer.text
    return answer.get_json(force=True)


def questions(client, mine) -> list[dict]:
    return client.get(f"{URL}/{mine['token']}").get_json()["questions"]


def answer(client, mine, text="At the corner", status=200, question=None):
    question = question or questions(client, mine)[-1]["id"]
    told = client.post(f"{URL}/{mine['token']}/message", json={"text": text, "question": question})
    assert told.status_code == status, told.text
    return told.get_json()


def talk_of(session, mine) -> Talk | None:
    session.rollback()
    talk = session.query(Report.talk).filter_by(public_id=mine["id"]).scalar()
    session.rollback()
    return talk


def test_a_question_reaches_the_reporter_without_a_name_and_the_answer_the_desk(client, desk, session, mine):
    assert ask(desk, mine)["revision"] == 1
    (asked,) = questions(client, mine)
    assert (asked["text"], asked["language"], asked["waits"]) == ("Where exactly is the blue gate?", "fr", True)
    page = client.get(f"/track/{mine['token']}").text
    assert "The crowdmap team wrote to you" in page and "blue gate" in page and 'lang="fr"' in page
    for text in (page, client.get(f"{URL}/{mine['token']}").text):
        assert "Marie" not in text and "marie@" not in text
    told = answer(client, mine, "At the corner, green door")
    assert [one["text"] for one in told["questions"][0]["answers"]] == ["At the corner, green door"]
    assert told["questions"][0]["waits"] is False
    page = desk.get(f"/moderate/{mine['id']}").text
    assert "green door" in page and "Marie Vincent" in page and "The reporter answers" in page
    letter = session.query(Letter).one()
    assert (letter.about, letter.question_id) == ("answer", session.query(Outgoing).one().id)
    assert [d.reason for d in session.query(Decision)] == ["", ""]  # no words outlive an erasure
    session.rollback()


def test_the_desk_hears_of_an_answer_until_somebody_acts_on_it(client, desk, session, mine):
    ask(desk, mine)
    seq = desk.get("/moderate/new.json?since=0").get_json()["seq"]
    assert "asked, no answer yet" in desk.get("/moderate").text
    answer(client, mine)
    news = desk.get(f"/moderate/new.json?since={seq}").get_json()
    assert [row["id"] for row in news["rows"]] == [mine["id"]] and "the reporter answered" in news["rows"][0]["html"]
    assert "1 reporter answered" in desk.get("/moderate?status=closed").text
    stale = desk.post(f"/api/v1/reports/{mine['id']}/actions/publish", json={"revision": 1})
    assert stale.status_code == 409 and stale.get_json(force=True)["action"] == "answer"  # read it first
    for fields in ({"reason": "x"}, {"reason": "x", "revision": 1}):
        assert desk.post(f"/api/v1/reports/{mine['id']}/actions/note", json=fields).status_code == 200
        assert talk_of(session, mine) is Talk.ANSWERED
    assert desk.post(f"/api/v1/reports/{mine['id']}/actions/publish", json={"revision": 2}).status_code == 200
    assert talk_of(session, mine) is None
    assert "reporter answered" not in desk.get("/moderate?status=closed").text


def test_a_question_sent_without_having_read_the_answer_leaves_it_news(client, desk, session, mine):
    ask(desk, mine)
    answer(client, mine)
    for n, seen in enumerate(({}, {"revision": 1})):
        ask(desk, mine, text=f"Another question {n}?", **seen)
        assert talk_of(session, mine) is Talk.ANSWERED
    ask(desk, mine, text="How many are you?", revision=2)
    assert talk_of(session, mine) is Talk.ASKED


def test_a_key_pressed_twice_asks_once(client, desk, session, mine):
    ask(desk, mine)
    assert ask(desk, mine, status=409)["code"] == "asked-already"
    ask(desk, mine, canned="where")
    assert ask(desk, mine, status=409, canned="where")["code"] == "asked-already"
    assert len(questions(client, mine)) == 2 and session.query(Decision).filter_by(action="ask").count() == 2
    session.rollback()
    answer(client, mine)
    ask(desk, mine, canned="where")  # the answer was not enough


def test_an_answer_below_a_root_is_news_of_the_root(client, desk, session, mine):
    root = make_report(status="pending")
    ask(desk, mine)
    desk.post(f"/api/v1/reports/{mine['id']}/actions/merge", json={"revision": 1, "into": root.public_id})
    answer(client, mine)
    assert "the reporter answered" in desk.get("/moderate").text
    assert "At the corner" in desk.get(f"/moderate/{root.public_id}").text
    session.rollback()
    session.refresh(root)
    revision, key = root.revision, root.public_id
    session.rollback()
    assert desk.post(f"/api/v1/reports/{key}/actions/publish", json={"revision": revision}).status_code == 200
    assert talk_of(session, mine) is None


def test_the_public_sees_nothing_of_it(client, desk, session, mine):
    desk.post(f"/api/v1/reports/{mine['id']}/actions/publish", json={"revision": 1})
    before = [client.get(path).data for path in (f"/api/v1/reports/{mine['id']}", "/feeds/changes?since=0")]
    ask(desk, mine)
    answer(client, mine)
    assert before == [client.get(path).data for path in (f"/api/v1/reports/{mine['id']}", "/feeds/changes?since=0")]
    page = client.get(f"/reports/{mine['id']}").text
    assert "blue gate" not in page and "corner" not in page
    session.rollback()


def test_a_second_answer_is_kept_too(client, desk, session, mine):
    ask(desk, mine)
    page = client.get(f"/track/{mine['token']}").text
    field = re.search(r'name="question" value="(\w+)"', page)[1]
    sent = client.post(f"/track/{mine['token']}/message", data={"text": "First", "question": field}, follow_redirects=True)
    assert "Your answer was sent to the people who asked" in sent.text and "Add to your answer" in sent.text
    answer(client, mine, "Second")
    assert [one["text"] for one in questions(client, mine)[0]["answers"]] == ["First", "Second"]
    page = desk.get(f"/moderate/{mine['id']}").text
    assert "First" in page and "Second" in page and "No answer yet" not in page


def test_a_bad_answer_comes_back_with_what_was_typed(client, desk, session, mine):
    ask(desk, mine)
    field = questions(client, mine)[0]["id"]
    page = client.post(f"/track/{mine['token']}/message", data={"text": "y" * 4001, "question": field})
    assert page.status_code == 422 and "y" * 4001 in page.text and page.text.count('id="text"') == 1


@pytest.mark.parametrize("body, field", [
    ({"text": "x", "question": "nothere"}, "question"), ({"text": "x", "question": 5}, "question"),
    ({"text": "x", "question": "x" * 41}, "question"), ({"text": " ", "question": "OWN"}, "text"), ({"question": "OWN"}, "text"),
    ({"text": "x", "answer": "OWN"}, "answer"),
])  # fmt: skip
def test_answers_that_are_none(client, desk, session, mine, body, field):
    ask(desk, mine)
    own = questions(client, mine)[0]["id"]
    told = client.post(f"{URL}/{mine['token']}/message", json={name: own if v == "OWN" else v for name, v in body.items()})
    assert told.status_code == 422 and told.get_json()["errors"][0]["field"] == field
    assert session.query(Letter).count() == 0
    session.rollback()


def test_nobody_answers_anothers_question(client, desk, session, mine):
    ask(desk, mine)
    other = client.post("/api/v1/reports", json={**NEED, "description": "Another"}).get_json()
    told = client.post(
        f"{URL}/{other['tracking_token']}/message", json={"text": "x", "question": questions(client, mine)[0]["id"]}
    )
    assert told.status_code == 422 and told.get_json()["errors"][0]["code"] == "unknown-question"


def test_a_voice_is_not_shown_what_the_reporter_was_asked(client, desk, session, mine):
    desk.post(f"/api/v1/reports/{mine['id']}/actions/publish", json={"revision": 1})
    voice = client.post(f"/api/v1/reports/{mine['id']}/voices", json={"text": "me too"}).get_json()
    ask(desk, mine)
    told = client.get(f"{URL}/{voice['tracking_token']}")
    assert told.get_json()["questions"] == [] and "blue gate" not in told.text


# ---- reports that were taken back, hidden, erased, imported


def test_who_took_it_back_is_asked_no_more(client, desk, session, mine):
    ask(desk, mine)
    asked = questions(client, mine)[0]["id"]
    client.post(f"{URL}/{mine['token']}/withdraw")
    assert session.query(Outgoing).one().state is State.CANCELLED
    session.rollback()
    told = client.post(f"{URL}/{mine['token']}/message", json={"text": "x", "question": asked})
    assert told.status_code == 409
    page = client.get(f"/track/{mine['token']}").text
    assert "asked no more" in page and 'name="question"' not in page
    assert ask(desk, mine, status=409)["code"] == "withdrawn"
    assert "is not asked any more" in desk.get(f"/moderate/{mine['id']}").text
    assert client.post(f"{URL}/{mine['token']}/message", json={"text": "only this"}).status_code == 200  # a letter still goes


def test_a_question_that_is_closed_says_so(client, desk, session, mine):
    ask(desk, mine)
    session.execute(update(Outgoing).values(state=State.CANCELLED))
    session.commit()
    answer(client, mine, status=410)


def test_a_hidden_reports_reporter_can_still_answer(client, desk, session, mine):
    desk.post(f"/api/v1/reports/{mine['id']}/actions/reject", json={"revision": 1, "reason": "unverifiable"})
    ask(desk, mine)
    page = client.get(f"/track/{mine['token']}").text
    assert "decided not to show it" in page and "blue gate" in page
    answer(client, mine)
    assert "the reporter answered" in desk.get("/moderate?status=hidden").text


def test_an_erasure_leaves_no_word_of_question_and_answer_in_the_tables(client, desk, session, mine):
    ask(desk, mine, text="Marker-question", reason="")
    answer(client, mine, "Marker-answer")
    assert "Marker-question" in everything(session) and "Marker-answer" in everything(session)
    assert client.post(f"{URL}/{mine['token']}/erase").status_code == 204
    assert "Marker" not in everything(session)
    assert client.get(f"{URL}/{mine['token']}").status_code == 404
    assert ask(desk, mine, status=410)["code"] == "erased"
    told = desk.get(f"/api/v1/reports/{mine['id']}/log").get_json()["entries"]
    assert [(e["action"], e["by"], e["text"]) for e in told if e["action"] in ("ask", "answer")] == [
        ("answer", None, ""), ("ask", "Marie Vincent", "")
    ]  # fmt: skip


@pytest.mark.databases("sqlite")
def test_nor_in_the_files(client, desk, session, mine, database):
    ask(desk, mine, text="Marker-question " * 50)
    answer(client, mine, "Marker-answer " * 200)
    client.post(f"{URL}/{mine['token']}/erase")
    session.rollback()
    scrub()
    files = Path(db.engine.url.database).parent.glob("crowdmap.db*")
    assert [path.name for path in files if b"Marker-" in path.read_bytes()] == []


def test_a_report_of_another_map_has_nobody_to_ask(desk, session):
    report = make_report(channel="import")
    assert ask(desk, {"id": report.public_id}, status=409)["code"] == "nobody-to-ask"
    page = desk.get(f"/moderate/{report.public_id}").text
    assert "has no page here" in page and 'href="#do-ask"' not in page


# ---- limits and words


def test_five_questions_may_wait(client, desk, session, mine):
    for n in range(5):
        ask(desk, mine, text=f"Question {n}?")
    assert ask(desk, mine, status=409)["code"] == "questions-open"
    ask(desk, mine, canned="thanks")  # waits for nothing
    answer(client, mine, question=questions(client, mine)[0]["id"])
    ask(desk, mine)


def test_letters_of_a_day_are_limited(client, desk, session, mine, monkeypatch):
    monkeypatch.setattr(tracking, "MOST_LETTERS", 3)
    ask(desk, mine)
    for n in range(3):
        answer(client, mine, str(n))
    told = client.post(f"{URL}/{mine['token']}/message", json={"text": "x"})
    assert told.status_code == 429 and int(told.headers["Retry-After"]) > 80_000
    session.execute(update(Letter).values(at=utcnow() - timedelta(days=1, seconds=1)))
    session.commit()
    answer(client, mine)


def test_corrections_and_whether_help_came_count_as_letters(client, desk, session, mine, monkeypatch):
    monkeypatch.setattr(tracking, "MOST_LETTERS", 3)
    url, report = f"{URL}/{mine['token']}", session.query(Report).filter_by(public_id=mine["id"]).one()
    report.status = "published"
    session.commit()
    assert client.post(f"{url}/correct", json={"description": "Other words"}).status_code == 200
    assert client.post(f"{url}/confirm", json={"arrived": True}).status_code == 200
    assert client.post(f"{url}/message", json={"text": "One more"}).status_code == 200
    for what, body in (("correct", {"description": "And others", "contact_name": "Marie"}), ("confirm", {"arrived": False}), ("message", {"text": "x"})):
        told = client.post(f"{url}/{what}", json=body)
        assert told.status_code == 429 and told.get_json()["code"] == "letters-today", what
    assert session.query(Letter).count() == 3
    session.rollback()
    # how to be reached is never refused, nor that it is taken back
    assert client.post(f"{url}/correct", json={"contact_name": "Jeanne"}).status_code == 200
    assert client.post(f"{url}/withdraw", json={}).status_code == 200


def test_a_prepared_text_goes_in_the_reports_language_with_its_blanks_filled(client, desk, session, mine):
    ask(desk, mine, canned="where")
    ask(desk, mine, canned="thanks", language="ht")
    ask(desk, mine, canned="people:es")
    french, creole, spanish = questions(client, mine)
    assert french["text"].startswith("Au sujet de Water for sixty : où est-ce exactement ?") and "Rue Capois 12" in french["text"]
    assert (creole["language"], creole["kind"], creole["waits"]) == ("ht", "notice", False)
    assert spanish["language"] == "es" and "¿cuántas personas hay en Rue Capois 12?" in spanish["text"]


def test_the_form_shows_each_text_as_it_will_be_read_and_sends_it(client, desk, session, mine):
    page = desk.get(f"/moderate/{mine['id']}").text
    form = page[page.index('id="do-ask"') :]
    assert form.index('value="where:fr"') < form.index('value="where:en"')
    words = "Au sujet de Water for sixty : où est-ce exactement ?"
    assert words in form and 'data-action="ask"' in form
    sent = desk.post(f"/moderate/{mine['id']}/ask", data={"canned": "where:fr", "language": "fr", "revision": "1", "text": ""})
    assert sent.status_code == 303
    assert questions(client, mine)[0]["text"].startswith(words)
    both = desk.post(f"/moderate/{mine['id']}/ask", data={"canned": "where:fr", "text": "Où ?", "revision": "1"})
    assert both.status_code == 422 and "not both" in both.text and "Où ?" in both.text


def test_who_is_no_moderator_asks_nobody(app, session, mine):
    volunteer = make_account("volunteer")
    with pytest.raises(NotAllowed):
        perform(session, mine["id"], "ask", volunteer, text="x")
    session.rollback()


def test_publications_of_others_hold_no_sign_of_it(client, desk, session, mine):
    desk.post(f"/api/v1/reports/{mine['id']}/actions/publish", json={"revision": 1})
    ask(desk, mine)
    for row in session.query(Publication):
        assert (b'"talk"' in row.feature) == (row.audience == "staff")
    session.rollback()
