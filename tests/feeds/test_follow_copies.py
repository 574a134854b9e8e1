"""`crowdmap follow`, the part that writes: every kind of copy under the same tests, and each opened by its own world."""

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from click.testing import CliRunner

from crowdmap.cli import cli
from crowdmap.feeds.follow.client import Away, Feature, State
from crowdmap.feeds.follow.command import open_copy
from crowdmap.feeds.follow.ours import COLUMNS, NotOurs
from crowdmap.publishing.project import PROPERTIES, removal
from crowdmap.reports.models import Verification
from tests.builders import PORT_AU_PRINCE, make_key, make_report
from tests.conftest import missing

URL = "https://map.example.org/feeds/needs.geojson"
STATE = State(URL, "/feeds/changes?kind=need", 5, "cm_k3v7q2mw")
KINDS = ("geojson", "gpkg", "postgis")


@dataclass
class Place:
    """Where a copy is made; *texts* reads what it holds without our code, by id."""

    out: str
    texts: Callable[[], dict[str, str]]


@pytest.fixture(params=KINDS)
def place(request, tmp_path):
    if request.param == "postgis":
        import psycopg

        cluster = request.getfixturevalue("postgis_cluster")
        address = cluster.url(cluster.create()).replace("+psycopg", "")

        def rows():
            with psycopg.connect(address) as connection:
                return dict(connection.execute("SELECT id, feature FROM reports").fetchall())

        return Place(address, rows)
    path = tmp_path / f"copy.{request.param}"

    def lines():
        found = json.loads(path.read_text(encoding="utf-8"))["features"]
        raw = [line.rstrip(",") for line in path.read_text(encoding="utf-8").split("\n")[1:-2]]
        assert [json.loads(line) for line in raw] == found
        return {feature["id"]: line for feature, line in zip(found, raw) if line}

    def table():
        with sqlite3.connect(path) as connection:
            return dict(connection.execute("SELECT id, feature FROM reports").fetchall())

    return Place(str(path), lines if request.param == "geojson" else table)


def feature(name: str, seq: int, at=PORT_AU_PRINCE, **properties) -> Feature:
    value = {
        "type": "Feature", "id": name, "geometry": at and {"type": "Point", "coordinates": list(at)},
        "properties": {**dict.fromkeys(PROPERTIES), "kind": "need", "categories": ["WAT", "FOOD"], "seq": seq, **properties},
    }  # fmt: skip
    return Feature(json.dumps(value, ensure_ascii=False), value)


def gone(name: str, seq: int) -> Feature:
    value = json.loads(json.dumps(removal(name, seq, "removed")))
    return Feature(json.dumps(value), value)


def test_columns_are_the_properties():
    assert tuple(COLUMNS) == PROPERTIES


def test_a_copy_holds_each_feature_as_it_came_and_remembers_where_it_is(place):
    copy = open_copy(place.out, URL, "reports")
    assert copy.state is None and len(copy) == 0
    a, b = feature("a", 3, title='é "quoted"\n\t\u2028 \U0001f4a7 \'', claimed=False, people=4), feature("b", 5, at=None)
    copy.replace(iter([[a], [b]]), STATE)
    assert place.texts() == {"a": a.text, "b": b.text} and copy.state == STATE and len(copy) == 2
    a2, c = feature("a", 7, at=(180.0, -90.0), occurred_at="2010-01-12T21:53:00Z", quantity=1.5), feature("c", 8, photos=[{"x": 1}])
    copy.apply([a2, gone("b", 6), gone("never-seen", 6), c], replace(STATE, seq=8))
    copy.close()
    again = open_copy(place.out, URL, "reports")
    assert again.state == replace(STATE, seq=8) and len(again) == 2
    assert place.texts() == {"a": a2.text, "c": c.text}
    # the same again changes nothing; the layer again takes out what is gone
    again.apply([a2, gone("b", 6)], replace(STATE, seq=8))
    again.replace(iter([[c], []]), replace(STATE, seq=9))
    assert place.texts() == {"c": c.text}
    again.close()


def test_a_copy_of_an_earlier_version_gets_the_columns_that_came_since(place, monkeypatch):
    few = {name: kind for name, kind in COLUMNS.items() if name not in ("verification_reason", "people", "occurred_at")}
    with monkeypatch.context() as earlier:
        for module in ("gpkg", "postgis", "ours"):
            earlier.setattr(f"crowdmap.feeds.follow.{module}.COLUMNS", few)
        copy = open_copy(place.out, URL, "reports")
        copy.replace(iter([[feature("a", 3)]]), STATE)
        copy.close()
    copy = open_copy(place.out, URL, "reports")
    b = feature("b", 5, verification_reason="called,source", people=3, occurred_at="2010-01-12T21:53:00Z")
    copy.apply([b], replace(STATE, seq=5))
    copy.close()
    assert place.texts().keys() == {"a", "b"} and place.texts()["b"] == b.text


