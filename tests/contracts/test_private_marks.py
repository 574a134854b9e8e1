"""Marks planted in contact, in words, in a question and its answer and as the exact place of a need come out nowhere: no page, feed, stream, count,
search, twin or error holds them, and no narrow box, distance or order finds them."""

import re
import sqlite3
import unicodedata

import pytest

from crowdmap import geo
from crowdmap.feeds.formats import FORMATS
from crowdmap.moderation.actions import perform
from crowdmap.moderation.marking import marked
from crowdmap.publishing.finders import KINDS
from crowdmap.publishing.models import Publication
from crowdmap.reports.models import Report
from crowdmap.web import access_of
from tests.builders import bearer, make_account, make_key

LON, LAT = -72.336174, 18.545612
CENTRE = geo.tile_centre(LON, LAT)
CONTACT = {
    "contact_name": "Zebulon Privatus", "contact_phone": "+509 3712 3456", "contact_email": "privatus@example.org",
}  # fmt: skip
WORDS = (
    "We are sixty without water. Call +509 3799-1201 or (509) 37 99 12 02 or 3799.1203 or ００５０９３７９９１２０４, "
    "write to marcus.privatus@example.org or marcus (at) privatus (dot) example (dot) org. "
    "We are at 18.545612, -72.336174, that is 18°32'44.2\"N 72°20'10.2\"W, lat 18.5456 lon -72.3362, "
    "or 18,545612; -72,336174, or https://www.openstreetmap.org/?mlat=18.545612&mlon=-72.336174."
)
STREET = "blue gate at Ruelle Zebulonne 17"
# one of each kind that the finders know
OF_EACH_KIND = {
    "phone": "3799 1205", "email": "privatus@example.org", "position": "18.545612, -72.336174", "plus-code": "773QGMW7+6G",
    "id": "passport RX4471234", "name": "mwen rele Zebulon",
}  # fmt: skip
# in lower case, without spaces and what else stands between digits
MARKS = (
    "zebulon", "privatus", "37123456", "37991201", "37991202", "37991203", "37991204", "18.5456", "72.3361", "72.3362",
    "18,5456", "72,3361", "18°32", "72°20", "bluegate",
    "37991205", "gmw7+6g", "4471234",
)  # fmt: skip
SAMPLES = {
    "layer": "all", "suffix": "geojson", "format": "geojson", "slug": "roads", "token": "A" * 28, "filename": "img/icon.svg",
    **dict(zip("zxy", map(str, (12, *geo.tile(LON, LAT, 12))), strict=True)),
}  # fmt: skip


@pytest.fixture
def planted(client, session):
    """A public need, a merged child of it, a restricted one and one that waits, all with the marks; their ids."""
    body = {
        "kind": "need", "category": "WAT", "title": "Water, call 3799 1201", "description": WORDS, "place": STREET,
        "lat": LAT, "lon": LON, "accuracy_m": 4, "people": 60, **CONTACT,
    }  # fmt: skip
    ids, asker = {}, make_account()
    for name, more in {"need": {}, "child": {}, "restricted": {"category": "MISS"}, "pending": {}}.items():
        told = client.post("/api/v1/reports", json={**body, **more}).get_json()
        ids[name] = told["id"]
        perform(session, told["id"], "ask", asker, text=f"Are you Zebulon? {WORDS}")
        session.commit()
        address = f"/api/v1/track/{told['tracking_token']}"
        question = client.get(address).get_json()["questions"][0]["id"]
        assert client.post(f"{address}/message", json={"text": f"{STREET} {WORDS}", "question": question}).status_code == 200
    reports = {report.public_id: report for report in session.query(Report)}
    for name in ("need", "child", "restricted"):
        reports[ids[name]].status = "published"
    session.commit()
    reports[ids["child"]].merged_into_id = reports[ids["need"]].id
    session.commit()
    return ids


