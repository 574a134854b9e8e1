"""The page behind the code: what it shows, what the reporter may do, and what is left after an erasure."""

import re
import uuid

import pytest

from crowdmap.db import utcnow
from crowdmap.events import Event
from crowdmap.intake import succession
from crowdmap.intake.tokens import grouped
from crowdmap.moderation import duplicates
from crowdmap.moderation.models import Decision
from crowdmap.publishing.models import Publication
from crowdmap.reports.models import Letter, Report, ReportPrivate, Submission
from tests.builders import make_account, make_report

URL = "/api/v1/track"
LON, LAT = -72.33517, 18.54361


@pytest.fixture
def mine(client, session):
    """A pending need with contact, and its token."""
    key = str(uuid.uuid4())
    told = client.post("/api/v1/reports", json={
        "kind": "need", "category": "WAT", "title": "Marker-title", "description": "Marker-text", "lat": LAT, "lon": LON,
        "place": "Marker-place", "people": 60, "contact_name": "Marker-name", "contact_phone": "+509 3712 3456",
        "client_id": key,
    }).get_json()  # fmt: skip
    return {"token": told["tracking_token"], "id": told["id"], "key": key}


def report_of(session, mine) -> Report:
    session.rollback()
    return session.query(Report).filter_by(public_id=mine["id"]).one()


def decide(session, mine, action: str, **columns):
    report = report_of(session, mine)
    for name, value in columns.items():
        setattr(report, name, value)
    session.add(Decision(report_id=report.id, action=action))
    session.commit()


def steps(client, mine) -> dict[str, str]:
    return {step["step"]: step["state"] for step in client.get(f"{URL}/{mine['token']}").get_json()["steps"]}


def test_what_it_shows(client, session, mine):
    answer = client.get(f"{URL}/{mine['token']}")
    told = answer.get_json()
    assert (told["id"], told["status"], told["description"], told["public"]) == (mine["id"], "pending", "Marker-text", None)
    assert told["contact_kept"] == ["contact_name", "contact_phone"]
    assert "Marker-name" not in answer.get_data(as_text=True) and "3712" not in answer.get_data(as_text=True)
    page = client.get(f"/track/{mine['token']}")
    assert "Marker-text" in page.get_data(as_text=True) and "Marker-name" not in page.get_data(as_text=True)
    for one in (answer, page):
        assert one.headers["Cache-Control"] == "no-store" and one.headers["Referrer-Policy"] == "no-referrer"


def test_the_six_steps(client, session, mine):
    assert steps(client, mine) == {
        "received": "done", "on_map": "now", "verified": "ahead", "taken": "ahead", "brought": "ahead",
        "confirmed": "ahead",
    }  # fmt: skip
    decide(session, mine, "publish", status="published")
    decide(session, mine, "verify", verification="verified")
    assert list(steps(client, mine).values()) == ["done", "done", "done", "now", "ahead", "ahead"]
    decide(session, mine, "close", status="closed", closed_at=utcnow())
    assert list(steps(client, mine).values()) == ["done"] * 5 + ["now"]
    assert client.post(f"{URL}/{mine['token']}/confirm", json={"arrived": True}).status_code == 200
    assert list(steps(client, mine).values()) == ["done"] * 6
    page = client.get(f"/track/{mine['token']}").get_data(as_text=True)
    assert page.count('class="done"') == 6 and f"/reports/{mine['id']}" in page


def test_a_hidden_report_says_so_in_kind_words(client, session, mine):
    decide(session, mine, "hide", status="hidden")
    page = client.get(f"/track/{mine['token']}").get_data(as_text=True)
    assert "decided not to show it" in page and "now" not in steps(client, mine).values()


def test_a_restricted_report_is_never_said_to_be_on_the_map(client, session):
    token = client.post("/api/v1/reports", json={
        "kind": "need", "category": "MISS", "description": "x", "place": "y"
    }).get_json()["tracking_token"]  # fmt: skip
    report = session.query(Report).one()
    report.status = "published"
    session.add(Decision(report_id=report.id, action="publish"))
    session.commit()
    page = client.get(f"/track/{token}").get_data(as_text=True)
    assert "not shown in public" in page and "What everybody sees" not in page


