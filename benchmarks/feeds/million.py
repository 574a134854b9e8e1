"""Feeds, cells, tiles and changes among 1,000,000 published reports: server time in ms, and a worker's memory.

    .venv/bin/python -m benchmarks.feeds.million [--database sqlite] [--reports 1000000]

The rows are copied inside the database (see benchmarks/duplicates.py); one in sixteen lies on one crowded point. Server
time is that of the whole WSGI application in this process, of an address that was never asked before; cells and tiles are
measured and checked as in benchmarks/tiles.py.
"""

import argparse
import os
import tempfile
from itertools import count
from pathlib import Path

import orjson

from benchmarks import tiles
from benchmarks.feeds.filled import fill
from benchmarks.feeds.load import rate
from benchmarks.feeds.server_time import CITY, Asker, text
from benchmarks.measure import Client, machine, median_ms, show
from benchmarks.sites import DATABASES, rss_mb, serving_processes, site
from crowdmap import serve

SMALL = (-72.36, 18.52, -72.31, 18.57)


def measured(here) -> dict[str, str]:
    rows, new = {}, count(1)
    with here.app() as app:
        asker = Asker(app)
        serve.spare_the_collector()

        def time(path_of, check=lambda data: True) -> str:
            status, _headers, data = asker.get(path_of())
            assert status == 200 and check(data), (path_of(), status, data[:300])
            return f"{median_ms(lambda: asker.get(path_of()), runs=15):.1f}"

        def page(data):
            return len(orjson.loads(data)["features"]) == 1000

        rows["bbox page of 1,000, city"] = time(lambda: f"/feeds/all.geojson?bbox={text(CITY, next(new))}", page)
        rows["bbox page of 1,000, quarter"] = time(lambda: f"/feeds/all.geojson?bbox={text(SMALL, next(new))}", page)
        first = asker.get("/feeds/all.geojson")[2]
        cursor = orjson.loads(first)["next"].partition("cursor=")[2].partition("&")[0]

        def following():
            asker.forget_body()
            return f"/feeds/all.geojson?cursor={cursor}"

        rows["page of 1,000 by cursor"] = time(following, page)
        since = orjson.loads(first)["seq"]
        rows["changes, a page of 1,000"] = time(lambda: f"/feeds/changes?since={since // 2}&limit=1000", page)
        rows["changes of a filter, a page of 1,000"] = time(lambda: f"/feeds/changes?since={since // 2}&limit=1000&kind=need")
        rows["memory of this process, MB"] = f"{rss_mb(os.getpid()):.0f}"
    return {**rows, **{f"{name}: built / cached": took for name, took in tiles.measure(here).items()}}


def served(here) -> dict[str, str]:
    """Two workers of `crowdmap serve`, after pages of all sizes and the whole layer."""
    rows, new = {}, count(1)
    with tempfile.TemporaryDirectory(prefix="crowdmap-wrk-") as folder, here.server("--workers", "2") as server:

        def fetch(path: str) -> bytes:
            client = Client(server.url, timeout=180)
            status, _headers, data = client.get(path)
            client.close()
            assert status == 200, (path, status, data[:300])
            return data

        pages, path = [], "/feeds/all.geojson"
        while len(pages) < 300:
            pages.append(server.url + path)
            path = orjson.loads(fetch(path))["next"].removeprefix(server.url)
        rows["pages of 1,000 by cursor, the 300 newest in turn, /s"] = f"{rate(Path(folder), pages):,.0f}"
        for limit, n in ((1_000, 3_000), (10_000, 400)):
            boxes = [f"{server.url}/feeds/all.geojson?limit={limit}&bbox={text(CITY, next(new))}" for _page in range(n)]
            rows[f"pages of {limit:,} of a new box, /s"] = f"{rate(Path(folder), boxes):,.0f}"
        whole = len(fetch("/feeds/all.geojson?limit=all"))
        rows[f"memory of either worker after these and the whole layer of {whole / 1e6:,.0f} MB"] = " / ".join(
            f"{rss_mb(pid):.0f}" for pid in sorted(serving_processes(server), key=rss_mb)[-2:]
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=DATABASES, action="append", help="default: both")
    parser.add_argument("--reports", type=int, default=1_000_000)
    given = parser.parse_args()
    columns, table = [], {}
    for name in given.database or DATABASES:
        with site(name) as here:
            fill(here, given.reports)
            print(f"{name}: {here.version}; {machine()}", flush=True)
            columns.append(name)
            for row, figure in {**measured(here), **served(here)}.items():
                table.setdefault(row, []).append(figure)
    show(f"Among {given.reports:,} reports, server time in ms where nothing else is said", columns, table)


if __name__ == "__main__":
    main()
