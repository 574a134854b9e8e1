"""The stream among all sorts of readers: a library's, one that does not read, a network that takes many, one that comes
back after hours."""

import http.client
import json
import os
import socket
import sys
import time
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import httpx
import pytest
from httpx_sse import connect_sse

from crowdmap.feeds import stream
from crowdmap.reports.models import Status
from tests.builders import make_report
from tests.servers import LiveServer


def events_of(server, path, number, **headers):
    """The first reports of a stream, as httpx-sse reads them."""
    with httpx.Client(timeout=20) as client, connect_sse(client, "GET", server.url + path, headers=headers) as source:
        source.response.raise_for_status()
        return list(islice((event for event in source.iter_sse() if event.event == "report"), number))


@pytest.mark.databases("sqlite")
def test_a_library_reads_it_and_resumes(session, live_server):
    first, second = make_report(title="Édité\r\n: \u2028 data: x"), make_report(kind="need")
    first.status = Status.HIDDEN
    session.commit()
    told = events_of(live_server, "/feeds/stream?since=0", 2)
    assert [event.json()["id"] for event in told] == [second.public_id, first.public_id]
    assert told[1].json()["properties"]["removed"] and told[1].retry is None
    assert [event.id for event in told] == [str(event.json()["properties"]["seq"]) for event in told]
    (again,) = events_of(live_server, "/feeds/stream", 1, **{"Last-Event-ID": told[0].id})
    assert again.data == told[1].data


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(stream, "BATCH", 3)
    monkeypatch.setattr(stream, "PIECE", 2000)
    monkeypatch.setattr(stream, "CHECK_S", 0.1)
    monkeypatch.setattr(stream, "HEART_BEAT_S", 0.2)


def ids_of(piece: bytes) -> list[int]:
    return [int(line[4:]) for line in piece.split(b"\n") if line.startswith(b"id: ")]


@pytest.mark.databases("sqlite")
def test_a_large_catch_up_comes_in_pieces_that_each_can_be_resumed_from(session, client, quick):
    made = [make_report(description="long " * 100).public_id for _ in range(8)]
    answer = client.get("/feeds/stream?since=0", buffered=False)
    pieces, found = iter(answer.response), []
    while len(found) < len(made):
        piece = next(pieces)
        assert len(piece) < 2 * stream.PIECE and piece.endswith(b"\n\n")
        found += [json.loads(line[6:])["id"] for line in piece.split(b"\n") if line.startswith(b"data: ")]
    answer.close()
    assert found == made


@pytest.mark.databases("sqlite")
def test_what_the_filter_leaves_out_is_not_looked_through_again(session, client, quick):
    needs = [make_report(kind="need") for _ in range(7)]
    answer = client.get("/feeds/stream?since=0&kind=offer", buffered=False)
    pieces = iter(answer.response)
    passed = []
    while not passed or passed[-1] < json.loads(client.get("/feeds/changes?since=0").data)["seq"]:
        piece = next(pieces)
        assert b"data:" not in piece
        passed += ids_of(piece)
    assert len(passed) >= 3  # two full batches, and the rest with a heart-beat
    answer.close()
    resumed = client.get("/feeds/stream?kind=offer", headers={"Last-Event-ID": str(passed[-1])}, buffered=False)
    assert resumed.status_code == 200
    needs[0].kind = "offer"
    session.commit()
    pieces = iter(resumed.response)
    assert needs[0].public_id.encode() in next(piece for piece in pieces if b"data:" in piece)
    resumed.close()


@pytest.mark.databases("sqlite")
def test_the_heart_beats_also_while_only_others_are_told_anything(session, client, quick):
    answer = client.get("/feeds/stream?kind=offer", buffered=False)
    pieces = iter(answer.response)
    assert next(pieces).startswith(b": welcome")
    for _ in range(3):
        make_report(kind="need")
        assert next(pieces).startswith(b": heart-beat")
    answer.close()


class Line:
    """A connection that asked for a stream and reads only when told to, with a small buffer."""

    def __init__(self, server, path="/feeds/stream", source=None):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        if source:
            self.socket.bind((source, 0))
        self.socket.settimeout(20)
        self.socket.connect(("127.0.0.1", server.port))
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
        self.answer = http.client.HTTPResponse(self.socket)
        self.answer.begin()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def rest(self) -> bytes:
        """All that still comes until the other side ends it."""
        got = b""
        try:
            while piece := self.answer.read1(65536):
                got += piece
        except (OSError, http.client.HTTPException):
            pass
        return got


def memory_of_worker(server) -> int:
    """Resident kilobytes of the server's one serving process."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        except OSError:
            continue
        command = (folder / "cmdline").read_bytes() if int(status["PPid"]) == server.pid else b""
        if b"serve" in command:
            return int(status["VmRSS"].split()[0])
    raise AssertionError("the serving process was not found")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_who_does_not_read_is_cut_and_costs_no_memory(session, app_settings):
    """All four places are held by clients that read nothing while a thousand changes are published."""
    words = "import sys; from crowdmap.web import slow; slow.SLOW_S = 3; from crowdmap.cli import main; sys.exit(main())"
    command = (sys.executable, "-c", words, "serve", "--host", "127.0.0.1")
    server = LiveServer(app_settings, "--workers", "1", "--threads", "8", "--no-worker", command=command)
    reports = [make_report(description=f"{number} " + "long " * 200) for number in range(60)]
    try:
        with ExitStack() as stack:
            lines = [stack.enter_context(Line(server)) for _ in range(4)]
            assert [line.answer.status for line in lines] == [200] * 4
            with Line(server) as extra:
                assert extra.answer.status == 503 and int(extra.answer.getheader("Retry-After")) > 0
            before, published = memory_of_worker(server), 0
            while published < 1000:
                for report in reports:
                    report.title = f"edited {published}"
                    published += 1
                session.commit()
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                with Line(server) as extra:
                    if extra.answer.status == 200:
                        break
                time.sleep(0.2)
            assert extra.answer.status == 200, "no place was given back"
            grown = memory_of_worker(server) - before
            print(f"{published} changes, four clients that read nothing: {grown} kB more in the serving process")
            assert grown < 30_000
            got = lines[0].rest()
            last = ids_of(got[: got.rindex(b"\n\n") + 2])[-1]
            assert len(got) < 2_000_000
        newest = {event.json()["id"]: event for event in events_of(server, f"/feeds/stream?since={last}", len(reports))}
        assert set(newest) == {report.public_id for report in reports}  # nothing is lost to who comes back
        assert "Error" not in server.output() and "Traceback" not in server.output()
    finally:
        server.stop()


@pytest.mark.databases("sqlite")
@pytest.mark.settings(RATE_LIMITS="on")
def test_one_network_leaves_places_to_others(serve):
    if not os.path.exists("/proc/net/fib_trie"):
        pytest.skip("needs a loopback with more than one network")
    server = serve("--workers", "1", "--threads", "8")
    with ExitStack() as stack:
        asked = [stack.enter_context(Line(server)).answer for _ in range(4)]
        assert [answer.status for answer in asked] == [200, 200, 200, 503]
        problem = json.loads(asked[3].read())
        assert problem["code"] == "streams-full" and "network" in problem["detail"]
        assert [stack.enter_context(Line(server, source="127.0.9.1")).answer.status for _ in range(2)] == [200, 503]
