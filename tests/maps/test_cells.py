"""Cells and points: what the map draws agrees with what the feed counts, and both with the published place only."""

import pytest

from crowdmap import geo
from crowdmap.feeds import grid
from crowdmap.maps import cells
from tests.builders import JACMEL, LEOGANE, PORT_AU_PRINCE, ids, make_report

HAITI = "-74.6,17.9,-71.5,20.2"


def ask(client, status=200, **args):
    answer = client.get("/map/cells.geojson", query_string={"bbox": HAITI, "zoom": 9, **args})
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_json(force=True)


def test_few_reports_come_one_by_one_newest_first_as_the_feed_has_them(session, client):
    first, second = make_report(at=PORT_AU_PRINCE), make_report(at=JACMEL, category="ROAD")
    body = ask(client)
    assert body["mode"] == "points" and ids(body) == [second.public_id, first.public_id]
    feed = client.get(f"/feeds/all.geojson?bbox={HAITI}").get_json(force=True)
    assert body["features"] == feed["features"]
    assert body["numberMatched"] == body["numberReturned"] == feed["numberMatched"] == 2
    assert body["seq"] == feed["seq"]


def test_many_become_cells_whose_sums_and_means_are_those_of_the_points(session, client, monkeypatch):
    monkeypatch.setattr(cells, "MOST_POINTS", 3)
    spots = [PORT_AU_PRINCE, PORT_AU_PRINCE, LEOGANE, JACMEL, JACMEL]
    for n, at in enumerate(spots):
        make_report(at=at, category="ROAD" if n % 2 else "WAT")
    body = ask(client)
    assert body["mode"] == "cells" and body["numberMatched"] == 5
    features = client.get(f"/feeds/all.geojson?bbox={HAITI}").get_json(force=True)["features"]
    for cell in body["features"]:
        told = cell["properties"]
        assert told["n"] == told["need"] + told["offer"] + told["damage"] + told["information"]
        west, south, east, north = told["bbox"]
        inside = [f["geometry"]["coordinates"] for f in features if _within(f, told["bbox"])]
        assert len(inside) == told["n"] and west <= east and south <= north
        mean = [sum(xy[i] for xy in inside) / len(inside) for i in (0, 1)]
        assert cell["geometry"]["coordinates"] == pytest.approx(mean, abs=2e-6)
    assert sum(cell["properties"]["n"] for cell in body["features"]) == 5


def _within(feature, box):
    lon, lat = feature["geometry"]["coordinates"]
    return box[0] - 1e-6 <= lon <= box[2] + 1e-6 and box[1] - 1e-6 <= lat <= box[3] + 1e-6


def test_reports_of_one_place_stay_one_counted_cell_at_every_zoom(session, client, monkeypatch):
    monkeypatch.setattr(cells, "MOST_POINTS", 3)
    for _ in range(4):
        make_report(at=PORT_AU_PRINCE, category="WAT")
    for zoom in (3, 12, 18):
        (cell,) = ask(client, zoom=zoom)["features"]
        assert cell["properties"]["coincident"] is True and cell["properties"]["n"] == 4


def test_filtered_by_words_and_categories_the_cells_are_those_of_the_feed(session, client, monkeypatch):
    monkeypatch.setattr(cells, "MOST_POINTS", 0)
    make_report(at=PORT_AU_PRINCE, category="WAT", description="no water in the camp")
    make_report(at=JACMEL, category="FOOD", description="no food in the camp")
    make_report(at=JACMEL, category="FOOD", description="rice for all")
    for args, n in (({"q": "camp"}, 2), ({"category": "FOOD"}, 2), ({"q": "camp", "category": "FOOD"}, 1), ({"area": "Jacmel"}, 2)):
        body = ask(client, **args)
        assert body["numberMatched"] == sum(f["properties"]["n"] for f in body["features"]) == n, args


def test_the_edge_of_the_view_is_exact(session, client):
    road = make_report(at=(-72.3, 18.5), category="ROAD")  # shown exactly
    assert ids(ask(client, bbox="-72.3,18.5,-72.2,18.6")) == [road.public_id]
    assert ids(ask(client, bbox="-72.2999999,18.5,-72.2,18.6")) == []


