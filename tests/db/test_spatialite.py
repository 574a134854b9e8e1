"""The file is a SpatiaLite file: the format, the guards, and the real SpatiaLite's opinion of it."""

import json
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest
import shapely
from geoalchemy2 import Geometry, WKTElement
from geoalchemy2.shape import from_shape, to_shape
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import exc, func, insert, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from crowdmap.db import blob, db, spatial
from crowdmap.geo import Bbox
from tests.conftest import missing

COORDINATE = st.floats(-1e6, 1e6).map(lambda value: value + 0.0)  # text knows no -0.0
PAIR = st.tuples(COORDINATE, COORDINATE)
PATH = st.lists(PAIR, min_size=2, max_size=6)
RING = st.lists(PAIR, min_size=3, max_size=6, unique=True).map(shapely.LinearRing)
POINT, LINE = PAIR.map(shapely.Point), PATH.map(shapely.LineString)
POLYGON = st.tuples(RING, st.lists(RING, max_size=2)).map(lambda rings: shapely.Polygon(rings[0], rings[1]))
SIMPLE = st.one_of(POINT, LINE, POLYGON)


def several(of, kind):
    return st.lists(of, min_size=1, max_size=4).map(kind)


MULTI = st.one_of(
    several(POINT, shapely.MultiPoint), several(LINE, shapely.MultiLineString), several(POLYGON, shapely.MultiPolygon)
)
SHAPES = st.one_of(SIMPLE, MULTI, several(st.one_of(SIMPLE, MULTI), shapely.GeometryCollection))
WITH_HEIGHT = st.tuples(COORDINATE, COORDINATE, COORDINATE).map(shapely.Point)


@settings(deadline=None)
@given(shape=st.one_of(SHAPES, WITH_HEIGHT), srid=st.sampled_from([0, 4326, -1]))
def test_every_shape_comes_back_from_its_blob(shape, srid):
    data = blob.encode(shape, srid)
    back, back_srid = blob.decode(data)
    assert back_srid == srid
    assert shapely.to_wkb(back, flavor="iso") == shapely.to_wkb(shape, flavor="iso")
    assert blob.bounds(data) == shape.bounds
    assert blob.from_ewkt(f"SRID=4326;{shapely.to_wkt(shape, rounding_precision=20)}") == blob.encode(shape, 4326)
    assert blob.from_wkb(shapely.to_wkb(shapely.set_srid(shape, 4326), include_srid=True)) == blob.encode(shape, 4326)


def test_the_bytes_are_those_of_spatialite_5():
    """From SELECT hex(geom) in SpatiaLite 5.0.1."""
    written = "0001E6100000000000000000F83F0000000000000240000000000000F83F0000000000000240"
    written += "7C01000000000000000000F83F0000000000000240FE"
    assert blob.from_ewkt("SRID=4326;POINT(1.5 2.25)").hex().upper() == written
    assert blob.from_ewkt("POINT (1.5 2.25)", 4326).hex().upper() == written
    assert blob.from_ewkt("srid = 4326 ; point( 15e-1  2.25 )").hex().upper() == written


@pytest.mark.parametrize(
    "words",
    [
        "", "POINT", "POINT EMPTY", "POINT(1)", "SRID=4326;", "SRID=x;POINT(1 2)", "POINT(nan nan)", "POINT(1e999 0)",
        "'; DROP TABLE spot", "POINT(1 2) POINT(3 4)",
    ],
)  # fmt: skip
def test_what_is_no_geometry_is_refused(words):
    with pytest.raises((blob.NotGeometry, ValueError)):
        blob.from_ewkt(words)


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\1" + b"x" * 60, "text", None, 5])
def test_damaged_bytes_are_refused(data):
    with pytest.raises(blob.NotGeometry):
        blob.decode(data)
    whole = blob.from_ewkt("LINESTRING(0 0, 1 1)")
    with pytest.raises(blob.NotGeometry):
        blob.decode(whole[:-20] + b"\xfe")


# ---- on both databases


