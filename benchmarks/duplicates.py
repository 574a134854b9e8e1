"""How fast a suggestion of possible duplicates answers among 1,000,000 reports, on both databases.

    .venv/bin/python -m benchmarks.duplicates [--database sqlite] [--reports 1000000] [--keep FOLDER] [--questions 300]

The demonstration's code invents the words; places, numbers and a name are drawn anew for each report, and one in sixteen
lies on one and the same default point, as in old maps. Only what the search reads is stored (reports, publications of
both audiences, index of words), straight into the tables. The questions are new invented messages: spread like the
reports, or all on the crowded point. Server time is that of the whole WSGI application in this process for
``GET /api/v1/duplicates``; *for the team* is the search itself as the worker and the desk call it. Each question counts
once, unprepared; every answer is checked to hold the twin that was planted for it.
"""

import argparse
import random
import statistics
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import orjson
from sqlalchemy import func, insert, select

from benchmarks.feeds import Asker
from benchmarks.measure import machine, show
from benchmarks.sites import DATABASES, Site, site, vacuum
from crowdmap import geo
from crowdmap.config import settings
from crowdmap.db import analyse, db, reading, utcnow
from crowdmap.db.search import fold
from crowdmap.dedupe import find, vocabulary
from crowdmap.intake.generate import Generator
from crowdmap.publishing.models import Audience, Publication, PublicationCategory
from crowdmap.publishing.project import PROPERTIES, timestamp
from crowdmap.reports import crisis
from crowdmap.reports.models import Kind, Report, Status

CROWDED = (-72.335, 18.539167)
SHARE = 16  # one in so many lies on the crowded point
BATCH = 5_000
SYLLABLES = "ba be di do fa ge jo ka la le lo ma mi na no pa pi ra ro sa se ta ti va vi wa ze".split()


def name(pick: random.Random) -> str:
    return "".join(pick.choice(SYLLABLES) for _ in range(pick.randint(2, 4))).capitalize()


class Inventor:
    """Messages as dicts of publication fields; *pick* makes them the same in every run."""

    def __init__(self, seed: int):
        self.pick = random.Random(seed)
        self.generator = Generator(crisis.read("earthquake"), seed=seed)
        self.now = utcnow()
        self.texts = [self.generator.next(self.now).fields for _ in range(20_000)]

    def message(self, crowded: bool) -> dict:
        pick, told = self.pick, self.pick.choice(self.texts)
        lon, lat = CROWDED if crowded else (told.get("lon"), told.get("lat"))
        if lon is not None and not crowded:
            lon, lat = lon + pick.gauss(0, 0.02), lat + pick.gauss(0, 0.02)
        words = f"{told['description']} {name(pick)} {name(pick)}, {pick.randint(1, 400)}"
        return {
            "kind": told.get("kind") or "need", "category": told["category"], "title": told.get("title") or "", "description": words,
            "place": told.get("place") or "", "lon": lon, "lat": lat, "at": self.now - timedelta(minutes=pick.randint(0, 60 * 24 * 20)),
        }  # fmt: skip


def fill(count: int) -> None:
    """So many reports, each with the team's and the public's publication."""
    have = db.session.scalar(select(func.max(Report.id))) or 0
    inventor = Inventor(1)
    for first in range(1, count + 1, BATCH):
        batch = range(first, min(first + BATCH, count + 1))
        told = [(number, inventor.message(crowded=number % SHARE == 0)) for number in batch]
        if first + BATCH <= have:
            continue
        db.session.execute(insert(Report), [
            {
                "id": number, "public_id": f"bench{number:07d}", "kind": Kind(one["kind"]), "category": one["category"],
                "status": Status.PUBLISHED, "title": one["title"], "description": one["description"], "place": one["place"],
                "created_at": one["at"],
            }
            for number, one in told
        ])  # fmt: skip
        rows = [publication(number, one, audience) for number, one in told for audience in Audience]
        db.session.execute(insert(Publication), rows, execution_options={"render_nulls": True})
        db.session.execute(insert(PublicationCategory), [
            {"publication_id": row["id"], "code": row["category"], "sector": "multi"} for row in rows
        ])  # fmt: skip
        db.session.commit()
        print(f"\r{batch[-1]:,} reports", end="", flush=True)
    print()


def publication(number: int, one: dict, audience: Audience) -> dict:
    lon, lat = one["lon"], one["lat"]
    if audience is Audience.PUBLIC and lon is not None:
        lon, lat = geo.tile_centre(lon, lat)
    cell = None if lon is None else geo.cell(lon, lat)
    properties = {
        **dict.fromkeys(PROPERTIES), "kind": one["kind"], "category": one["category"], "categories": [one["category"]],
        "title": one["title"] or None, "description": one["description"], "status": "published",
        "verification": "unverified", "voices": 1, "place": one["place"] or None, "source": "api",
        "created_at": timestamp(one["at"]), "url": f"/reports/bench{number:07d}", "photos": [],
    }  # fmt: skip
    row_id = 2 * number + (audience is Audience.PUBLIC)
    return {
        "id": row_id, "report_id": number, "audience": audience, "public_id": f"bench{number:07d}", "seq": row_id,
        "first_seq": row_id, "kind": Kind(one["kind"]), "category": one["category"], "status": Status.PUBLISHED,
        "verification": "unverified", "out_of_area": False, "happened_at": one["at"], "updated_at": one["at"],
        "lon": lon, "lat": lat, "cell": cell, "tile16": None if cell is None else cell >> 16, "removed": None,
        "precision_m": 600.0 if audience is Audience.PUBLIC else None,
        "search_text": fold(f"{one['title']} {one['description']} {one['place']}"),
        "feature": orjson.dumps({"type": "Feature", "id": f"bench{number:07d}", "geometry": None, "properties": properties}),
    }  # fmt: skip


