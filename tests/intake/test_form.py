"""/report: sent once however often it is pressed, nothing typed is lost, and it works without scripts."""

import re
import uuid

import pytest
from limits import parse_many

from crowdmap.moderation.models import Decision
from crowdmap.reports.models import Category, Report, Submission
from crowdmap.web.limits import LIMITS, client_source, limiter
from tests.builders import PORT_AU_PRINCE, make_report

LON, LAT = PORT_AU_PRINCE


def hidden(page, name: str) -> str:
    return re.search(rf'name="{name}" value="([^"]*)"', page.get_data(as_text=True))[1]


def filled(client, query: str = "", **fields) -> dict:
    page = client.get("/report" + query)
    assert page.status_code == 200
    given = {
        "kind": "need", "category": "WAT", "description": "Sixty people without water", "place": "Delmas 33",
        "client_id": hidden(page, "client_id"), "opened": hidden(page, "opened"),
    }  # fmt: skip
    return {**given, **fields}


def test_a_report_is_sent_and_the_next_page_gives_the_code(client, session):
    answer = client.post("/report", data=filled(client, lat="18,543", lon="-72,335", people="60"))
    assert answer.status_code == 303
    page = client.get(answer.location)
    text = page.get_data(as_text=True)
    token = answer.location.split("/")[2]
    assert page.headers["Cache-Control"] == "no-store" and page.headers["Referrer-Policy"] == "no-referrer"
    assert " ".join(token[i : i + 4] for i in range(0, 28, 4)) in text
    assert f"/track/{token}" in text
    report = session.query(Report).one()
    assert (report.people, report.private.lat, report.private.located_by, report.source) == (60, 18.543, "pin", "web")
    assert session.query(Submission).one().verbatim["lat"] == "18,543"


def test_a_double_click_and_a_reload_make_one_report(client, session):
    data = filled(client)
    places = {client.post("/report", data=data).location for _ in range(3)}
    assert len(places) == 1
    session.rollback()
    assert session.query(Report).count() == 1


def test_going_back_and_sending_something_else_asks_for_a_second_look(client, session):
    data = filled(client)
    client.post("/report", data=data)
    again = client.post("/report", data={**data, "description": "Eighty people without water"})
    assert again.status_code == 409 and "Eighty people" in again.get_data(as_text=True)
    fresh = hidden(again, "client_id")
    assert fresh != data["client_id"]
    sent = client.post("/report", data={**data, "description": "Eighty people without water", "client_id": fresh})
    assert sent.status_code == 303


def test_a_form_with_errors_comes_back_with_all_that_was_typed(client, session):
    data = filled(client, people="sixty", contact_name="Jean O'Brien", contact_phone="3712 3456", place="bò legliz la")
    page = client.post("/report", data=data)
    text = page.get_data(as_text=True)
    assert page.status_code == 422
    for typed in ("sixty", "Jean O&#39;Brien", "3712 3456", "bò legliz la", "Sixty people without water"):
        assert typed in text
    assert 'href="#people"' in text and 'id="errors"' in text
    assert hidden(page, "client_id") == data["client_id"] and hidden(page, "opened") == data["opened"]
    assert re.search(r'value="WAT" checked', text) and re.search(r'value="need" checked', text)


def test_a_place_that_nobody_knows_is_taken(client, session):
    data = filled(client, place="")
    assert client.post("/report", data=data).status_code == 422
    assert client.post("/report", data={**data, "place_unknown": "1"}).status_code == 303
    assert session.query(Report).one().private.located_by == "none"


def test_the_address_fills_in_kind_and_point(client, session):
    text = client.get(f"/report?kind=damage&category=ROAD&lat={LAT}&lon={LON}").get_data(as_text=True)
    assert 'value="damage" checked' in text and 'value="ROAD" checked' in text and 'value="18.543000"' in text


@pytest.mark.parametrize("query", ["?lat=nan&lon=1", "?lat=95&lon=1", "?lat=1", "?kind=x", "?utm_source=a", "?lat=a&lon=b"])
def test_a_broken_link_still_shows_the_form(client, session, query):
    page = client.get("/report" + query)
    assert page.status_code == 200 and 'name="lat"' in page.get_data(as_text=True)


@pytest.mark.settings(LANGUAGES="en,fr,ht")
def test_categories_are_in_the_readers_language_and_only_active_ones(client, session):
    french = session.get(Category, "WAT").names["fr"]
    session.rollback()
    text = client.get("/report?lang=fr").get_data(as_text=True)
    assert french.replace("'", "&#39;") in text and 'value="OTH2"' not in text
    assert text.count('name="category"') > 40


@pytest.mark.parametrize("how", ["at once", "without the page", "trap", "slowly"])
def test_what_a_machine_may_have_sent_is_kept_and_marked(app, client, session, how):
    app.config["CROWDMAP"].MIN_FILL_SECONDS = 60 if how == "at once" else 0
    data = filled(client)
    if how == "without the page":
        del data["opened"]
    if how == "trap":
        data["website"] = "https://spam.example"
    assert client.post("/report", data=data).status_code == 303
    notes = [note.reason for note in session.query(Decision)]
    assert bool(notes) == (how != "slowly")
    assert session.query(Report).one().status == "pending"


@pytest.fixture
def twin(session):
    return make_report(
        at=PORT_AU_PRINCE, kind="damage", category="ROAD", description="The bridge at Delmas 33 collapsed, road blocked"
    )


def bridge(client, **fields):
    return filled(
        client, kind="damage", category="ROAD", description="Delmas 33 bridge collapsed, the road is blocked",
        lat=str(LAT), lon=str(LON), **fields,
    )  # fmt: skip