def test_a_place_goes_in_by_every_way_and_comes_out_the_same(spots):
    lon, lat = -72.33880000000001, 18.5392
    ways = (
        spatial.point(lon, lat), WKTElement(f"POINT({lon!r} {lat!r})", srid=4326),
        from_shape(shapely.Point(lon, lat), srid=4326), from_shape(shapely.Point(lon, lat), srid=4326, extended=True),
    )  # fmt: skip
    for way in ways:
        db.session.add(spots(geom=way, lon=lon, lat=lat))
    db.session.commit()
    db.session.expire_all()
    for spot in db.session.scalars(select(spots)):
        assert to_shape(spot.geom).equals(shapely.Point(lon, lat))
        assert spot.geom.srid == 4326
    first = select(func.ST_X(spots.geom), func.ST_Y(spots.geom), func.ST_SRID(spots.geom), func.ST_AsText(spots.geom),
                   func.ST_AsGeoJSON(spots.geom)).limit(1)  # fmt: skip
    x, y, srid, words, feature = db.session.execute(first).one()
    assert (x, y, srid) == (lon, lat, 4326)
    assert shapely.from_wkt(words).equals(shapely.Point(lon, lat))
    assert json.loads(feature)["coordinates"] == pytest.approx([lon, lat])
    db.session.rollback()


@pytest.mark.filterwarnings("ignore:The given WKT could not be parsed")
@pytest.mark.parametrize("wrong", ["SRID=4326;LINESTRING(0 0,1 1)", "SRID=3857;POINT(0 0)", "SRID=4326;POINT(0 x)"])
def test_only_points_in_degrees_go_in(spots, wrong):
    with pytest.raises(exc.DBAPIError):
        db.session.execute(insert(spots), [{"geom": wrong}])
    db.session.rollback()
    db.session.add(spots(lon=1.0, lat=1.0, geom=spatial.point(1, 1)))
    db.session.flush()
    with pytest.raises(exc.DBAPIError), db.session.begin_nested():
        db.session.execute(text("UPDATE spot SET geom = ST_GeomFromEWKT(:wrong)"), {"wrong": wrong})
    db.session.commit()
    assert db.session.scalar(select(func.count()).select_from(spots).where(spots.geom.is_not(None))) == 1
    db.session.rollback()


def test_lines_and_areas_have_tables_too(app):
    class Base(DeclarativeBase):
        pass

    class Overlay(Base):
        __tablename__ = "shape"
        id: Mapped[int] = mapped_column(primary_key=True)
        line: Mapped[object | None] = mapped_column(Geometry("LINESTRING", srid=4326))
        area: Mapped[object | None] = mapped_column(Geometry("MULTIPOLYGON", srid=4326))
        any: Mapped[object | None] = mapped_column(Geometry("GEOMETRY", srid=4326, spatial_index=False))

    area = "MULTIPOLYGON(((0 0, 4 0, 4 4, 0 4, 0 0), (1 1, 2 1, 2 2, 1 2, 1 1)), ((5 5, 6 5, 6 6, 5 5)))"
    with app.app_context():
        with db.engine.begin() as connection:
            Base.metadata.create_all(connection)
        line, point = "SRID=4326;LINESTRING(0 0, 1 2)", "SRID=4326;POINT(1 2)"
        db.session.add(Overlay(line=line, area=f"SRID=4326;{area}", any=point))
        db.session.commit()
        db.session.expire_all()
        found = db.session.scalars(select(Overlay)).one()
        assert to_shape(found.area).equals(shapely.from_wkt(area))
        assert to_shape(found.line).length == pytest.approx(5**0.5)
        assert db.session.scalar(select(func.ST_Intersects(Overlay.area, func.ST_GeomFromEWKT("SRID=4326;POINT(3 3)"))))
        db.session.remove()
        with db.engine.begin() as connection:
            Base.metadata.drop_all(connection)


# ---- SQLite


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"])
def test_a_database_in_memory_is_refused_in_words(url):
    from crowdmap.db import DatabaseUnsuitable
    from tests.db.conftest import bare_app

    with pytest.raises(DatabaseUnsuitable, match="Name a file"):
        bare_app(url)


def test_another_kind_of_database_is_refused_in_words():
    from crowdmap.db import DatabaseUnsuitable
    from tests.db.conftest import bare_app

    with pytest.raises(DatabaseUnsuitable, match="postgresql"):
        bare_app("mysql://localhost/x")


