"""Whose point stands for reports that were merged: the root's, refined by others, never moved by them."""

from datetime import UTC, datetime

import pytest

from crowdmap.publishing.project import Tree
from crowdmap.reports.models import Report, ReportPrivate, Status
from tests.builders import PORT_AU_PRINCE

LON, LAT = PORT_AU_PRINCE
METRE = 1 / 111_195  # degrees of latitude


def tree(*told) -> Tree:
    """Members from (metres to the north or None, accuracy_m, status); the first is the root."""
    members, private = [], {}
    for number, (north, accuracy, *more) in enumerate(told, 1):
        status, gone = (more + ["published", None][len(more) :])[:2]
        members.append(Report(id=number, status=Status(status), withdrawn_at=gone, erased_at=None, merged_into_id=number > 1 or None))
        lon, lat = (None, None) if north is None else (LON, LAT + north * METRE)
        private[number] = ReportPrivate(report_id=number, lon=lon, lat=lat, accuracy_m=accuracy)
    return Tree(members[0], members, private, len(members), len(members))


def whose(built: Tree, teller=None) -> int | None:
    place = built.place(teller)
    return place and place.report_id


GONE = datetime(2010, 1, 14, tzinfo=UTC)


@pytest.mark.parametrize("told, expected", [
    ([(0, 50), (40_000, 0)], 1),  # elsewhere, however exact it claims to be
    ([(0, 50), (40, 0)], 2),  # better known, at the same place
    ([(0, 50), (240, 20)], 2), ([(0, 50), (260, 20)], 1),  # within 250 m, though the circle is smaller
    ([(0, 900), (880, 20)], 2), ([(0, 900), (920, 20)], 1),
    ([(0, None), (980, 300)], 2), ([(0, None), (1020, 300)], 1),  # a pin that says no precision
    ([(0, 8), (5, 0)], 1), ([(0, 0), (5, 8)], 1),  # nobody knows better than 10 m
    ([(0, 50), (40, 50)], 1), ([(0, 50), (40, None)], 1),  # no better
    ([(0, 500), (100, 60), (200, 20)], 3), ([(0, 500), (100, 20), (200, 5, "pending")], 3),
    ([(0, 500), (600, 20), (100, 200), (650, 5)], 3),  # each is held against the root, not against one another
    ([(None, None), (0, 500), (40_000, 30)], 3),  # the root gave none
    ([(None, None), (0, 30, "pending"), (400, 500)], 3),  # what all may read first
    ([(None, None), (0, 30, "pending"), (400, 20, "hidden")], 3), ([(None, None), (None, None)], None),
    ([(0, 50, "published", GONE), (5000, 100), (5050, 30)], 3),  # its reporter took it back: the next one tells
    ([(0, 50), (10, 10, "published", GONE)], 1),
])  # fmt: skip
def test_the_root_keeps_its_point_and_others_refine_it(told, expected):
    assert whose(tree(*told)) == expected


def test_for_the_public_it_is_the_point_of_who_tells_it_to_the_public():
    built = tree((0, 50, "published", GONE), (9000, 20, "pending"), (5000, 100))
    assert (whose(built), whose(built, built.public_teller)) == (2, 3)
