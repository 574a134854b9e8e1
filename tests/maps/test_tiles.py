"""Vector tiles: what they hold is what the feed holds, read by the library's decoder and by GDAL."""

import json
import math
import shutil
import subprocess

import pytest
from mapbox_vector_tile import decode
from mapbox_vector_tile.Mapbox import vector_tile_pb2

from crowdmap import geo
from crowdmap.maps import tiles
from tests.builders import JACMEL, LEOGANE, PORT_AU_PRINCE, make_key, make_report
from tests.conftest import missing

Z = 8


def at(place, z=Z) -> tuple[int, int, int]:
    return (z, *geo.tile(*place, z))


def ask(client, zxy, layer="all", **args):
    answer = client.get("/tiles/{}/{}/{}/{}.mvt".format(layer, *zxy), query_string=args)
    assert answer.status_code == 200, answer.data[:300]
    return answer


def features(client, zxy, layer="all", **args) -> list[dict]:
    answer = ask(client, zxy, layer, **args)
    assert answer.mimetype == "application/vnd.mapbox-vector-tile" and len(answer.data) <= tiles.MOST_BYTES
    if not answer.data:
        return []
    told = decode(answer.data, default_options={"y_coord_down": True})
    assert list(told) == ["reports"] and told["reports"]["extent"] == 4096 and told["reports"]["version"] == 2
    return told["reports"]["features"]


def lon_lat(feature, zxy) -> tuple[float, float]:
    z, x, y = zxy
    n = 1 << z
    px, py = feature["geometry"]["coordinates"]
    lon = (x + px / 4096) / n * 360 - 180
    return lon, math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * (y + py / 4096) / n))))


def named(found) -> set[str]:
    return {feature["properties"]["id"] for feature in found}


def test_few_reports_are_points_where_the_feed_has_them(session, client):
    report = make_report(at=PORT_AU_PRINCE, category="ROAD", kind="damage", title="Bridge down", people=12)
    (feature,) = features(client, at(PORT_AU_PRINCE))
    feed = client.get("/feeds/all.geojson").get_json()["features"][0]
    assert lon_lat(feature, at(PORT_AU_PRINCE)) == pytest.approx(feed["geometry"]["coordinates"], abs=360 / 256 / 4096)
    told = feature["properties"]
    assert told["id"] == report.public_id and told["title"] == "Bridge down" and told["people"] == 12
    assert told == {name: feed["properties"].get(name, feed["id"]) for name in told}
    assert "precision_m" not in told  # null has no key


def test_a_need_lies_at_the_centre_of_its_tile_and_nowhere_else(session, client):
    exact = (-72.33512, 18.54331)
    make_report(at=exact, category="WAT")
    zxy = at(exact, 20)
    assert features(client, zxy) == []
    shown = geo.tile_centre(*exact)
    (feature,) = features(client, at(shown, 20))
    assert lon_lat(feature, at(shown, 20)) == pytest.approx(shown, abs=1e-6)


def test_many_are_cells_whose_sums_are_those_of_the_points(session, client, monkeypatch):
    for n in range(6):
        make_report(at=(PORT_AU_PRINCE, JACMEL)[n % 2], category=("ROAD", "WAT")[n % 3 == 0])
    zxy = at(PORT_AU_PRINCE, 7)
    points = features(client, zxy)
    assert len(points) == 6 and all("id" in f["properties"] for f in points)
    monkeypatch.setattr(tiles, "MOST_POINTS", 3)
    client.application.extensions.pop("crowdmap_bodies")
    cells = features(client, zxy)
    assert sum(f["properties"]["n"] for f in cells) == 6 and 1 < len(cells) < 6
    for feature in cells:
        told = feature["properties"]
        assert told["n"] == sum(told[kind] for kind in ("need", "offer", "damage", "information")) and "id" not in told
    heaviest = max(cells, key=lambda f: f["properties"]["n"])
    inside = [f["geometry"]["coordinates"] for f in points if math.dist(f["geometry"]["coordinates"], heaviest["geometry"]["coordinates"]) < 256]
    assert len(inside) == heaviest["properties"]["n"]
    assert heaviest["geometry"]["coordinates"] == pytest.approx([sum(xy[i] for xy in inside) / len(inside) for i in (0, 1)], abs=1)


def test_a_tile_that_would_be_too_heavy_has_cells(session, client, monkeypatch):
    for _ in range(3):
        make_report(title="x" * 100)
    monkeypatch.setattr(tiles, "MOST_BYTES", 300)
    (cell,) = features(client, at(geo.tile_centre(*PORT_AU_PRINCE), 12))
    assert cell["properties"]["n"] == 3


