"""`crowdmap import`: each row taken once, counted, or named with its line; on both databases."""

import csv
import json
from collections import Counter

import pytest
from click.testing import CliRunner
from flask.cli import ScriptInfo
from sqlalchemy import func, select

from crowdmap.cli import cli
from crowdmap.intake import importing
from crowdmap.publishing.models import Audience, Publication
from crowdmap.reports.models import Category, Report, ReportPrivate, Status, Submission, Verification
from tests.builders import make_report

pytestmark = pytest.mark.settings(AREA="-74.6,17.9,-71.5,20.2", TIMEZONE="America/Port-au-Prince")

HEADER = "Serial,INCIDENT TITLE,INCIDENT DATE,LOCATION,DESCRIPTION,CATEGORY,LATITUDE,LONGITUDE,APPROVED,VERIFIED\r\n"
ROWS = (
    '1,Water,13/01/2010 08:30,Delmas,No water,"2b. Penurie d\'eau | Water shortage, ",18.545,-72.303,YES,YES\r\n',
    '2,Road,13/01/2010 09:00,Jacmel,Blocked,"5c. Route barree | Road blocked, ",18.234,-72.535,NO,NO\r\n',
    '3,Far,13/01/2010 10:00,Genoa,Lost,"1. Urgences | Emergency, ",44.407,8.934,YES,NO\r\n',
    '4,Words only,13/01/2010 11:00,by the tree,Hungry,"2a. Penurie d\'aliments | Food Shortage, ",,,YES,NO\r\n',
    "5,Bad,soon,x,D,,18.5,-72.3,YES,NO\r\n",
)


