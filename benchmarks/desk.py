"""What the moderators' desk costs among 100,000 reports, on both databases.

    .venv/bin/python -m benchmarks.desk [--database sqlite] [--reports 100000] [--rounds 40]

Four of five reports wait, the others are published. Server time is that of the whole WSGI application in this process,
with sign-in, form token and commit: for a page until its last byte, for an action what the desk's script sends and is
answered. Each round takes another report through all its actions, so that nothing is measured twice; every answer is
checked. Figures are p50 / p95 in ms.
"""

import argparse
import io
import re
import time
from collections import defaultdict
from urllib.parse import urlencode

import orjson
from sqlalchemy import func, insert, select, text
from werkzeug.test import EnvironBuilder

from benchmarks.feeds.filled import fill
from benchmarks.measure import machine, show
from benchmarks.sites import DATABASES, Site, site, vacuum
from crowdmap import serve
from crowdmap.accounts import sessions
from crowdmap.db import analyse, db, utcnow
from crowdmap.dedupe import vocabulary
from crowdmap.moderation import queueing
from crowdmap.moderation.actions import ACTIONS
from crowdmap.moderation.desk_models import QueueItem
from crowdmap.moderation.urgency import urgency
from crowdmap.publishing import counts
from crowdmap.publishing.models import Audience, Publication
from crowdmap.reports.models import Category, Kind, LocatedBy, Report, ReportPrivate, Risk, Status, Submission
from tests.builders import make_account, sign_in

PENDING_OF_TEN = 8
BATCH = 5000
PAGES = {
    "queue": "/moderate", "queue, its second page": None, "queue, one category": "/moderate?category=WAT",
    "queue, two words": "/moderate?q=water+camp", "queue, needs by the newest": "/moderate?kind=need&order=newest",
    "published": "/moderate?status=published", "all, by urgency": "/moderate?status=all&order=urgent",
}  # fmt: skip
# one report's day: every action from a state in which it is possible; {other} is another report that waits
DAY = (
    ("note", {"reason": "called, no answer"}), ("corroborate", {}), ("verify", {"evidence": "called back"}),
    ("dispute", {"reason": "seen otherwise"}), ("edit", {"title": "Water for 40", "description": "Water for 40 people", "people": "40"}),
    ("move", {"lat": "18.54", "lon": "-72.33"}), ("distinct", {"other": "{other}"}), ("ask-again", {"other": "{other}"}),
    ("merge", {"into": "{other}"}), ("unmerge", {}), ("publish", {}), ("undo", {}), ("publish", {}), ("close", {}), ("reopen", {}),
    ("hide", {"reason": "names a person"}), ("restore", {}), ("reject", {"reason": "spam"}),
)  # fmt: skip


def prepare(here: Site, reports: int) -> None:
    """Most of them wait, each with its place, its message and its queue item."""
    fill(here, reports)
    with here.app() as app, app.app_context():
        waits = f"{{}} % 10 < {PENDING_OF_TEN}"
        run = lambda words: db.session.execute(text(words))  # noqa: E731
        run(f"DELETE FROM publication WHERE audience = 'public' AND {waits.format('report_id')}")
        run(f"UPDATE publication SET status = 'pending' WHERE audience = 'staff' AND {waits.format('report_id')}")
        run(f"UPDATE report SET status = 'pending' WHERE {waits.format('id')}")
        own = "SELECT p.public_id FROM publication p WHERE p.report_id = report.id AND p.audience = 'staff'"
        run(f"UPDATE report SET public_id = ({own})")  # copies were given other ones
        db.session.commit()
        risks = {category.code: category.risk for category in db.session.scalars(select(Category))}
        after, now = 0, utcnow()
        query = select(Publication.report_id, Publication.lon, Publication.lat, Publication.kind, Publication.status, Publication.feature,
                       Publication.search_text, Report.created_at)  # fmt: skip
        query = query.join(Report, Report.id == Publication.report_id).where(Publication.audience == Audience.STAFF)
        while rows := db.session.execute(query.where(Publication.report_id > after).order_by(Publication.report_id).limit(BATCH)).all():
            items = []
            for row in rows:
                told = orjson.loads(row.feature)["properties"]
                own = [(code, risks.get(code, Risk.NONE)) for code in told["categories"]]
                found = urgency(row.created_at, Kind(row.kind), own, row.search_text, told["people"], told["voices"])
                items.append({"report_id": row.report_id, "status": row.status, "revision": 1, "due_at": found.due_at,
                              "told_at": row.created_at, "came_at": now, "looked_at": None, "reasons": found.reasons})  # fmt: skip
            db.session.execute(insert(QueueItem), items)
            db.session.execute(insert(ReportPrivate), [
                {"report_id": row.report_id, "lon": row.lon, "lat": row.lat, "located_by": LocatedBy.PIN if row.lon else LocatedBy.NONE}
                for row in rows
            ])  # fmt: skip
            db.session.execute(insert(Submission), [
                {"report_id": row.report_id, "channel": "api", "external_id": f"bench-{row.report_id}", "received_at": row.created_at,
                 "verbatim": {"description": row.search_text}, "content_hash": b"", "source_hash": row.report_id.to_bytes(8)}
                for row in rows
            ])  # fmt: skip
            db.session.commit()
            after = rows[-1].report_id
        queueing.rebuild_counts(db.session)
        counts.rebuild(db.session)
        vocabulary.count(db.session)
        db.session.commit()
        analyse(db.session)
        vacuum()
        db.session.remove()