@pytest.mark.parametrize("many", [False, True])
def test_the_same_filter_gives_the_same_reports_as_the_feed(session, client, monkeypatch, many):
    monkeypatch.setattr(tiles, "MOST_POINTS", 0 if many else 500)
    for n, place in enumerate((PORT_AU_PRINCE, LEOGANE, JACMEL, None, PORT_AU_PRINCE)):
        make_report(at=place, category=("ROAD", "WAT", "FOOD")[n % 3], description=("camp", "street")[n % 2])
    box = "-72.5,18.4,-72.2,18.6"
    for layer, args in (
        ("all", {}), ("needs", {}), ("all", {"q": "camp"}), ("all", {"category": "WAT"}), ("all", {"category": "WAT,FOOD"}),
        ("all", {"bbox": box}), ("needs", {"bbox": box}), ("all", {"area": "Jacmel"}), ("all", {"status": "closed"}), ("all", {"placed": "no"}),
        ("all", {"near": "-72.34,18.54", "radius": "5000"}), ("all", {"from": "-24h"}), ("damage", {"category": "ROAD", "kind": "damage"}),
    ):  # fmt: skip
        feed = client.get(f"/feeds/{layer}.geojson", query_string=args).get_json()
        expected = {f["id"] for f in feed["features"] if f["geometry"]}
        found = features(client, (0, 0, 0), layer, **args) + features(client, at(JACMEL, 5), layer, **args)
        if many:
            assert sum(f["properties"]["n"] for f in found) == 2 * len(expected), (layer, args)
        else:
            assert named(found) == expected and len(found) == 2 * len(expected), (layer, args)


def test_marks_beside_the_edge_are_in_both_tiles(session, client):
    z, x, y = at(JACMEL, 10)
    edge = geo.tile_bounds(x, y, z)
    near = (edge.east - 0.0001, JACMEL[1])
    make_report(at=near, category="ROAD", kind="damage")
    (here,), (beside,) = features(client, (z, x, y)), features(client, (z, x + 1, y))
    assert here["properties"] == beside["properties"]
    assert 4090 < here["geometry"]["coordinates"][0] <= 4096 and -6 < beside["geometry"]["coordinates"][0] <= 0
    assert features(client, (z, x + 2, y)) == []


def test_at_the_antimeridian_the_neighbour_is_on_the_other_side(session, client):
    make_report(at=(179.999, -17.0), category="ROAD", kind="damage")
    z, x, y = at((179.999, -17.0), 6)
    (here,), (beside,) = features(client, (z, x, y)), features(client, (z, 0, y))
    assert here["geometry"]["coordinates"][0] == pytest.approx(4096, abs=2)
    assert beside["geometry"]["coordinates"][0] == pytest.approx(0, abs=2)
    assert len(features(client, (0, 0, 0))) == 1
    assert len(features(client, (1, 1, 1))) == len(features(client, (1, 0, 1))) == 1


def test_an_empty_tile_is_no_bytes(session, client):
    answer = ask(client, (5, 1, 1))
    assert answer.data == b"" and answer.headers["ETag"]
    make_report(status="pending")
    make_report(category="MISS")
    assert ask(client, (0, 0, 0)).data == b""
    make_report(at=PORT_AU_PRINCE)
    for args in ({"bbox": "10,10,11,11"}, {"bbox": "10,10,11,11", "q": "report"}, {"kind": "offer"}, {"placed": "no"}):
        assert ask(client, at(PORT_AU_PRINCE), **args).data == b"", args


@pytest.mark.parametrize(
    ("path", "field"),
    [("23/0/0", "z"), ("-1/0/0", "z"), ("x/0/0", "z"), ("3/8/0", "x"), ("3/0/8", "y"), ("3/0/1.5", "y"), ("3/٣/0", "x"), ("0/1/0", "x"),
     ("22/99999999/0", "x")],
)  # fmt: skip
def test_a_tile_that_is_not_there_is_named(client, session, path, field):
    answer = client.get(f"/tiles/all/{path}.mvt")
    assert answer.status_code == 400 and answer.get_json()["errors"][0]["field"] == field


@pytest.mark.parametrize(("address", "field"), [
    ("/tiles/all/1/0/0.mvt?colour=red", "colour"), ("/tiles/all.json?colour=red", "colour"), ("/tiles/all/1/0/0.mvt?limit=5", "limit"),
    ("/tiles/needs/1/0/0.mvt?kind=offer", "kind"), ("/tiles/all.json?bbox=1,2", "bbox"),
])  # fmt: skip
def test_parameters_are_those_of_the_feeds(client, session, address, field):
    answer = client.get(address)
    assert answer.status_code == 400 and answer.get_json()["errors"][0]["field"] == field


def test_no_such_layer(client, session):
    assert client.get("/tiles/nothing/1/0/0.mvt").status_code == client.get("/tiles/nothing.json").status_code == 404


def test_a_tile_is_validated_by_its_etag_until_something_changes(session, client):
    make_report(category="ROAD", kind="damage")
    address = "/tiles/damage/{}/{}/{}.mvt".format(*at(PORT_AU_PRINCE))
    first = client.get(address)
    assert first.headers["Access-Control-Allow-Origin"] == "*" and "license" in first.headers["Link"]
    again = {"If-None-Match": first.headers["ETag"]}
    assert client.get(address, headers=again).status_code == 304
    make_report(category="WAT", kind="need")
    assert client.get(address, headers=again).status_code == 304
    make_report(category="ROAD", kind="damage")
    assert client.get(address, headers=again).status_code == 200