def test_something_like_it_is_there_already(client, session, twin):
    page = client.post("/report", data=bridge(client))
    text = page.get_data(as_text=True)
    assert page.status_code == 200 and "Is it one of these?" in text and "not sent yet" in text
    assert f'name="voice_of" value="{twin.public_id}"' in text and 'name="asked" value="1"' in text
    assert session.query(Submission).count() == 1
    session.rollback()


def test_yes_adds_a_voice_and_no_makes_a_report(client, session, twin):
    data = bridge(client)
    yes = client.post("/report", data={**data, "voice_of": twin.public_id})
    assert yes.status_code == 303
    assert client.get(f"/api/v1/reports/{twin.public_id}").get_json()["properties"]["voices"] == 2
    no = client.post("/report", data={**data, "client_id": str(uuid.uuid4()), "asked": "1"})
    assert no.status_code == 303
    session.rollback()
    assert session.query(Report).count() == 2 and session.query(Submission).count() == 3
    assert "Your voice is counted" in client.get(yes.location).get_data(as_text=True)


def test_the_question_shows_what_is_public_of_each(client, session, twin):
    twin.description = "<b>The bridge</b> at Delmas 33 collapsed, call +509 3712 3456, the road is blocked"
    session.commit()
    text = client.post("/report", data=bridge(client, voice_of="")).get_data(as_text=True)
    assert "&lt;b&gt;The bridge&lt;/b&gt;" in text and "[phone]" in text and "3712" not in text
    assert "about the same place" in text and "within the last hour" in text and text.count('name="voice_of"') == 1
    assert "Yes, this is it: add my voice" in text and "No, mine is different" in text


def test_who_called_them_different_is_asked_about_new_ones_only(client, session, twin):
    data = bridge(client)
    assert "Is it one of these?" in client.post("/report", data={**data, "asked": "someother,"}).text
    answered = {**data, "asked": f"someother,{twin.public_id}"}
    other = make_report(at=PORT_AU_PRINCE, kind="damage", category="ROAD", description="The bridge at Delmas 33 fell, road blocked")
    key, other_id = twin.public_id, other.public_id
    session.rollback()
    page = client.post("/report", data=answered).get_data(as_text=True)
    assert f'name="voice_of" value="{other_id}"' in page and f'value="{key}"' not in page
    assert client.post("/report", data={**answered, "asked": f"{key},{other_id}"}).status_code == 303


def test_what_was_answered_is_kept_when_the_form_comes_back(client, session):
    page = client.post("/report", data=filled(client, people="sixty", asked="abc,def"))
    assert page.status_code == 422 and hidden(page, "asked") == "abc,def"


@pytest.mark.parametrize("minutes, words", [(0, "within the last hour"), (59, "within the last hour"), (60, "1 h ago"), (2159, "35 h ago"), (2160, "1 day ago"), (2880, "2 days ago")])
@pytest.mark.databases("sqlite")
def test_ages_are_told_in_words(app, minutes, words):
    from crowdmap.intake.form import age

    with app.test_request_context():
        assert age(minutes) == words


def test_a_repeat_is_not_asked_again(client, session, twin):
    data = {**bridge(client), "asked": "1"}
    first = client.post("/report", data=data)
    del data["asked"]
    assert client.post("/report", data=data).location == first.location


def test_the_script_gets_json(client, session, twin):
    json = {"Accept": "application/json"}
    asked = client.post("/report", data=bridge(client), headers=json).get_json()
    assert asked["status"] == "asked" and asked["possible_duplicates"][0]["id"] == twin.public_id
    sent = client.post("/report", data={**bridge(client), "asked": "1"}, headers=json)
    assert sent.status_code == 201 and sent.get_json()["tracking_url"]


def test_the_button_of_a_reports_page(client, session, twin):
    answer = client.post(f"/reports/{twin.public_id}/voices", data={"text": "Here too"})
    assert answer.status_code == 303 and answer.location.endswith("/sent")
    assert client.get(f"/api/v1/reports/{twin.public_id}").get_json()["properties"]["voices"] == 2
    assert client.post("/reports/nothere/voices", data={}).status_code == 404


@pytest.mark.settings(RATE_LIMITS="on")
def test_a_flood_keeps_what_was_typed(client, session):
    data = filled(client, place="", description="Bezwen dlo")
    answers = [client.post("/report", data=data) for _ in range(61)]
    assert answers[0].status_code == 422 and answers[60].status_code == 429
    assert int(answers[60].headers["Retry-After"]) > 0 and "Bezwen dlo" in answers[60].get_data(as_text=True)


def test_the_form_sets_no_cookie(client, session):
    assert "Set-Cookie" not in client.get("/report").headers
    assert "Set-Cookie" not in client.post("/report", data=filled(client)).headers


@pytest.mark.settings(RATE_LIMITS="on")
@pytest.mark.databases("sqlite")
def test_being_asked_is_no_submission_but_a_search(app, client, session, twin, monkeypatch):
    def left(name: str) -> int:
        with app.test_request_context(environ_base={"REMOTE_ADDR": "127.0.0.1"}):
            return min(limiter.limiter.get_window_stats(item, client_source(), name).remaining for item in parse_many(LIMITS[name]))

    limiter.reset()
    monkeypatch.setitem(LIMITS, "duplicates", "2 per hour")  # for what the form spends; the route keeps its own
    asked = bridge(client)
    for _ in range(2):
        assert "Is it one of these?" in client.post("/report", data=asked).text
    assert (left("submit"), left("duplicates")) == (60, 0)
    # who may not search any more is not asked, and the report is kept; what is kept counts
    assert client.post("/report", data=asked).status_code == 303
    assert client.post("/report", data={**bridge(client), "asked": "1"}).status_code == 303
    assert client.post("/report", data={**bridge(client), "people": "sixty"}).status_code == 422
    assert left("submit") == 57
    limiter.reset()
