"""Boxes and distances, against brute force, on both databases."""

import math
import random
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, text
from sqlalchemy.orm import aliased

from crowdmap.db import db, spatial
from crowdmap.db.spatial import in_bbox, within_metres
from crowdmap.geo import Bbox, distance_m

PORT_AU_PRINCE = (-72.3388, 18.5392)
ON_ONE_TABLE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def put(spots, points):
    rows = [{"id": i, "lon": x, "lat": y, "geom": spatial.point(x, y)} for i, (x, y) in enumerate(points, 1)]
    db.session.execute(insert(spots), rows)
    db.session.commit()


def found(spots, clause) -> list[int]:
    ids = list(db.session.scalars(select(spots.id).where(clause).order_by(spots.id)))
    db.session.rollback()
    return ids


def as_float32(value: float) -> float:
    return struct.unpack("<f", struct.pack("<f", value))[0]


def beside(value: float) -> list[float]:
    """The value, its neighbours, what float32 makes of it, and that one's neighbours."""
    near = as_float32(value)
    return [value, math.nextafter(value, 400), math.nextafter(value, -400), near, math.nextafter(near, 400),
            math.nextafter(near, -400)]  # fmt: skip


LON = st.one_of(st.floats(-180, 180), st.sampled_from([-180.0, 180.0, 179.9999999, -179.9999999, 0.0, -0.0, -72.3388]))
LAT = st.one_of(st.floats(-90, 90), st.sampled_from([-90.0, 90.0, 0.0, 18.5392, 5e-324]))


@pytest.fixture
def many(spots):
    """Points all over the world, many of them on the edges of a float32 and of the world."""
    chance = random.Random(4326)
    points = [(chance.uniform(-180, 180), chance.uniform(-90, 90)) for _ in range(150)]
    for lon, lat in [PORT_AU_PRINCE, (179.97, -16.5), (-179.97, -16.5), (0.1, 0.1)]:
        points += [(x, y) for x in beside(lon) for y in beside(lat)]
    points += [(180.0, 5.0), (-180.0, 5.0), (0.0, 90.0), (0.0, -90.0), (12.0, 0.0), (5e-324, -5e-324)]
    put(spots, points)
    return spots, points


@ON_ONE_TABLE
@given(data=st.data())
def test_in_bbox_is_brute_force(many, data):
    spots, points = many
    lon_of_one, lat_of_one = (st.sampled_from(sorted({p[i] for p in points})) for i in (0, 1))
    west, east = (data.draw(st.one_of(LON, lon_of_one)) for _ in range(2))  # the second may be less: it crosses 180°
    south, north = sorted(data.draw(st.one_of(LAT, lat_of_one)) for _ in range(2))
    box = Bbox(west, south, east, north)
    want = [i for i, point in enumerate(points, 1) if box.contains(*point)]
    assert found(spots, in_bbox(spots, box)) == want
    assert found(spots, in_bbox(spots, box, index=False)) == want


def test_edges_belong_to_the_box_and_what_float32_adds_does_not(spots):
    lon, lat = PORT_AU_PRINCE
    put(spots, [(x, lat) for x in beside(lon)])
    outside = [i for i, x in enumerate(beside(lon), 1) if x < lon]
    assert found(spots, in_bbox(spots, Bbox(lon, lat, 0, lat))) == [i for i in range(1, 7) if i not in outside]


def test_a_box_across_the_antimeridian(spots):
    put(spots, [(179.5, -17), (-179.5, -17), (0, -17), (180, -17), (-180, -17), (178, -17)])
    assert found(spots, in_bbox(spots, Bbox(179, -18, -179, -16))) == [1, 2, 4, 5]


def test_rows_without_a_place_are_in_no_box(spots):
    db.session.execute(insert(spots), [{"id": 1, "lon": None, "lat": None, "geom": None}])
    db.session.commit()
    assert found(spots, in_bbox(spots, Bbox(-180, -90, 180, 90))) == []
    assert found(spots, within_metres(spots, 0, 0, 20_000_000)) == []