def questions(count: int, crowded: bool, reports: int, seed: int):
    """(message, the twin it copies): a stored report told again, some words left out, a little later and elsewhere."""
    pick = random.Random(seed)
    while count:
        number = pick.randint(1, reports)
        if (number % SHARE == 0) != crowded:
            continue
        row = db.session.execute(
            select(Publication.public_id, Publication.feature, Publication.lon, Publication.lat, Publication.happened_at)
            .where(Publication.report_id == number, Publication.audience == Audience.STAFF)
        ).one()  # fmt: skip
        told = find.properties_of(row)
        words = [word for word in told["description"].split() if pick.random() > 0.1]
        yield {**told, "description": " ".join(words), "lon": row.lon, "lat": row.lat, "at": row.happened_at}, row.public_id
        count -= 1


def spread(took: list[float]) -> str:
    ordered = sorted(took)
    at = lambda share: ordered[min(len(ordered) - 1, int(len(ordered) * share))]  # noqa: E731
    return f"{statistics.median(ordered):.1f} / {at(0.95):.1f} / {at(0.99):.1f}"


def measure(here: Site, reports: int, count: int) -> dict[str, str]:
    found = {}
    with here.app() as app:
        with app.app_context(), reading():
            asker = Asker(app)
            for crowded in (False, True):
                where = "on the crowded point" if crowded else "spread"
                asked = list(questions(count, crowded, reports, seed=7))
                db.session.rollback()
                took, hits = [], 0
                for told, twin in asked:
                    point = {} if told["lon"] is None else {"lon": told["lon"], "lat": told["lat"]}
                    path = "/api/v1/duplicates?" + urlencode(
                        {"kind": told["kind"], "category": told["category"], "text": told["description"], **point}
                    )
                    environ = asker.environ(path)
                    begun = time.perf_counter()
                    status, _headers, body = asker.answer(environ)
                    took.append((time.perf_counter() - begun) * 1000)
                    assert status == 200, (status, body)
                    hits += twin in {one["id"] for one in orjson.loads(body)["candidates"]}
                found[f"public, {where}: p50 / p95 / p99 ms"] = spread(took)
                found[f"public, {where}: twin found"] = f"{hits / len(asked):.1%}"
                took, hits = [], 0
                for told, twin in asked:
                    begun = time.perf_counter()
                    draft = Draft(told)
                    sides = find.Sides(db.session)
                    side = sides.of_draft(draft, Audience.STAFF)
                    answer = find.candidates(db.session, side, Audience.STAFF, sides=sides)
                    took.append((time.perf_counter() - begun) * 1000)
                    hits += twin in {one.public_id for one in answer}
                    db.session.rollback()
                found[f"for the team, {where}: p50 / p95 / p99 ms"] = spread(took)
                found[f"for the team, {where}: twin found"] = f"{hits / len(asked):.1%}"
    return found


class Draft:
    """A message with a ReportDraft's fields."""

    accuracy_m = contact_phone = contact_email = people = None

    def __init__(self, told: dict):
        self.kind, self.category, self.categories = told["kind"], told["category"], []
        self.title, self.description, self.place = told["title"] or "", told["description"], told["place"] or ""
        self.lon, self.lat, self.occurred_at = told["lon"], told["lat"], told["at"]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--database", choices=DATABASES, action="append")
    arguments.add_argument("--reports", type=int, default=1_000_000)
    arguments.add_argument("--questions", type=int, default=300)
    arguments.add_argument("--keep", type=Path, help="a folder in which SQLite's file stays for the next run")
    given = arguments.parse_args()
    print(machine())
    columns, rows = [], {}
    for database in given.database or DATABASES:
        with site(database, reports=0, keep=given.keep) as here:
            with here.app() as app, app.app_context():
                begun = time.perf_counter()
                fill(given.reports)
                vocabulary.count(db.session)
                db.session.commit()
                analyse(db.session)
                vacuum()
                print(f"{settings().DATABASE_URL.partition(':')[0]}: filled in {time.perf_counter() - begun:.0f} s")
                db.session.remove()
            columns.append(here.version)
            for title, figure in measure(here, given.reports, given.questions).items():
                rows.setdefault(title, []).append(figure)
    print(machine())
    show(f"Possible duplicates among {given.reports:,} reports ({given.questions} questions each)", columns, rows)


if __name__ == "__main__":
    main()
