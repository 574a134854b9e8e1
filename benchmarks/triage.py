"""What trust, a dry run and the rules at the door cost among 100,000 reports, on both databases.

    .venv/bin/python -m benchmarks.triage [--database sqlite] [--reports 100000] [--keep FOLDER]

Messages are given senders: 2,000 contacts with some fifty reports each, and one device that sent a tenth of all. *Trust* is one
question for one sender. A dry run holds ten rules (trust, area, words, volume) against the latest 200 reports: the work itself, and
the page as a coordinator gets it. *At the door* is one POST in this process, without rules and with ten.
"""

import argparse
import random
from itertools import count
from pathlib import Path

from sqlalchemy import func, select, update

from benchmarks.measure import machine, median_ms, show
from benchmarks.sites import DATABASES, Site, site, vacuum
from crowdmap.accounts.models import Account
from crowdmap.accounts.roles import Role
from crowdmap.db import analyse, db, reading
from crowdmap.moderation import sources
from crowdmap.moderation.triage import queries, verbs
from crowdmap.moderation.triage.models import SourceKind
from crowdmap.moderation.triage.rehearsal import rehearse
from crowdmap.moderation.triage.rule import RuleWords
from crowdmap.reports.keyed import source_hash
from crowdmap.reports.models import Submission

CONTACTS, CROWDED_SHARE, BATCH = 2000, 10, 5000
CROWDED = "one network, one program"


def give_senders() -> None:
    pick = random.Random(1)
    contacts = [source_hash(f"+509 3700 {number:04}") for number in range(CONTACTS)]
    crowded = source_hash(CROWDED)
    ids = list(db.session.scalars(select(Submission.id)))
    for start in range(0, len(ids), BATCH):
        rows = []
        for number in ids[start : start + BATCH]:
            contact = pick.choice(contacts)
            device = crowded if pick.randrange(CROWDED_SHARE) == 0 else contact
            rows.append({"id": number, "source_hash": contact, "device_hash": device})
        db.session.execute(update(Submission), rows)
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


def measure(here: Site) -> dict[str, float]:
    found: dict[str, float] = {}
    with here.app() as app:
        app.testing = True
        with app.app_context():
            give_senders()
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
                assert db.session.scalar(select(func.count()).where(device.sent)) > here.published / 20
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
        assert client.get("/admin/rules/try").status_code == 200

    return ask


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=DATABASES, action="append")
    parser.add_argument("--reports", type=int, default=100_000)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    print(machine())
    figures = {}
    for name in options.database or DATABASES:
        with site(name, reports=options.reports, keep=options.keep) as here:
            figures[name] = measure(here)
    rows = {what: [f"{figures[name][what]:.1f}" for name in figures] for what in next(iter(figures.values()))}
    show(f"{options.reports:,} reports, ms", list(figures), rows)


if __name__ == "__main__":
    main()
