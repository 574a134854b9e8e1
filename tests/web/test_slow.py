"""Readers who take nothing, or next to nothing, leave the threads to others."""

import http.client
import socket
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest

from crowdmap.web import slow
from tests.builders import make_report
from tests.servers import LiveServer

QUICK = "import sys; from crowdmap.web import slow; slow.SLOW_S = 2; from crowdmap.cli import main; sys.exit(main())"
IMPATIENT = "import sys; from crowdmap import serve; serve.ASKING_S = 2; from crowdmap.cli import main; sys.exit(main())"


def line_to(server, path):
    """A connection that asked, has a small buffer, and reads nothing."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.settimeout(20)
    line.connect(("127.0.0.1", server.port))
    line.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
    return line


def asked(server, path, seconds):
    """(status, body), or None where none came in time."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=seconds)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except TimeoutError:
        return None
    finally:
        connection.close()


@pytest.mark.databases("sqlite")
def test_who_reads_nothing_holds_no_thread_for_long(session, app_settings):
    for number in range(80):
        make_report(description=f"{number} " + "&" * 9_900)
    server = LiveServer(
        app_settings, "--workers", "1", "--threads", "8", "--no-worker", command=(sys.executable, "-c", QUICK, "serve", "--host", "127.0.0.1")
    )  # fmt: skip
    try:
        whole = asked(server, "/feeds/all.kml", 20)
        assert whole[0] == 200 and len(whole[1]) > 8_000_000
        with ExitStack() as stack:
            for _ in range(24):
                stack.enter_context(line_to(server, "/feeds/all.kml"))
            time.sleep(1)
            answer = asked(server, "/feeds/all.geojson?limit=1", 30)
            assert answer is not None and answer[0] == 200
        assert asked(server, "/feeds/all.kml", 20) == whole  # in pieces, and the same bytes
        assert "Traceback" not in server.output()
    finally:
        server.stop()


@pytest.mark.databases("sqlite")
def test_who_never_finishes_asking_holds_no_thread_for_long(app_settings):
    """A head that stops after a letter, and a body of which only the beginning comes."""
    server = LiveServer(
        app_settings, "--workers", "1", "--threads", "4", "--no-worker",
        command=(sys.executable, "-c", IMPATIENT, "serve", "--host", "127.0.0.1"),
    )  # fmt: skip
    post = f"POST /api/v1/reports HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{{"
    try:
        with ExitStack() as stack:
            lines = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 20)) for _ in range(12)]
            for number, line in enumerate(lines):
                line.sendall(post.encode() if number % 2 else b"G")
            time.sleep(1)
            answer = asked(server, "/feeds/all.geojson?limit=1", 15)
            assert answer is not None and answer[0] == 200
            assert lines[1].recv(12) == b"HTTP/1.1 408"
        assert "Traceback" not in server.output()
    finally:
        server.stop()


class Reader(slow.Sending):
    """One that has waited since then, for so many seconds before, and took so much."""

    def __init__(self, waiting_since, seconds=0.0, taken=0):
        super().__init__(None, None, (), iter(()))
        self.waiting_since, self._seconds, self._taken = waiting_since, seconds, taken


def test_while_there_is_room_a_slow_reader_may_be_slow():
    now = 1000.0
    drips = [Reader(now - 10, 300, taken) for taken in (9_000_000, 1_000, 500_000)]
    stuck, quick, silent = Reader(now - 21), Reader(now - 1), Reader(None, 100)
    everybody = [*drips, stuck, quick, silent]
    assert slow.too_slow(everybody, 3, now) == [stuck]
    assert slow.too_slow(everybody, 2, now) == [stuck, drips[1]]
    assert slow.too_slow(everybody, 1, now) == [stuck, drips[1], drips[2]]


def test_who_takes_all_at_once_is_never_long(monkeypatch):
    """A live stream is told a little, for hours: what it takes at once is no waiting, or it would be cut in the end."""
    clock = iter(range(100_000))
    monkeypatch.setattr(slow.time, "monotonic", lambda: next(clock) * slow.AT_ONCE_S / 2)
    sending = slow.Sending(None, None, (b"a" for _ in range(2_000)), None)
    assert sum(map(len, sending)) == 2_000
    assert sending.seconds(sending.waiting_since) < 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks glibc")
def test_threads_share_their_memory():
    words = """
import ctypes, threading
from crowdmap.serve import share_the_memory
share_the_memory()
all_there = threading.Barrier(16)
def work():
    all_there.wait()
    kept = [bytes(2000) for _ in range(1000)]
    all_there.wait()
threads = [threading.Thread(target=work) for _ in range(16)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
ctypes.CDLL(None).malloc_stats()
"""
    told = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True, timeout=60).stderr
    assert 1 <= told.count("Arena ") <= 2, told
