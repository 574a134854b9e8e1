"""crowdmap export: the public's view as a file, put in its place when it is whole."""

import json

import pytest
from click.testing import CliRunner
from flask.cli import ScriptInfo

from crowdmap.cli import cli
from crowdmap.feeds.formats import FORMATS
from tests.builders import make_report
from tests.contracts.formats_read import READERS


@pytest.fixture
def export(app):
    def export(*words):
        return CliRunner().invoke(cli, ["export", *map(str, words)], obj=ScriptInfo(create_app=lambda: app))

    return export


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_file_holds_what_the_feed_holds(client, session, export, tmp_path, suffix):
    needs = [make_report(kind="need", category="WAT") for _ in range(3)]
    make_report(kind="need", category="FOOD")
    make_report(kind="need", category="WAT", status="pending")
    make_report(kind="offer", category="WAT")
    session.rollback()
    out = tmp_path / f"needs.{suffix}"
    out.write_text("what was there before")
    told = export("--format", suffix, "--out", out, "--layer", "needs", "--category", "WAT", "--from", "-24h")
    assert told.exit_code == 0, told.output
    assert "3 reports" in told.output
    rows = READERS[suffix](out.read_bytes(), tmp_path)
    assert [row.id for row in rows] == [report.public_id for report in reversed(needs)]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.databases("sqlite")
def test_switches_and_lists_are_those_of_the_address(client, session, export, tmp_path):
    make_report(category="WAT"), make_report(category="FOOD"), make_report(category="ROAD", kind="damage")
    session.rollback()
    out = tmp_path / "some.csv"
    told = export("--format", "csv", "--out", out, "--hxl", "0", "--category", "WAT", "--category", "FOOD", "--bbox", "-73,18,-72,19")
    assert told.exit_code == 0, told.output
    assert out.read_bytes() == client.get("/feeds/all.csv?hxl=0&category=WAT,FOOD").data
    out = tmp_path / "some.geojson"
    assert export("--format", "geojson", "--out", out, "--q", "report").exit_code == 0
    links = {link["rel"]: link["href"] for link in json.loads(out.read_bytes())["links"]}
    assert links["self"].endswith("/feeds/all.geojson?q=report") and "/feeds/changes?since=" in links["changes"]


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(("words", "code", "said"), [
    (["--kind", "wish"], 1, "wish"), (["--hxl", "1"], 1, "hxl"), (["--status", "hidden"], 1, "hidden"), (["--bbox", "1"], 1, "bbox"),
    (["--layer", "none"], 2, "none"), (["--colour", "red"], 2, "colour"), (["--bbox", "0,0,1,1", "--bbox", "1,1,2,2"], 1, "bbox"),
])  # fmt: skip
def test_a_bad_question_leaves_the_file_that_is_there(session, export, tmp_path, words, code, said):
    out = tmp_path / "kept.geojson"
    out.write_text("before")
    told = export("--format", "geojson", "--out", out, *words)
    assert told.exit_code == code and said in told.output
    assert out.read_text() == "before" and len(list(tmp_path.glob(".kept*"))) == 0


@pytest.mark.databases("sqlite")
def test_what_breaks_half_way_leaves_the_file_that_is_there(session, export, tmp_path, monkeypatch):
    make_report()
    session.rollback()
    out = tmp_path / "kept.csv"
    out.write_text("before")

    def broken(features, around):
        yield b"half"
        raise OSError(28, "No space left on device", str(out))

    monkeypatch.setattr(FORMATS["csv"], "encode", broken)
    told = export("--format", "csv", "--out", out)
    assert told.exit_code == 1 and "No space left" in told.output
    assert out.read_text() == "before" and [path.name for path in tmp_path.glob(".*")] == []
