"""Voices: what is kept of each, who counts, and that nobody counts twice, learns of others, or changes the truth by it."""

import json
import uuid
from datetime import timedelta

import pytest

from crowdmap.db import utcnow
from crowdmap.intake.voices import MOST_A_DAY
from crowdmap.publishing.models import Publication
from crowdmap.reports.models import Report, Submission
from tests.builders import PORT_AU_PRINCE, make_report

LON, LAT = PORT_AU_PRINCE
PHONE, OTHER = "+509 3712 3456", "+509 3700 0001"


@pytest.fixture
def need(session):
    return read(session, make_report(category="WAT", description="No water at the church of Delmas 33"))


def read(session, report) -> Report:
    """To be looked at without a transaction, which would keep the server from writing."""
    session.refresh(report)
    session.expunge(report)
    session.rollback()
    return report


def speak(client, report, text="", agent="a phone", **fields):
    answer = client.post(f"/api/v1/reports/{report.public_id}/voices", json={"text": text, **fields}, headers={"User-Agent": agent})
    return answer


def voices(client, report) -> int:
    return client.get(f"/api/v1/reports/{report.public_id}").get_json()["properties"]["voices"]


def kept(session, report) -> list[dict]:
    """What was received, the oldest first."""
    session.rollback()
    found = session.query(Submission.verbatim).filter_by(report_id=report.id).order_by(Submission.id).all()
    session.rollback()
    return [row.verbatim for row in found]


def as_form(client, report=None, agent="a phone", **fields):
    given = {
        "kind": "need", "category": "WAT", "description": "No water at Delmas 33, by the church", "lat": str(LAT), "lon": str(LON),
        "client_id": str(uuid.uuid4()), **({"voice_of": report.public_id} if report else {"asked": "1"}),
    }  # fmt: skip
    return client.post("/report", data={**given, **fields}, headers={"User-Agent": agent})


def test_a_second_me_too_says_nothing_new_and_is_answered_kindly(client, session, need):
    first, again = speak(client, need), speak(client, need)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.get_json()["message"] is None and first.get_json()["voices"] == again.get_json()["voices"] == 2
    told = again.get_json()
    assert told["tracking_token"] is told["tracking_url"] is None and "counted once" in told["message"]
    assert again.headers["Cache-Control"] == "no-store"
    assert len(kept(session, need)) == 2


def test_new_words_are_kept_and_count_once(client, session, need):
    speak(client, need, "We are twenty")
    again = speak(client, need, "We are thirty now")
    assert again.status_code == 201 and again.get_json()["tracking_token"] and again.get_json()["voices"] == 2
    assert "One person counts once" in again.get_json()["message"]
    assert [told.get("text") for told in kept(session, need)][1:] == ["We are twenty", "We are thirty now"]
    assert speak(client, need, "  we are TWENTY ").status_code == 200


def test_a_camp_behind_one_network_is_told_apart_by_telephone_numbers(client, session, need):
    assert speak(client, need, contact_phone=PHONE).get_json()["voices"] == 2
    told = speak(client, need, contact_phone=OTHER).get_json()
    assert told["voices"] == 3 and told["message"] is None
    assert as_form(client, need, contact_phone="+509 3700 0002").status_code == 303
    assert voices(client, need) == 4


def test_one_number_on_two_devices_counts_once_for_the_team_and_nobody_else_is_told_whose_it_is(client, session, need):
    speak(client, need, contact_phone=PHONE)
    for number, guess in enumerate((OTHER, PHONE, "+509 3700 0002")):
        told = speak(client, need, agent=f"somebody else's {number}", contact_phone=guess)
        assert told.status_code == 201 and told.get_json()["message"] is None and told.get_json()["tracking_token"]
        assert told.get_json()["voices"] == voices(client, need) == 3 + number
    staff = session.query(Publication.feature).filter_by(report_id=need.id, audience="staff").scalar()
    session.rollback()
    assert json.loads(staff)["properties"]["voices"] == 4


def test_the_days_limit_does_not_tell_whose_number_it_is_either(client, session, need):
    speak(client, need, contact_phone=PHONE)
    for number in range(MOST_A_DAY):
        assert speak(client, need, f"Number {number}", agent="somebody else's", contact_phone=PHONE).status_code == 201
    assert speak(client, need, "One more", agent="somebody else's", contact_phone=PHONE).status_code == 429


@pytest.mark.parametrize("reporter, voice", [
    ({}, {}), ({"contact_phone": PHONE}, {}), ({}, {"contact_phone": PHONE}), ({"contact_phone": PHONE}, {"contact_phone": "0050937123456"}),
])  # fmt: skip
def test_the_reporter_is_no_second_voice(client, session, reporter, voice):
    client.post("/api/v1/reports", headers={"User-Agent": "a phone"}, json={
        "kind": "need", "category": "WAT", "description": "No water here", "lat": LAT, "lon": LON, **reporter,
    })  # fmt: skip
    report = session.query(Report).one()
    report.status = "published"
    session.commit()
    report = read(session, report)
    assert speak(client, report, "Still none", **voice).get_json()["voices"] == 1
    assert speak(client, report, "From my sister's", agent="another", contact_phone=PHONE).get_json()["voices"] == 2


def test_a_voice_on_a_merged_report_is_one_of_the_whole_tree(client, session, need):
    child = make_report(category="WAT")
    child.merged_into_id = need.id
    session.commit()
    child = read(session, child)
    assert speak(client, child).get_json()["voices"] == 3
    assert speak(client, need).status_code == 200