@pytest.mark.parametrize("spell", [str.lower, grouped, lambda t: grouped(t).replace(" ", "-"), lambda t: t.replace("O", "0")])
def test_a_code_is_found_however_it_is_typed(client, session, mine, spell):
    answer = client.post("/track", data={"code": spell(mine["token"])})
    assert answer.status_code == 303 and answer.location == f"/track/{mine['token']}"


def test_unknown_and_erased_are_the_same_page(client, session, mine):
    before = client.get("/track/" + "A" * 28)
    assert client.post(f"/track/{mine['token']}/erase").status_code == 200
    after = client.get(f"/track/{mine['token']}")
    form_token = re.compile(rb'name="csrf_token" value="[^"]+"')
    assert before.status_code == after.status_code == 404
    assert form_token.sub(b"", before.data) == form_token.sub(b"", after.data)
    assert client.post("/track", data={"code": mine["token"]}).status_code == 404
    for path in ("", "/withdraw", "/message"):
        call = client.post if path else client.get
        one, other = call(f"{URL}/{mine['token']}{path}"), call(f"{URL}/{'A' * 28}{path}")
        assert one.status_code == other.status_code == 404 and one.data == other.data


def test_nobody_gets_in_with_an_id(client, session, mine):
    assert client.get(f"/track/{mine['id']}").status_code == 404
    assert client.get(f"{URL}/{mine['id']}").status_code == 404


def test_a_correction_before_the_check_is_made_at_once(client, session, mine):
    told = client.post(f"{URL}/{mine['token']}/correct", json={"people": 80, "lat": 18.5, "lon": -72.3}).get_json()
    report = report_of(session, mine)
    assert (report.people, report.private.lat, report.revision) == (80, 18.5, 2) and told["people"] == 80
    assert session.query(Letter).count() == 0
    assert session.query(Submission).one().verbatim["people"] == 60  # what was received stays as it was


def test_a_correction_after_the_check_goes_to_the_moderators(client, session, mine):
    decide(session, mine, "publish", status="published")
    feature = client.get(f"/api/v1/reports/{mine['id']}").data
    answer = client.post(f"/track/{mine['token']}/correct", data={
        "description": "Now eighty", "place": "Marker-place", "people": "60", "contact_phone": "+509 3700 0000",
    })  # fmt: skip
    assert answer.status_code == 303
    report = report_of(session, mine)
    assert report.description == "Marker-text" and report.private.contact_phone == "+509 3700 0000"
    assert session.query(Letter).one().data == {"description": "Now eighty"}
    decision = session.query(Decision).filter_by(action="correct").one()
    assert decision.change == {"applied": ["contact_phone"], "asked": ["description"]}
    session.rollback()
    assert client.get(f"/api/v1/reports/{mine['id']}").data == feature


@pytest.mark.parametrize("body, field", [
    ({}, "description"), ({"lat": 18.5}, "lon"), ({"people": "9"}, "people"), ({"status": "published"}, "status"),
    ({"contact_email": "x"}, "contact_email"), ({"kind": "offer"}, "kind"),
])  # fmt: skip
def test_corrections_that_are_none(client, session, mine, body, field):
    answer = client.post(f"{URL}/{mine['token']}/correct", json=body)
    assert answer.status_code == 422 and answer.get_json()["errors"][0]["field"] == field


@pytest.mark.parametrize("action, field, most", [("message", "text", 4000), ("correct", "description", 10_000)])
def test_what_is_too_long_is_named_and_kept_whole(client, session, mine, action, field, most):
    words = "y" * most + " and the end of it"
    told = client.post(f"/track/{mine['token']}/{action}", data={field: words})
    page = told.get_data(as_text=True)
    assert told.status_code == 422 and f"At most {most} characters." in page and f"{words}</textarea>" in page
    assert f'maxlength="{most}"' not in page  # a browser would have cut it, and said nothing


