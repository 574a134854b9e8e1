"""What 50 open streams do to the form, and how soon an event is with all of them, on both databases.

    .venv/bin/python -m benchmarks.streams [--database sqlite] [--streams 50] [--events 40]

`crowdmap serve` with its defaults (two processes of 128 threads). While the streams are open, reports are published one
after the other from another process, and between them the form is asked for, sent (each a report), and the API. The
latency of an event runs from before its commit to its last byte at each stream. Every stream must get every event once.
"""

import argparse
import re
import selectors
import socket
import threading
import time
from urllib.parse import urlencode
from uuid import uuid4

from benchmarks.intake import report
from benchmarks.measure import Client, machine, show, spread
from benchmarks.sites import DATABASES, Site, rss_mb, serving_processes, site
from crowdmap.db import db
from crowdmap.intake.draft import ReportDraft
from crowdmap.intake.submit import Incoming, submit
from crowdmap.reports.models import Status

EVENT = re.compile(rb'data: \{"type":"Feature","id":"([a-z0-9]+)"')


class Listeners:
    """Open streams, read by one thread that notes when each report came."""

    def __init__(self, url: str, number: int):
        self.came: dict[str, list[float]] = {}
        self._selector, self._rest = selectors.DefaultSelector(), {}
        self._stop = False
        self._thread = threading.Thread(target=self._listen)
        host, port = url.removeprefix("http://").split(":")
        self.lines = []
        for _ in range(number):
            line = socket.create_connection((host, int(port)), 30)
            line.sendall(f"GET /feeds/stream HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: text/event-stream\r\n\r\n".encode())
            head = b""
            while b"welcome" not in head:
                part = line.recv(4096)
                assert part and b" 503 " not in head, head
                head += part
            assert head.startswith(b"HTTP/1.1 200"), head
            self.lines.append(line)
            self._rest[line] = b""
            self._selector.register(line, selectors.EVENT_READ)
        self._thread.start()

    def _listen(self):
        while not self._stop:
            for key, _ in self._selector.select(0.2):
                data = key.fileobj.recv(1 << 16)
                now = time.perf_counter()
                assert data, "a stream ended"
                *whole, rest = (self._rest[key.fileobj] + data).split(b"\n\n")
                self._rest[key.fileobj] = rest
                for event in whole:
                    if match := EVENT.search(event):
                        self.came.setdefault(match[1].decode(), []).append(now)

    def close(self):
        self._stop = True
        self._thread.join()
        for line in self.lines:
            line.close()


def publish(number: int) -> str:
    draft = ReportDraft(category="WAT", description=f"Water for {number} families", lat=18.54, lon=-72.33)
    receipt = submit(db.session, Incoming(draft, "api", f"bench-{uuid4()}", {"n": number}, status=Status.PUBLISHED))
    db.session.commit()
    db.session.remove()
    return receipt.public_id


def send_form(client: Client, page: bytes, number: int) -> float:
    """ms for the POST; what the page handed out goes along."""
    hidden = {name: re.search(rf'name="{name}"[^>]*value="([^"]*)"'.encode(), page) for name in ("client_id", "opened")}
    fields = {name: match[1].decode() for name, match in hidden.items()}
    fields |= {"kind": "need", "category": "WAT", "description": f"Water for {number} families", "lat": "18.51", "lon": "-72.29", "asked": "1"}
    begun = time.perf_counter()
    status, headers, body = client.ask(
        "POST", "/report", urlencode(fields).encode(), Content_Type="application/x-www-form-urlencoded", Origin=f"http://{client.host}"
    )
    took = (time.perf_counter() - begun) * 1000
    assert status == 303, (status, body[:300])
    return took


def run(here: Site, number: int, events: int) -> dict[str, str]:
    rows = {}
    with here.server() as server, here.app() as app, app.app_context():
        client = Client(server.url)
        for title, open_streams in (("no stream", 0), (f"{number} streams", number)):
            listeners = Listeners(server.url, open_streams)
            time.sleep(1)
            pages, forms, posts, latencies, sent = [], [], [], [], {}
            for n in range(events):
                begun = time.perf_counter()
                sent[publish(n)] = begun
                begun = time.perf_counter()
                status, _, page = client.get("/report")
                pages.append((time.perf_counter() - begun) * 1000)
                assert status == 200 and b"client_id" in page
                forms.append(send_form(client, page, n))
                begun = time.perf_counter()
                status, _, body = client.ask("POST", "/api/v1/reports", report(n), Content_Type="application/json")
                posts.append((time.perf_counter() - begun) * 1000)
                assert status == 201, body
                time.sleep(0.15)
            time.sleep(2)
            listeners.close()
            told = {name: spread(took) for name, took in (("form, GET", pages), ("form, POST", forms), ("API, POST", posts))}
            for name, p in told.items():
                rows[f"{title}: {name}, p50 / p99 ms"] = f"{p['p50']:.0f} / {p['p99']:.0f}"
            for public_id, begun in sent.items() if open_streams else ():
                came = listeners.came.get(public_id, [])
                assert len(came) == open_streams, (public_id, len(came))
                latencies += [(moment - begun) * 1000 for moment in came]
            if latencies:
                p = spread(latencies)
                rows[f"{title}: event at the stream, p50 / p99 / most ms ({len(latencies):,} of {len(latencies):,})"] = (
                    f"{p['p50']:.0f} / {p['p99']:.0f} / {p['max']:.0f}"
                )
        client.close()
        rows["memory of the larger serving process (RSS)"] = f"{max(rss_mb(pid) for pid in serving_processes(server)):.0f} MB"
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=DATABASES, action="append", help="default: both")
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--events", type=int, default=40)
    given = parser.parse_args()
    table: dict[str, list[str]] = {}
    names = given.database or list(DATABASES)
    for name in names:
        with site(name, reports=1000) as here:
            print(f"{name}: {here.version}, {here.published:,} published reports before; {machine()}", flush=True)
            for row, figure in run(here, given.streams, given.events).items():
                table.setdefault(row, []).append(figure)
    show("Streams", names, table)


if __name__ == "__main__":
    main()