@pytest.mark.databases("sqlite")
def test_the_id_of_a_new_row_is_its_own_not_an_index_rows(spots):
    for number in (5, 7):
        spot = spots(id=None, number=number, search_text="words here", lon=1.0, lat=1.0, geom=spatial.point(1, 1))
        db.session.add(spot)
        db.session.flush()
        assert db.session.scalar(select(spots.number).where(spots.id == spot.id)) == number
    db.session.execute(text("INSERT OR REPLACE INTO spot (id, channel, geom, search_text) "
                            "VALUES (1, 'x', ST_GeomFromEWKT('SRID=4326;POINT(2 2)'), '')"))  # fmt: skip
    db.session.commit()
    assert check_index() == 1


def check_index():
    found = db.session.scalar(text("SELECT CheckSpatialIndex('spot', 'geom')"))
    db.session.rollback()
    return found


@pytest.mark.databases("sqlite")
def test_a_spoilt_index_is_noticed_and_made_again(spots):
    rows = [{"lon": i / 10, "lat": 1.0, "geom": spatial.point(i / 10, 1.0)} for i in range(100)]
    db.session.execute(insert(spots), rows)
    db.session.commit()
    assert check_index() == 1
    for damage in (
        "DELETE FROM idx_spot_geom WHERE pkid = 7",
        "UPDATE idx_spot_geom SET xmin = 50, xmax = 51 WHERE pkid = 7",
        "INSERT INTO idx_spot_geom VALUES (1000, 1, 1, 1, 1)",
    ):
        db.session.execute(text(damage))
        assert db.session.scalar(text("SELECT CheckSpatialIndex('spot', 'geom')")) == 0
        db.session.execute(text("SELECT DisableSpatialIndex('spot', 'geom')"))
        assert db.session.scalar(text("SELECT CheckSpatialIndex('spot', 'geom')")) is None
        db.session.execute(text("SELECT CreateSpatialIndex('spot', 'geom')"))
        assert db.session.scalar(text("SELECT CheckSpatialIndex('spot', 'geom')")) == 1
    db.session.commit()


PLAIN_PYTHON = "/usr/bin/python3"  # Debian's can load extensions; pyenv's and Apple's cannot
OPINION = """
import json, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
try:
    connection.enable_load_extension(True)
    connection.load_extension("mod_spatialite")
except (AttributeError, sqlite3.Error) as error:
    sys.exit(f"missing: {error}")

def one(query):
    return connection.execute(query).fetchone()

opinion = {
    "version": one("SELECT spatialite_version()")[0],
    "metadata": one("SELECT CheckSpatialMetaData()")[0],
    "index": one("SELECT CheckSpatialIndex('spot', 'geom')")[0],
    "rows": connection.execute(
        "SELECT id, ST_AsText(geom), ST_SRID(geom), ST_IsValid(geom) FROM spot ORDER BY id"
    ).fetchall(),
    "count": one("SELECT count(geom) FROM spot")[0],
    "extent": one("SELECT min(MbrMinX(geom)), min(MbrMinY(geom)), max(MbrMaxX(geom)), max(MbrMaxY(geom)) FROM spot"),
    "found": [row[0] for row in connection.execute(
        "SELECT id FROM spot WHERE id IN (SELECT pkid FROM idx_spot_geom WHERE xmax >= -73 AND xmin <= -72 "
        "AND ymax >= 18 AND ymin <= 19) AND ST_Within(geom, BuildMbr(-73, 18, -72, 19, 4326)) ORDER BY id"
    )],
    "line": one("SELECT ST_AsText(line) FROM shape")[0],
    "area": one("SELECT ST_Area(area) FROM shape")[0],
}
# its own inserts, updates and deletes run our triggers
add = "INSERT INTO spot (id, channel, search_text, geom) VALUES (?, 'x', '', GeomFromText(?, 4326))"
connection.execute(add, (9001, "POINT(-72.5 18.5)"))
connection.execute("UPDATE spot SET geom = GeomFromText('POINT(-72.6 18.6)', 4326) WHERE id = 1")
connection.execute("DELETE FROM spot WHERE id = 2")
try:
    connection.execute(add, (9002, "LINESTRING(0 0, 1 1)"))
    opinion["guarded"] = False
except sqlite3.IntegrityError:
    opinion["guarded"] = True
opinion["index_after"] = one("SELECT CheckSpatialIndex('spot', 'geom')")[0]
connection.commit()
connection.close()
print(json.dumps(opinion))
"""