def test_a_reader_gets_a_tile_within_its_scope(session, client):
    water, road = make_report(category="WAT"), make_report(category="ROAD", kind="damage")
    assert named(features(client, at(PORT_AU_PRINCE))) == {water.public_id, road.public_id}
    for scope, expected in (
        ("sectors=wash", {water.public_id}), ("layers=damage", {road.public_id}), ("bbox=0,0,1,1", set()),
    ):  # fmt: skip
        client.environ_base["HTTP_X_API_KEY"] = make_key(scope, "precision=public")[1]
        assert named(features(client, at(PORT_AU_PRINCE))) == expected
        assert ask(client, at(PORT_AU_PRINCE)).headers["Cache-Control"] == "no-store"


def test_tilejson_says_where_the_tiles_are_and_what_they_hold(session, client):
    make_report(at=PORT_AU_PRINCE)
    make_report(at=JACMEL, category="ROAD", kind="damage")
    told = client.get("/tiles/needs.json?verification=verified,unverified&category=WAT").get_json()
    assert told["tilejson"] == "3.0.0" and (told["minzoom"], told["maxzoom"]) == (0, 22)
    (template,) = told["tiles"]
    assert template.endswith("/tiles/needs/{z}/{x}/{y}.mvt?category=WAT&verification=unverified%2Cverified")
    west, south, east, north = told["bounds"]
    assert -76 < west < -72.34 and 16 < south < 18.2 and -72.3 < east < -70 and 18.6 < north < 20
    (layer,) = told["vector_layers"]
    assert layer["id"] == "reports" and {"id", "kind", "title", "n", "need"} <= set(layer["fields"])
    answer = client.get(template.partition("//")[2].partition("/")[2].join(["/", ""]).format(z=0, x=0, y=0))
    found = decode(answer.data)["reports"]["features"]
    assert len(found) == 1 and set(found[0]["properties"]) <= set(layer["fields"])
    assert client.get("/tiles/all.json?bbox=1,2,3,4").get_json()["bounds"] == [1, 2, 3, 4]
    assert client.get("/tiles/all.json?bbox=170,2,-170,4").get_json()["bounds"] == [-180, 2, 180, 4]


def test_bounds_of_an_empty_map(session, client):
    assert client.get("/tiles/all.json").get_json()["bounds"][0] >= -180


def test_every_value_is_of_the_specification(session, client):
    """MVT 2.1 §4: known geometry types, tags in pairs that point at keys and values, no key twice."""
    for n in range(5):
        make_report(at=(PORT_AU_PRINCE, JACMEL)[n % 2], category="ROAD", title="=1+1", people=n or None, quantity=1.5)
    tile = vector_tile_pb2.tile()
    tile.ParseFromString(ask(client, (6, *geo.tile(*JACMEL, 6))).data)
    (layer,) = tile.layers
    assert layer.version == 2 and layer.extent == 4096 and len(set(layer.keys)) == len(layer.keys)
    for feature in layer.features:
        assert feature.type == tile.Point and list(feature.geometry)[0] == 9 and len(feature.geometry) == 3
        pairs = list(zip(feature.tags[::2], feature.tags[1::2], strict=True))
        assert all(key < len(layer.keys) and value < len(layer.values) for key, value in pairs)
        assert len({key for key, _ in pairs}) == len(pairs)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("many", [False, True])
def test_gdal_reads_a_tile(session, client, tmp_path, monkeypatch, many):
    if not shutil.which("ogrinfo"):
        missing("ogrinfo is not installed (Debian: apt-get install gdal-bin)")
    monkeypatch.setattr(tiles, "MOST_POINTS", 0 if many else 500)
    report = make_report(at=JACMEL, category="ROAD", kind="damage", title="Bridge down")
    z, x, y = at(JACMEL)
    path = tmp_path / str(z) / str(x) / f"{y}.mvt"
    path.parent.mkdir(parents=True)
    path.write_bytes(ask(client, (z, x, y)).data)
    out = tmp_path / "out.geojson"
    words = ["ogr2ogr", "-f", "GeoJSON", "-t_srs", "EPSG:4326", str(out), f"MVT:{path}", "reports"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    (feature,) = json.loads(out.read_text())["features"]
    assert feature["geometry"]["coordinates"] == pytest.approx(JACMEL, abs=1e-3)
    told = feature["properties"]
    assert told["n"] == told["damage"] == 1 if many else (told["id"], told["title"]) == (report.public_id, "Bridge down")


@pytest.mark.databases("sqlite")
def test_gdal_reads_a_tile_from_the_server(live_server, session):
    if not shutil.which("ogrinfo"):
        missing("ogrinfo is not installed (Debian: apt-get install gdal-bin)")
    make_report(at=JACMEL, category="ROAD", kind="damage", title="Bridge down")
    address = "MVT:{}/tiles/all/{}/{}/{}.mvt".format(live_server.url, *at(JACMEL))
    done = subprocess.run(["ogrinfo", "-ro", "-al", address], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "Feature Count: 1" in done.stdout and "Bridge down" in done.stdout, done.stdout + done.stderr
