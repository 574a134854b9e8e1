"""POST /api/v1/reports: taken once, whatever the network does, and nothing odd gets further than the door."""

import threading
import uuid

import pytest

from crowdmap.reports.models import Report, Submission
from tests.builders import PORT_AU_PRINCE, make_report

LON, LAT = PORT_AU_PRINCE
URL = "/api/v1/reports"
WATER = {"kind": "need", "category": "WAT", "description": "Sixty people without water", "lat": LAT, "lon": LON}


def count(session, model) -> int:
    session.rollback()
    return session.query(model).count()


def test_a_report_is_taken_and_can_be_followed(client, session):
    answer = client.post(URL, json={**WATER, "accuracy_m": 12, "people": 60})
    told = answer.get_json()
    assert answer.status_code == 201
    assert set(told) == {"id", "tracking_token", "tracking_url", "status", "possible_duplicates"}
    assert told["status"] == "pending" and len(told["tracking_token"]) == 28
    assert told["tracking_url"].endswith("/track/" + told["tracking_token"])
    assert answer.headers["Location"].endswith("/api/v1/reports/" + told["id"])
    assert answer.headers["Cache-Control"] == "no-store"
    assert client.get(f"/track/{told['tracking_token']}").status_code == 200
    report = session.query(Report).one()
    assert (report.private.lon, report.private.lat, report.private.accuracy_m) == (LON, LAT, 12)
    stored = session.query(Submission).one()
    assert stored.verbatim == {**WATER, "accuracy_m": 12, "people": 60}
    assert told["tracking_token"].encode() not in (stored.token_hash or b"")


def test_a_category_gives_the_kind_that_is_not_said(client, session):
    client.post(URL, json={**WATER, "kind": None, "category": "ROAD"})
    assert session.query(Report).one().kind == "damage"


def test_words_alone_are_a_place_that_is_not_known_yet(client, session):
    words = {k: v for k, v in WATER.items() if k not in ("lat", "lon")}
    assert client.post(URL, json={**words, "place": "behind the church of Léogâne"}).status_code == 201
    report = session.query(Report).one()
    assert (report.private.lon, report.private.located_by) == (None, "none")


def test_a_repeat_is_the_same_report(client, session):
    key = str(uuid.uuid4())
    first = client.post(URL, json=WATER, headers={"Idempotency-Key": key})
    session.query(Report).one().status = "published"
    session.commit()
    again = client.post(URL, json={**WATER, "client_id": key})
    assert (first.status_code, again.status_code) == (201, 200)
    for name in ("id", "tracking_token"):
        assert first.get_json()[name] == again.get_json()[name]
    assert again.get_json()["status"] == "published"
    assert count(session, Report) == count(session, Submission) == 1


def test_the_same_key_with_other_content_is_a_conflict(client, session):
    key = str(uuid.uuid4())
    client.post(URL, json={**WATER, "client_id": key})
    answer = client.post(URL, json={**WATER, "client_id": key, "people": 80})
    assert answer.status_code == 409 and answer.get_json()["errors"][0]["field"] == "client_id"
    assert count(session, Report) == 1


def test_without_a_key_each_message_is_its_own(client, session):
    assert client.post(URL, json=WATER).get_json()["id"] != client.post(URL, json=WATER).get_json()["id"]


@pytest.mark.parametrize("header, body, field", [
    ("not-a-uuid", {}, "Idempotency-Key"),
    ("6f1c7c1e-3f0e-4c57-9f0e-6f1f6f1a7b10", {"client_id": "0b6ad3a0-58a2-4f53-b0b5-2a3f8f6c1d22"}, "client_id"),
])  # fmt: skip
def test_keys_must_make_sense(client, session, header, body, field):
    answer = client.post(URL, json={**WATER, **body}, headers={"Idempotency-Key": header})
    assert answer.status_code == 422 and answer.get_json()["errors"][0]["field"] == field
    assert count(session, Report) == 0


def test_simultaneous_twins_are_one_report(app, session):
    key, answers, gate = str(uuid.uuid4()), [], threading.Barrier(6)

    def send():
        gate.wait()
        answers.append(app.test_client().post(URL, json=WATER, headers={"Idempotency-Key": key}))

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert len({(a.get_json()["id"], a.get_json()["tracking_token"]) for a in answers}) == 1
    assert count(session, Report) == count(session, Submission) == 1


