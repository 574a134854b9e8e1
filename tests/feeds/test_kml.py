"""The KML: its data, its balloons, and the document that keeps itself fresh."""

from urllib.parse import urlsplit

from fastkml.validator import validate
from lxml import etree, html

from crowdmap.feeds.formats import kml
from crowdmap.publishing.project import PROPERTIES
from tests.builders import JACMEL, make_report

K = "{http://www.opengis.net/kml/2.2}"


def document(client, query: str = ""):
    answer = client.get(f"/feeds/all.kml?{query}")
    assert answer.status_code == 200, answer.text
    return etree.fromstring(answer.data)


def test_every_property_is_in_the_data(client, session):
    assert {key for _kind, key in kml.FIELDS.values() if key} == set(PROPERTIES)
    report = make_report(at=JACMEL, category="ROAD", kind="damage", title="Road", description="Blocked", people=3)
    mark = document(client).find(f".//{K}Placemark")
    told = {one.get("name"): one.text for one in mark.iter(f"{K}SimpleData")}
    assert (told["id"], told["kind"], told["text"], told["people"], told["claimed"]) == (report.public_id, "damage", "Blocked", "3", "0")
    assert mark.findtext(f"{K}name") == "Road" and mark.findtext(f"{K}styleUrl") == "#damage"
    assert mark.findtext(f"{K}TimeStamp/{K}when").endswith("Z")


def test_words_are_no_markup_in_a_balloon(client, session):
    hostile = '<img src="https://elsewhere.example/seen.png"><script>alert(1)</script>\nsecond line'
    make_report(title=hostile[:60], description=hostile, place="<b>here</b>", category="ROAD", kind="damage")
    root = document(client)
    balloon = root.findtext(f".//{K}Placemark/{K}description")
    shown = html.fromstring(f"<div>{balloon}</div>")
    assert not list(shown.iter("img", "script")) and "<script>alert(1)</script>" in shown.text_content()
    assert [link.get("href") for link in shown.iter("a")] == [root.find(f".//{K}SimpleData[@name='url']").text]
    templates = {style.findtext(f"{K}BalloonStyle/{K}text") for style in root.iter(f"{K}Style")}
    assert templates == {"$[description]"}  # nothing else of a report is ever shown as HTML
    assert b"http" not in b"".join(etree.tostring(one) for one in root.iter(f"{K}IconStyle")).replace(b"http://www.", b"")


def test_a_report_without_a_place_stays_in_the_list(client, session):
    report = make_report(at=None, place="somewhere")
    (mark,) = document(client, "placed=no").iter(f"{K}Placemark")
    assert mark.get("id") == f"report-{report.public_id}" and mark.find(f"{K}Point") is None


def test_the_live_document_asks_for_the_same_again(client, session, tmp_path):
    report = make_report(kind="need")
    make_report(kind="offer")
    answer = client.get("/feeds/needs.kml?category=WAT&networklink=1&limit=all")
    path = tmp_path / "live.kml"
    path.write_bytes(answer.data)
    assert validate(file_to_validate=path) and len(answer.data) < 4000
    (link,) = etree.fromstring(answer.data).iter(f"{K}Link")
    assert (link.findtext(f"{K}refreshMode"), link.findtext(f"{K}refreshInterval")) == ("onInterval", "60")
    there = urlsplit(link.findtext(f"{K}href"))
    assert (there.path, there.query) == ("/feeds/needs.kml", "category=WAT&limit=all")
    assert report.public_id in client.get(f"{there.path}?{there.query}").text
