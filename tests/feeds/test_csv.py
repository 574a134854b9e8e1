"""The CSV: its columns and tags, what a spreadsheet may not take for a formula, and the way back in."""

import csv
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask.cli import ScriptInfo

from crowdmap.cli import cli
from crowdmap.feeds.formats.csv import _cell
from tests.builders import LEOGANE, make_report
from tests.intake.reading import detected, read

TAGS = (
    "#meta+id #meta+url #date+reported #date+updated #x_kind #sector #subsector #description #status+workflow"
    " #status+verified #affected+num #item+qty+num #loc+name #geo+lat #geo+lon #geo+precision #adm1+name #org+claimed"
    " #meta+source #status+reason"
).split()


def rows(client, query: str = "") -> list[list[str]]:
    answer = client.get(f"/feeds/all.csv?{query}")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(answer.data.decode(), newline=""), strict=True))


def test_the_tags_stand_under_the_header_unless_they_are_not_wanted(client, session):
    report = make_report(at=LEOGANE, title="No water", description="Sixty people", people=60, quantity=2.5, category="ROAD", kind="damage")
    header, tags, row = rows(client)
    assert tags == TAGS and len(header) == len(TAGS) and not any(cell.startswith("#") for cell in header)
    told = dict(zip(tags, row, strict=True))
    assert told["#meta+id"] == report.public_id and told["#meta+url"].endswith(f"/reports/{report.public_id}")
    assert told["#description"] == "No water. Sixty people"
    assert (told["#affected+num"], told["#item+qty+num"], told["#org+claimed"]) == ("60", "2.5", "")
    assert (float(told["#geo+lon"]), float(told["#geo+lat"])) == LEOGANE
    assert rows(client, "hxl=0") == [header, row]


def test_every_cell_is_quoted_lines_end_as_the_standard_says_and_excel_may_have_its_mark(client, session):
    make_report(description="one\ntwo")
    data = client.get("/feeds/all.csv?hxl=0").data
    assert data.count(b"\r\n") == 2 and b'"one\ntwo"' in data and data.startswith(b'"Id","Link"')
    assert client.get("/feeds/all.csv?bom=1").data.startswith(b'\xef\xbb\xbf"Id"')


@pytest.mark.parametrize(("value", "cell"), [
    ("=1+1", "'=1+1"), ("+50937", "+50937"), ("-72.335", "-72.335"), ("-1 or", "'-1 or"), ("@x", "'@x"), ("\tx", "'\tx"),
    ("\r=x", "'\r=x"), ("＝x", "'＝x"), ("＋x", "'＋x"), ("－x", "'－x"), ("＠x", "'＠x"), ("\n=x", "'\n=x"), ("+1-2", "'+1-2"), ("-", "'-"), ("a=b", "a=b"), ("١", "١"), ("", ""),
    (None, ""), (False, ""), (True, "yes"), (7, "7"), (2.5, "2.5"), (1e12, "1000000000000"), (-72.335, "-72.335"),
    (0.0000001, "0.0000001"), (610.0, "610"), ("-1e5", "'-1e5"), ("=", "'="), ("'=1", "'=1"),
])  # fmt: skip
def test_no_cell_begins_a_formula(value, cell):
    assert _cell(value) == cell


@pytest.mark.databases("sqlite")
def test_the_humanitarian_validator_has_nothing_to_say(client, session, tmp_path):
    make_report(at=LEOGANE, title="Water!", description="Sixty families", people=60, quantity=3)
    make_report(at=None, title="Road", place="Rue du Puits", category="ROAD", kind="damage", verification="verified")
    told = validator(client, tmp_path)
    assert told.returncode == 0 and "0 error(s), 0 warnings" in told.stdout + told.stderr
    make_report(at=LEOGANE, description="it warns of lines:\nthese are people's own, and stay")
    told = validator(client, tmp_path)
    assert told.returncode == 0 and "0 error(s), 1 warning" in told.stdout + told.stderr


def validator(client, tmp_path):
    path = tmp_path / "layer.csv"
    path.write_bytes(client.get("/feeds/all.csv").data)
    return subprocess.run([Path(sys.executable).with_name("hxlvalidate"), path], capture_output=True, text=True, timeout=60)


@pytest.mark.databases("sqlite")
def test_a_tool_of_the_humanitarian_world_reads_it_by_its_tags(client, session, tmp_path):
    import hxl

    make_report(people=60)
    make_report(people=40, category="ROAD", kind="damage")
    path = tmp_path / "layer.csv"
    path.write_bytes(client.get("/feeds/all.csv").data)
    source = hxl.data(str(path), hxl.InputOptions(allow_local=True))
    assert source.display_tags == TAGS
    assert [row.get("#affected") for row in source.with_rows("#x_kind=need")] == ["60"]


@pytest.mark.parametrize("query", ["", "hxl=0", "bom=1", "bom=1&hxl=0"])
@pytest.mark.parametrize("form", ["auto", "csv", "hxl"])
def test_our_own_csv_comes_back_in(client, session, tmp_path, query, form):
    if form == "hxl" and "hxl=0" in query:
        return
    told = {
        "kind": "damage", "category": "ROAD", "description": "=not a formula, “quoted”\nand on", "people": 60, "quantity": 2.5,
        "place": "Rue du Puits", "verification": "verified",
    }  # fmt: skip
    make_report(at=LEOGANE, **told)
    unplaced = make_report(at=None, category="WAT", title="Water", description="No water", place="behind the church of Jacmel")
    session.rollback()
    data = client.get(f"/feeds/all.csv?{query}").data
    form = detected(tmp_path, data.decode("utf-8")) if form == "auto" else form
    second, first = read(tmp_path, form, data)
    assert (first.problem, second.problem) == (None, None)
    assert {name: first.fields.get(name) for name in told if name != "verification"} == {
        name: value for name, value in told.items() if name != "verification"
    }
    assert (first.fields["lon"], first.fields["lat"], first.approved, first.verified) == (*LEOGANE, True, True)
    assert second.external_id == f"test:{unplaced.public_id}"
    assert second.fields["description"] == "Water. No water" and "lon" not in second.fields


@pytest.mark.databases("sqlite")
def test_the_command_takes_it_as_it_is(app, client, session, tmp_path):
    make_report(at=LEOGANE, category="ROAD", kind="damage")
    make_report(at=None, place="somewhere")
    session.rollback()
    path = tmp_path / "reports.csv"
    path.write_bytes(client.get("/feeds/all.csv").data)
    told = CliRunner().invoke(cli, ["import", str(path), "--dry-run", "--publish"], obj=ScriptInfo(create_app=lambda: app))
    assert told.exit_code == 0 and re.search(r"would be taken +2\n", told.output), told.output
