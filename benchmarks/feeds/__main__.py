"""Feeds against pygeoapi, tipg and an nginx file: answers a second on the same rows in one run, two workers each, while
ten reports a second are published.

    .venv/bin/python -m benchmarks.feeds [--reports 100000] [--database sqlite] [--peers/--no-peers] [--keep FOLDER]

Cold: a page that was never asked before, so that nothing kept can answer: of the layer by its cursors, which is what the
others' offsets are, and of a box that is another one each time, whose reports are counted too. Unchanged: one address of a layer that the
writes do not hit (they are needs, asked is damage). Changing: the layer that they hit. Each answer's status is checked,
and one of each kind for its features.
"""

import argparse
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import orjson

from benchmarks.feeds import peers
from benchmarks.feeds.filled import fill
from benchmarks.feeds.load import rate
from benchmarks.feeds.server_time import WRITES_A_SECOND, writes
from benchmarks.measure import Client, machine, median_ms, show
from benchmarks.sites import DATABASES, rss_mb, serving_processes, site
from crowdmap.db import db

PAGES = 30  # that are asked in turn
SMALL, LARGE = (-72.345, 18.53, -72.325, 18.555), (-72.42, 18.46, -72.20, 18.64)
NOTHING = "–"


class Told(dict):
    """Says each figure as it comes: the whole takes minutes."""

    def __setitem__(self, name, figure):
        print(f"  {name}: {figure}", flush=True)
        super().__setitem__(name, figure)


def fetch(address: str, **headers: str) -> tuple[dict, bytes]:
    base, path = "/".join(address.split("/", 3)[:3]), "/" + address.split("/", 3)[3]
    client = Client(base, timeout=180)
    status, told, data = client.get(path, **headers)
    client.close()
    assert status == 200, (address, status, data[:300])
    return told, data


def features(address: str) -> int:
    return len(orjson.loads(fetch(address)[1])["features"])


def cursors(feed: str) -> list[str]:
    """Of every hundredth report, but for the last that a page of 1,000 needs below it."""
    found, address = [], f"{feed}?limit=100"
    while address:
        page = orjson.loads(fetch(address)[1])
        address = page["next"]
        found += [parse_qs(urlsplit(address).query)["cursor"][0]] if address else []
    return found[:-10]


def box_of(wanted: int, ask) -> tuple:
    """A bbox in the city, beside its crowded point, with about so many reports; *ask* counts them."""
    low, high = 0.0005, 0.04
    for _step in range(24):
        half = (low + high) / 2
        box = (-72.29 - half, 18.545 - half, -72.29 + half, 18.545 + half)
        if ask(box) < wanted:
            low = half
        else:
            high = half
    return box


def text(box, moved: int = 0) -> str:
    return ",".join(f"{side - (moved * 1e-7 if number == 0 else 0):.7f}" for number, side in enumerate(box))


def ours(here, folder: Path) -> dict[str, str]:
    """One column: our own figures."""
    rows = Told()
    with here.server("--workers", "2") as server, writes(here, WRITES_A_SECOND):
        feed = f"{server.url}/feeds/all.geojson"

        def matched(box):
            return orjson.loads(fetch(f"{feed}?limit=1&bbox={text(box)}")[1])["numberMatched"]

        boxes = {1_000: box_of(1_000, matched), 10_000: box_of(10_000, matched)}
        new = iter(range(1, 10**6))  # moves a box by less than any report: another address for the same rows
        everywhere = (-74.6, 17.9, -71.5, 20.3)
        cold = [f"{feed}?cursor={cursor}" for cursor in cursors(feed)]
        assert features(cold[0]) == 1000
        rows["page of 1,000, cold, /s"] = f"{rate(folder, cold):,.0f}"
        cold = [f"{feed}?bbox={text(everywhere, next(new))}" for _page in range(6_000)]
        assert features(cold[0]) == 1000
        rows["page of 1,000 of a new box, cold, /s"] = f"{rate(folder, cold):,.0f}"
        pages, address = [], feed
        while address and len(pages) < PAGES:
            pages.append(address)
            address = orjson.loads(fetch(address)[1])["next"]
        rows[f"{PAGES} pages of 1,000 in turn, changing, /s"] = f"{rate(folder, pages):,.0f}"
        quiet = f"{server.url}/feeds/damage.geojson"
        assert features(quiet) == 1000
        rows["page of 1,000, unchanged, /s"] = f"{rate(folder, [quiet]):,.0f}"
        rows["page of 1,000, unchanged, gzip, /s"] = f"{rate(folder, [quiet], Accept_Encoding='gzip'):,.0f}"
        rows["page of 1,000, changing, /s"] = f"{rate(folder, [feed]):,.0f}"
        tag = fetch(quiet)[0]["etag"]
        rows["304, /s"] = f"{rate(folder, [quiet], expect=304, If_None_Match=tag):,.0f}"
        for n, box in boxes.items():
            asked = [f"{feed}?limit=10000&bbox={text(box, next(new))}" for _page in range(3_000 if n == 1_000 else 400)]
            found = features(asked[0])
            assert n / 3 < found < n * 3, found  # blurred reports lie on the same points: not every number can be met
            rows[f"bbox ≈ {n:,}, cold, /s (features)"] = f"{rate(folder, asked):,.0f} ({found:,})"
        before = max(rss_mb(pid) for pid in serving_processes(server))
        size = len(fetch(f"{feed}?limit=all")[1])
        seconds = median_ms(lambda: fetch(f"{feed}?limit=all"), runs=5) / 1000
        after = max(rss_mb(pid) for pid in serving_processes(server))
        rows[f"full layer ({size / 1e6:,.0f} MB), s"] = f"{seconds:.2f}"
        rows["full layer, extra memory, MB"] = f"{max(0, after - before):.0f}"
        for zoom in (8, 12):
            x, y = tile_at(zoom)
            asked = f"{server.url}/tiles/all/{zoom}/{x}/{y}.mvt"
            told = [f"{asked}?bbox={text(everywhere, next(new))}" for _again in range(40)]
            numbers = iter(told)
            _headers, data = fetch(next(numbers))
            took = median_ms(lambda: fetch(next(numbers)), runs=7)
            rows[f"vector tile z{zoom}, ms (kB)"] = f"{took:.0f} ({len(data) / 1000:.0f})"
        rows["memory of a worker, MB"] = f"{max(rss_mb(pid) for pid in serving_processes(server)):.0f}"
    return rows, boxes


