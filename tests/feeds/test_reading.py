"""The list behind every feed: the database joins the features; however it finds them, it is the same list."""

import random

import orjson
import pytest
from sqlalchemy import update

from crowdmap.db import db, writing
from crowdmap.feeds import reading
from crowdmap.filters import ReportFilter
from crowdmap.publishing.models import Audience, CellCount
from tests.builders import make_report

BOXES = ("-72.6,18.4,-72.2,18.7", "-72.34,18.53,-72.32,18.55", "-180,-90,180,90", "179,-90,-179,90", "0,0,1,1")


@pytest.fixture
def scattered(session):
    chance = random.Random(11)
    for number in range(60):
        at = (-72.33 + chance.gauss(0, 0.05), 18.54 + chance.gauss(0, 0.05)) if number % 9 else None
        make_report(at=at, category=chance.choice(("WAT", "ROAD")), description=f"line\nbreak, comma,\nand number {number}")
    make_report(at=(179.9, -16.5))
    make_report(at=(-179.9, -16.4))
    return session


def told(page: reading.Page) -> list[dict]:
    return [orjson.loads(feature) for feature in page.features()]


def listed(chosen: ReportFilter, limit: int) -> list[dict]:
    found, cursor = [], None
    while True:
        page = reading.page(chosen, Audience.PUBLIC, limit, cursor)
        features = told(page)
        assert len(features) == page.returned <= limit
        found += features
        cursor = page.cursor
        if cursor is None:
            assert page.matched == len(found)
            return found


@pytest.mark.parametrize("box", BOXES)
def test_a_box_gives_the_same_list_by_place_and_by_walking(scattered, monkeypatch, box):
    chosen = ReportFilter.parse({"bbox": box})
    lists, boxes = [], []
    for wide in (True, False):
        monkeypatch.setattr(ReportFilter, "wide", lambda self, limit=None, wide=wide: wide)
        lists += [listed(chosen, limit) for limit in (1, 7, 1000)]
        boxes.append(reading.page(chosen, Audience.PUBLIC, 1000).extent.bbox())
    assert all(one == lists[0] for one in lists)
    assert boxes[0] == boxes[1]
    everything = [f for f in listed(ReportFilter(), 1000) if f["geometry"]]
    assert lists[0] == [f for f in everything if chosen.bbox.contains(*f["geometry"]["coordinates"])]


def test_the_last_page_is_told_as_the_last_also_when_it_is_full(scattered):
    page = reading.page(ReportFilter(), Audience.PUBLIC, 62)
    assert (page.returned, page.matched, page.cursor) == (62, 62, None)
    page = reading.page(ReportFilter(), Audience.PUBLIC, 61)
    assert (page.returned, page.matched) == (61, 62) and page.cursor


def test_a_table_of_counts_in_need_of_repair_ends_no_list_early(scattered):
    with writing():
        db.session.execute(update(CellCount).values(n=0))
        db.session.commit()
    found, cursor = [], None
    for _ in range(9):
        page = reading.page(ReportFilter(), Audience.PUBLIC, 10, cursor)
        found += told(page)
        cursor = page.cursor
        if cursor is None:
            break
    assert len({feature["id"] for feature in found}) == len(found) == 62


def test_everything_comes_in_pieces_and_is_the_same(scattered, monkeypatch):
    page = told(reading.page(ReportFilter(), Audience.PUBLIC, 1000))
    monkeypatch.setattr(reading, "BATCH", 7)
    whole = reading.whole(ReportFilter(), Audience.PUBLIC)
    db.session.rollback()
    assert told(whole) == page and whole.matched == len(page) == 62
    assert whole.extent.bbox() == reading.page(ReportFilter(), Audience.PUBLIC, 1000).extent.bbox()


def test_nothing_found_is_an_empty_page(scattered):
    page = reading.page(ReportFilter.parse({"bbox": "0,0,1,1"}), Audience.PUBLIC, 10)
    assert (told(page), page.matched, page.returned, page.cursor, page.extent.bbox()) == ([], 0, 0, None, None)


def test_no_statement_is_remembered_for_a_box_that_somebody_asked_once(scattered, client):
    """Cells of a box are written out; kept statements would push out those that everybody's questions need."""
    def ask(number: int):
        west, south = -72.6 + number / 200, 18.3 + number / 300
        box = f"{west},{south},{west + 0.2},{south + 0.2}"
        for address in (f"/feeds/all.geojson?bbox={box}&limit=2", f"/feeds/all.geojson?bbox={box}&q=line&limit=2",
                        f"/map/cells.geojson?bbox={box}&zoom=12", f"/map/cells.geojson?bbox={box}&zoom=12&verification=unverified"):  # fmt: skip
            assert client.get(address).status_code == 200, address
        make_report(at=(west, south))

    for number in range(5):
        ask(number)
    before = len(db.engine._compiled_cache)
    for number in range(5, 25):
        ask(number)
    assert len(db.engine._compiled_cache) - before < 10  # of eighty; where a box is wide now and then not, it is another question, once
