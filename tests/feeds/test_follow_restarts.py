"""`crowdmap follow` against a server that is killed and comes back, and killed itself, while reports change: afterwards
each copy is the feed, byte for byte."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path


from crowdmap.db import db
from crowdmap.feeds.follow.client import unpack
from crowdmap.reports.models import Report, Status
from tests.builders import JACMEL, LEOGANE, PORT_AU_PRINCE, make_report
from tests.servers import LiveServer, die_with_parent, free_port

CHANGES = 1000
KILLS = 7  # of the server and of a follower in turn
PLACES = (PORT_AU_PRINCE, LEOGANE, JACMEL)
FOLLOW = (sys.executable, "-u", "-c", "import sys; from crowdmap.cli import main; sys.exit(main())", "follow")


class Process:
    """`crowdmap follow` as its users run it."""

    def __init__(self, log: Path, url: str, out: str, *options: str):
        self.command, self.log = [*FOLLOW, url, "--out", out, *options], log
        self.start()

    def start(self):
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.command, stdout=out, stderr=subprocess.STDOUT, preexec_fn=die_with_parent
            )

    def kill(self):
        self.process.kill()
        self.process.wait()


class Trouble(threading.Thread):
    """Changes reports until so many changes were committed."""

    def __init__(self, app):
        super().__init__()
        self.app, self.done, self.made, self.failed = app, 0, 0, None

    def run(self):
        try:
            self.change(random.Random(12))
        except Exception as error:
            self.failed = error

    def change(self, chance):
        """Several changes a commit, as moderators work on several at once."""
        acts = (self.publish, self.publish, self.edit, self.move, self.hide, self.show, self.show, self.merge, self.unmerge)
        with self.app.app_context():
            while self.done < CHANGES:
                for _ in range(chance.randint(1, 6)):
                    do = chance.choice(acts) if self.made > 20 else self.publish
                    report = None if do == self.publish else db.session.get(Report, chance.randint(1, self.made))
                    self.done += do(report, chance)
                db.session.commit()
                db.session.remove()

    def publish(self, _report, chance):
        db.session.commit()
        make_report(at=chance.choice(PLACES), kind=chance.choice(("need", "offer", "damage")))
        self.made += 1
        return True

    def edit(self, report, chance):
        report.title = f"Édité {chance.random()}"
        return True

    def move(self, report, chance):
        report.private.lon, report.private.lat = chance.choice(PLACES)
        return True

    def hide(self, report, chance):
        changed, report.status = report.status is Status.PUBLISHED, Status.HIDDEN
        return changed

    def show(self, report, chance):
        changed, report.status = report.status is Status.HIDDEN, Status.PUBLISHED
        return changed

    def merge(self, report, chance):
        root = db.session.get(Report, chance.randint(1, self.made))
        branches = db.session.query(Report).filter_by(merged_into_id=report.id).first()
        if root.id == report.id or root.merged_into_id or report.merged_into_id or branches:
            return False
        report.merged_into_id = root.id
        return True

    def unmerge(self, report, chance):
        changed, report.merged_into_id = report.merged_into_id is not None, None
        return changed


def feed(server, layer_and_filter: str) -> dict[str, str]:
    with urllib.request.urlopen(f"{server.url}/feeds/{layer_and_filter}&limit=all", timeout=30) as answer:
        return {feature.id: feature.text for feature in unpack(answer.read().decode()).features}


def geojson_copy(path: Path) -> dict[str, str]:
    lines = [line.rstrip(",") for line in path.read_text(encoding="utf-8").split("\n")[1:-2] if line]
    return {json.loads(line)["id"]: line for line in lines}


def gpkg_copy(path: Path) -> dict[str, str]:
    with sqlite3.connect(path) as connection:
        return dict(connection.execute("SELECT id, feature FROM reports").fetchall())


def postgres_copy(address: str) -> dict[str, str]:
    import psycopg

    with psycopg.connect(address) as connection:
        return dict(connection.execute("SELECT id, feature FROM reports").fetchall())


def test_copies_are_the_feed_whatever_is_killed(request, app, app_settings, database, tmp_path):
    port = free_port()

    def start():
        return LiveServer(app_settings, "--workers", "1", "--threads", "16", "--no-worker", port=port)

    def kill(server):
        os.killpg(server.pid, signal.SIGKILL)
        server.process.wait()

    server = start()
    copies = {
        "needs.geojson?bbox=-72.45,18.45,-72.25,18.65": (tmp_path / "needs.geojson", geojson_copy, ()),
        "all.geojson?": (tmp_path / "all.gpkg", gpkg_copy, ()),
        "all.geojson?status=all": (tmp_path / "polled.geojson", geojson_copy, ("--no-stream",)),
    }
    if database.name == "postgis":
        cluster = request.getfixturevalue("postgis_cluster")
        address = cluster.url(cluster.create()).replace("+psycopg", "")
        copies["all.geojson?kind=offer,damage"] = (address, postgres_copy, ())
    followers = [
        Process(tmp_path / f"follow-{number}.log", f"{server.url}/feeds/{query}", str(out), *options)
        for number, (query, (out, _, options)) in enumerate(copies.items())
    ]
    trouble = Trouble(app)
    started = time.monotonic()
    while not all(follower.log.exists() and " reports, at " in follower.log.read_text() for follower in followers):
        time.sleep(0.1)
        assert time.monotonic() < started + 60
    started = time.monotonic()
    trouble.start()
    try:
        for number in range(1, KILLS + 1):
            while trouble.is_alive() and trouble.done < number * CHANGES / (KILLS + 1):
                trouble.join(0.05)
            if number % 2:
                kill(server)
                server = start()
            else:
                follower = followers[number // 2 % len(followers)]
                follower.kill()
                follower.start()
        trouble.join()
        assert trouble.failed is None and trouble.done >= CHANGES
        wanted = {query: feed(server, query) for query in copies}
        assert all(len(features) > 20 for features in wanted.values()), {q: len(f) for q, f in wanted.items()}
        waiting = dict(wanted)
        deadline = time.monotonic() + 40
        while waiting and time.monotonic() < deadline:
            time.sleep(0.3)
            for query in list(waiting):
                out, read, _ = copies[query]
                if read(out) == waiting[query]:
                    del waiting[query]
        print(
            f"{database.name}: {CHANGES} changes and {KILLS} kills in {time.monotonic() - started:.0f} s, then"
            f" {', '.join(f'{len(features)} features' for features in wanted.values())} alike"
        )
        assert not waiting, {query: follower.log.read_text()[-2000:] for query, follower in zip(copies, followers)}
        assert all(follower.process.poll() is None for follower in followers)
    finally:
        for follower in followers:
            follower.kill()
        server.stop()