def test_taking_it_back_takes_it_off_the_map(client, session, mine):
    decide(session, mine, "publish", status="published")
    since = client.get("/feeds/changes?since=0").get_json()["seq"]
    assert client.post(f"{URL}/{mine['token']}/withdraw").get_json()["withdrawn"] is True
    gone = client.get(f"/feeds/changes?since={since}").get_json()["features"]
    assert [(f["id"], f["properties"]["removed"], f["properties"]["reason"]) for f in gone] == [(mine["id"], True, "removed")]
    assert client.get("/feeds/needs.geojson").get_json()["features"] == []
    assert client.post(f"{URL}/{mine['token']}/withdraw").status_code == 200  # twice is once
    assert session.query(Decision).filter_by(action="withdraw", account_id=None).count() == 1
    session.rollback()
    assert client.post(f"{URL}/{mine['token']}/confirm", json={"arrived": True}).status_code == 409
    assert "taken back" in client.get(f"/track/{mine['token']}").get_data(as_text=True)


def test_a_voice_takes_back_only_itself(client, session, mine):
    decide(session, mine, "publish", status="published")
    neighbour = {"User-Agent": "a neighbour's"}  # from the reporter's own device it would be no second voice
    voice = client.post(f"/api/v1/reports/{mine['id']}/voices", json={"text": "me too"}, headers=neighbour).get_json()
    assert voice["voices"] == 2
    assert client.get(f"{URL}/{voice['tracking_token']}").get_json()["voice"] is True
    client.post(f"{URL}/{voice['tracking_token']}/withdraw")
    assert client.get(f"/api/v1/reports/{mine['id']}").get_json()["properties"]["voices"] == 1
    client.post(f"{URL}/{voice['tracking_token']}/erase")
    assert client.get(f"{URL}/{voice['tracking_token']}").status_code == 404
    assert client.get(f"/api/v1/reports/{mine['id']}").status_code == 200


def test_what_others_said_outlives_the_one_who_takes_it_back(client, session, mine):
    decide(session, mine, "publish", status="published")
    seen = client.get(f"/api/v1/reports/{mine['id']}").get_json()
    voice = client.post(f"/api/v1/reports/{mine['id']}/voices", json={"text": "Twenty of us here"}).get_json()
    client.post(f"/api/v1/reports/{mine['id']}/voices", json={}, headers={"User-Agent": "another"})
    assert client.post(f"{URL}/{mine['token']}/erase").status_code == 204
    told = client.get(f"{URL}/{voice['tracking_token']}").get_json()
    assert told["id"] != mine["id"] and told["status"] == "pending" and told["voice"] is False
    heir = session.query(Report).filter_by(public_id=told["id"]).one()
    assert (heir.description, heir.category, heir.kind) == ("Twenty of us here", "WAT", "need")
    assert [heir.private.lon, heir.private.lat] == seen["geometry"]["coordinates"]  # the public point, not the exact one
    assert session.query(Submission).filter_by(report_id=heir.id).count() == 2


@pytest.mark.parametrize("voice", [
    {"text": ""}, {"description": "Here too", "lat": "18,5", "lon": "-72,3", "people": "20", "category": "FOOD", "kind": "need"},
])  # fmt: skip
def test_any_voice_can_stand_alone(client, session, mine, voice):
    decide(session, mine, "publish", status="published")
    if "category" in voice:
        sent = client.post("/report", data={**voice, "client_id": str(uuid.uuid4()), "voice_of": mine["id"]})
    else:
        sent = client.post(f"/reports/{mine['id']}/voices", data=voice, headers={"User-Agent": "a neighbour's"})
    assert sent.status_code == 303
    client.post(f"{URL}/{mine['token']}/withdraw")
    heir = session.query(Report).filter(Report.public_id != mine["id"]).one()
    told = (heir.status, heir.category, heir.description, heir.people, heir.private.lat)
    if "category" in voice:
        assert told == ("pending", "FOOD", "Here too", 20, 18.5)
    else:
        assert told[:4] == ("pending", "WAT", "", None) and told[4] != LAT and told[4] is not None
    session.rollback()


TOO_LONG = "me too &#&#" + "1" * 4301  # a reference that Python refuses to read


