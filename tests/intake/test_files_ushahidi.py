"""Ushahidi's two CSV shapes, and what real exports have been seen to do. The rows here are made up."""

from datetime import datetime

import pytest

from crowdmap.intake.files.row import BadRow
from tests.intake.reading import HAITI_TIME, read

CLASSIC = (
    "#,FORM #,INCIDENT TITLE,INCIDENT DATE,LOCATION,DESCRIPTION,CATEGORY,LATITUDE,LONGITUDE,Landmark-1,"
    "FIRST NAME,LAST NAME,EMAIL,APPROVED,VERIFIED\n"
)
PUBLISHED = "Serial,INCIDENT TITLE,INCIDENT DATE,LOCATION,DESCRIPTION,CATEGORY,LATITUDE,LONGITUDE,APPROVED,VERIFIED\r\n"


def one(folder, line, header=PUBLISHED, **options):
    (row,) = read(folder, "ushahidi", header + line, **options)
    return row


def test_a_row_of_the_classic_download(tmp_path):
    row = one(
        tmp_path,
        '7,1,Well broken,2010-01-14 08:30:00,Rue du Puits,"No water, since Tuesday","Water shortage,Emergency",'
        "18.54,-72.33,school,Marie,Sincère,marie@courrier.example,yes,No\n",
        header=CLASSIC,
    )
    assert row.problem is None and row.line == 2 and row.external_id == "test:7"
    assert row.fields == {
        "title": "Well broken",
        "description": "No water, since Tuesday",
        "occurred_at": datetime(2010, 1, 14, 8, 30, tzinfo=HAITI_TIME),
        "lon": -72.33,
        "lat": 18.54,
        "place": "Rue du Puits",
        "kind": "need",
        "category": "WAT",
        "categories": ["WAT", "EMG"],
        "contact_name": "Marie Sincère",
        "contact_email": "marie@courrier.example",
    }
    assert (row.approved, row.verified) == (True, False)
    assert row.verbatim["Landmark-1"] == "school"


def test_a_row_of_the_published_file(tmp_path):
    row = one(
        tmp_path,
        '4052,Roof gone,05/07/2010 17:26,Jacmel,"Rain comes in\nand the children are ill","1. Urgences | Emergency, '
        '2d. Refuge | Shelter needed, ",18.233333,-72.533333,YES,YES\r\n',
    )
    assert row.fields["occurred_at"] == datetime(2010, 7, 5, 17, 26, tzinfo=HAITI_TIME)
    assert row.fields["description"] == "Rain comes in\nand the children are ill"
    assert (row.fields["category"], row.fields["categories"]) == ("SHEL", ["SHEL", "EMG"])
    assert (row.approved, row.verified, row.warnings) == (True, True, [])


def test_lines_are_counted_where_records_begin(tmp_path):
    lines = '1,A,05/07/2010 17:26,x,"two\nlines",,,,YES,NO\r\n2,B,99/99/2010,x,y,,,,YES,NO\r\n'
    rows = read(tmp_path, "ushahidi", PUBLISHED + lines)
    assert [row.line for row in rows] == [2, 4]
    assert "neither yyyy-mm-dd" in rows[1].problem


def test_entities_are_undone_in_the_report_and_kept_in_the_original(tmp_path):
    line = "1,Aid &amp;amp; food,05/07/2010 17:26,at &quot;Sarthe&quot;,It\\'s here &#233;t&eacute;,,,,YES,NO\r\n"
    row = one(tmp_path, line)
    assert (row.fields["title"], row.fields["place"]) == ("Aid & food", 'at "Sarthe"')
    assert row.fields["description"] == "It's here été"
    assert row.verbatim["INCIDENT TITLE"] == "Aid &amp;amp; food"
    assert row.verbatim["DESCRIPTION"] == "It\\'s here &#233;t&eacute;"


BAD = {
    "1,,05/07/2010 17:26,x,,,,,YES,NO": "neither a title nor a description",
    "1,T,yesterday,x,D,,,,YES,NO": "the date 'yesterday'",
    "1,T,31/02/2010 10:00,x,D,,,,YES,NO": "the date '31/02/2010 10:00'",
    "1,T,05/07/0010 10:00,x,D,,,,YES,NO": "year",
    "1,T,05/07/2010 17:26,x,D,,ninety,-72.3,YES,NO": "latitude 'ninety' is not a number",
    "1,T,05/07/2010 17:26,x,D,,NaN,-72.3,YES,NO": "latitude must be a finite number",
    "1,T,05/07/2010 17:26,x,D,,-95.2,18.5,YES,NO": "outside -90 … 90 (are lat and lon swapped?)",
    "1,T,05/07/2010 17:26,x,D,,18.5,,YES,NO": "only one of latitude and longitude",
    "1,T,05/07/2010 17:26,x": "the row has 4 cells, the header has 10",
    "1,T,05/07/2010 17:26,x,D,,,,YES,NO,more": "the row has 11 cells",
}


@pytest.mark.parametrize("line", BAD, ids=list(BAD.values()))
def test_a_bad_row_says_why_and_is_not_lost(tmp_path, line):
    rows = read(tmp_path, "ushahidi", PUBLISHED + line + "\r\n2,Next,05/07/2010 17:26,x,D,,,,YES,NO\r\n")
    assert BAD[line] in rows[0].problem and not rows[0].fields
    assert "1" in rows[0].verbatim.values()
    assert rows[1].problem is None


def test_bytes_that_are_not_utf8_spoil_one_row_only(tmp_path):
    lines = b"1,caf\xe9,05/07/2010 17:26,x,D,,,,YES,NO\r\n2,B,05/07/2010 17:26,x,D,,,,YES,NO\r\n"
    rows = read(tmp_path, "ushahidi", PUBLISHED.encode() + lines)
    assert rows[0].problem == "the row is not valid UTF-8" and rows[0].verbatim["INCIDENT TITLE"] == "caf\\xe9"
    assert rows[1].problem is None


def test_no_place_is_unplaced_and_no_description_is_the_title(tmp_path):
    row = one(tmp_path, "1,Only a title,05/07/2010 17:26,,,,,,NO,NO\r\n")
    assert not {"lon", "lat", "place"} & row.fields.keys()
    assert row.fields["description"] == "Only a title" and row.approved is False


def test_what_is_too_long_stays_whole_in_the_original(tmp_path):
    row = one(tmp_path, f"1,{'t' * 250},05/07/2010 17:26,x,{'d' * 20_000},,,,YES,NO\r\n")
    assert len(row.fields["title"]) == 200 and len(row.fields["description"]) == 10_000
    assert len(row.verbatim["DESCRIPTION"]) == 20_000 and len(row.warnings) == 3


def test_a_row_without_a_serial_is_known_by_its_content(tmp_path):
    line = "T,05/07/2010 17:26,x,D,,,,YES,NO\r\n"
    header = PUBLISHED.removeprefix("Serial,")
    first, again, other = read(tmp_path, "ushahidi", header + line + line + "U" + line)
    assert first.external_id == again.external_id != other.external_id
    assert first.external_id.startswith("test:row-")


def test_no_ushahidi_file_at_all(tmp_path):
    with pytest.raises(BadRow, match="INCIDENT TITLE is missing"):
        read(tmp_path, "ushahidi", "name,age\na,1\n")
