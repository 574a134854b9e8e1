"""Counts: each dimension with all filters but its own."""

from datetime import UTC, datetime

import pytest

from tests.builders import JACMEL, PORT_AU_PRINCE, make_report

HAITI = "-74.6,17.9,-71.5,20.2"


def ask(client, **args):
    answer = client.get("/map/facets.json", query_string={"bbox": HAITI, **args})
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_json(force=True)


@pytest.fixture
def some(session):
    make_report(at=PORT_AU_PRINCE, category="WAT", verification="verified")
    make_report(at=JACMEL, category="WAT")
    make_report(at=JACMEL, category="ROAD")
    make_report(at=JACMEL, category="ROAD", status="closed")
    make_report(at=None, category="WAT")
    make_report(at=(2.0, 48.0), category="ROAD")


def test_every_dimension_is_counted_in_view(some, client):
    body = ask(client)
    assert body["total"] == 3 and body["unplaced"] == 1
    assert body["kind"] == {"need": 2, "damage": 1}
    assert body["category"] == {"WAT": 2, "ROAD": 1}
    assert body["verification"] == {"verified": 1, "unverified": 2}
    assert body["status"] == {"published": 3, "closed": 1}
    assert sum(n for _day, n in body["day"]) == 3


def test_a_filter_does_not_narrow_its_own_dimension(some, client):
    body = ask(client, kind="need")
    assert body["kind"] == {"need": 2, "damage": 1} and body["category"] == {"WAT": 2} and body["total"] == 2
    body = ask(client, category="ROAD")
    assert body["category"] == {"WAT": 2, "ROAD": 1} and body["kind"] == {"damage": 1}
    body = ask(client, verification="verified")
    assert body["verification"] == {"verified": 1, "unverified": 2} and body["kind"] == {"need": 1}
    body = ask(client, status="closed")
    assert body["status"] == {"published": 3, "closed": 1} and body["total"] == 1 and body["kind"] == {"damage": 1}


@pytest.mark.settings(TIMEZONE="America/Port-au-Prince")
def test_days_are_those_of_the_crisis_and_the_time_filter_leaves_them_all(session, client):
    for hour in (3, 6, 23):  # 3:00 UTC is still the 12th in Port-au-Prince
        make_report(occurred_at=datetime(2010, 1, 13, hour, 30, tzinfo=UTC))
    make_report(occurred_at=datetime(2010, 2, 1, 12, tzinfo=UTC))
    days = [["2010-01-12", 1], ["2010-01-13", 2], ["2010-02-01", 1]]
    assert ask(client)["day"] == days
    body = ask(client, **{"from": "2010-01-13", "until": "2010-01-14"})
    assert body["day"] == days and body["total"] == 2 and body["kind"] == {"need": 2}


def test_a_report_with_several_categories_is_counted_under_each(session, client):
    make_report(category="WAT", categories=["FOOD"])
    assert ask(client)["category"] == {"WAT": 1, "FOOD": 1}


def test_restricted_reports_are_no_number(session, client):
    make_report(category="MISS")
    make_report(at=None, category="MISS")
    body = ask(client)
    assert body["total"] == body["unplaced"] == 0 and body["category"] == {}


def test_without_a_bbox_the_whole_crisis_is_counted(some, client):
    body = client.get("/map/facets.json").get_json(force=True)
    assert body["total"] == 5 and body["unplaced"] == 1
