"""Whoever takes a layer and goes on from its seq has exactly the layer, whatever was committed in between."""

import random
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from crowdmap.accounts.roles import Role
from crowdmap.db import db
from crowdmap.publishing import policy
from crowdmap.reports.models import Kind, Policy, Report, Status
from tests.builders import JACMEL, LEOGANE, PORT_AU_PRINCE, ids, make_account, make_report

PLACES = (PORT_AU_PRINCE, LEOGANE, JACMEL)
FILTERS = (
    "", "kind=need", "kind=need,damage&bbox=-72.45,18.45,-72.25,18.65", "category=ROAD", "verification=verified",
    "status=all", "q=bridge",
)  # fmt: skip


class Reader:
    """A copy of a layer, kept as docs/agencies.md says: pages, then changes from the first page's seq."""

    def __init__(self, client, query: str, step: int, whole: bool = False):
        self.client, self.query, self.step = client, query, step
        self.copy, self.seq = {}, None
        self.cursor, self.paged = None, whole
        if whole:
            page = self._get(f"/feeds/all.geojson?{query}&limit=all")
            self.seq = page["seq"]
            self._put(page["features"])

    def _get(self, address):
        answer = self.client.get(address.replace("?&", "?"))
        assert answer.status_code == 200, answer.data
        return answer.get_json(force=True)

    def _put(self, features):
        for feature in features:
            if feature["properties"].get("removed"):
                self.copy.pop(feature["id"], None)
            else:
                self.copy[feature["id"]] = feature

    def go_on(self) -> bool:
        """One question further; whether there is more already."""
        if not self.paged:
            cursor = f"&cursor={self.cursor}" if self.cursor else ""
            page = self._get(f"/feeds/all.geojson?{self.query}&limit={self.step}{cursor}")
            if self.seq is None:
                self.seq = page["seq"]
            self._put(page["features"])
            self.paged = page["next"] is None
            self.cursor = page["next"] and page["next"].rpartition("cursor=")[2]
            return True
        found = self._get(f"/feeds/changes?{self.query}&since={self.seq}&limit={self.step}")
        seqs = [feature["properties"]["seq"] for feature in found["features"]]
        assert seqs == sorted(set(seqs)) and all(self.seq < seq <= found["seq"] for seq in seqs)
        self._put(found["features"])
        self.seq = found["seq"]
        return found["more"]

    def finish(self):
        while self.go_on():
            pass
        everything = self._get(f"/feeds/all.geojson?{self.query}&limit=10000")["features"]
        assert self.copy == {feature["id"]: feature for feature in everything}, self.query or "everything"


def change(report: Report, how: int, reports: list[Report]) -> None:
    """One of the things that are done to reports."""
    match how % 9:
        case 0:
            report.kind = list(Kind)[how % 4]
        case 1:
            report.category = ("WAT", "ROAD")[how % 2]
        case 2:
            report.verification = ("verified", "unverified")[how % 2]
        case 3:
            report.title = ("bridge", "road")[how % 2] + f" {how}"
        case 4:
            report.status = Status.HIDDEN
        case 5:
            report.status = (Status.PUBLISHED, Status.CLOSED)[how % 2]
        case 6:
            report.private.lon, report.private.lat = PLACES[how % 3]
        case 7:
            report.merged_into_id = None
        case 8:
            root = reports[how % len(reports)]
            branches = [r for r in reports if r.merged_into_id == report.id]
            if root.id != report.id and root.merged_into_id is None and not branches:
                report.merged_into_id = root.id
    db.session.commit()


def test_a_report_that_changes_its_kind_while_a_layer_is_sent(session, client):
    """It was first seen above the last seq of the needs, is one when their rows are read, and then none any more."""
    need = make_report(kind="need")
    wanderer = make_report(kind="offer", category="FDP")
    answer = client.get("/feeds/needs.geojson?limit=all")  # what stands around the features is made, they are not read yet
    wanderer.kind = Kind.NEED
    session.commit()
    page = answer.get_json(force=True)
    assert ids(page) == [wanderer.public_id, need.public_id]
    wanderer.kind = Kind.OFFER
    session.commit()
    reader = Reader(client, "kind=need", step=5, whole=True)
    reader.copy, reader.seq = {feature["id"]: feature for feature in page["features"]}, page["seq"]
    reader.finish()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
@pytest.mark.databases("sqlite")
def test_any_changes_between_any_questions(session, client, data):
    reports = [make_report(at=PLACES[n % 3], kind=list(Kind)[n % 4]) for n in range(4)]
    query = data.draw(st.sampled_from(FILTERS))
    whole = data.draw(st.booleans())
    reader = Reader(client, query, step=data.draw(st.integers(1, 3)), whole=whole)
    turn = st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 35))
    for asks, which, how in data.draw(st.lists(turn, max_size=25)):
        change(reports[which], how, reports)
        for _ in range(asks):
            reader.go_on()
    reader.finish()