@pytest.mark.databases("sqlite")
def test_the_real_spatialite_agrees(spots):
    points = [
        (-72.3388, 18.5392), (-72.0, 19.0), (179.9999999, -89.5), (-180.0, 90.0),
        (5e-7, -5e-7), (-72.9999999, 18.1),
    ]
    rows = [{"id": i, "lon": x, "lat": y, "geom": spatial.point(x, y)} for i, (x, y) in enumerate(points, 1)]
    rows.append({"id": 7, "lon": None, "lat": None, "geom": None})
    db.session.execute(insert(spots), rows)
    db.session.execute(text("CREATE TABLE shape (id INTEGER PRIMARY KEY, line GEOMETRY, area GEOMETRY)"))
    db.session.execute(text("SELECT RecoverGeometryColumn('shape', 'line', 4326, 'LINESTRING', 'XY')"))
    db.session.execute(text("SELECT RecoverGeometryColumn('shape', 'area', 4326, 'MULTIPOLYGON', 'XY')"))
    area = "MULTIPOLYGON(((0 0, 4 0, 4 4, 0 4, 0 0), (1 1, 2 1, 2 2, 1 2, 1 1)), ((5 5, 6 5, 6 6, 5 5)))"
    values = {"line": "SRID=4326;LINESTRING(0 0,1 2)", "area": f"SRID=4326;{area}"}
    db.session.execute(text("INSERT INTO shape VALUES (1, GeomFromEWKT(:line), GeomFromEWKT(:area))"), values)
    db.session.commit()

    opinion = real_spatialite(db.engine.url.database)
    assert (opinion["metadata"], opinion["index"], opinion["count"]) == (3, 1, 6)
    assert [(i, srid, valid) for i, _, srid, valid in opinion["rows"][:6]] == [(i, 4326, 1) for i in range(1, 7)]
    for (_, words, *_), point in zip(opinion["rows"], points):
        assert shapely.from_wkt(words).distance(shapely.Point(point)) < 1e-6  # it prints six decimals
    assert opinion["rows"][6] == [7, None, None, -1]
    assert opinion["extent"] == [-180.0, -89.5, 179.9999999, 90.0]
    assert opinion["found"] == [1, 6]  # its ST_Within leaves out the corner, which is ours
    assert (opinion["line"], opinion["area"]) == ("LINESTRING(0 0, 1 2)", 15.5)
    assert (opinion["guarded"], opinion["index_after"]) == (True, 1)

    here = select(spots.id).where(spatial.in_bbox(spots, Bbox(-73, 18, -72, 19))).order_by(spots.id)
    assert db.session.scalar(text("SELECT CheckSpatialIndex('spot', 'geom')")) == 1
    assert db.session.scalars(text("SELECT pkid FROM idx_spot_geom ORDER BY pkid")).all() == [1, 3, 4, 5, 6, 9001]
    assert db.session.scalars(here).all() == [1, 6]
    db.session.rollback()
    with db.engine.begin() as connection:
        connection.execute(text("SELECT DropTable(NULL, 'shape')"))


def real_spatialite(path: str) -> dict:
    if not shutil.which(PLAIN_PYTHON):
        missing("there is no system Python that might load SpatiaLite")
    done = subprocess.run([PLAIN_PYTHON, "-I", "-c", OPINION, path], capture_output=True, text=True, timeout=60)
    if done.stderr.startswith("missing:"):
        missing("SpatiaLite was not found (Debian: apt-get install libsqlite3-mod-spatialite)")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.databases("sqlite")
@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_the_files_are_their_owners_alone(spots):
    modes = {path.suffix: path.stat().st_mode & 0o777 for path in Path(db.engine.url.database).parent.glob("empty.db*")}
    assert set(modes.values()) == {0o600}, modes
    assert {".db", ".lock", ".turn"} <= set(modes)


@pytest.mark.databases("sqlite")
def test_a_plain_sqlite_reads_the_file(spots):
    """A backup is looked at with whatever is at hand."""
    row = {"id": 1, "lon": 1.0, "lat": 2.0, "geom": spatial.point(1, 2), "search_text": "a"}
    db.session.execute(insert(spots), [row])
    db.session.commit()
    plain = sqlite3.connect(db.engine.url.database)
    assert plain.execute("SELECT lon, lat FROM spot").fetchall() == [(1.0, 2.0)]
    assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    plain.close()