def test_photos_are_refused_by_name(client, session):
    import io

    by_form = client.post(URL, data={**{k: str(v) for k, v in WATER.items()}, "photos": (io.BytesIO(b"x"), "a.jpg")})
    by_json = client.post(URL, json={**WATER, "photos": ["data:…"]})
    for answer in (by_form, by_json):
        assert answer.status_code == 400 and answer.get_json()["errors"][0]["field"] == "photos"
    assert count(session, Report) == 0


def test_what_may_be_the_same_is_told_from_public_rows_only(client, session):
    near = make_report(at=PORT_AU_PRINCE, category="ROAD", description="Bridge at Delmas 33 collapsed, road blocked")
    make_report(
        at=PORT_AU_PRINCE, category="ROAD", description="Bridge at Delmas 33 collapsed, road blocked", status="pending"
    )
    told = client.post(
        URL, json={**WATER, "kind": "damage", "category": "ROAD", "description": "Delmas 33 bridge collapsed, road blocked"}
    ).get_json()
    assert [found["id"] for found in told["possible_duplicates"]] == [near.public_id]


@pytest.mark.settings(AREA="-75,17,-71,21")
def test_a_point_outside_the_area_waits_for_a_moderator(client, session):
    assert client.post(URL, json={**WATER, "lat": 44.4, "lon": 8.9}).get_json()["status"] == "pending"
    client.post(URL, json=WATER)
    assert session.query(Report).filter_by(out_of_area=True).count() == 1


def test_me_too_is_a_voice_of_that_report(client, session):
    report = make_report(category="ROAD")
    told = client.post(f"{URL}/{report.public_id}/voices", json={"text": "We too"}, headers={"User-Agent": "a"})
    assert told.status_code == 201
    assert told.get_json()["id"] == report.public_id and told.get_json()["voices"] == 2
    again = client.post(f"{URL}/{report.public_id}/voices", json={"text": "We too!"}, headers={"User-Agent": "a"})
    assert again.get_json()["voices"] == 2  # the same device
    assert client.get(f"/track/{told.get_json()['tracking_token']}").status_code == 200


@pytest.mark.parametrize("status", ["pending", "hidden"])
def test_me_too_needs_a_report_that_is_public(client, session, status):
    report = make_report(status="pending")
    report.status = status
    session.commit()
    assert client.post(f"{URL}/{report.public_id}/voices", json={}).status_code in (404, 410)
    assert client.post(f"{URL}/nothere/voices", json={}).status_code == 404


def test_me_too_on_a_merged_report_goes_to_its_root(client, session):
    root, child = make_report(category="ROAD"), make_report(category="ROAD")
    child.merged_into_id = root.id
    session.commit()
    told = client.post(f"{URL}/{child.public_id}/voices", json={}).get_json()
    assert told["id"] == root.public_id and told["voices"] == 3


@pytest.mark.settings(RATE_LIMITS="on")
def test_a_flood_is_slowed_and_told_when_to_come_back(client, session):
    answers = [client.post(URL, json={}) for _ in range(61)]
    assert {answer.status_code for answer in answers[:60]} == {422}
    assert answers[60].status_code == 429 and int(answers[60].headers["Retry-After"]) > 0


@pytest.mark.parametrize("told, kept", [
    ("2010-01-12T16:53:00Z", "2010-01-12T16:53:00+00:00"), ("2010-01-12T11:53:00-05:00", "2010-01-12T16:53:00+00:00"),
    (None, None), ("yesterday", "occurred_at"), (1263315180, "occurred_at"), ("2999-01-01T00:00:00Z", "occurred_at"),
])  # fmt: skip
def test_when_it_happened_is_a_time_in_text(client, session, told, kept):
    answer = client.post("/api/v1/reports", json={"category": "WAT", "description": "x", "place": "x", "occurred_at": told})
    if kept == "occurred_at":
        assert answer.status_code == 422 and answer.get_json()["errors"][0]["field"] == kept
        return
    assert answer.status_code == 201
    report = session.query(Report).one()
    assert (report.occurred_at and report.occurred_at.isoformat()) == kept
    session.rollback()