def tile_at(zoom: int) -> tuple[int, int]:
    from crowdmap import geo

    return geo.tile(-72.335, 18.545, zoom)


def peer(here, folder: Path, items: str, tiles: str, boxes: dict, f: str) -> dict[str, str]:
    """The same of a server with OGC API – Features; *f* asks for GeoJSON."""
    rows, step = Told(), "&" if "?" in items else "?"
    with writes(here, WRITES_A_SECOND):
        pages = [f"{items}{step}{f}&limit=1000&offset={1000 * number}" for number in range(PAGES)]
        assert features(pages[0]) == 1000
        rows["page of 1,000, cold, /s"] = f"{rate(folder, pages):,.1f}"
        for n, box in boxes.items():
            asked = f"{items}{step}{f}&limit=10000&bbox={text(box)}"
            found = features(asked)
            assert n / 3 < found < n * 3, found
            rows[f"bbox ≈ {n:,}, cold, /s (features)"] = f"{rate(folder, [asked], seconds=6 if n == 1_000 else 30):,.1f} ({found:,})"
        started, got, offset = time.monotonic(), 0, 0
        while some := features(f"{items}{step}{f}&limit=10000&offset={offset}"):
            got, offset = got + some, offset + 10_000
            if some < 10_000:
                break
        rows["full layer"] = f"{time.monotonic() - started:.1f}"
        for zoom in (8, 12) if tiles else ():
            x, y = tile_at(zoom)
            asked = tiles.format(z=zoom, x=x, y=y)
            _headers, data = fetch(asked)
            rows[f"vector tile z{zoom}, ms (kB)"] = f"{median_ms(lambda: fetch(asked), runs=3):.0f} ({len(data) / 1000:,.0f})"
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=DATABASES, action="append", help="default: both")
    parser.add_argument("--reports", type=int, default=100_000)
    parser.add_argument("--keep", type=Path, help="a folder in which the others stay installed for the next run")
    parser.add_argument("--peers", action=argparse.BooleanOptionalAction, default=True)
    given = parser.parse_args()
    columns, found = [], []
    with tempfile.TemporaryDirectory(prefix="crowdmap-peers-") as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name in given.database or DATABASES:
            with site(name) as here, ExitStack() as stack:
                fill(here, given.reports)
                print(f"{name}: {here.version}, {here.published:,} published reports; {machine()}", flush=True)
                rows, boxes = ours(here, folder)
                columns.append(f"crowdmap, {name}")
                found.append(rows)
                if name != "postgis" or not given.peers:
                    continue
                with here.app() as app, app.app_context():
                    print(f"peers: {peers.copy_rows(db.session):,} rows", flush=True)
                for title, start, f in (("pygeoapi 0.21.0", peers.pygeoapi, "f=json"), ("tipg 1.6.1", peers.tipg, "f=geojson")):
                    address = stack.enter_context(start(folder, here.url))
                    items, tiles = address if isinstance(address, tuple) else (address, "")
                    columns.append(title)
                    found.append(peer(here, folder, items, tiles, boxes, f))
                with here.server("--workers", "1") as server:
                    page = fetch(f"{server.url}/feeds/damage.geojson")[1]
                with peers.nginx(folder, {"page.geojson": page}) as base:
                    columns.append("nginx file")
                    address = f"{base}/page.geojson"
                    tag = fetch(address)[0]["etag"]
                    found.append({
                        "page of 1,000, unchanged, /s": f"{rate(folder, [address]):,.0f}",
                        "304, /s": f"{rate(folder, [address], expect=304, If_None_Match=tag):,.0f}",
                    })  # fmt: skip
    names = list(dict.fromkeys(name for rows in found for name in rows))
    show("Feeds beside others", columns, {name: [rows.get(name, NOTHING) for rows in found] for name in names})


if __name__ == "__main__":
    main()
