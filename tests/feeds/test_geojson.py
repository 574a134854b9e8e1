"""The GeoJSON collection: its box (RFC 7946 §5) and its links."""

import pytest

from crowdmap.geo import Extent
from tests.builders import JACMEL, PORT_AU_PRINCE, make_report

BOXES = [
    ([], None),
    ([(0.0, 0.0)], [0, 0, 0, 0]),
    ([(-72.335, 18.543), (-72.535, 18.234)], [-72.535, 18.234, -72.335, 18.543]),
    ([(-10, 1), (10, 2)], [-10, 1, 10, 2]),
    ([(179.5, -17), (-179.5, -18)], [179.5, -18, -179.5, -17]),
    ([(179.5, -17), (178, -16)], [178, -17, 179.5, -16]),
    ([(-170, 0), (20, 0)], [20, 0, -170, 0]),
    ([(-170, 0), (170, 0), (-10, 0)], [170, 0, -10, 0]),
    ([(180, 0), (-180, 0)], [180, 0, -180, 0]),
    ([(-180, -90), (0, 0), (179, 90)], [0, -90, -180, 90]),
    ([(-100, 0), (0, 0), (79, 0)], [-100, 0, 79, 0]),
]


def add(extent: Extent, points) -> None:
    lons, lats = [[point[axis] for point in points] for axis in (0, 1)]
    ends = [[lon for lon in lons if lon < 0], [lon for lon in lons if lon >= 0], lats]
    extent.add(*((min(some, default=None), max(some, default=None)) for some in ends))


@pytest.mark.parametrize(("points", "expected"), BOXES)
def test_a_box_holds_its_points_the_shorter_way(points, expected):
    whole, parts = Extent(), Extent()
    add(whole, points)
    for one in points:
        add(parts, [one])
    add(parts, [])
    for extent in (whole, parts):
        box = extent.bbox()
        assert (box and box.as_list()) == expected
        assert all(box.contains(*one) for one in points)


@pytest.mark.parametrize("limit", ["", "&limit=all"])
def test_the_collection_has_the_box_of_its_points(client, session, limit):
    assert "bbox" not in client.get(f"/feeds/all.geojson?q={limit}").get_json()
    make_report(at=None, place="somewhere")
    assert "bbox" not in client.get(f"/feeds/all.geojson?q={limit}").get_json()
    make_report(at=PORT_AU_PRINCE, category="ROAD", kind="damage")
    make_report(at=JACMEL, category="ROAD", kind="damage")
    told = client.get(f"/feeds/all.geojson?q={limit}").get_json()
    assert told["bbox"] == [JACMEL[0], JACMEL[1], PORT_AU_PRINCE[0], PORT_AU_PRINCE[1]]
    make_report(at=(179.5, -17.2), category="ROAD", kind="damage")
    make_report(at=(-179.5, -17.2), category="ROAD", kind="damage")
    west, _south, east, _north = client.get(f"/feeds/all.geojson?bbox=170,-20,-170,0{limit}").get_json()["bbox"]
    assert west == 179.5 and east == -179.5


def test_the_box_is_of_the_published_points(client, session):
    make_report(kind="need", category="WAT", at=PORT_AU_PRINCE)
    told = client.get("/feeds/all.geojson").get_json()
    point = told["features"][0]["geometry"]["coordinates"]
    assert point != list(PORT_AU_PRINCE) and told["bbox"] == point * 2


def test_pages_lead_on_in_the_header_as_in_the_body(client, session):
    for _ in range(3):
        make_report()
    answer = client.get("/feeds/all.geojson?limit=2")
    assert f'<{answer.get_json()["next"]}>; rel="next"' in ", ".join(answer.headers.getlist("Link"))
    again = client.get("/feeds/all.geojson?limit=2")  # from the cache
    assert again.headers.getlist("Link") == answer.headers.getlist("Link")
