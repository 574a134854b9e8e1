"""How fast a suggestion of possible duplicates answers among 1,000,000 reports, on both databases.

    .venv/bin/python -m benchmarks.duplicates [--database sqlite] [--reports 1000000] [--keep FOLDER] [--questions 300]

The demonstration's code invents 20,000 messages; the others are copies of them at the same places, each with a name of
its own, and one in sixteen lies on one and the same default point, as in old maps. Only what the search reads is stored (reports, publications of
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
from sqlalchemy import insert, select
from sqlalchemy import text as sql

from benchmarks.feeds.server_time import Asker
from benchmarks.measure import machine, show
from benchmarks.sites import DATABASES, Site, site, vacuum
from crowdmap import geo
from crowdmap.config import settings
from crowdmap.db import analyse, db, reading, search, utcnow
from crowdmap.db.search import fold
from crowdmap.dedupe import find, vocabulary
from crowdmap.intake.generate import Generator
from crowdmap.publishing.models import Audience, Publication
from crowdmap.publishing.project import PROPERTIES, timestamp
from crowdmap.reports import crisis
from crowdmap.reports.models import Kind, Report, Status

CROWDED = (-72.335, 18.539167)
SHARE = 16  # one in so many lies on the crowded point
BASE = 20_000  # invented ones; the others have the words of one of these and a name of their own
NAME = "zzqzzq"


class Inventor:
    """Messages as dicts of publication fields, the same in every run. NAME stands where each report gets its own."""

    def __init__(self, seed: int):
        self.pick = random.Random(seed)
        self.generator = Generator(crisis.read("earthquake"), seed=seed)
        self.now = utcnow()

    def message(self, crowded: bool) -> dict:
        pick, told = self.pick, self.generator.next(self.now).fields
        lon, lat = CROWDED if crowded else (told.get("lon"), told.get("lat"))
        return {
            "kind": told.get("kind") or "need", "category": told["category"], "title": told.get("title") or "",
            "description": f"{told['description']} {NAME} {pick.randint(1, 400)}", "place": told.get("place") or "",
            "lon": lon, "lat": lat, "at": self.now - timedelta(minutes=pick.randint(0, 60 * 24 * 20)),
        }  # fmt: skip


def fill(count: int, geometry: bool = False) -> None:
    """So many reports, with or without their row in the index of places, each with the team's and the public's publication: BASE by hand, the rest copied inside the
    database with a name of its own in each."""
    inventor, base = Inventor(1), min(BASE, count)
    told = [(number, inventor.message(crowded=number % SHARE == 0)) for number in range(1, base + 1)]
    db.session.execute(insert(Report), [
        {
            "id": number, "public_id": f"bench{number:07d}", "kind": Kind(one["kind"]), "category": one["category"],
            "status": Status.PUBLISHED, "title": one["title"], "description": one["description"], "place": one["place"],
            "created_at": one["at"],
        }
        for number, one in told
    ])  # fmt: skip
    rows = [publication(number, one, audience) for number, one in told for audience in (Audience.STAFF, Audience.PUBLIC)]
    if geometry:
        rows = [{**row, "geom": row["lon"] and f"SRID=4326;POINT({row['lon']!r} {row['lat']!r})"} for row in rows]
    search.drop(db.session.connection())
    db.session.execute(insert(Publication), rows, execution_options={"render_nulls": True})
    db.session.commit()
    postgres = db.engine.dialect.name == "postgresql"
    letters = [f"{'chr' if postgres else 'char'}(CAST(97 + CAST(r.id AS BIGINT) * 7919 / {26**place} % 26 AS INTEGER))" for place in range(6)]
    word = " || ".join(letters)
    text = "convert_from(p.feature, 'UTF8')" if postgres else "CAST(p.feature AS TEXT)"
    public_id = "'bench' || lpad(r.id::text, 7, '0')" if postgres else "printf('bench%07d', r.id)"
    named = f"replace(replace({text}, '{NAME}', {word}), p.public_id, {public_id})"
    values = {
        "id": "p.id + r.id * 2 - p.report_id * 2", "report_id": "r.id", "public_id": public_id,
        "seq": "p.id + r.id * 2 - p.report_id * 2", "first_seq": "p.id + r.id * 2 - p.report_id * 2",
        "search_text": f"replace(p.search_text, '{NAME}', {word})",
        "feature": f"convert_to({named}, 'UTF8')" if postgres else f"CAST({named} AS BLOB)",
    }  # fmt: skip
    columns = [column.name for column in Publication.__table__.columns]
    chosen = ", ".join(values.get(name, f"p.{name}") for name in columns)
    own = [column.name for column in Report.__table__.columns]
    for first in range(base, count, base):
        copies = ", ".join({"id": f"id + {first}", "public_id": f"public_id || '-{first}'"}.get(name, name) for name in own)
        many = min(base, count - first)
        db.session.execute(sql(f"INSERT INTO report ({', '.join(own)}) SELECT {copies} FROM report WHERE id <= {many}"))
        db.session.execute(sql(
            f"INSERT INTO publication ({', '.join(columns)}) SELECT {chosen} FROM publication p "
            f"JOIN report r ON r.id = p.report_id + {first} WHERE p.report_id <= {many}"
        ))  # fmt: skip
        db.session.commit()
        print(f"\r{first + many:,} reports", end="", flush=True)
    search.create(db.session.connection())
    db.session.commit()
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
    place = None if lon is None else {"type": "Point", "coordinates": [round(lon, 7), round(lat, 7)]}
    return {
        "id": row_id, "report_id": number, "audience": audience, "public_id": f"bench{number:07d}", "seq": row_id,
        "first_seq": row_id, "kind": Kind(one["kind"]), "category": one["category"], "status": Status.PUBLISHED,
        "verification": "unverified", "out_of_area": False, "happened_at": one["at"], "updated_at": one["at"],
        "lon": lon, "lat": lat, "cell": cell, "tile16": None if cell is None else cell >> 16, "removed": None,
        "precision_m": 600.0 if audience is Audience.PUBLIC else None,
        "search_text": fold(f"{one['title']} {one['description']} {one['place']}"),
        "feature": orjson.dumps({"type": "Feature", "id": f"bench{number:07d}", "geometry": place, "properties": properties}),
    }  # fmt: skip


def questions(count: int, crowded: bool, reports: int, seed: int):
    """(message, the twin it copies): a stored report told again with some words left out; among fifty that differ
    only in the name, the name is kept."""
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
        words = told["description"].split()
        words = [word for word in words if pick.random() > 0.1 or word == words[-2]]
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
                    sides = find.Sides(db.session, Audience.STAFF)
                    side = sides.of_draft(draft)
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
    show(f"Possible duplicates among {given.reports:,} reports ({given.questions} questions each)", columns, rows)


if __name__ == "__main__":
    main()