@pytest.fixture
def run(app, tmp_path):
    def run(content: str, *options, name: str = "given.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode())
        return CliRunner().invoke(cli, ["import", str(path), *options], obj=ScriptInfo(create_app=lambda: app))

    return run


def told(result) -> dict[str, int]:
    """The summary's table."""
    found = (line.rsplit(None, 1) for line in result.output.splitlines() if "  " in line.strip())
    return {words[0].strip(): int(words[1]) for words in found if len(words) == 2 and words[1].isdigit()}


def by_serial(session, serial, source="given"):
    query = select(Report).join(Submission, Submission.report_id == Report.id)
    return session.scalar(query.where(Submission.external_id == f"{source}:{serial}"))


def test_published_as_the_source_had_it(run, session):
    result = run(HEADER + "".join(ROWS), "--publish")
    assert result.exit_code == 1  # one row could not be taken
    table = told(result)
    assert (table["rows read"], table["taken"], table["published"], table["could not be taken"]) == (5, 4, 2, 1)
    assert (table["outside the area"], table["place not known"], table["need"], table["damage"]) == (1, 1, 3, 1)
    assert "problem: line 6: the date 'soon'" in result.stderr
    water, road, far, words = (by_serial(session, serial) for serial in (1, 2, 3, 4))
    assert (water.status, water.verification) == (Status.PUBLISHED, Verification.VERIFIED)
    assert water.occurred_at.isoformat() == "2010-01-13T13:30:00+00:00"
    assert (road.status, road.verification) == (Status.PENDING, Verification.UNVERIFIED)
    assert (far.status, far.out_of_area) == (Status.PENDING, True)
    assert (words.status, words.place) == (Status.PUBLISHED, "by the tree")
    assert session.get(ReportPrivate, words.id).lon is None


def test_without_publish_all_wait(run, session):
    run(HEADER + "".join(ROWS))
    assert set(session.scalars(select(Report.status))) == {Status.PENDING}
    assert set(session.scalars(select(Report.verification))) == {Verification.UNVERIFIED}


def test_the_original_is_kept_as_it_came(run, session):
    run(HEADER + ROWS[0].replace("No water", "No &quot;water&quot;"))
    row = session.scalar(select(Submission))
    assert (row.channel, row.external_id) == ("import", "given:1")
    assert row.verbatim["DESCRIPTION"] == "No &quot;water&quot;"
    assert row.verbatim["CATEGORY"] == "2b. Penurie d'eau | Water shortage, "
    assert by_serial(session, 1).description == 'No "water"'


def test_again_is_no_change_and_other_content_is_a_conflict(run, session):
    run(HEADER + ROWS[0] + ROWS[1], "--publish")
    before = session.execute(select(Publication.audience, Publication.seq).order_by(Publication.id)).all()
    again = run(HEADER + ROWS[0].replace("No water", "Much water") + ROWS[1] + ROWS[3], "--publish")
    session.rollback()
    table = told(again)
    assert (table["taken"], table["already here"], table["same id, other content"]) == (1, 1, 1)
    assert "conflict: line 2: given:1 came before with other content" in again.stderr and again.exit_code == 1
    assert by_serial(session, 1).description == "No water"
    after = session.execute(select(Publication.audience, Publication.seq).order_by(Publication.id)).all()
    assert after[: len(before)] == before


def test_the_same_id_twice_in_one_file(run, session):
    for options in (["--dry-run"], []):
        result = run(HEADER + ROWS[0] + ROWS[0] + ROWS[0].replace("No water", "Other"), *options)
        assert (told(result)["already here"], told(result)["same id, other content"]) == (1, 1)
    assert session.scalar(select(func.count()).select_from(Report)) == 1


def test_a_file_with_the_newest_first_is_taken_from_its_end(run, session):
    run(HEADER + ROWS[3] + ROWS[1] + ROWS[0])
    assert [report.title for report in session.scalars(select(Report).order_by(Report.id))] == ["Water", "Road", "Words only"]


def test_a_dry_run_says_it_all_and_writes_nothing(run, session):
    content = HEADER + "".join(ROWS)
    rehearsed = run(content, "--publish", "--dry-run")
    assert "Nothing was written." in rehearsed.output
    for model in (Report, Submission, Publication):
        assert session.scalar(select(func.count()).select_from(model)) == 0
    session.rollback()
    done = run(content, "--publish")
    assert [count for _, count in told(rehearsed).items()] == [count for _, count in told(done).items()]
    repeated = told(run(content, "--publish", "--dry-run"))
    assert (repeated["would be taken"], repeated["already here"]) == (0, 4)


def test_another_source_is_another_report(run, session):
    run(HEADER + ROWS[0], "--source", "radio")
    run(HEADER + ROWS[0])
    assert by_serial(session, 1, "radio").id != by_serial(session, 1, "given").id


def test_the_time_zone_of_the_source(run, session):
    run(HEADER + ROWS[0], "--timezone", "Europe/Rome")
    assert by_serial(session, 1).occurred_at.isoformat() == "2010-01-13T07:30:00+00:00"
    assert run(HEADER, "--timezone", "Mars/Dome").exit_code == 2


def test_an_unknown_category_is_noted_and_one_out_of_use_counts_as_unknown(run, session):
    session.get(Category, "ROAD").active = False
    session.commit()
    result = run("description,category,place\nTall,Dragons,here\nBlocked,ROAD,there\n")
    assert "note: unknown category 'Dragons'" in result.output and "note: unknown category 'ROAD'" in result.output
    assert set(session.scalars(select(Report.category))) == {"OTH"}


def test_a_mapping_beside_the_file_is_used(run, tmp_path, session):
    (tmp_path / "categories.csv").write_text("category,kind,code\nDragons,hazard,FIRE\n", encoding="utf-8")
    run("description,category,place\nTall,Dragons,here\n")
    report = session.scalar(select(Report))
    assert (report.category, report.kind) == ("FIRE", "damage")


def test_a_field_that_cannot_be_costs_only_itself(run, session):
    result = run("description,category,place,contact_email,language\nD,WAT,here,not an address,en\n")
    assert result.exit_code == 0 and "contact_email left out" in result.output
    private = session.scalar(select(ReportPrivate))
    assert private.contact_email is None
    assert session.scalar(select(Submission)).verbatim["contact_email"] == "not an address"


def test_nul_and_odd_characters_reach_the_database(run, session):
    result = run("description,category,place\n\"a\0b\u202e c O'Brien 🙂\",WAT,x\n")
    assert result.exit_code == 0, result.output
    assert session.scalar(select(Report)).description == "ab c O'Brien 🙂"
    assert session.scalar(select(Submission)).verbatim["description"] == "a\\x00b\u202e c O'Brien 🙂"


def test_json_that_no_database_would_take(run, session):
    properties = {"description": "a\0b", "category": "WAT", "big": 10**400, "deep": {"\0": "\ud800"}}
    good = {"type": "Feature", "id": 1, "geometry": None, "properties": properties}
    half = {"type": "Feature", "id": 2, "geometry": None, "properties": {"description": "\ud800"}}
    nested = {"description": "x", "more": json.loads("[" * 60 + "]" * 60)}
    deep = {"type": "Feature", "id": 3, "geometry": None, "properties": nested}
    result = run(json.dumps({"type": "FeatureCollection", "features": [good, half, deep]}), name="odd.json")
    assert (told(result)["taken"], told(result)["could not be taken"]) == (1, 2), result.output
    assert session.scalar(select(Submission)).verbatim["properties"]["deep"] == {"\\x00": "\\ud800"}


def test_a_feed_of_ours_is_read_again(run, client, session):
    first = make_report(category="WAT", kind="need", title="Water", people=60, place="Delmas", verification="verified")
    make_report(category="ROAD", kind="damage", at=None, place="on the hill")
    feed = client.get("/feeds/all.geojson").get_json()
    result = run(json.dumps(feed), "--publish", "--source", "neighbour", name="feed.geojson")
    assert result.exit_code == 0, result.output
    copy = by_serial(session, first.public_id, "neighbour")
    assert (copy.kind, copy.category, copy.title, copy.people) == ("need", "WAT", "Water", 60)
    assert (copy.status, copy.verification) == (Status.PUBLISHED, Verification.VERIFIED)
    assert session.get(ReportPrivate, copy.id).accuracy_m >= 500  # the blur came with it
    assert told(result)["place not known"] == 1


@pytest.mark.parametrize("content", ["", "nothing,known\n1,2\n", '{"type": "Topology"}'])
def test_a_file_that_is_none(run, content):
    result = run(content)
    assert result.exit_code == 1 and "Traceback" not in result.output
    assert result.stderr.startswith("Error: ")


def test_real_reports_all_once(haiti, run, app, session):
    """3,593 reports of the 2010 Haiti map."""
    content = (haiti / "reports.csv").read_bytes().decode()
    options = ["--publish", "--categories", str(haiti / "categories.csv")]
    rehearsed = run(content, *options, "--dry-run")
    assert told(rehearsed)["would be taken"] == 3593
    assert session.scalar(select(func.count()).select_from(Submission)) == 0
    session.rollback()

    result = run(content, *options)
    assert result.exit_code == 0, result.output
    assert (told(result)["taken"], told(result)["outside the area"], told(result)["published"]) == (3593, 13, 3580)
    reports = {s.external_id: s.report_id for s in session.scalars(select(Submission))}
    outside = {int(i.split(":")[1]) for i, report in reports.items() if session.get(Report, report).out_of_area}
    assert {4049, 4050, 4051} < outside and len(outside) == 13  # Genoa, Hong Kong, Belgium; the rest is Dominican
    status = Counter(session.scalars(select(Report.status)))
    assert status == {Status.PENDING: 13, Status.PUBLISHED: 3580}
    assert Counter(session.scalars(select(Report.verification)))[Verification.VERIFIED] == 216
    kinds = Counter(session.scalars(select(Report.kind)))
    assert kinds == {"need": 2849, "offer": 326, "information": 285, "damage": 133}

    with open(haiti / "reports.csv", encoding="utf-8", newline="") as file:
        originals = {f"given:{row['Serial']}": row for row in csv.DictReader(file)}
    assert {s.external_id: s.verbatim for s in session.scalars(select(Submission))} == originals

    public = Publication.audience == Audience.PUBLIC
    shown = set(session.scalars(select(Publication.category).where(public, Publication.removed.is_(None))))
    assert shown and not shown & {"MISS", "PERS", "VIOL", "DEAD", "FWD"}

    before = session.execute(select(func.count(), func.max(Publication.seq))).one()
    session.rollback()
    again = run(content, *options)
    assert (told(again)["taken"], told(again)["already here"]) == (0, 3593)
    assert session.execute(select(func.count(), func.max(Publication.seq))).one() == before


def test_batches_are_small():
    assert importing.BATCH <= 200