def leaks(text: str) -> list[str]:
    seen = unicodedata.normalize("NFKC", text).lower().replace("&#39;", "'").replace("\\u00b0", "°")
    tight = re.sub(r"[\s()\-]", "", seen)
    dotless = re.sub(r"[\s().\-]", "", seen)
    return [mark for mark in MARKS if mark in tight or mark in dotless]


def public_gets(app, planted):
    """Every GET of everybody, with every id there is."""
    for rule in app.url_map.iter_rules():
        access = access_of(app, rule.endpoint)
        if "GET" not in rule.methods or (access.permission is not None) or rule.rule.endswith("/stream"):
            continue
        for public_id in planted.values() if "<public_id>" in rule.rule else [""]:
            for suffix in FORMATS if "<suffix>" in rule.rule else [""]:
                values = {**SAMPLES, "public_id": public_id, "suffix": suffix}
                yield re.sub(r"<(?:\w+:)?(\w+)>", lambda match: values[match[1]], rule.rule)


def words_of(answer, folder) -> str:
    """All that an answer tells: of a database file the rows too, where no page breaks a word."""
    told = answer.data.decode("utf-8", "replace")
    if answer.data.startswith(b"SQLite format 3"):
        path = folder / "told.gpkg"
        path.write_bytes(answer.data)
        file = sqlite3.connect(path)
        tables = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        told += "\n".join(str(tuple(row)) for name in tables for row in file.execute(f'SELECT * FROM "{name}"'))
        file.close()
    return told


def test_the_marks_are_really_there(client, session, planted):
    report = session.query(Report).filter_by(public_id=planted["need"]).one()
    assert len(leaks(report.description + str(report.private.lat) + report.private.contact_phone + report.place)) >= 12
    assert abs(CENTRE[0] - LON) > 0.0005 and abs(CENTRE[1] - LAT) > 0.0005


@pytest.fixture(params=["nobody", "a partner"])
def asker(request, app, session):
    """A client without a key, and one with a key that opens all that partners see and may ask for contacts."""
    client = app.test_client()
    if request.param == "a partner":
        client.environ_base["HTTP_X_API_KEY"] = make_key("contact=yes")[1]
    return client


def test_no_public_answer_holds_a_mark(app, asker, session, planted, tmp_path):
    client, found = asker, {}
    for path in public_gets(app, planted):
        for query in ("", "?bbox=-180,-90,180,90&zoom=18", "?status=all", "?since=0", "?q=water&kind=need"):
            answer = client.get(path + query)
            assert answer.status_code < 500 or path == "/readyz", path + query
            if marks := leaks(words_of(answer, tmp_path) + str(answer.headers)):
                found[path + query] = marks
    assert not found


@pytest.fixture
def road(client, session):
    """Where no place is blurred: a mark of each kind in each text of a published report."""
    words = "; ".join(OF_EACH_KIND.values())
    body = {"kind": "damage", "category": "ROAD", "lat": 18.2341, "lon": -72.5351, "title": words, "description": f"Blocked. {words}",
            "place": f"near {words}", "unit": "m 3799 1205"}  # fmt: skip
    public_id = client.post("/api/v1/reports", json=body).get_json()["id"]
    session.query(Report).filter_by(public_id=public_id).one().status = "published"
    session.commit()
    return public_id


def test_a_mark_of_each_kind_is_known(road, session):
    assert set(OF_EACH_KIND) == set(KINDS) - {"words"}
    report = session.query(Report).filter_by(public_id=road).one()
    assert {one.kind for one in marked(report).marks} == set(OF_EACH_KIND)


