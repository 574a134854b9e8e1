"""The GeoPackage: columns and types, what it says of itself, and how it is kept and made once."""

import os
import sqlite3
import threading

import pytest

from crowdmap.db import db, writing
from crowdmap.errors import FilesBusy
from crowdmap.feeds import layers
from crowdmap.feeds.files import AT_ONCE, Files, KeptFile
from crowdmap.filters import ReportFilter
from crowdmap.publishing.project import PROPERTIES
from tests.builders import JACMEL, make_account, make_report


@pytest.fixture
def opened(client, tmp_path):
    def opened(address: str):
        answer = client.get(address)
        assert answer.status_code == 200, answer.text
        path = tmp_path / "layer.gpkg"
        path.write_bytes(answer.data)
        file = sqlite3.connect(path)
        file.row_factory = sqlite3.Row
        return file

    return opened


def test_columns_have_types_and_nulls_stay_nulls(client, session, opened):
    placed = make_report(at=JACMEL, category="ROAD", kind="damage", people=60, quantity=2.5, occurred_at="2010-01-12T22:00:00Z")
    make_report(at=None, place="somewhere", category="WAT", kind="damage")
    file = opened("/feeds/damage.gpkg")
    types = {row["name"]: row["type"] for row in file.execute("PRAGMA table_info(damage)")}
    assert set(PROPERTIES) | {"fid", "geom", "id"} == set(types)
    assert (types["geom"], types["people"], types["quantity"], types["claimed"], types["occurred_at"], types["seq"]) == (
        "POINT", "INTEGER", "REAL", "BOOLEAN", "DATETIME", "INTEGER",
    )  # fmt: skip
    unplaced, first = file.execute("SELECT * FROM damage ORDER BY fid")
    assert (first["id"], first["people"], first["quantity"], first["claimed"]) == (placed.public_id, 60, 2.5, 0)
    assert first["occurred_at"] == "2010-01-12T22:00:00.000Z"
    assert unplaced["geom"] is None and unplaced["people"] is None and unplaced["occurred_at"] is None
    assert unplaced["title"] is None and unplaced["precision_m"] is None
    assert file.execute("SELECT count(*) FROM rtree_damage_geom").fetchone()[0] == 1
    srs = file.execute("SELECT srs_id, geometry_type_name FROM gpkg_geometry_columns").fetchone()
    assert tuple(srs) == (4326, "POINT")


def test_it_says_whose_it_is_and_where_to_go_on(client, session, opened):
    for _ in range(3):
        make_report(kind="need")
    about = opened("/feeds/needs.gpkg?category=WAT").execute("SELECT * FROM crowdmap_about").fetchone()
    assert about["license"].startswith("https://") and about["attribution"] and about["time_stamp"].endswith(".000Z")
    assert about["seq"] == client.get("/feeds/needs.geojson").get_json()["seq"]
    assert (about["reports"], about["matched"]) == (3, 3) and about["address"].endswith("/feeds/needs.gpkg?category=WAT")


def test_a_layer_may_be_called_as_one_likes(client, session, opened):
    with writing():
        coordinator = make_account("coordinator")
        layers.add(db.session, coordinator, title="About", slug="about", chosen=ReportFilter.parse({"category": "WAT"}))
        db.session.commit()
    make_report()
    file = opened("/feeds/about.gpkg")
    assert [row["category"] for row in file.execute("SELECT * FROM about")] == ["WAT"]
    assert file.execute("SELECT reports FROM crowdmap_about").fetchone()[0] == 1


def test_all_of_it_is_the_default_and_a_page_if_wanted(client, session, opened, monkeypatch):
    monkeypatch.setattr("crowdmap.feeds.views.DEFAULT_LIMIT", 2)
    monkeypatch.setattr("crowdmap.feeds.formats.gpkg.BATCH", 2)
    for _ in range(5):
        make_report()
    assert opened("/feeds/all.gpkg").execute("SELECT count(*) FROM \"all\"").fetchone()[0] == 5
    assert opened("/feeds/all.gpkg?limit=3").execute("SELECT count(*) FROM \"all\"").fetchone()[0] == 3


def test_a_file_is_made_once_for_a_layer_that_stays(client, session, monkeypatch):
    from crowdmap.feeds.formats import gpkg

    made = []
    make = gpkg._make
    monkeypatch.setattr("crowdmap.feeds.cache.Body.spent", lambda *_: 0)  # on a busy machine an older one would be right
    monkeypatch.setattr(gpkg, "_make", lambda *given: made.append(1) or make(*given))
    make_report()
    first, second = client.get("/feeds/all.gpkg").data, client.get("/feeds/all.gpkg").data
    assert first == second and len(made) == 1
    make_report()
    assert client.get("/feeds/all.gpkg").data != first and len(made) == 2


def test_a_kept_file_has_no_name_and_ends_with_its_last_reader(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    kept = KeptFile([b"one", b"", b"two" * 200_000])
    assert len(kept) == 600_003 and not list(tmp_path.iterdir())
    readers = [kept.pieces() for _ in range(3)]
    assert {next(reader)[:6] for reader in readers} == {b"onetwo"}
    descriptor = kept._descriptor
    del kept
    assert sum(len(piece) for piece in readers[0]) > 100_000
    os.fstat(descriptor)
    readers.clear()
    with pytest.raises(OSError):
        os.fstat(descriptor)


def test_more_files_at_once_are_refused_and_places_come_back():
    files, go, told = Files(), threading.Event(), []

    def slow():
        go.wait(10)
        return 1, KeptFile([b"x"])

    threads = [threading.Thread(target=lambda key=key: told.append(files.get(key, lambda: 1, slow))) for key in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    while files._places._value:
        pass
    with pytest.raises(FilesBusy):
        files.get("another", 1, slow)
    go.set()
    for thread in threads:
        thread.join()
    assert len(told) == AT_ONCE and len(files.get("another", 1, slow).data) == 1
