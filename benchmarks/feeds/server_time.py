"""What feeds and the map's data cost with 100,000 published reports, on both databases.

    .venv/bin/python -m benchmarks.feeds.server_time [--database sqlite] [--reports 100000] [--keep FOLDER] [--url …]

Server time is that of the whole WSGI application in this process. Cold: the process knows nothing yet, and the body is
built from the database, whose pages are in memory; rebuilt: the body is built again, what the filter finds was counted
before, as after a new report or for the next page; cached: the body is there and its seq is asked for; 304: the caller
has it. Over HTTP: one worker of `crowdmap serve` and one client on this machine, who share its cores. Medians of 7;
each answer's count is checked.
"""

import argparse
import threading
import time
from pathlib import Path

import orjson
from werkzeug.test import EnvironBuilder

from benchmarks.measure import Client, machine, median_ms, show
from benchmarks.sites import DATABASES, Site, rss_mb, serving_processes, site
from crowdmap import serve
from crowdmap.config import settings
from crowdmap.db import db
from crowdmap.feeds.cache import bodies
from crowdmap.intake.draft import ReportDraft
from crowdmap.intake.submit import Incoming, submit
from crowdmap.reports.models import Status

PAGE = "/feeds/all.geojson"  # of 1,000 features
CITY = (-72.40, 18.48, -72.22, 18.62)
VIEWS = {"world, zoom 2": ((-180, -85, 180, 85), 2), "country, zoom 8": ((-75, 17.5, -71, 20.5), 8), "city, zoom 12": (CITY, 12)}
WRITES_A_SECOND = 10


class Asker:
    """Asks the application in this process; the time outside it does not count."""

    def __init__(self, app):
        self.app = app

    def environ(self, path: str, **headers: str) -> dict:
        return EnvironBuilder(path=path, base_url=self.app.config["CROWDMAP"].PUBLIC_URL, headers=headers).get_environ()

    def get(self, path: str, **headers: str) -> tuple[int, dict, bytes]:
        return self.answer(self.environ(path, **headers))

    def answer(self, environ: dict) -> tuple[int, dict, bytes]:
        told = []
        body = self.app(environ, lambda status, headers, exc_info=None: told.append((status, headers)))
        try:
            data = b"".join(body)
        finally:
            if hasattr(body, "close"):  # optional (PEP 3333)
                body.close()
        status, headers = told[0]
        return int(status[:3]), dict(headers), data

    def time_ms(self, path: str, forget=lambda: None, **headers: str) -> float:
        environ = self.environ(path, **headers)
        return median_ms(lambda: self.answer(environ.copy()), before=forget)

    def forget_body(self) -> None:
        bodies(self.app).clear()

    def forget_all(self) -> None:
        self.forget_body()
        self.app.extensions.pop("crowdmap_counts", None)


def text(box, moved: int = 0) -> str:
    """The bbox parameter; *moved* makes it another one for the cache: its western side by so many 1e-7 degrees."""
    west, *rest = box
    return ",".join([f"{west + moved * 1e-7:.7f}", *map(str, rest)])


def cells(box, zoom: int, moved: int = 0) -> str:
    return f"/map/cells.geojson?bbox={text(box, moved)}&zoom={zoom}"


def paths() -> dict[str, str]:
    """name → address of all that is measured cold and cached."""
    found = {"page of 1,000 features": PAGE, "page of 1,000 in the city's bbox": f"{PAGE}?bbox={text(CITY)}"}
    found |= {f"cells, {name}": cells(box, zoom) for name, (box, zoom) in VIEWS.items()}
    found |= {f"facets, {name}": f"/map/facets.json?bbox={text(box)}" for name, (box, _) in VIEWS.items()}
    return found


def check(name: str, data: bytes, here: Site) -> str:
    """Refuse an answer that lacks reports; → its size in words."""
    body = orjson.loads(data)
    if name.startswith("page"):
        assert len(body["features"]) == body["numberReturned"] == 1000, name
        if "bbox" not in name:
            assert body["numberMatched"] == here.published, (body["numberMatched"], here.published)
    elif name.startswith("cells"):
        counted = sum(feature["properties"]["n"] for feature in body["features"])
        assert body["mode"] == "cells" and counted == body["numberMatched"], name
        if "world" in name:
            assert body["numberMatched"] + body["unplaced"] == here.published
    else:
        assert sum(body["kind"].values()) == body["total"] > 1000, name
    return f"{len(data) / 1000:,.0f} kB"


def in_process(here: Site) -> dict[str, str]:
    rows = {}
    with here.app() as app:
        asker = Asker(app)
        serve.spare_the_collector()  # as the server does
        rows["for comparison: /healthz, which does nothing"] = f"{asker.time_ms('/healthz'):.1f}"
        for name, path in paths().items():
            status, headers, data = asker.get(path)
            assert status == 200, (status, data[:200])
            size = check(name, data, here)
            tag = {"If-None-Match": headers["ETag"]}
            assert asker.get(path, **tag)[0] == 304
            took = [asker.time_ms(path, asker.forget_all), asker.time_ms(path, asker.forget_body)]
            took += [asker.time_ms(path), asker.time_ms(path, **tag)]
            rows[f"{name} ({size})"] = " / ".join(f"{ms:.1f}" for ms in took)
    return rows


