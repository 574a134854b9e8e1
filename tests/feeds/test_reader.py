"""A reader held to a scope gets nothing outside it, whatever is asked."""

import orjson
import pytest
from sqlalchemy import func

from crowdmap.db import db
from crowdmap.errors import CursorExpired
from crowdmap.feeds import reading
from crowdmap.feeds.changes import changes, check_since
from crowdmap.feeds.reader import Reader
from crowdmap.filters import ReportFilter, Scope
from crowdmap.geo import Bbox
from crowdmap.publishing.models import Audience
from crowdmap.reports.models import Kind
from tests.builders import JACMEL, PORT_AU_PRINCE, make_report

SCOPES = [
    (Scope(), {"water", "damage", "clinic"}),
    (Scope(kinds=(Kind.NEED,)), {"water"}),
    (Scope(sectors=("wash",)), {"water"}),
    (Scope(areas=("Jacmel",)), {"clinic"}),
    (Scope(bbox=Bbox(-72.4, 18.5, -72.3, 18.6)), {"water", "damage"}),
    (Scope(kinds=(Kind.NEED,), areas=("Jacmel",)), set()),
]


@pytest.mark.parametrize(("scope", "expected"), SCOPES)
def test_a_scope_narrows_rows_counts_and_changes(session, scope, expected):
    reports = {
        "water": make_report(at=PORT_AU_PRINCE, kind="need", category="WAT"),
        "damage": make_report(at=PORT_AU_PRINCE, kind="damage", category="ROAD"),
        "clinic": make_report(at=JACMEL, kind="offer", category="FDP"),
    }
    named = {report.public_id: name for name, report in reports.items()}
    held = Reader(Audience.PUBLIC, scope).hold(ReportFilter())
    assert session.scalar(held.select(Audience.PUBLIC, func.count())) == len(expected)
    assert reading.page(held, Audience.PUBLIC, 10).matched == len(expected)
    found = changes(held, Audience.PUBLIC, 0, 100)
    assert {named[_id(data)] for _seq, data in found.items} == expected
    db.session.rollback()


def _id(feature: bytes) -> str:
    return orjson.loads(feature)["id"]


def test_what_two_scopes_see_is_kept_apart():
    scopes = {ReportFilter(scope=scope).canonical() for scope, _expected in SCOPES}
    assert len(scopes) == len(SCOPES)
    assert ReportFilter().canonical() == ReportFilter(scope=Scope()).canonical()


def test_a_cursor_from_before_the_scope_changed_leads_nowhere(session):
    make_report()
    make_report()
    check_since(0, Reader(since=2))
    check_since(2, Reader(since=2))
    with pytest.raises(CursorExpired):
        check_since(1, Reader(since=2))