def test_readers_with_filters_lose_nothing_while_many_commit_at_once(app, client):
    """Writers change what they and others made, each on its own connection; a category becomes restricted meanwhile."""
    writers, rounds = 4, 12
    failures = []
    with app.app_context():
        coordinator = make_account(Role.COORDINATOR)
        seed = [make_report(at=PLACES[n % 3], kind=list(Kind)[n % 4]).id for n in range(8)]
        db.session.remove()

    def write(number):
        chance = random.Random(number)
        try:
            for turn in range(rounds):
                with app.app_context():
                    made = make_report(at=PLACES[turn % 3], kind=list(Kind)[turn % 4], external_id=f"w{number}-{turn}").id
                    ids = [made, seed[chance.randrange(len(seed))]]
                    db.session.remove()
                    for report_id in ids:
                        report = db.session.get(Report, report_id, with_for_update=True)
                        reports = [report, db.session.get(Report, seed[number])]
                        # pointers only from one's own to the writer's own seed: no circles
                        change(report, chance.choice((0, 1, 2, 3, 4, 5, 6)) + 9 * chance.randrange(12), reports)
                    if turn % 5 == 4:
                        report = db.session.get(Report, made)
                        change(report, 8 + 9 * 2 * chance.randrange(3), [db.session.get(Report, seed[number])])
                        if turn % 2:
                            change(report, 7, [])
                    if number == 0 and turn == rounds // 2:
                        policy.change(db.session, coordinator, "ROAD", policy=Policy.RESTRICTED)
                        db.session.commit()
                    db.session.remove()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(writers)]
    for thread in threads:
        thread.start()
    readers = []
    for number, query in enumerate(FILTERS):  # some begin later than others, by pages or with all at once
        readers.append(Reader(client, query, step=3 + number, whole=number % 3 == 2))
        for reader in readers:
            reader.go_on()
    chance = random.Random(1)
    while any(thread.is_alive() for thread in threads):
        chance.choice(readers).go_on()
        threads[0].join(0.01)
    for thread in threads:
        thread.join()
    assert not failures, failures
    for reader in readers:
        reader.finish()


def test_a_proxy_may_collapse_those_who_wait_and_nobody_else(session, client):
    make_report()
    answer = client.get("/feeds/changes?since=0")
    assert answer.headers["Cache-Control"] == "public, max-age=0, s-maxage=1, stale-while-revalidate=4"
    assert {"Authorization", "X-API-Key"} <= set(answer.vary) and "Cookie" not in answer.vary
    # nobody is told for longer than needed that something is not there
    for address, status in {"/feeds/changes?since=999": 410, "/feeds/none.geojson": 404, "/feeds/changes": 400}.items():
        refused = client.get(address)
        assert (refused.status_code, refused.headers["Cache-Control"]) == (status, "no-store")


def test_an_answer_that_a_proxy_gives_late_leads_on_without_loss(session, client):
    report = make_report(kind="need")
    since = client.get("/feeds/changes?since=0").get_json(force=True)["seq"]
    report.title = "first"
    session.commit()
    kept = client.get(f"/feeds/changes?since={since}").get_json(force=True)  # what the proxy goes on giving out
    report.title = "second"
    session.commit()
    make_report()
    reader = Reader(client, "", step=10, whole=True)
    reader.copy, reader.seq = {}, kept["seq"]
    reader._put(kept["features"])
    reader.finish()


def test_after_a_restore_who_was_ahead_starts_again(database, session, client):
    """The database is put back as it was: its newest seq lies below what readers were told; then it goes on far above."""
    make_report()
    kept = client.get("/feeds/changes?since=0").get_json(force=True)["seq"]
    lost = kept + 1  # told to somebody before, and not known here any more
    for address in (f"/feeds/changes?since={lost}", f"/feeds/stream?since={lost}"):
        answer = client.get(address)
        assert answer.status_code == 410 and answer.get_json()["restart"] == "/feeds/all.geojson"
    raise_seq = {
        "sqlite": "UPDATE sqlite_sequence SET seq = seq + 1000000 WHERE name = 'event'",
        "postgis": "SELECT setval(pg_get_serial_sequence('event', 'seq'), (SELECT max(seq) + 1000000 FROM event))",
    }
    session.execute(text(raise_seq[database.name]))
    session.commit()
    report = make_report()
    for address in (f"/feeds/changes?since={lost}", f"/feeds/stream?since={lost}"):
        answer = client.get(address)
        assert answer.status_code == 410 and answer.get_json()["head"] > 1_000_000
    found = client.get(f"/feeds/changes?since={kept}").get_json(force=True)  # who was not ahead goes on
    assert ids(found) == [report.public_id]