def test_what_breaks_off_leaves_everything_as_it_was(place):
    copy = open_copy(place.out, URL, "reports")
    a = feature("a", 3)
    copy.replace(iter([[a]]), STATE)

    def pages():
        yield [feature("b", 9)]
        raise Away("the line broke")

    with pytest.raises(Away):
        copy.replace(pages(), replace(STATE, seq=9))
    if not place.out.endswith(".geojson"):  # which keeps texts only, and takes what it is given
        strange = Feature("{}", {"id": "c", "properties": {}, "type": "Feature"})
        with pytest.raises(KeyError):
            copy.apply([feature("b", 9), strange], replace(STATE, seq=9))
    assert place.texts() == {"a": a.text} and copy.state == STATE
    copy.close()
    assert open_copy(place.out, URL, "reports").state == STATE


def test_a_copy_of_another_feed_is_left_alone(place):
    copy = open_copy(place.out, URL, "reports")
    copy.replace(iter([[feature("a", 3)]]), STATE)
    copy.close()
    with pytest.raises(NotOurs, match="is a copy of https://map.example.org/feeds/needs.geojson"):
        open_copy(place.out, "https://map.example.org/feeds/all.geojson", "reports")
    assert list(place.texts()) == ["a"]


@pytest.mark.parametrize("name", ["mine.geojson", "mine.gpkg"])
@pytest.mark.parametrize("content", [b"", b'{"type":"FeatureCollection","features":[]}\n', b"\x00\x01\xff" * 50, b"my notes\n"])
def test_a_file_that_is_not_its_own_is_never_written(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(NotOurs):
        open_copy(str(path), URL, "reports")
    assert path.read_bytes() == content and [p.name for p in tmp_path.iterdir()] == [name]


def test_a_table_that_is_not_its_own_is_never_written(postgis_cluster):
    import psycopg

    address = postgis_cluster.url(postgis_cluster.create())
    with psycopg.connect(address.replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE mine (id int)")
    with pytest.raises(NotOurs, match="was not made by crowdmap follow"):
        open_copy(address, URL, "mine")
    with pytest.raises(NotOurs, match="no name for a table"):
        open_copy(address, URL, 'x"; DROP TABLE mine')
    with pytest.raises((NotOurs, Away)):
        open_copy("postgresql://nobody@127.0.0.1:1/none?connect_timeout=2", URL, "reports")
    copy = open_copy(address, URL, "public.others")
    copy.replace(iter([[feature("a", 3)]]), STATE)
    assert len(copy) == 1
    copy.close()


def test_a_postgresql_that_restarts_is_asked_again(postgis_cluster):
    name = postgis_cluster.create()
    copy = open_copy(postgis_cluster.url(name), URL, "reports")
    copy.replace(iter([[feature("a", 3)]]), STATE)
    postgis_cluster.hang_up(name)
    with pytest.raises(Away):
        copy.apply([feature("b", 6)], replace(STATE, seq=6))
    assert copy.state == STATE
    copy.apply([feature("b", 6)], replace(STATE, seq=6))
    assert len(copy) == 2 and copy.state.seq == 6
    copy.close()


def test_a_geopackage_is_read_by_gdal_with_its_index_and_points(tmp_path):
    from pyogrio import read_bounds, read_info
    from pyogrio.raw import read

    path = tmp_path / "copy.gpkg"
    copy = open_copy(str(path), URL, "reports")
    here = feature("a", 3, people=4, claimed=True, quantity=2.5, updated_at="2010-01-12T21:53:00Z")
    copy.replace(iter([[here, feature("b", 5, at=None)]]), STATE)
    copy.apply([feature("c", 6, at=(-73.0, 19.0)), feature("d", 7, at=(-70.0, 18.0))], replace(STATE, seq=7))
    copy.apply([gone("d", 8), feature("c", 9, at=(-73.5, 19.5))], replace(STATE, seq=9))
    info = read_info(path, layer="reports")
    assert (info["features"], info["geometry_type"], info["crs"]) == (3, "Point", "EPSG:4326")
    types = dict(zip(info["fields"], info["ogr_types"]))
    assert types["updated_at"] == "OFTDateTime" and types["people"] == "OFTInteger64" and types["quantity"] == "OFTReal"
    _, _, geometry, fields = read(path, layer="reports", bbox=(-74, 19.2, -73, 20))
    assert len(geometry) == 1 and fields[0].tolist() == ["c"]
    assert len(read_bounds(path, layer="reports", bbox=(-71, 17, -69, 19))[0]) == 0
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM rtree_reports_geom").fetchone() == (2,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    copy.close()
    if not (ogrinfo := shutil.which("ogrinfo")):
        missing("no ogrinfo was found (Debian: apt-get install gdal-bin)")
    told = subprocess.run([ogrinfo, "-ro", "-so", path, "reports"], capture_output=True, text=True, check=True).stdout
    assert "Feature Count: 3" in told and "ERROR" not in told


def test_a_reader_of_the_geopackage_never_sees_half(tmp_path):
    path = tmp_path / "copy.gpkg"
    copy = open_copy(str(path), URL, "reports")
    copy.replace(iter([[feature(f"r{n}", n) for n in range(9)]]), STATE)
    with sqlite3.connect(path, timeout=0.1, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")  # somebody draws in QGIS
        copy._db.execute("PRAGMA busy_timeout = 100")
        with pytest.raises(Away, match="locked"):
            copy.apply([gone("r1", 99)], replace(STATE, seq=99))
        other.execute("ROLLBACK")
    copy.apply([gone("r1", 99)], replace(STATE, seq=99))
    assert len(copy) == 8
    copy.close()


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--out", "x.geojson"], 2, "Missing argument"), (["https://map.example.org"], 2, "--out"),
        (["https://map.example.org", "--out", "x.csv"], 2, ".geojson or .gpkg"),
        (["https://map.example.org", "--out", "/no/such/folder/x.gpkg"], 2, "there is no folder"),
        (["map.example.org", "--out", "x.geojson"], 2, "https://"),
        (["https://map.example.org/feeds/all.csv", "--out", "x.geojson"], 2, "GeoJSON feed"),
    ],
)  # fmt: skip
def test_wrong_usage_is_named(tmp_path, monkeypatch, arguments, status, words):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["follow", *arguments])
    assert result.exit_code == status and words in " ".join(result.output.split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.databases("sqlite")
def test_the_command_takes_a_filter_once_and_says_what_it_does(session, live_server, tmp_path):
    need, _ = make_report(kind="need"), make_report(kind="damage", category="ROAD")
    out = tmp_path / "needs.geojson"
    address = f"{live_server.url}/feeds/needs.geojson?category=WAT&limit=1"
    result = CliRunner().invoke(cli, ["follow", address, "--out", str(out), "--once"])
    assert result.exit_code == 0, result.output
    assert "1 reports, at" in result.output
    assert [f["id"] for f in json.loads(out.read_text())["features"]] == [need.public_id]
    for query, words in {"from=-24h": "400", "nonsense=1": "nonsense", "category=NONE": "NONE"}.items():
        bad = tmp_path / f"{words}.geojson"
        result = CliRunner().invoke(cli, ["follow", f"{live_server.url}/feeds/all.geojson?{query}", "--out", str(bad), "--once"])
        assert result.exit_code == 1 and words in result.output and not bad.exists()


@pytest.mark.databases("sqlite")
def test_a_copy_read_with_a_key_is_not_gone_on_with_without_it(session, live_server, tmp_path, monkeypatch):
    """Exact places would stay in what calls itself a copy of the public feed, and the other way round never come."""
    make_report(kind="need", at=PORT_AU_PRINCE, verification=Verification.VERIFIED)
    key = make_key()[1]

    def exact(shown: str, kind: str) -> bool:
        monkeypatch.setenv("CROWDMAP_KEY", shown)
        out = tmp_path / f"copy.{kind}"
        result = CliRunner().invoke(cli, ["follow", f"{live_server.url}/feeds/all.geojson", "--out", str(out), "--once"])
        assert result.exit_code == 0, result.output
        assert key.rpartition("_")[2].encode() not in out.read_bytes()
        if kind == "geojson":
            told = out.read_text()
        else:
            with sqlite3.connect(out) as connection:
                (told,) = connection.execute("SELECT feature FROM reports").fetchone()
        return f'"coordinates":[{PORT_AU_PRINCE[0]},{PORT_AU_PRINCE[1]}]' in told

    for kind in ("geojson", "gpkg"):
        assert [exact(shown, kind) for shown in ("", key, "", key)] == [False, True, False, True]


def test_what_was_removed_leaves_the_file(tmp_path):
    out = tmp_path / "copy.gpkg"
    copy = open_copy(str(out), URL, "reports")
    told = "behind the blue gate"
    copy.replace(iter([[feature(f"f{number}", 3, description=told) for number in range(200)]]), STATE)
    assert told.encode() in out.read_bytes()
    copy.apply([gone(f"f{number}", 6) for number in range(100)], replace(STATE, seq=6))
    copy.replace(iter([[feature("f150", 9)]]), replace(STATE, seq=9))
    copy.close()
    assert told.encode() not in out.read_bytes()