def test_no_kind_of_mark_leaves_in_any_text(app, asker, session, road, tmp_path):
    client, found = asker, {}
    for path in public_gets(app, {"road": road}):
        if marks := leaks(words_of(client.get(path), tmp_path)):
            found[path] = marks
    assert not found
    told = client.get(f"/api/v1/reports/{road}").get_json()["properties"]
    assert told["title"] == "[phone]; [e-mail]; [position]; [position]; passport [id number]; mwen rele [name]"
    assert told["place"] == "near " + told["title"] and told["unit"] == "m [phone]"
    for query in ("3799", "privatus", "18.5456", "GMW7", "4471234", "zebulon"):
        assert client.get("/feeds/all.geojson", query_string={"q": query}).get_json()["numberMatched"] == 0, query


@pytest.mark.parametrize("suffix", FORMATS)
def test_no_format_holds_a_mark(client, session, planted, tmp_path, suffix):
    for query in ("limit=all", "limit=1", "status=all&limit=all"):
        answer = client.get(f"/feeds/all.{suffix}?{query}")
        words = words_of(answer, tmp_path)
        assert planted["need"] in words and not leaks(words), query
        assert not any(planted[name] in words for name in ("child", "restricted", "pending"))


def test_the_public_sees_the_rest(client, session, planted):
    page = client.get(f"/reports/{planted['need']}").get_data(as_text=True)
    assert "We are sixty without water" in page and "[phone]" in page
    features = client.get("/feeds/all.geojson").get_json()["features"]
    assert [feature["id"] for feature in features] == [planted["need"]]
    assert features[0]["geometry"]["coordinates"] == [round(value, 7) for value in CENTRE]


def around(metres: float) -> str:
    dlat = metres / 111_320
    return f"{LON - dlat},{LAT - dlat},{LON + dlat},{LAT + dlat}"


NOT_TO_BE_FOUND = (
    f"bbox={around(30)}", f"near={LON},{LAT}&radius=30", "q=37991201", "q=3799", "q=privatus", "q=zebulon", "q=18.5456",
    "q=marcus", "q=ruelle", "q=example.org", f"bbox={around(30)}&status=all", "area=Zebulonne",
)  # fmt: skip


def test_no_question_finds_what_may_not_be_known(asker, session, planted):
    client, found = asker, {}
    for query in NOT_TO_BE_FOUND:
        for path in ("/feeds/all.geojson", "/api/v1/reports"):
            told = client.get(f"{path}?{query}").get_json()
            found[path, query] = (told["numberMatched"], told["features"]) != (0, [])
        changes = client.get(f"/feeds/changes?since=0&{query}").get_json()
        found["changes", query] = [f for f in changes["features"] if not f["properties"].get("removed")]
        found["facets", query] = client.get(f"/map/facets.json?{query}").get_json()["total"]
        everywhere = query if "bbox" in query else query + "&bbox=-180,-90,180,90"
        cells = client.get(f"/map/cells.geojson?zoom=18&{everywhere}").get_json()
        found["cells", query] = cells["features"] or cells["numberMatched"]
        found["tile", query] = client.get(f"/tiles/all/0/0/0.mvt?{query}").data
        found["page", query] = planted["need"] in client.get(f"/reports?{query}").get_data(as_text=True)
    assert not {where: what for where, what in found.items() if what}


def test_of_a_verified_need_a_partner_learns_the_point_and_no_word_more(app, client, session, planted):
    session.query(Report).filter_by(public_id=planted["need"]).one().verification = "verified"
    session.commit()
    _key, text = make_key()
    for path in ("/feeds/all.geojson", "/feeds/changes?since=0", f"/api/v1/reports/{planted['need']}"):
        told = client.get(path, headers=bearer(text)).get_data(as_text=True)
        assert f"[{LON},{LAT}]" in told
        around = f'"bbox":[{LON},{LAT},{LON},{LAT}]'
        assert not leaks(told.replace(f"[{LON},{LAT}]", "[]").replace(around, "")), path
        assert not leaks(client.get(path).get_data(as_text=True)), path


