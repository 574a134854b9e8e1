"""The programs that agencies read /ogc/ with: GDAL's OAPIF driver, OWSLib, QGIS."""

import csv
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.builders import JACMEL, LEOGANE, PORT_AU_PRINCE, ids, make_report
from tests.conftest import missing

pytestmark = pytest.mark.databases("sqlite")
AROUND_PORT_AU_PRINCE = (-72.4, 18.5, -72.3, 18.6)
SYSTEM_PYTHON = "/usr/bin/python3"  # Debian's QGIS belongs to Debian's Python


@pytest.fixture
def reports(session):
    """Needs of three towns and one without a place, with marks that a careless reader stumbles over."""
    towns = (PORT_AU_PRINCE, LEOGANE, PORT_AU_PRINCE, JACMEL, PORT_AU_PRINCE, None, PORT_AU_PRINCE)
    made = [
        make_report(
            kind="need", category="FOOD" if number % 2 else "WAT", at=at, place=None if at else "behind the church",
            description=f"number {number}: O'Brien, \"60\" people; Léogâne دعم", verification="verified" if number > 3 else "unverified",
        )
        for number, at in enumerate(towns)
    ]  # fmt: skip
    make_report(kind="offer", category="FDP")
    return made


def feed(client, query: str = "") -> set[str]:
    return set(ids(client.get(f"/feeds/needs.geojson?{query}").get_json(force=True)))


def box_query() -> str:
    return "bbox=" + ",".join(map(str, AROUND_PORT_AU_PRINCE))


# ---- GDAL


def gdal(*words, **environment) -> tuple[str, str]:
    """Standard output and error of one of its programs."""
    if not shutil.which(words[0]):
        missing(f"{words[0]} was not found (Debian: apt-get install gdal-bin)")
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=90, env={**os.environ, **environment})
    assert done.returncode == 0 and "ERROR" not in done.stderr, done.stderr[-2000:]
    return done.stdout, done.stderr


def gdal_reads(server, folder: Path, *options: str) -> tuple[set[str], list[str]]:
    """Ids of what it reads of the layer needs, and the addresses that it asked for."""
    out = folder / "out.csv"
    out.unlink(missing_ok=True)
    _, told = gdal(
        "ogr2ogr", "-f", "CSV", out, f"OAPIF:{server.url}/ogc/", "needs", "-oo", "PAGE_SIZE=2", *options, CPL_DEBUG="HTTP"
    )
    asked = [part.partition(")")[0] for part in told.split("Fetch(")[1:]]
    with out.open(encoding="utf-8", newline="") as file:
        return {row["id"] for row in csv.DictReader(file)}, [address for address in asked if "/items" in address]


def test_gdal_lists_the_layers_and_describes_one(live_server, reports):
    told, _ = gdal("ogrinfo", "-ro", f"OAPIF:{live_server.url}/ogc/")
    assert all(f"{name} (title: " in told for name in ("all", "needs", "offers", "damage", "information"))
    told, _ = gdal("ogrinfo", "-ro", "-so", f"OAPIF:{live_server.url}/ogc/", "needs")
    assert f"Feature Count: {len(reports)}" in told and "Geometry: Point" in told and "WGS 84" in told


def test_gdal_reads_all_pages(live_server, client, reports, tmp_path):
    found, asked = gdal_reads(live_server, tmp_path)
    assert found == feed(client) and len(found) == len(reports)
    assert sum("cursor=" in address for address in asked) == 3


def test_gdal_hands_box_property_and_time_down(live_server, client, reports, tmp_path):
    west, south, east, north = AROUND_PORT_AU_PRINCE
    found, asked = gdal_reads(live_server, tmp_path, "-spat", west, south, east, north)
    assert found == feed(client, box_query()) and len(found) == 4
    assert any("bbox=" in address for address in asked)
    found, asked = gdal_reads(live_server, tmp_path, "-where", "category = 'WAT' AND verification = 'verified'")
    assert found == feed(client, "category=WAT&verification=verified") and len(found) == 2
    assert any("category=WAT&verification=verified" in address for address in asked)
    found, asked = gdal_reads(live_server, tmp_path, "-where", "created_at >= '2010/01/13 00:00:00'")
    assert found == feed(client) and any("datetime=2010-01-13T00" in address for address in asked)


# ---- OWSLib


def test_owslib_reads_everything(live_server, client, reports):
    from owslib.ogcapi.features import Features

    service = Features(f"{live_server.url}/ogc/")
    assert service.feature_collections() == ["all", "needs", "offers", "damage", "information"]
    assert service.conformance()["conformsTo"] and service.api()["openapi"] == "3.0.3"
    assert service.collection("needs")["extent"]["spatial"]["bbox"]
    assert "category" in service.collection_queryables("needs")["properties"]
    told = service.collection_items("needs", limit=5)
    assert (told["numberMatched"], told["numberReturned"]) == (len(reports), 5)
    assert service.collection_item("needs", told["features"][0]["id"])["id"] == reports[-1].public_id
    narrow = service.collection_items("needs", bbox=list(AROUND_PORT_AU_PRINCE), category="WAT")
    assert set(ids(narrow)) == feed(client, box_query() + "&category=WAT")


# ---- QGIS

QGIS = """
import json, os, sys
from qgis.core import QgsApplication, QgsFeatureRequest, QgsRectangle, QgsVectorLayer

url, box = sys.argv[1], [float(number) for number in sys.argv[2:6]]
application = QgsApplication([], False)
application.initQgis()

def read(more="", request=QgsFeatureRequest()):
    layer = QgsVectorLayer(f"url='{url}' typename='needs' pageSize='2'{more}", "needs", "OAPIF")
    assert layer.isValid(), layer.error().message()
    return layer, [feature["id"] for feature in layer.getFeatures(request)]

layer, all_of_it = read()
_, boxed = read(" restrictToRequestBBOX='1'", QgsFeatureRequest().setFilterRect(QgsRectangle(*box)))
box = layer.extent()
print(json.dumps({
    "all": all_of_it, "boxed": boxed, "crs": layer.crs().authid(), "fields": layer.fields().names(),
    "extent": [box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum()],
}), flush=True)
os._exit(0)  # taking QGIS down in order ends in a crash now and then
"""


def test_qgis_reads_all_pages_and_a_box(live_server, client, reports, tmp_path):
    if not Path(SYSTEM_PYTHON).exists() or subprocess.run([SYSTEM_PYTHON, "-c", "import qgis.core"], capture_output=True).returncode:
        missing("QGIS was not found (Debian: apt-get install python3-qgis)")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    environment |= {"HOME": str(tmp_path), "QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(
        [SYSTEM_PYTHON, "-c", QGIS, f"{live_server.url}/ogc/", *map(str, AROUND_PORT_AU_PRINCE)],
        capture_output=True, text=True, timeout=120, env=environment, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.strip().splitlines()[-1])
    assert set(told["all"]) == feed(client) and len(told["all"]) == len(reports)
    assert set(told["boxed"]) == feed(client, box_query()) and len(told["boxed"]) == 4
    assert told["crs"] in ("EPSG:4326", "OGC:CRS84") and {"kind", "category", "updated_at"} <= set(told["fields"])
    expected = client.get("/ogc/collections/needs").get_json()["extent"]["spatial"]["bbox"][0]
    assert told["extent"] == pytest.approx(expected)
