"""What was acknowledged is there, whatever happens next; what is sent twice at once is there once. Real servers."""

import http.client
import json
import os
import signal
import sqlite3
import threading
import uuid

import pytest

from crowdmap.reports.models import Report, Submission

WATER = {"kind": "need", "category": "WAT", "description": "Sixty people without water", "place": "Delmas 33"}


def post(server, body: dict, **headers) -> tuple[int, dict]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("POST", "/api/v1/reports", json.dumps(body), {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    told = json.loads(answer.read())
    connection.close()
    return answer.status, told


def processes_of(pid: int) -> list[int]:
    """The process and all below it."""
    children = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as file:
            children += [int(child) for child in file.read().split()]
    return [pid, *(below for child in children for below in processes_of(child))]


@pytest.mark.databases("sqlite")
def test_a_server_killed_right_after_its_answer_has_lost_nothing(session, app_settings, serve):
    server = serve()
    kept = []
    for number in range(5):
        status, told = post(server, {**WATER, "people": number})
        assert status == 201
        kept.append(told["id"])
    for pid in reversed(processes_of(server.pid)):
        os.kill(pid, signal.SIGKILL)
    server.process.wait(10)

    path = app_settings["DATABASE_URL"].removeprefix("sqlite:///")
    with sqlite3.connect(path) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert [report.public_id for report in session.query(Report).order_by(Report.id)] == kept
    session.rollback()
    again = serve()
    assert post(again, {**WATER, "people": 9})[0] == 201


def test_twins_at_the_same_moment_at_several_processes_are_one(session, serve):
    server = serve("--workers", "2", "--threads", "4")
    for _ in range(3):
        key, answers, gate = str(uuid.uuid4()), [], threading.Barrier(8)

        def send(key=key, answers=answers, gate=gate):
            gate.wait()
            answers.append(post(server, WATER, **{"Idempotency-Key": key}))

        threads = [threading.Thread(target=send) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(status for status, _told in answers) == [200] * 7 + [201]
        assert len({(told["id"], told["tracking_token"]) for _status, told in answers}) == 1
    assert session.query(Report).count() == session.query(Submission).count() == 3
    session.rollback()


def test_the_form_and_the_api_do_not_share_keys(client, session):
    """A key belongs to its channel: nobody can find out by another one whether it was used."""
    key = str(uuid.uuid4())
    assert client.post("/api/v1/reports", json={**WATER, "client_id": key}).status_code == 201
    assert client.post("/report", data={**WATER, "client_id": key, "asked": "1"}).status_code == 303
    assert session.query(Report).count() == 2
    session.rollback()