def test_a_moved_and_a_removed_point(spots):
    put(spots, [(1, 1), (2, 2)])
    here = in_bbox(spots, Bbox(0, 0, 1.5, 1.5))
    db.session.get(spots, 1).lon, db.session.get(spots, 1).geom = 9.0, spatial.point(9, 1)
    db.session.commit()
    assert found(spots, here) == []
    spot = db.session.get(spots, 2)
    spot.geom, spot.lon, spot.lat = None, None, None
    db.session.commit()
    assert found(spots, in_bbox(spots, Bbox(-180, -90, 180, 90))) == [1]
    db.session.delete(db.session.get(spots, 1))
    db.session.commit()
    assert found(spots, in_bbox(spots, Bbox(-180, -90, 180, 90))) == []


@ON_ONE_TABLE
@given(
    lon=st.floats(-180, 180), lat=st.floats(-75, 75), metres=st.floats(10, 100_000),
    bearings=st.lists(st.tuples(st.floats(0, 360), st.floats(0, 1.5)), max_size=20),
)
def test_within_metres_is_the_great_circle(spots, lon, lat, metres, bearings):
    points = [travelled(lon, lat, bearing, metres * part) for bearing, part in bearings]
    db.session.rollback()
    db.session.execute(text("DELETE FROM spot"))
    put(spots, points) if points else db.session.commit()
    got = found(spots, within_metres(spots, lon, lat, metres))
    for i, point in enumerate(points, 1):
        distance = distance_m(lon, lat, *point)
        if distance < metres * 0.9999:
            assert i in got, (distance, metres)
        if distance > metres * 1.0001 + 1e-6:
            assert i not in got, (distance, metres)


def test_coordinates_that_are_almost_nothing(spots):
    put(spots, [(5e-324, 1e-170), (-1e-170, 0.0), (0.0, 5e-324), (1e-10, -1e-10), (1e-8, 1e-8)])
    assert found(spots, within_metres(spots, 0, 0, 1)) == [1, 2, 3, 4, 5]
    assert found(spots, within_metres(spots, 1e-171, 5e-324, 1)) == [1, 2, 3, 4, 5]


def travelled(lon, lat, bearing, metres):
    """The point that many metres away, on the sphere of geo.py."""
    angle, course, start = metres / 6_371_008.8, math.radians(bearing), math.radians(lat)
    end = math.asin(math.sin(start) * math.cos(angle) + math.cos(start) * math.sin(angle) * math.cos(course))
    turn = math.atan2(
        math.sin(course) * math.sin(angle) * math.cos(start), math.cos(angle) - math.sin(start) * math.sin(end)
    )
    return ((lon + math.degrees(turn) + 540) % 360 - 180, math.degrees(end))


def test_the_index_goes_first(spots):
    put(spots, [(i / 100, i / 100) for i in range(3000)])
    clause = in_bbox(spots, Bbox(1, 1, 1.1, 1.1))
    assert "idx_spot_geom" in plan(select(spots.id).where(clause))
    assert "idx_spot_geom" in plan(select(spots.id).where(within_metres(spots, 1, 1, 1000)))
    # under another name too
    other = aliased(spots)
    assert "idx_spot_geom" in plan(select(other.id).where(in_bbox(other, Bbox(1, 1, 1.1, 1.1))))
    assert len(found(spots, clause)) == 11


def plan(statement) -> str:
    bind = db.session.get_bind()
    if bind.dialect.name == "postgresql":
        # is the index usable? so small a table is read through whatever it has
        db.session.execute(text("SET LOCAL enable_seqscan = off"))
    sql = str(statement.compile(bind, compile_kwargs={"literal_binds": True}))
    prefix = "EXPLAIN QUERY PLAN " if bind.dialect.name == "sqlite" else "EXPLAIN "
    lines = [str(row[-1]) for row in db.session.execute(text(prefix + sql))]
    assert not any(line.startswith("SCAN spot") for line in lines), lines
    if bind.dialect.name == "sqlite":
        assert any("USING INTEGER PRIMARY KEY" in line for line in lines), lines
    return "\n".join(lines)
