"""What the map's cells and vector tiles cost with many published reports, on both databases, and what keeping their
counts costs an import.

    .venv/bin/python -m benchmarks.tiles [--database sqlite] [--reports 100000] [--keep FOLDER] [--url …]

Server time is that of the whole WSGI application in this process. Built: the body is made from the database, whose pages
are in memory; cached: it is there and its seq is asked for. Each answer's sum is compared with a count of the publications.
Medians of 7.
"""

import argparse
import random
import time
from pathlib import Path

import orjson
from mapbox_vector_tile import decode
from sqlalchemy import func, select

from benchmarks.feeds.server_time import CITY, VIEWS, Asker, cells
from benchmarks.measure import machine, median_ms, show
from benchmarks.sites import DATABASES, Site, site
from crowdmap import geo, serve
from crowdmap.db import db, writing
from crowdmap.feeds.layers import LAYERS
from crowdmap.filters import ReportFilter
from crowdmap.maps import tiles
from crowdmap.publishing import counts
from crowdmap.publishing.hook import touch
from crowdmap.publishing.models import Audience, CellCount, Publication
from crowdmap.reports.models import Report

ZOOMS = (4, 8, 12, 16)
CLOSER = {"part of the city, zoom 14": ((-72.35, 18.52, -72.29, 18.56), 14), "streets, zoom 16": ((-72.345, 18.535, -72.325, 18.55), 16)}


def in_view(box) -> int:
    chosen = ReportFilter(bbox=geo.Bbox(*box))
    return db.session.scalar(chosen.select(Audience.PUBLIC, func.count()))


def check_cells(app, data: bytes, box) -> str:
    body = orjson.loads(data)
    with app.app_context():
        assert body["numberMatched"] == in_view(box), box
    if body["mode"] == "cells":
        assert sum(feature["properties"]["n"] for feature in body["features"]) == body["numberMatched"]
    return f"{body['numberReturned']} {body['mode']} of {body['numberMatched']:,} reports"


def check_tile(app, data: bytes, layer: str, z: int, x: int, y: int) -> str:
    """The tile tells of every report in it and in the ring around it."""
    found = decode(data)["reports"]["features"]
    told = sum(feature["properties"].get("n", 1) for feature in found)
    level = min(z + tiles.FINER, geo.CELL_ZOOM)
    ranges = tiles.ranges_of(tiles.cells_of(z, x, y, level, None), level)
    chosen = ReportFilter(kinds=LAYERS[layer])
    with app.app_context():
        query = tiles.select_in_ranges(chosen, Audience.PUBLIC, ranges, func.count(Publication.id))
        assert told == db.session.scalar(query), (z, x, y)
    assert len(data) <= tiles.MOST_BYTES
    return f"{len(found)} {'cells' if 'n' in found[0]['properties'] else 'points'} of {told:,} reports, {len(data) / 1000:.0f} kB"


def measure(here: Site) -> dict[str, str]:
    rows = {}
    with here.app() as app:
        asker = Asker(app)
        serve.spare_the_collector()  # as the server does
        rows["for comparison: /healthz, which does nothing"] = f"{asker.time_ms('/healthz'):.1f}"

        def row(name: str, path: str, check):
            status, _headers, data = asker.get(path)
            assert status == 200, (status, data[:200])
            rows[f"{name} ({check(data)})"] = f"{asker.time_ms(path, asker.forget_all):.1f} / {asker.time_ms(path):.1f}"

        for name, (box, zoom) in {**VIEWS, **CLOSER}.items():
            row(f"cells, {name}", cells(box, zoom), lambda data, box=box: check_cells(app, data, box))
        middle = ((CITY[0] + CITY[2]) / 2, (CITY[1] + CITY[3]) / 2)
        for layer in ("all", "needs"):
            for z in ZOOMS:
                xy = geo.tile(*middle, z)
                row(f"tile, {layer}, z{z}", f"/tiles/{layer}/{z}/{xy[0]}/{xy[1]}.mvt",
                    lambda data, z=z, xy=xy, layer=layer: check_tile(app, data, layer, z, *xy))  # fmt: skip
        rows.update(of_the_table(app))
    return rows


def of_the_table(app) -> dict[str, str]:
    """Its size, how long it takes to check, and its share of a commit that moves 200 reports."""
    rows = {}
    with app.app_context(), writing():
        n = db.session.scalar(select(func.count()).select_from(CellCount))
        rows[f"counting everything anew to check {n:,} rows, s"] = f"{timed(lambda: counts.differences(db.session)):.1f}"
        db.session.rollback()
        ids = list(db.session.scalars(select(Report.id).where(Report.status == "published")))
        chosen = random.Random(1).sample(ids, min(200, len(ids)))
        states = iter(("closed", "published") * 20)
        spent: list[float] = []
        keep = counts.keep

        def timed_keep(*given):
            spent.append(timed(lambda: keep(*given)) * 1000)

        def change():
            state = next(states)
            for report in db.session.scalars(select(Report).where(Report.id.in_(chosen))):
                report.status = state
            touch(db.session, chosen)
            db.session.commit()

        counts.keep = timed_keep
        try:
            whole = median_ms(change)
        finally:
            counts.keep = keep
        rows["200 reports closed or opened in one commit: all of it / the counts"] = f"{whole:.0f} / {sorted(spent)[len(spent) // 2]:.0f}"
    return rows


def timed(work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=DATABASES, action="append", help="default: both")
    parser.add_argument("--reports", type=int, default=100_000)
    parser.add_argument("--keep", type=Path, help="keep SQLite's file here for the next run")
    parser.add_argument("--url", default="", help="a PostGIS database for the next run, too: postgresql+psycopg://…")
    given = parser.parse_args()
    table: dict[str, list[str]] = {}
    names = given.database or DATABASES
    for name in names:
        with site(name, reports=given.reports, keep=given.keep, url=given.url) as here:
            print(f"{name}: {here.version}, {here.published:,} published reports; {machine()}", flush=True)
            for row, figure in measure(here).items():
                table.setdefault(row, []).append(figure)
    show("Server time in ms: built / cached", list(names), table)


if __name__ == "__main__":
    main()
