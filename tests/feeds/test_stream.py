"""The stream against a real server: live, resumed, capped, and light on those who only want a page."""

import http.client
import json
import statistics
import time
from contextlib import ExitStack

import pytest

from crowdmap.db import db
from crowdmap.feeds import stream
from crowdmap.reports.models import Status
from tests.builders import make_report


class Listener:
    """One server-sent-events connection, read line by line."""

    def __init__(self, server, path="/feeds/stream", **headers):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        self.connection.request("GET", path, headers=headers)
        self.response = self.connection.getresponse()

    def next(self) -> dict:
        """The next event as {id, event, data}."""
        event = {}
        while True:
            line = self.response.readline().decode().rstrip("\n")
            if not line and "data" in event:
                return {**event, "data": json.loads(event["data"])}
            name, _, value = line.partition(": ")
            if name:
                event[name] = value

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()


@pytest.mark.alone
def test_a_change_arrives_by_itself_and_a_listener_resumes(session, live_server):
    first = make_report()
    with Listener(live_server) as listener:
        assert listener.response.getheader("Content-Type").startswith("text/event-stream")
        started = time.monotonic()
        report = make_report(kind="need")
        event = listener.next()
        print(f"a change reached the listener after {(time.monotonic() - started) * 1000:.0f} ms")
        assert (event["event"], event["data"]["id"]) == ("report", report.public_id)
        assert event["id"] == str(event["data"]["properties"]["seq"])
    report.status = Status.HIDDEN
    session.commit()
    with Listener(live_server, **{"Last-Event-ID": event["id"]}) as listener:
        gone = listener.next()["data"]
        assert gone["properties"]["removed"] and gone["geometry"] is None
    with Listener(live_server, "/feeds/stream?since=0") as listener:
        assert [listener.next()["data"]["id"] for _ in range(2)] == [first.public_id, report.public_id]


def test_a_stream_carries_only_its_filter(session, live_server):
    with Listener(live_server, "/feeds/stream?kind=offer") as listener:
        make_report(kind="need")
        offer = make_report(kind="offer", category="FDP")
        assert listener.next()["data"]["id"] == offer.public_id


@pytest.mark.parametrize(("path", "status"), [
    ("/feeds/stream?since=99999", 410), ("/feeds/stream?nonsense=1", 400), ("/feeds/stream?from=-1h", 400),
    ("/feeds/stream?since=x", 400),
])  # fmt: skip
def test_a_stream_that_cannot_be_is_refused_before_it_begins(client, path, status):
    assert client.get(path).status_code == status


def test_streams_take_half_the_threads_and_the_next_is_told_to_poll(serve):
    server = serve("--workers", "1", "--threads", "8")
    with ExitStack() as stack:
        statuses = [stack.enter_context(Listener(server)).response.status for _ in range(4)]
        assert statuses == [200] * 4
        extra = stack.enter_context(Listener(server))
        assert extra.response.status == 503 and int(extra.response.getheader("Retry-After")) > 0
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:  # those who hang up give their place back
        with Listener(server) as listener:
            if listener.response.status == 200:
                return
        time.sleep(0.5)
    pytest.fail("places were not given back")


@pytest.mark.alone
@pytest.mark.databases("sqlite")
def test_with_fifty_open_streams_the_form_still_answers(session, live_server):
    with ExitStack() as stack:
        listeners = [stack.enter_context(Listener(live_server)) for _ in range(50)]
        assert [listener.response.status for listener in listeners] == [200] * 50
        took = []
        for _ in range(9):
            started = time.monotonic()
            connection = http.client.HTTPConnection("127.0.0.1", live_server.port, timeout=10)
            connection.request("GET", "/report")
            answer = connection.getresponse()
            assert answer.status == 200 and answer.read()
            took.append(time.monotonic() - started)
            connection.close()
        print(f"form with 50 streams open: median {statistics.median(took) * 1000:.0f} ms")
        report = make_report()
        assert {listener.next()["data"]["id"] for listener in listeners} == {report.public_id}
    db.session.remove()


@pytest.mark.databases("sqlite")
def test_a_place_is_not_lost_where_the_answer_cannot_begin(session, client, app, monkeypatch):
    remove, failed = stream.db.session.remove, []

    def fail_once():
        if not failed:
            failed.append(1)
            raise RuntimeError
        remove()

    monkeypatch.setattr(stream.db.session, "remove", fail_once)
    assert client.get("/feeds/stream").status_code == 500
    assert not app.extensions["crowdmap_streams"].places