def test_restricted_and_waiting_ones_are_in_no_count(asker, session, planted):
    client = asker
    assert client.get("/map/facets.json").get_json()["total"] == 1
    assert client.get("/feeds/all.geojson?category=MISS").get_json()["numberMatched"] == 0
    for name in ("restricted", "pending"):
        assert client.get(f"/reports/{planted[name]}").status_code == 404
        assert client.get(f"/api/v1/reports/{planted[name]}").status_code == 404


def test_twins_are_measured_from_the_public_point(client, session, planted):
    """Somebody on the exact place and somebody mirrored at the tile's centre get the same answer."""
    mirrored = (2 * CENTRE[0] - LON, 2 * CENTRE[1] - LAT)
    answers = [
        client.get("/api/v1/duplicates", query_string={"kind": "need", "category": "WAT", "lon": lon, "lat": lat, "text": text})
        for lon, lat in ((LON, LAT), mirrored)
        for text in ("sixty without water", "sixty without water call +509 3799 1201 Zebulon Privatus")
    ]
    for answer in answers:
        assert not leaks(answer.get_data(as_text=True))
    told = [[(c["id"], c["distance"]) for c in answer.get_json()["candidates"]] for answer in answers]
    assert told[0] == told[2] and told[1] == told[3] and told[0]


def test_twins_cannot_be_found_by_a_place_in_words_or_a_number(client, session, planted):
    """Asked with the street or the telephone number of a pending, a restricted or a blurred report: as with any other."""
    asked = {"kind": "need", "category": "WAT", "text": "sixty without water"}
    public = [one["id"] for one in client.post("/api/v1/duplicates", json=asked).get_json()["candidates"]]
    assert set(public) <= {planted["need"]}
    for more in ({"place": STREET}, {"text": "sixty without water 3712 3456 37991201"}, {"category": "MISS"}, {"lat": LAT, "lon": LON}):
        answer = client.post("/api/v1/duplicates", json={**asked, **more})
        assert not leaks(answer.get_data(as_text=True)) and planted["pending"] not in answer.text
        assert {one["id"] for one in answer.get_json()["candidates"]} <= {planted["need"]}


def test_errors_do_not_repeat_what_was_sent(client, session):
    wrong = {
        "category": "WAT", "description": 5, "title": WORDS * 3, "people": CONTACT["contact_phone"], "lat": str(LAT),
        "contact_email": "privatus at example", "contact_phone": "Zebulon", "contact_name": [CONTACT["contact_name"]],
    }  # fmt: skip
    answer = client.post("/api/v1/reports", json=wrong)
    assert answer.status_code == 422 and not leaks(answer.get_data(as_text=True))
    answer = client.post("/api/v1/reports", data=b'{"contact_name": "Zebulon \xff", "lat": NaN}', content_type="application/json")
    assert answer.status_code == 400 and not leaks(answer.get_data(as_text=True))


def test_contact_is_in_no_publication_of_anybody(session, planted):
    for row in session.query(Publication):
        kept = " ".join(str(value) for value in vars(row).values()) + (row.feature or b"").decode()
        assert "Zebulon Privatus" not in kept and "3712" not in kept and "'privatus@" not in kept


def test_the_stream_holds_no_mark(session, planted, live_server):
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", live_server.port, timeout=10)
    connection.request("GET", "/feeds/stream?since=0")
    response, text = connection.getresponse(), ""
    while "data:" not in text or not text.endswith("\n\n"):
        text += response.readline().decode()
    connection.close()
    assert planted["need"] in text or planted["child"] in text
    assert not leaks(text)


def test_a_tracking_page_shows_no_contact(client, session):
    told = client.post("/api/v1/reports", json={"category": "WAT", "description": "x", "place": "y", **CONTACT}).get_json()
    for path in ("/track/", "/api/v1/track/"):
        assert not leaks(client.get(path + told["tracking_token"]).get_data(as_text=True))
    assert not leaks(client.get(f"/track/{told['tracking_token']}/sent").get_data(as_text=True))
