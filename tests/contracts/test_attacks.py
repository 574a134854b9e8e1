"""What a hostile reader tried once and must not work again. Each test failed before its repair."""

import logging
import sqlite3
import struct
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import event, exc, text, update

from crowdmap.accounts.models import LoginAttempt
from crowdmap.db import DatabaseBusy, db, is_busy, utcnow
from crowdmap.feeds import pages, reading
from crowdmap.feeds.cache import Bodies
from crowdmap.feeds.files import AT_ONCE, files
from crowdmap.jobs import Job, work_once
from crowdmap.reports.models import Report, Status
from tests.builders import PASSWORD, make_account, make_report, sign_in

FORM = {"category": "WAT", "description": "Sixty people without water", "place": "Delmas 33", "asked": "1"}


def test_head_is_no_way_around_the_token_and_the_limits_of_a_form(client, session):
    account = make_account()
    answer = client.head("/login", data={"email": account.email, "password": PASSWORD})
    assert answer.status_code == 200
    assert session.query(LoginAttempt).count() == 0


@pytest.mark.settings(RATE_LIMITS="on")
@pytest.mark.databases("sqlite")
def test_a_form_too_large_to_read_is_refused_also_over_the_limit(client):
    body = b"".join(b'--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\n1\r\n' % n for n in range(1100)) + b"--b--"
    codes = [client.post("/report", data=body, content_type="multipart/form-data; boundary=b").status_code for _ in range(61)]
    assert set(codes[:60]) == {413} and codes[60] == 429


@pytest.mark.databases("sqlite")
def test_a_body_of_a_thousand_faults_is_answered_with_few(client):
    body = {f"name{n}": n for n in range(1000)}
    answer = client.post("/api/v1/reports", json=body)
    assert answer.status_code == 422 and 0 < len(answer.get_json()["errors"]) <= 50


def test_what_cannot_be_built_is_not_remembered():
    """Its key is a stranger's choice: a million of them would fill the memory."""
    kept = Bodies()

    def fail():
        raise ValueError

    for number in range(3):
        with pytest.raises(ValueError):
            kept.get(("cells", number), lambda: 1, fail)
    assert not kept._building


@pytest.mark.databases("sqlite")
def test_files_that_strangers_ask_for_take_few_processors_and_no_thread_waits(app, client, session):
    """Each question is a file of its own: a hundred of them would keep every thread for minutes."""
    make_report()
    places = files(app)._places
    for _ in range(AT_ONCE):
        assert places.acquire(blocking=False)
    answer = client.get("/feeds/all.gpkg?q=report")
    assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0
    assert client.get("/feeds/all.csv?limit=all").status_code == 200
    for _ in range(AT_ONCE):
        places.release()
    assert client.get("/feeds/all.gpkg?q=report").status_code == 200


def test_what_people_told_is_in_no_error_that_goes_to_the_log(session):
    with pytest.raises(exc.DBAPIError) as refused:
        session.execute(text("SELECT * FROM there_is_no_such_table WHERE words = :words"), {"words": "Marker-words"})
    session.rollback()
    assert "Marker-words" not in str(refused.value)


def test_a_tracking_code_is_not_in_the_log(client, session, monkeypatch, caplog):
    def fail(*_args, **_more):
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr("crowdmap.intake.tracking.find", fail)
    with caplog.at_level(logging.INFO):
        assert client.get("/track/MARKERMARKERMARKERMARKERMARK").status_code == 500
    assert "/track/<token>" in caplog.text and "MARKERMARKER" not in caplog.text


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Via", "X-Forwarded-Proto"])
def test_numbers_are_not_handed_on_by_a_proxy(client, header):
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", headers={header: "192.0.2.1"}).status_code == 404


def test_a_form_that_cannot_be_kept_stays_on_the_screen(client, session, monkeypatch):
    def locked(*_args, **_more):
        raise DatabaseBusy("BEGIN IMMEDIATE", None, Exception("locked"))

    monkeypatch.setattr("crowdmap.intake.views.submit", locked)
    answer = client.post("/report", data=FORM)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0
    assert "Sixty people without water" in page and "Delmas 33" in page


@pytest.mark.parametrize("words", ["disk I/O error", "unable to open database file"])
def test_a_disk_that_refuses_is_a_reason_to_come_again(words):
    assert is_busy(exc.OperationalError("INSERT", None, sqlite3.OperationalError(words)))


@pytest.mark.databases("sqlite")
def test_a_disk_that_can_only_be_read_is_a_reason_to_come_again(client, session):
    @event.listens_for(db.engine, "connect")
    def as_if_mounted_read_only(raw, _record):
        raw.execute("PRAGMA query_only = ON")

    db.engine.dispose()
    answer = client.post("/api/v1/reports", json={"category": "WAT", "description": "x", "place": "x"})
    assert answer.status_code == 503 and answer.headers["Retry-After"]