@pytest.mark.parametrize("act, answer", [("withdraw", 200), ("erase", 204)])
def test_no_text_keeps_anybody_from_taking_back_their_own(client, session, act, answer):
    """What cannot be looked through, in each field that takes words, of the reporter and of a stranger."""
    given = {"category": "WAT", "title": TOO_LONG[:200], "description": TOO_LONG, "place": TOO_LONG[:200], "unit": TOO_LONG[:20]}
    mine = client.post("/api/v1/reports", json=given).get_json()
    decide(session, mine, "publish", status="published")
    neighbour = {"User-Agent": "a neighbour's"}
    voice = client.post(f"/api/v1/reports/{mine['id']}/voices", json={"text": TOO_LONG}, headers=neighbour).get_json()
    told = client.post(f"{URL}/{mine['tracking_token']}/correct", json={"description": TOO_LONG})
    written = client.post(f"{URL}/{mine['tracking_token']}/message", json={"text": TOO_LONG[:4000]})
    assert (told.status_code, written.status_code) == (200, 200)
    assert client.post(f"{URL}/{mine['tracking_token']}/{act}").status_code == answer
    assert client.get(f"/api/v1/reports/{mine['id']}").status_code == 410
    heir = client.get(f"{URL}/{voice['tracking_token']}").get_json()
    assert heir["id"] != mine["id"] and heir["voice"] is False


@pytest.mark.parametrize("act", ["withdraw", "erase"])
@pytest.mark.parametrize("fault", ["new_report", "preview"])
def test_a_voice_of_which_no_report_can_be_made_stays_with_the_team(client, session, mine, monkeypatch, caplog, act, fault):
    decide(session, mine, "publish", status="published")
    since = client.get("/feeds/changes?since=0").get_json()["seq"]
    voice = client.post(f"/api/v1/reports/{mine['id']}/voices", json={"text": "Marker-voice"}).get_json()

    def fail(*_):
        raise ValueError("Marker-voice")

    monkeypatch.setattr(succession, fault, fail)
    assert client.post(f"{URL}/{mine['token']}/{act}").status_code in (200, 204)
    gone = client.get(f"/feeds/changes?since={since}").get_json()["features"]
    assert [(f["id"], f["properties"].get("removed")) for f in gone] == [(mine["id"], True)]
    assert client.get(f"{URL}/{voice['tracking_token']}").get_json()["voice"] is True
    report = report_of(session, mine)
    left = session.query(Submission).filter_by(report_id=report.id, withdrawn_at=None).one()
    assert left.verbatim["text"] == "Marker-voice" and session.query(Report).count() == 1
    reasons = [one.reason for one in session.query(Decision).filter_by(report_id=report.id, action="note")]
    told = [one.data["action"] for one in session.query(Event).filter_by(name="ReportDecided")]
    assert reasons == [succession.KEPT] and told == ["withdraw", "erase"][: 2 if act == "erase" else 1]
    assert "Marker-voice" not in caplog.text and "ValueError" in caplog.text
    session.rollback()


def everything(session) -> str:
    """All rows of all tables as one text."""
    from crowdmap.db import db

    session.rollback()
    found = []
    for table in db.metadata.sorted_tables:
        found += [repr(tuple(row)) for row in session.execute(table.select())]
    session.rollback()
    return "\n".join(found)


@pytest.mark.parametrize("status", ["pending", "published"])
def test_after_an_erasure_nothing_is_left(client, session, mine, status):
    if status == "published":
        decide(session, mine, "publish", status="published")
    client.post(f"{URL}/{mine['token']}/message", json={"text": "Marker-letter"})
    client.post(f"{URL}/{mine['token']}/correct", json={"title": "Marker-correction"})
    marks = ("Marker-", "marker", "3712 3456", str(LON), str(LAT))  # four digits alone stand in many a random hash
    assert "Marker-letter" in everything(session)
    assert client.post(f"{URL}/{mine['token']}/erase").status_code == 204
    left = everything(session)
    assert [mark for mark in marks if mark in left] == []
    assert session.query(ReportPrivate).one().lon is None
    assert {row.removed for row in session.query(Publication)} == {"removed"}
    session.rollback()


def test_a_retry_does_not_bring_an_erased_report_back(client, session, mine):
    client.post(f"{URL}/{mine['token']}/erase")
    body = {"kind": "need", "category": "WAT", "description": "Marker-text", "place": "x", "client_id": mine["key"]}
    assert client.post("/api/v1/reports", json=body).status_code == 410
    assert "Marker-text" not in everything(session)