def test_a_view_across_the_antimeridian_counts_both_sides(session, client, monkeypatch):
    monkeypatch.setattr(cells, "MOST_POINTS", 0)
    make_report(at=(179.5, -17.0), category="ROAD")
    make_report(at=(-179.5, -17.0), category="ROAD")
    make_report(at=(0.0, -17.0), category="ROAD")
    assert ask(client, bbox="170,-20,-170,-10", zoom=5)["numberMatched"] == 2


def test_narrow_views_never_find_the_exact_place_of_a_need(session, client):
    exact = (-72.33512, 18.54331)
    make_report(at=exact, category="WAT")
    lon, lat = geo.tile_centre(*exact)
    around = "{:.6f},{:.6f},{:.6f},{:.6f}"
    assert ids(ask(client, zoom=18, bbox=around.format(exact[0] - 1e-4, exact[1] - 1e-4, exact[0] + 1e-4, exact[1] + 1e-4))) == []
    (shown,) = ask(client, zoom=18, bbox=around.format(lon - 1e-4, lat - 1e-4, lon + 1e-4, lat + 1e-4))["features"]
    assert shown["geometry"]["coordinates"] == [lon, lat]


def test_pending_hidden_and_restricted_reports_are_not_even_counted(session, client):
    make_report(status="pending")
    make_report(status="hidden")
    make_report(category="MISS")
    make_report(at=None, category="MISS")
    body = ask(client)
    assert body["numberMatched"] == 0 and body["unplaced"] == 0 and body["features"] == []


def test_unplaced_reports_are_counted_beside_the_map(session, client):
    make_report(at=None)
    make_report(at=None, category="ROAD")
    assert ask(client)["unplaced"] == 2
    assert ask(client, kind="damage")["unplaced"] == 1


@pytest.mark.parametrize(
    ("args", "field"),
    [({"zoom": "x"}, "zoom"), ({"zoom": ""}, "zoom"), ({"zoom": "23"}, "zoom"), ({"zoom": "-1"}, "zoom"),
     ({"bbox": "1,2,3"}, "bbox"), ({"bbox": "0,10,1,5"}, "bbox"), ({"bbox": "nan,0,1,1"}, "bbox"), ({"colour": "red"}, "colour")],
)  # fmt: skip
def test_what_cannot_be_read_is_named(session, client, args, field):
    body = ask(client, status=400, **args)
    assert body["errors"][0]["field"] == field


def test_without_a_bbox_the_answer_says_so(session, client):
    answer = client.get("/map/cells.geojson?zoom=3")
    assert answer.status_code == 400 and answer.get_json(force=True)["errors"][0]["field"] == "bbox"


def test_the_same_view_is_validated_by_its_etag_until_something_changes(session, client):
    make_report()
    address = f"/map/cells.geojson?bbox={HAITI}&zoom=9"
    etag = client.get(address).headers["ETag"]
    assert client.get(address, headers={"If-None-Match": etag}).status_code == 304


def test_any_view_of_any_size_asks_for_a_bounded_number_of_tiles():
    for bbox, zoom in (("-180,-90,180,90", 22), ("-74.6,17.9,-71.5,20.2", 18), ("179,-1,-179,1", 22)):
        box = geo.Bbox.parse(bbox)
        level = grid.grid_level(box, zoom + cells.FINER, cells.MOST_TILES)
        assert 0 < len(grid.tiles_of(box, level)) <= cells.MOST_TILES


def test_the_smallest_common_tile_holds_all_cells_between():
    low, high = geo.cell(-72.34, 18.54), geo.cell(-72.33, 18.53)
    zoom = cells._common_zoom(min(low, high), max(low, high))
    assert geo.cell_tile(low, zoom) == geo.cell_tile(high, zoom)
    assert zoom == 24 or geo.cell_tile(low, zoom + 1) != geo.cell_tile(high, zoom + 1)
    assert cells._common_zoom(low, low) == 24


@pytest.mark.parametrize(
    ("total", "occupied", "zoom", "expected"),
    [(401, 401, 18, True), (400, 100, 9, False), (400, 99, 9, True), (400, 1, 14, False), (60, 1, 3, False), (61, 1, 3, True)],
)  # fmt: skip
def test_single_marks_are_drawn_where_they_do_not_cover_each_other(total, occupied, zoom, expected):
    assert cells.crowded(total, occupied, zoom) is expected