@pytest.mark.databases("sqlite")
def test_what_was_erased_leaves_the_files(client, session):
    told = client.post("/api/v1/reports", json={
        "category": "WAT", "title": "Markertitle", "description": "Markerwords", "place": "Markerplace",
        "contact_name": "Markername", "lat": 18.512345, "lon": -72.312345,
    }).get_json()  # fmt: skip
    session.query(Report).filter_by(public_id=told["id"]).one().status = Status.PUBLISHED
    session.commit()
    assert client.post(f"/api/v1/track/{told['tracking_token']}/erase").status_code == 204
    session.execute(update(Job).values(due_at=utcnow()))
    session.commit()
    while work_once(session):
        pass
    session.rollback()
    left = b"".join(path.read_bytes() for path in Path(db.engine.url.database).parent.glob("*.db*"))
    assert b"marker" not in left.lower()
    assert struct.pack(">d", -72.312345) not in left and struct.pack("<d", -72.312345) not in left


def merged_into_a_need_of(client, session, status: str) -> tuple[dict, Report]:
    """A published need with its tracking token, and a report of this status merged into it."""
    told = client.post("/api/v1/reports", json={"category": "WAT", "description": "First", "lat": 18.5, "lon": -72.3}).get_json()
    root = session.query(Report).filter_by(public_id=told["id"]).one()
    root.status = Status.PUBLISHED
    other = make_report(status=status, description="Marker-other")
    other.merged_into_id = root.id
    session.commit()
    return told, other


def test_taking_a_report_back_publishes_nothing_that_was_merged_into_it_unread(client, session):
    told, other = merged_into_a_need_of(client, session, "pending")
    assert client.post(f"/api/v1/track/{told['tracking_token']}/withdraw").status_code == 200
    assert "Marker-other" not in client.get("/feeds/changes?since=0").get_data(as_text=True)
    session.refresh(other)
    assert (other.merged_into_id, other.status) == (None, Status.PENDING)  # in the queue, not lost with the other
    session.rollback()
    sign_in(client, make_account())
    assert "Marker-other" in client.get("/api/v1/reports?status=pending").get_data(as_text=True)


def test_what_was_published_before_it_was_merged_tells_on(client, session):
    told, other = merged_into_a_need_of(client, session, "published")
    assert client.post(f"/api/v1/track/{told['tracking_token']}/withdraw").status_code == 200
    assert "Marker-other" in client.get("/feeds/needs.geojson").get_data(as_text=True)
    session.refresh(other)
    assert other.merged_into_id is not None
    session.rollback()


def test_a_persons_offer_is_blurred_in_a_category_that_is_exact_for_damage(client, session):
    place = (-72.3387, 18.5432)
    make_report(category="ROAD", kind="offer", at=place, description="A tractor, ask at my house")
    make_report(category="HOSP", kind="offer", at=place, description="A hospital that works")
    session.rollback()
    told = {f["properties"]["category"]: f for f in client.get("/feeds/offers.geojson").get_json()["features"]}
    assert told["ROAD"]["geometry"]["coordinates"] != list(place) and told["ROAD"]["properties"]["precision_m"] > 400
    assert told["HOSP"]["geometry"]["coordinates"] == list(place)


def test_a_voice_cannot_ask_whether_it_guessed_anothers_words(client, session):
    report = make_report(place="Behind the blue gate")
    session.rollback()
    token = client.post(f"/api/v1/reports/{report.public_id}/voices", json={}).get_json()["tracking_token"]
    answers = [client.post(f"/track/{token}/correct", data={"place": guess}) for guess in ("Behind the blue gate", "Elsewhere")]
    assert [answer.status_code for answer in answers] == [303, 303]


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("origin", ["http://[::1", "http://", "x", "http://localhost/", "http://evil@localhost", "\xff"])
def test_an_origin_that_is_none_is_another_site(client, origin):
    answer = client.post("/api/v1/reports", json={"category": "WAT", "description": "x", "place": "x"}, headers={"Origin": origin})
    assert answer.status_code == 403


@pytest.mark.databases("sqlite")
def test_a_header_moves_no_addresses(serve):
    """A proxy hands on headers that a stranger wrote; SCRIPT_NAME would be taken off the path, or be answered by 500."""
    asked = urllib.request.Request(serve().url + "/feeds/all.geojson", headers={"SCRIPT_NAME": "/elsewhere"})
    with urllib.request.urlopen(asked, timeout=20) as answer:
        assert answer.status == 200


@pytest.mark.databases("sqlite")
def test_large_pages_are_made_a_few_at_a_time(app, session, monkeypatch):
    """Each takes megabytes while it is made, and a stranger can ask as many different ones at once as there are threads."""
    make_report()
    now, most, lock, page = 0, 0, threading.Lock(), reading.page

    def slowly(*given):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.05)
        try:
            return page(*given)
        finally:
            with lock:
                now -= 1

    monkeypatch.setattr(reading, "page", slowly)
    with ThreadPoolExecutor(12) as pool:
        def asked(number):
            return app.test_client().get(f"/feeds/all.geojson?limit=10000&q=w{number}").status_code

        assert set(pool.map(asked, range(24))) == {200} and most <= pages.AT_ONCE