def test_only_so_many_a_day_are_kept_of_one_source(client, session, need):
    answers = [speak(client, need, f"Words number {n}") for n in range(MOST_A_DAY + 1)]
    assert {answer.status_code for answer in answers[:-1]} == {201}
    full = answers[-1]
    assert full.status_code == 429 and full.get_json()["code"] == "voices-today"
    assert 86_000 < int(full.headers["Retry-After"]) <= 86_401
    assert len(kept(session, need)) == MOST_A_DAY + 1 and voices(client, need) == 2
    assert speak(client, need, "Somebody else", contact_phone=PHONE).status_code == 201
    assert speak(client, read(session, make_report(category="WAT")), "Another report").status_code == 201
    page = as_form(client, need, description="Something that is not lost")
    assert page.status_code == 429 and "Something that is not lost" in page.text and "a report of its own" in page.text
    for row in session.query(Submission):
        row.received_at = utcnow() - timedelta(days=1, minutes=1)
    session.commit()
    assert speak(client, need, "The next day").status_code == 201


def test_a_repeat_gets_its_first_answer_whatever_came_between(client, session, need):
    key = str(uuid.uuid4())
    first = speak(client, need, client_id=key).get_json()
    for n in range(MOST_A_DAY - 1):
        speak(client, need, f"Words number {n}")
    again = speak(client, need, client_id=key)
    assert again.status_code == 200 and again.get_json()["tracking_token"] == first["tracking_token"]


def test_who_took_a_voice_back_may_speak_again(client, session, need):
    token = speak(client, need).get_json()["tracking_token"]
    client.post(f"/api/v1/track/{token}/withdraw")
    assert voices(client, need) == 1
    assert speak(client, need).status_code == 201 and voices(client, need) == 2


def test_twenty_voices_change_nothing_of_the_truth(client, session, need):
    for n in range(20):
        speak(client, need, agent=f"phone {n}")
    feature = client.get(f"/api/v1/reports/{need.public_id}").get_json()["properties"]
    assert (feature["voices"], feature["verification"]) == (21, "unverified")
    session.rollback()
    assert session.get(Report, need.id, populate_existing=True).verification == "unverified"


def test_what_a_voice_tells_stays_with_it(client, session):
    report = read(session, make_report(category="ROAD", kind="damage", at=(LON, LAT), accuracy_m=500, people=3))
    before = client.get(f"/api/v1/reports/{report.public_id}").get_json()
    sent = as_form(
        client, report, kind="damage", category="ROAD", description="The bridge is down", lat=str(LAT + 0.001), accuracy_m="5",
        people="40", contact_phone=PHONE,
    )  # fmt: skip
    assert sent.status_code == 303 and "Your voice is counted" in client.get(sent.location).text
    told = kept(session, report)[-1]
    assert (told["description"], told["contact_phone"], told["people"], told["accuracy_m"]) == ("The bridge is down", PHONE, "40", "5")
    after = client.get(f"/api/v1/reports/{report.public_id}").get_json()
    assert after["properties"]["voices"] == 2 and after["geometry"] == before["geometry"]
    for name in ("description", "people", "precision_m", "place", "verification"):
        assert after["properties"][name] == before["properties"][name]
    report = session.get(Report, report.id)
    assert report.private.contact_phone is None and report.private.lat == LAT and report.revision == 1
    for row in session.query(Publication):
        assert "3712" not in (row.feature or b"").decode() and "3712" not in row.search_text
    session.rollback()


@pytest.mark.parametrize("status", ["hidden", "pending"])
def test_what_agreed_with_a_report_that_left_the_map_is_a_report_of_its_own(client, session, need, status):
    report = read(session, make_report(status="pending")) if status == "pending" else need
    if status == "hidden":
        session.get(Report, need.id).status = "hidden"
        session.commit()
    sent = as_form(client, report, description="No water, sixty people")
    assert sent.status_code == 303 and "Your report has arrived" in client.get(sent.location).text
    made = session.query(Report).filter_by(description="No water, sixty people").one()
    assert made.status == "pending" and made.id != report.id
    session.rollback()


def test_a_form_that_says_nothing_new_is_told_so(client, session, need):
    assert as_form(client, need).status_code == 303
    page = as_form(client, need)
    assert page.status_code == 200 and "This was told before" in page.text and f"/reports/{need.public_id}" in page.text
    data = client.post("/report", headers={"Accept": "application/json", "User-Agent": "a phone"}, data={
        "kind": "need", "category": "WAT", "description": "No water at Delmas 33, by the church", "lat": str(LAT), "lon": str(LON),
        "client_id": str(uuid.uuid4()), "voice_of": need.public_id,
    })  # fmt: skip
    assert data.status_code == 200 and data.get_json()["tracking_url"] is None
    button = client.post(f"/reports/{need.public_id}/voices", data={"text": ""}, headers={"User-Agent": "a phone"})
    assert button.status_code == 200 and "This was told before" in button.text
    assert len(kept(session, need)) == 2


def test_the_button_of_a_reports_page_takes_a_number(client, session, need):
    assert 'name="contact_phone"' in client.get(f"/reports/{need.public_id}").text
    address = f"/reports/{need.public_id}/voices"
    assert client.post(address, data={"text": "", "contact_phone": PHONE}).status_code == 303
    assert client.post(address, data={"text": "", "contact_phone": OTHER}).status_code == 303
    assert voices(client, need) == 3 and kept(session, need)[-1]["contact_phone"] == OTHER


@pytest.mark.parametrize("body, field", [
    ({"contact_phone": "call me"}, "contact_phone"), ({"contact_email": "nobody"}, "contact_email"), ({"place": "x"}, "place"),
])  # fmt: skip
def test_a_voice_takes_no_nonsense(client, session, need, body, field):
    answer = client.post(f"/api/v1/reports/{need.public_id}/voices", json=body)
    assert answer.status_code == 422 and answer.get_json()["errors"][0]["field"] == field
