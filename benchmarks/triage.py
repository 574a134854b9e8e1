"""What trust, a dry run and the rules at the door cost among 100,000 reports, on both databases.

    .venv/bin/python -m benchmarks.triage [--database sqlite] [--reports 100000]

Only what is read here is stored (reports, messages, decisions), straight into the tables: 2,000 contacts with some fifty reports
each, most of them published by a person, and one device that sent a tenth of all. *Trust* is one question for one sender. A dry run
holds ten rules (trust, area, words, volume) against the latest 200 reports: the work itself, and the page as a coordinator gets it.
*A POST* is one in this process, without rules and with ten.
"""

import argparse
import contextvars
import random
from datetime import timedelta
from itertools import count

from sqlalchemy import func, insert, select

from benchmarks.measure import machine, median_ms, show
from benchmarks.sites import DATABASES, Site, site, vacuum
from crowdmap.accounts.models import Account
from crowdmap.accounts.roles import Role
from crowdmap.db import analyse, db, reading, utcnow
from crowdmap.moderation import sources
from crowdmap.moderation.models import Decision
from crowdmap.moderation.triage import queries, verbs
from crowdmap.moderation.triage.models import SourceKind
from crowdmap.moderation.triage.rehearsal import rehearse
from crowdmap.moderation.triage.rule import RuleWords
from crowdmap.reports.keyed import source_hash
from crowdmap.reports.models import Kind, LocatedBy, Report, ReportPrivate, Status, Submission

CONTACTS, CROWDED_SHARE, BATCH, BEGUN = 2000, 10, 5000, 100
CROWDED = "one network, one program"


def fill(reports: int) -> None:
    pick, now = random.Random(1), utcnow()
    contacts = [source_hash(f"+509 3700 {number:04}") for number in range(CONTACTS)]
    crowded = source_hash(CROWDED)
    moderator = db.session.scalar(select(Account.id).where(Account.role == Role.MODERATOR))
    first = (db.session.scalar(select(func.max(Report.id))) or 0) + 1
    for start in range(first, first + reports, BATCH):
        rows: dict = {Report: [], ReportPrivate: [], Submission: [], Decision: []}
        for number in range(start, min(start + BATCH, first + reports)):
            contact, at, shown = pick.choice(contacts), now - timedelta(minutes=first + reports - number), pick.random() < 0.8
            rows[Report].append({
                "id": number, "public_id": f"b{number}", "kind": Kind.NEED, "category": pick.choice(("WAT", "FOOD", "SHEL")),
                "status": Status.PUBLISHED if shown else Status.PENDING, "description": f"Food and water for {number} people",
                "created_at": at, "more_categories": [], "source": "web",
            })  # fmt: skip
            point = {"lon": pick.uniform(-72.8, -72.2), "lat": pick.uniform(18.4, 18.7), "located_by": LocatedBy.PIN}
            rows[ReportPrivate].append({"report_id": number, **point})
            rows[Submission].append({
                "channel": "bench", "external_id": str(number), "received_at": at, "arrived_at": at, "verbatim": {},
                "content_hash": b"", "source_hash": contact, "report_id": number,
                "device_hash": crowded if pick.randrange(CROWDED_SHARE) == 0 else contact,
            })  # fmt: skip
            if shown:
                rows[Decision].append({"report_id": number, "account_id": moderator, "action": "publish", "at": at, "change": {}})
        for table, values in rows.items():
            db.session.execute(insert(table), values)
        db.session.commit()
    analyse(db.session)
    vacuum()


def make_rules() -> None:
    coordinator = db.session.scalar(select(Account).where(Account.role == Role.COORDINATOR))
    for number in range(10):
        conditions = [
            {"trust_at_least": 0.7, "categories": ["WAT"]}, {"areas": ["Léogâne"], "words": ["water", "food*"]},
            {"volume": {"more_than": 20, "minutes": 5, "of": "source"}}, {"trust_below": 0.1, "channels": ["web"]},
            {"kinds": ["damage"]},
        ][number % 5]  # fmt: skip
        effects = {"decide": "review" if "volume" in conditions else ("publish", "review")[number % 2]}
        words = RuleWords.model_validate({"name": f"Rule {number}", "conditions": conditions, "effects": effects})
        verbs.add(db.session, coordinator, words, active=True)
    db.session.commit()


def measure(here: Site, reports: int) -> dict[str, float]:
    found: dict[str, float] = {}
    with here.app() as app:
        app.testing = True
        with app.app_context():
            fill(reports)
            body = {"category": "WAT", "description": "No water for sixty people", "lat": 18.511, "lon": -72.633}
            client, number = app.test_client(), count()

            def post():
                told = {**body, "contact_phone": f"+509 3700 {next(number) % CONTACTS:04}"}
                assert client.post("/api/v1/reports", json=told).status_code == 201

            found["a POST without rules"] = median_ms(post, 50)
            make_rules()
            found["a POST with ten rules"] = median_ms(post, 50)
            with reading():
                contact = sources.Source(SourceKind.CONTACT, source_hash("+509 3700 0001"))
                device = sources.Source(SourceKind.DEVICE, source_hash(CROWDED))
                assert db.session.scalar(select(func.count()).where(device.sent)) > reports / 20
                found["trust of a contact"] = median_ms(lambda: sources.history(db.session, contact), 50)
                found["trust of the crowded device"] = median_ms(lambda: sources.history(db.session, device), 50)
                rules = queries.active(db.session)
                found["a dry run"] = median_ms(lambda: (db.session.expunge_all(), rehearse(db.session, rules)))
                db.session.rollback()
            found["its page"] = median_ms(_page(app))
            db.session.remove()
    return found


def _page(app):
    from tests.builders import sign_in

    coordinator = db.session.scalar(select(Account).where(Account.role == Role.COORDINATOR))
    client = sign_in(app.test_client(), coordinator)
    db.session.remove()

    def ask():
        # in a context of its own: an open one would lend it the visitor of the last request
        assert contextvars.Context().run(client.get, "/admin/rules/try").status_code == 200

    return ask


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=DATABASES, action="append")
    parser.add_argument("--reports", type=int, default=100_000)
    options = parser.parse_args()
    print(machine())
    figures = {}
    for name in options.database or DATABASES:
        with site(name, reports=BEGUN) as here:
            figures[name] = measure(here, options.reports)
    rows = {what: [f"{figures[name][what]:.1f}" for name in figures] for what in next(iter(figures.values()))}
    show(f"{options.reports:,} reports, ms", list(figures), rows)


if __name__ == "__main__":
    main()
