"""One moderator with the keyboard alone settles fifty reports of the real map, and the page is never loaded anew."""

import csv
import itertools
import re
from collections import Counter

import pytest
from click.testing import CliRunner
from flask.cli import ScriptInfo
from playwright.sync_api import expect
from sqlalchemy import select

from crowdmap.cli import cli
from crowdmap.db import db, reading, utcnow
from crowdmap.intake.generate import Generator
from crowdmap.moderation.models import Decision
from crowdmap.reports import crisis
from tests.builders import make_report
from tests.journeys.test_desk import signed_in

pytestmark = [pytest.mark.settings(AREA="-74.6,17.9,-71.5,20.2", TITLE="Haiti earthquake"), pytest.mark.databases("sqlite")]

FIFTY, ROWS = 50, 150
# what is done in turn; the other half is read and published
WORK = ("publish", "verify", "publish", "merge", "publish", "reject", "publish", "move", "publish", "mask")


@pytest.fixture
def filled(app, session, _haiti, tmp_path):
    """The first rows of the real file, where it is here; else reports as the demonstration invents them."""
    if _haiti is None:
        generator = Generator(crisis.read("earthquake"), seed=1)
        for _number in range(ROWS // 2):
            told = generator.next(utcnow()).fields
            make_report(status="pending", at=(told["lon"], told["lat"]) if told.get("lon") else None, category=told["category"],
                        description=told["description"])  # fmt: skip
        return
    with open(_haiti / "reports.csv", encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(itertools.islice(reader, ROWS))
    path = tmp_path / "haiti.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, reader.fieldnames)
        writer.writeheader()
        writer.writerows(rows)
    command = ["import", str(path), "--categories", str(_haiti / "categories.csv")]
    done = CliRunner().invoke(cli, command, obj=ScriptInfo(create_app=lambda: app))
    assert done.exit_code == 0, done.output
    db.session.rollback()


class Hands:
    """Presses keys and nothing else, and waits for what they do."""

    def __init__(self, page):
        self.page, self.last_public = page, None

    @property
    def open(self) -> str:
        return self.page.locator("#desk").get_attribute("data-open")

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str):
        self.page.keyboard.type(text)

    def goes_on(self, key: str):
        """The next report stands there."""
        self.page.wait_for_function("key => document.querySelector('#desk').dataset.open !== key", arg=key)

    def stays(self, words: str):
        expect(self.page.locator("#said")).to_contain_text(words)
        expect(self.page.locator("#report-head")).to_be_focused()

    def publish(self):
        key = self.open
        self.press("p")
        self.goes_on(key)
        self.last_public = key

    def verify(self):
        self.press("v")
        self.type("called back: it is so")
        self.press("Control+Enter")
        self.stays("Marked as verified.")
        self.publish()

    def merge(self):
        key = self.open
        self.press("g")
        self.type(self.last_public)
        self.press("Enter")
        self.goes_on(key)

    def reject(self):
        key = self.open
        self.press("x", "ArrowDown", "Enter")
        self.goes_on(key)

    def move(self):
        self.press("m", "Control+a")
        self.type("18.5427")
        self.press("Tab", "Control+a")
        self.type("-72.3386")
        self.press("Enter")
        self.stays("Moved.")
        self.publish()

    def mask(self):
        """A telephone number in the words: what the public will see of it is read before it is published."""
        self.press("e", "Tab", "Control+End")
        self.type(" Call +509 3456 7890")
        self.press("Control+Enter")
        self.stays("Changed.")
        expect(self.page.locator(".preview")).to_contain_text("[phone]")
        expect(self.page.locator(".preview")).not_to_contain_text("3456")
        self.publish()

    def settle(self, action: str):
        if self.page.locator("#publish-form [name=confirm]").count():  # it lies outside the area: that is what it is rejected for
            key = self.open
            self.press("x", "Enter")
            self.goes_on(key)
            return "reject"
        never_public = self.page.locator(".preview", has_text="Not at all.").count() > 0
        if action in ("merge", "mask") and (never_public or self.last_public is None):
            action = "publish"  # what only the team may read is not merged into what is on the map, and has no public words
        getattr(self, action)()
        return action


def test_fifty_reports_by_keyboard_alone(app, session, filled, live_server, page):
    loads = []
    page.on("request", lambda request: request.resource_type == "document" and loads.append(request.url))
    signed_in(page, app, live_server).goto(live_server.url + "/moderate")
    page.evaluate("window.marker = 'still the same page'")
    hands, done = Hands(page), Counter()
    hands.press("n")
    hands.goes_on("")
    for number in range(FIFTY):
        done[hands.settle(WORK[number % len(WORK)])] += 1
    assert page.evaluate("window.marker") == "still the same page" and len(loads) == 1
    hands.press("h")  # one more, hidden by mistake: u takes it back
    key = hands.open
    hands.type("a slip of the finger")
    hands.press("Control+Enter")
    hands.goes_on(key)
    hands.press("u")
    page.wait_for_function("key => document.querySelector('#desk').dataset.open === key", arg=key)
    assert page.evaluate("window.marker") == "still the same page" and len(loads) == 1

    assert sum(done.values()) == FIFTY and set(done) == set(WORK)
    with reading(), db.session.session_factory() as own:
        kept = Counter(own.scalars(select(Decision.action).where(Decision.account_id == page.moderator.id)))
    assert kept["verify"] == done["verify"] and kept["move"] == done["move"] and kept["edit"] == done["mask"]
    assert kept["reject"] == done["reject"] and kept["undo"] == kept["hide"] == 1
    assert kept["publish"] == done["publish"] + done["verify"] + done["move"] + done["mask"]
    assert kept["merge"] == done["merge"] * 2  # of the report, and of the one that took it in
    assert re.fullmatch(r"[\d.,]+", page.locator("#median [data-minutes]").inner_text() or "0")