class Moderator:
    """A signed-in moderator whose requests go straight into the application; only the time inside it counts."""

    def __init__(self, app):
        self.app = app
        with app.app_context():
            client = sign_in(app.test_client(), make_account("moderator", email=f"bench{time.time_ns()}@example.org"))
            self.cookie = f"{sessions.cookie_name(app, 'sign_in')}={client.get_cookie(sessions.cookie_name(app, 'sign_in')).value}"
            self.token = client.environ_base["HTTP_X_CSRFTOKEN"]
            db.session.remove()
        self.took: dict[str, list[float]] = defaultdict(list)

    def ask(self, name: str, path: str, form: dict | None = None, **headers: str) -> str:
        body = urlencode(form or {}, doseq=True).encode()
        headers = {"Cookie": self.cookie, "X-CSRFToken": self.token, "Accept": "text/html", **headers}
        environ = EnvironBuilder(
            path=path, base_url=self.app.config["CROWDMAP"].PUBLIC_URL, method="GET" if form is None else "POST",
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            input_stream=io.BytesIO(body) if form is not None else None, content_length=len(body) if form is not None else None,
            content_type="application/x-www-form-urlencoded" if form is not None else None,
        ).get_environ()  # fmt: skip
        told = []
        begun = time.perf_counter()
        answer = self.app(environ, lambda status, headers, exc_info=None: told.append(status))
        data = b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()
        self.took[name].append((time.perf_counter() - begun) * 1000)
        assert told[0].startswith("2"), (name, path, told[0], data[:400])
        return data.decode()


def measure(here: Site, reports: int, rounds: int) -> dict[str, str]:
    with here.app() as app:
        serve.spare_the_collector()  # as the server does
        someone = Moderator(app)
        first = someone.ask("warm", "/moderate")
        assert first.count('class="report-row') == 50
        second = re.search(r'rel="next" href="([^"]+)"', first)[1].replace("&amp;", "&")
        with app.app_context():
            waiting = list(db.session.scalars(
                select(Publication.public_id).join(QueueItem, QueueItem.report_id == Publication.report_id)
                .where(Publication.audience == Audience.STAFF, QueueItem.status == Status.PENDING)
                .order_by(func.abs(QueueItem.report_id * 7919 % 100_003)).limit(rounds * 2 + 400)
            ))  # fmt: skip
            db.session.remove()
        for path in [*PAGES.values(), f"/moderate/{waiting[0]}"]:
            someone.ask("warm", path or second)
        revisions: dict[str, int] = defaultdict(lambda: 1)
        for number in range(rounds):
            one, other = waiting[2 * number], waiting[2 * number + 1]
            for name, path in PAGES.items():
                someone.ask(name, path or second)
            someone.ask("a report, fetched ahead", f"/moderate/{one}", X_Desk="ahead")
            someone.ask("that it is looked at", f"/moderate/{one}/look", {}, Accept="application/json")
            offered = ""
            for action, fields in DAY:
                form = {key: value.replace("{other}", other) for key, value in fields.items()}
                if action == "undo":
                    someone.ask("undo", "/moderate/undo", {"decision": re.findall(r'name="decision" value="(\d+)"', offered)[:1]}, X_Desk="act")
                else:
                    told = orjson.loads(someone.ask(action, f"/moderate/{one}/{action}", {**form, "revision": revisions[one]}, X_Desk="act"))
                    assert told["done"] == [one]
                    offered = told["html"]
                revisions[one] += ACTIONS[action].revised
            revisions[other] += 2  # merged into, and parted from again
            news = orjson.loads(someone.ask("news after an action, with the views counted", "/moderate/new.json?views=yes&since=" + str(reports), Accept="application/json"))
            someone.ask("news when there is none", f"/moderate/new.json?since={news['seq']}", Accept="application/json")
        rest = waiting[2 * rounds :]
        for start in range(0, 400, 20):
            chosen = [f"{public_id}:1" for public_id in rest[start : start + 20]]
            told = orjson.loads(someone.ask("20 reports published at once", "/moderate/bulk", {"do": "publish", "seen": chosen}, X_Desk="act"))
            assert len(told["done"]) == 20, told["skipped"][:2]
        del someone.took["warm"]
        unmeasured = set(ACTIONS) - {action for action, _fields in DAY}
        if unmeasured:
            print("not measured here:", ", ".join(sorted(unmeasured)))
        return {name: spread(took) for name, took in someone.took.items()}


def spread(took: list[float]) -> str:
    ordered = sorted(took)
    return f"{ordered[len(ordered) // 2]:.1f} / {ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=DATABASES, action="append", help="default: both")
    parser.add_argument("--reports", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=40)
    given = parser.parse_args()
    columns, rows = [], defaultdict(list)
    for database in given.database or DATABASES:
        with site(database, reports=0) as here:
            prepare(here, given.reports)
            print(f"{database} filled; {machine()}", flush=True)
            for name, figure in measure(here, given.reports, given.rounds).items():
                rows[name].append(figure)
            columns.append(here.version)
    print(machine())
    show(f"The desk among {given.reports:,} reports: p50 / p95, ms", columns, rows)


if __name__ == "__main__":
    main()