def over_http(here: Site) -> dict[str, str]:
    """The same with a server of one process: times of one client, and what two can fetch in a second."""
    rows = {}
    with here.server("--workers", "1", "--threads", "16") as server:
        client = Client(server.url)

        def get(path, expect=200, **headers):
            status, told, data = client.get(path, **headers)
            assert status == expect, (path, status, data[:200])
            return told, data

        pages, path = [], PAGE
        while path and len(pages) < 40:
            told, data = get(path)
            body = orjson.loads(data)
            assert len(body["features"]) == min(1000, here.published - 1000 * len(pages))
            pages.append(path)
            path = body["next"] and body["next"].removeprefix(server.url)
        numbers = iter(range(1, 1000))  # another address each time, for the same reports: never from the cache
        rows["for comparison: /healthz, which does nothing"] = f"{median_ms(lambda: get('/healthz')):.1f} ms"
        rows["page, rebuilt"] = f"{median_ms(lambda: get(f'{PAGE}?limit={1000:0{next(numbers) + 4}}')):.1f} ms"
        rows["page, cached"] = f"{median_ms(lambda: get(PAGE)):.1f} ms"
        tag = get(PAGE)[0]["etag"]
        rows["page, 304"] = f"{median_ms(lambda: get(PAGE, 304, If_None_Match=tag)):.1f} ms"
        for name, (box, zoom) in VIEWS.items():
            cold = median_ms(lambda: get(cells(box, zoom, moved=next(numbers))))
            cached = median_ms(lambda: get(cells(box, zoom)))
            rows[f"cells, {name}, cold / cached"] = f"{cold:.1f} / {cached:.1f} ms"
        rows["pages a second, 2 clients: up to 40 pages in turn"] = f"{rate(server.url, pages):,.0f}"
        rows["pages a second, 2 clients: one page, cached"] = f"{rate(server.url, [PAGE]):,.0f}"
        rows["304 a second, 2 clients"] = f"{rate(server.url, [PAGE], expect=304, If_None_Match=tag):,.0f}"
        with writes(here, WRITES_A_SECOND):
            time.sleep(1)
            pause = lambda: time.sleep(0.13)  # noqa: E731 (so that something new is there each time)
            page_ms = median_ms(lambda: get(PAGE), runs=25, before=pause)
            cells_ms = median_ms(lambda: get(cells(CITY, 12)), runs=25, before=pause)
        rows[f"with {WRITES_A_SECOND} reports a second published meanwhile: page / cells, city"] = f"{page_ms:.1f} / {cells_ms:.1f} ms"
        client.close()
        worker = max(rss_mb(pid) for pid in serving_processes(server))
        rows["memory of the serving process after all this (RSS)"] = f"{worker:.0f} MB"
    return rows


def rate(url: str, asked: list[str], seconds: float = 4, clients: int = 2, expect: int = 200, **headers: str) -> float:
    """Answers a second; every length is compared with the first answer's to that address."""
    done, lengths, wrong = [0] * clients, {}, []
    end = time.monotonic() + seconds

    def fetch(number):
        client = Client(url)
        while time.monotonic() < end:
            path = asked[(done[number] * clients + number) % len(asked)]
            status, _, data = client.get(path, **headers)
            if status != expect or len(data) != lengths.setdefault(path, len(data)):
                wrong.append((path, status, len(data)))
            done[number] += 1
        client.close()

    threads = [threading.Thread(target=fetch, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[:3]
    return sum(done) / seconds


class writes:  # noqa: N801
    """Reports published from this process while the block runs, so many a second."""

    def __init__(self, here: Site, a_second: float):
        self.here, self.pause = here, 1 / a_second
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._write)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()

    def _write(self):
        with self.here.app() as app, app.app_context():
            west, south, east, north = CITY
            number, due = 0, time.monotonic()
            while not self.stop.is_set():
                number += 1
                due += self.pause
                lon, lat = west + (east - west) * (number % 17) / 17, south + (north - south) * (number % 13) / 13
                draft = ReportDraft(category="WAT", description=f"Water for {number} families", lon=lon, lat=lat)
                assert settings().AREA.contains(lon, lat)
                submit(db.session, Incoming(draft, "api", f"bench-{time.time_ns()}", {"n": number}, status=Status.PUBLISHED))
                db.session.commit()
                db.session.remove()
                self.stop.wait(max(0, due - time.monotonic()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=DATABASES, action="append", help="default: both")
    parser.add_argument("--reports", type=int, default=100_000)
    parser.add_argument("--keep", type=Path, help="keep SQLite's file here for the next run")
    parser.add_argument("--url", default="", help="a PostGIS database for the next run, too: postgresql+psycopg://…")
    given = parser.parse_args()
    server_time, http = {}, {}
    names = given.database or DATABASES
    for name in names:
        with site(name, reports=given.reports, keep=given.keep, url=given.url) as here:
            print(f"{name}: {here.version}, {here.published:,} published reports; {machine()}", flush=True)
            for table, found in ((server_time, in_process(here)), (http, over_http(here))):
                for row, figure in found.items():
                    table.setdefault(row, []).append(figure)
    columns = [f"{name}" for name in names]
    show("Server time in ms: cold / rebuilt / cached / 304", columns, server_time)
    show("Over HTTP", columns, http)


if __name__ == "__main__":
    main()
