"""`crowdmap demo`: an invented crisis that goes on by itself, and leaves alone what people do in it."""

import json
import random
import sys
import time
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from crowdmap import demo
from crowdmap.accounts.passwords import verify
from crowdmap.accounts.queries import account_by_email
from crowdmap.db import utcnow
from crowdmap.moderation.models import Decision
from crowdmap.publishing.models import Audience, Publication
from crowdmap.reports.models import Report, Status, Submission
from tests.builders import make_report
from tests.servers import LiveServer

COMMAND = (sys.executable, "-c", "import sys; from crowdmap.cli import main; sys.exit(main())", "demo")
pytestmark = pytest.mark.settings(AREA="-74.6,17.9,-71.5,20.2")


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read()


def descendants(pid: int) -> set[int]:
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found |= {int(path.parent.name), *descendants(int(path.parent.name))}
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_it_answers_goes_on_and_ends_whole(tmp_path):
    settings = {"INSTANCE": tmp_path / "demo", "SECRET_KEY": "k" * 40, "TILE_URL": ""}
    server = LiveServer(settings, "--reports", "40", command=COMMAND, seconds=90)
    try:
        assert json.loads(fetch(server.url + "/feeds/all.geojson"))["numberMatched"] >= 40
        assert b"demonstration" in fetch(server.url + "/")
        said = server.output()
        assert server.url + "/moderate" in said and "coordinator@demo.example" in said
        since = json.loads(fetch(server.url + "/feeds/all.geojson?limit=1"))["seq"]
        end = time.monotonic() + 60
        while not json.loads(fetch(f"{server.url}/feeds/changes?since={since}"))["features"]:
            assert time.monotonic() < end, "no report came in by itself"
            time.sleep(0.5)
        helpers = descendants(server.pid)
        assert len(helpers) >= 4  # two workers, the background worker, the trickle
    finally:
        server.stop()
    end = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in helpers):
        assert time.monotonic() < end, "a process was left behind"
        time.sleep(0.1)


@pytest.mark.databases("sqlite")
def test_a_port_in_use_is_named(live_server, tmp_path):
    settings = {"INSTANCE": tmp_path / "other"}
    with pytest.raises(RuntimeError, match="cannot be used"):
        LiveServer(settings, "--port", str(live_server.port), command=COMMAND)


def test_reports_are_made_once_and_accounts_are_told_again(session):
    accounts = demo.make_accounts()
    made = demo.make_reports(50, seed=3)
    public = select(func.count()).where(Publication.audience == Audience.PUBLIC, Publication.removed.is_(None))
    assert session.scalar(public.where(Publication.status == Status.PUBLISHED)) == 50
    assert made == session.scalar(select(func.count()).select_from(Report)) > 50
    status = set(session.scalars(select(Report.status)))
    assert status >= {Status.PUBLISHED, Status.PENDING, Status.CLOSED}
    assert len(set(session.scalars(select(Submission.channel)))) > 2
    session.rollback()
    assert demo.make_reports(50, seed=3) == 0
    by = set(session.scalars(select(Decision.account_id)))
    assert by - {None} == {account_by_email(demo.ROBOT).id} and demo.ROBOT not in dict(accounts)
    assert demo.make_accounts() == accounts
    for email, passphrase in accounts:
        assert verify(account_by_email(email).password_hash, passphrase)


def test_the_trickle_publishes_what_was_invented_and_nothing_else(session):
    demo.make_accounts()
    demo.make_reports(30, seed=3)
    mine = make_report(status="pending", external_id="somebody's")
    session.query(Report).update({"created_at": utcnow() - timedelta(minutes=1)})
    session.commit()
    pick = random.Random(1)
    for _ in range(200):
        demo._look_after(pick)
        session.rollback()
    waiting = session.scalars(select(Report).where(Report.status == Status.PENDING)).all()
    assert mine.public_id in {report.public_id for report in waiting}
    assert all(report.out_of_area or report.public_id == mine.public_id for report in waiting)