def test_erasing_asks_once_more(client, session, mine):
    page = client.get(f"/track/{mine['token']}/erase").get_data(as_text=True)
    assert "Erase everything?" in page and f'action="/track/{mine["token"]}/erase"' in page
    assert client.get(f"/track/{mine['token']}").status_code == 200


def test_messages_reach_the_moderators_and_decisions_hold_no_words(client, session, mine):
    assert client.post(f"/track/{mine['token']}/message", data={"text": "Please call my sister"}).status_code == 303
    assert client.post(f"/track/{mine['token']}/message", data={"text": " "}).status_code == 422
    assert session.query(Letter).one().text == "Please call my sister"
    assert [d.reason for d in session.query(Decision).filter_by(action="message")] == [""]


def test_a_merged_report_follows_the_one_it_was_joined_with(client, session, mine):
    root = make_report(category="ROAD")
    report = report_of(session, mine)
    report.merged_into_id = root.id
    session.add(Decision(report_id=report.id, action="merge"))
    session.commit()
    told = client.get(f"{URL}/{mine['token']}").get_json()
    assert (told["id"], told["status"], told["merged"]) == (root.public_id, "published", True)
    assert "joined with theirs" in client.get(f"/track/{mine['token']}").get_data(as_text=True)


def test_both_reporters_are_told_that_reports_were_joined_and_nothing_of_each_other(client, session, mine):
    others = [make_report(status="pending", description=f"Others-words {n}", place="Others-place", source_key=f"o{n % 2}") for n in range(3)]
    root = report_of(session, mine)
    actor = make_account()
    page, told = f"/track/{mine['token']}", f"{URL}/{mine['token']}"
    assert client.get(told).get_json()["joined"] == 0 and "told the same" not in client.get(page).text
    members = {report.public_id: 1 for report in (root, *others)}
    decision = duplicates.merge_many(session, root.public_id, members, actor).id
    session.commit()
    answer = client.get(told)
    assert answer.get_json()["joined"] == 2 and answer.get_json()["merged"] is False  # two senders, three reports
    shown = client.get(page).text
    assert "2 others told the same; their words are kept with yours." in shown
    for text in (answer.text, shown):
        assert not [mark for mark in ("Others-", *(r.public_id for r in others)) if mark in text]
    duplicates.undo(session, decision, actor)
    session.commit()
    assert client.get(told).get_json()["joined"] == 0 and "told the same" not in client.get(page).text


def test_who_is_merged_into_what_waits_does_not_learn_its_id(client, session, mine):
    root, actor = make_report(status="pending", title="Others-title", description="Others-words"), make_account()
    decision = duplicates.merge_many(session, root.public_id, {root.public_id: 1, mine["id"]: 1}, actor).id
    session.commit()
    for path in (f"{URL}/{mine['token']}", f"/track/{mine['token']}"):
        text = client.get(path).text
        assert root.public_id not in text and "Others-" not in text
    told = client.get(f"{URL}/{mine['token']}").get_json()
    assert (told["id"], told["merged"], told["joined"]) == (mine["id"], True, 0)
    assert "joined with theirs" in client.get(f"/track/{mine['token']}").text
    duplicates.undo(session, decision, actor)
    session.commit()
    assert client.get(f"{URL}/{mine['token']}").get_json()["merged"] is False
    assert "joined with theirs" not in client.get(f"/track/{mine['token']}").text


def test_one_who_sent_it_twice_is_not_another(client, session, mine):
    body = {"kind": "need", "category": "WAT", "description": "again", "place": "x", "contact_phone": "+509 3712 3456"}
    second = client.post("/api/v1/reports", json=body).get_json()["id"]
    duplicates.merge_many(session, mine["id"], {mine["id"]: 1, second: 1}, make_account())
    session.commit()
    assert client.get(f"{URL}/{mine['token']}").get_json()["joined"] == 0
    assert "told the same" not in client.get(f"/track/{mine['token']}").text


@pytest.mark.settings(RATE_LIMITS="on")
def test_codes_cannot_be_guessed_quickly(client, session):
    codes = [client.get(f"{URL}/{'B' * 27}{'ABCDEFGH'[n % 8]}").status_code for n in range(61)]
    assert set(codes[:60]) == {404} and codes[60] == 429
