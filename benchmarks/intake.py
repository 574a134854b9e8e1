"""How many reports a second are taken durably, and how long an import takes, on both databases.

    .venv/bin/python -m benchmarks.intake [--database sqlite] [--file ../shared/haiti/reports.csv]

Each POST is a report of its own with all that belongs to it: the verbatim message, the record, the staff's publication,
the event, the search for possible duplicates, and the commit synced to disk. Over HTTP, two serving processes, clients
on this machine; rate limits are off. Five rounds; afterwards the database must hold every report that was answered 201.
The import is the command itself, five times under another source name, the last file once more at the end.
"""

import argparse
import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from uuid import uuid4

import orjson
from sqlalchemy import func, select

from benchmarks.measure import Client, machine, show, spread
from benchmarks.sites import DATABASES, Site, site
from crowdmap.db import db
from crowdmap.reports.models import Submission

ROUNDS, SECONDS = 5, 4
THINGS = ("No water for {} families", "Food for {} people has run out", "{} people sleep in the street", "Clinic needs {} litres of diesel")
IMPORT = (sys.executable, "-c", "import sys; from crowdmap.cli import main; sys.exit(main())", "import")


def report(number: int) -> bytes:
    return orjson.dumps({
        "kind": "need", "category": ("WAT", "FOOD", "SHEL", "HOSP")[number % 4] if number >= 0 else "WAT",
        "description": THINGS[number % 4].format(number), "lat": 18.5 + number % 97 / 970, "lon": -72.4 + number % 89 / 890,
        "people": number % 500, "contact_phone": f"+509 55{number % 90 + 10} {number % 9000 + 1000}",
    })  # fmt: skip


def post(url: str, clients: int, start: int) -> tuple[float, list[float]]:
    """→ reports a second, and how long each took in ms."""
    took: list[list[float]] = [[] for _ in range(clients)]
    end = time.monotonic() + SECONDS

    def work(number):
        client, n = Client(url), start + number
        while time.monotonic() < end:
            begun = time.perf_counter()
            status, _, body = client.ask(
                "POST", "/api/v1/reports", report(n), Content_Type="application/json", Idempotency_Key=str(uuid4())
            )
            took[number].append((time.perf_counter() - begun) * 1000)
            assert status == 201, (status, body[:300])
            n += clients
        client.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = [ms for one in took for ms in one]
    return len(every) / (time.monotonic() - begun), every


def posting(here: Site) -> dict[str, str]:
    rows, sent = {}, 0
    with here.server("--workers", "2") as server:
        for clients in (1, 8, 32):
            rates, took = [], []
            for _ in range(ROUNDS):
                rate, every = post(server.url, clients, sent)
                rates.append(rate)
                took += every
                sent += len(every)
            p = spread(took)
            rows[f"{clients} client{'s' * (clients > 1)}: POST a second (p50 / p99 ms)"] = (
                f"{statistics.median(rates):,.0f} ({p['p50']:.0f} / {p['p99']:.0f})"
            )
    with here.app() as app, app.app_context():
        stored = db.session.scalar(select(func.count()).where(Submission.channel == "api", ~Submission.external_id.startswith("demo:")))
        db.session.rollback()
    assert stored == sent, (stored, sent)
    return rows


def importing(here: Site, file: Path) -> dict[str, str]:
    settings = {"CROWDMAP_INSTANCE": str(here.instance), "CROWDMAP_DATABASE_URL": here.url}

    def run(source):
        begun = time.monotonic()
        done = subprocess.run(
            [*IMPORT, str(file), "--source", source, "--publish"], env={**os.environ, **settings}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        figures = {line.rsplit(None, 1)[0].strip(): int(line.split()[-1]) for line in done.stdout.splitlines() if line.split()[-1:] and line.split()[-1].isdigit()}
        return time.monotonic() - begun, figures

    took = []
    for number in range(ROUNDS):
        seconds, figures = run(f"round {number}")
        assert figures["taken"] == figures["rows read"], figures
        took.append(seconds)
    again, figures = run(f"round {ROUNDS - 1}")
    assert figures["already here"] == figures["rows read"], figures
    rows = f"{figures['rows read']:,} rows"
    return {f"import of {rows} with --publish, s": f"{statistics.median(took):.1f}", "the same file once more, s": f"{again:.1f}"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=DATABASES, action="append", help="default: both")
    parser.add_argument("--file", type=Path, default=Path("../shared/haiti/reports.csv"), help="to import; left out where it is not there")
    given = parser.parse_args()
    table: dict[str, list[str]] = {}
    names = given.database or list(DATABASES)
    for name in names:
        with site(name, reports=1000) as here:
            print(f"{name}: {here.version}, {here.published:,} published reports before; {machine()}", flush=True)
            found = posting(here)
            if given.file.is_file():
                found |= importing(here, given.file)
            for row, figure in found.items():
                table.setdefault(row, []).append(figure)
    show("Taking reports", names, table)


if __name__ == "__main__":
    main()
