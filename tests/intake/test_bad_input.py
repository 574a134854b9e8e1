"""A table of what is refused, by field, and of what is odd but legal and must be taken. Never a 5xx, never half a row."""

import uuid

import pytest

from crowdmap.reports.models import Report, Submission
from tests.builders import PORT_AU_PRINCE

URL = "/api/v1/reports"
LON, LAT = PORT_AU_PRINCE
GOOD = {"kind": "need", "category": "WAT", "description": "Water", "lat": LAT, "lon": LON}
NINES = "9" * 400

# (what differs from GOOD, status, field)
WRONG_JSON = [
    ({"lat": "18.5"}, 422, "lat"),
    ({"lat": True}, 422, "lat"),
    ({"lat": None}, 422, "lat"),
    ({"lat": [18.5]}, 422, "lat"),
    ({"lat": 91}, 422, "lat"),
    ({"lat": LON, "lon": LAT}, 422, "lat"),  # swapped: it is in the sea, and inside the area the other way round
    ({"lat": -172.3, "lon": 18.5}, 422, "lat"),
    ({"lon": -180.1}, 422, "lon"),
    ({"accuracy_m": -1}, 422, "accuracy_m"),
    ({"accuracy_m": "12"}, 422, "accuracy_m"),
    ({"people": "many"}, 422, "people"),
    ({"people": 1.5}, 422, "people"),
    ({"people": -1}, 422, "people"),
    ({"people": 10**30}, 422, "people"),
    ({"quantity": {"n": 1}}, 422, "quantity"),
    ({"kind": "hazard"}, 422, "kind"),
    ({"kind": 1}, 422, "kind"),
    ({"category": "NOPE"}, 422, "category"),
    ({"category": ["WAT"]}, 422, "category"),
    ({"category": ""}, 422, "category"),
    ({"categories": "WAT"}, 422, "categories"),
    ({"categories": ["WAT", "NOPE"]}, 422, "categories"),
    ({"categories": ["WAT"] * 25}, 422, "categories"),
    ({"title": "x" * 201}, 422, "title"),
    ({"title": 5}, 422, "title"),
    ({"description": "x" * 10_001}, 422, "description"),
    ({"description": ""}, 422, "description"),
    ({"description": " \n "}, 422, "description"),
    ({"lat": None, "lon": None}, 422, "place"),
    ({"place": "x" * 301}, 422, "place"),
    ({"occurred_at": "yesterday"}, 422, "occurred_at"),
    ({"occurred_at": 1263375000}, 422, "occurred_at"),
    ({"occurred_at": "2010-13-45T00:00:00Z"}, 422, "occurred_at"),
    ({"occurred_at": "9999-12-31T23:59:59Z"}, 422, "occurred_at"),
    ({"occurred_at": "1066-10-14T09:00:00Z"}, 422, "occurred_at"),
    ({"language": "x" * 40}, 422, "language"),
    ({"contact_email": "nobody"}, 422, "contact_email"),
    ({"contact_phone": "call me"}, 422, "contact_phone"),
    ({"client_id": "17"}, 422, "client_id"),
    ({"status": "published"}, 422, "status"),
    ({"colour": "red"}, 422, "colour"),
    ({"photos": []}, 400, "photos"),
]  # fmt: skip

# bodies as bytes: (body, status, field)
BROKEN = [
    (b'{"category": "WAT", "description": "x", "lat": NaN, "lon": 1}', 400, "lat"),
    (b'{"category": "WAT", "description": "x", "lat": 1, "lon": Infinity}', 400, "lon"),
    (b'{"category": "WAT", "description": "x", "lat": 1, "lon": -Infinity}', 400, "lon"),
    (b'{"category": "WAT", "description": "x", "lat": 1e999, "lon": 1}', 400, "lat"),
    (b'{"category": "WAT", "description": "x", "lat": 1, "lat": 2, "lon": 1}', 400, "lat"),
    (b'{"category": "WAT", "description": "\xff\xfe"}', 400, "description"),
    (b'{"category": "WAT", "description": "\\ud83d"}', 400, "description"),
    (b'{"category": "WAT", "description": "a\\u0000b"}', 400, "description"),
    (b'{"category": "WAT", "description": "x", "people": ' + NINES.encode() + b"}", 422, "people"),
    (b"[" * 5000 + b"]" * 5000, 400, "body"),
    (b"{" * 100, 400, "body"),
    (b"", 400, "body"),
    (b"null", 422, "body"),
    (b"[]", 422, "body"),
    (b'"report"', 422, "body"),
    (b"{", 400, "body"),
    (b'{"description": "' + b"x" * 1_000_000 + b'"}', 413, "body"),
]  # fmt: skip


def refused(answer, status: int, field: str):
    assert answer.status_code == status, answer.get_data(as_text=True)[:300]
    assert answer.mimetype == "application/problem+json"
    problem = answer.get_json()
    assert problem["status"] == status and problem["code"]
    assert field in [error["field"] for error in problem["errors"]], problem
    assert all(error["message"] and error["code"] for error in problem["errors"])


def nothing_was_kept(session):
    session.rollback()
    assert session.query(Report).count() == session.query(Submission).count() == 0


@pytest.mark.settings(AREA="-75,17,-71,21")
def test_wrong_json_is_refused_by_field(client, session):
    for difference, status, field in WRONG_JSON:
        refused(client.post(URL, json={**GOOD, **difference}), status, field)
    nothing_was_kept(session)


def test_broken_bodies_are_refused(client, session):
    for body, status, field in BROKEN:
        refused(client.post(URL, data=body, content_type="application/json"), status, field)
    nothing_was_kept(session)


def test_every_fault_is_told_at_once(client, session):
    answer = client.post(URL, json={"category": "WAT", "lat": 91, "lon": 181, "colour": 1})
    assert {error["field"] for error in answer.get_json()["errors"]} == {"lat", "lon", "colour"}


def test_unknown_parameters_and_other_bodies_are_refused(client, session):
    refused(client.post(URL + "?publish=1", json=GOOD), 400, "publish")
    refused(client.post(URL, data="water", content_type="text/plain"), 415, "Content-Type")
    refused(client.post(URL, data=GOOD), 415, "Content-Type")
    refused(client.post(f"{URL}/abc/voices?x=1", json={}), 400, "x")
    assert client.put(URL, json=GOOD).status_code == 405
    nothing_was_kept(session)


def test_another_site_cannot_make_a_browser_send(client, session):
    answer = client.post(URL, json=GOOD, headers={"Origin": "https://elsewhere.example"})
    assert answer.status_code == 403
    nothing_was_kept(session)


# ---- the form: the same door, but text where JSON has numbers

FORM = {**{name: str(value) for name, value in GOOD.items()}, "client_id": str(uuid.uuid4())}
WRONG_FORM = [
    ({"lat": "north"}, "lat"),
    ({"lat": "91"}, "lat"),
    ({"lat": "nan"}, "lat"),
    ({"lat": "1e999"}, "lat"),
    ({"lat": ""}, "lat"),
    ({"lat": FORM["lon"], "lon": FORM["lat"]}, "lat"),
    ({"people": "about sixty"}, "people"),
    ({"people": NINES}, "people"),
    ({"kind": "hazard"}, "kind"),
    ({"category": ""}, "category"),
    ({"category": "NOPE"}, "category"),
    ({"description": ""}, "description"),
    ({"description": "x" * 10_001}, "description"),
    ({"description": "a\0b"}, "description"),
    ({"lat": "", "lon": ""}, "place"),
    ({"contact_email": "nobody"}, "contact_email"),
    ({"occurred_at": "soon"}, "occurred_at"),
    ({"client_id": "17"}, "client_id"),
    ({"colour": "red"}, "colour"),
]


@pytest.mark.settings(AREA="-75,17,-71,21")
def test_wrong_fields_of_the_form(client, session):
    for difference, field in WRONG_FORM:
        refused(client.post("/report", data={**FORM, **difference}, headers={"Accept": "application/json"}), 422, field)
        page = client.post("/report", data={**FORM, **difference})
        assert page.status_code == 422 and page.mimetype == "text/html"
    broken = b"category=WAT&lat=18.5&lon=-72.3&description=%FF%FE"
    sent = {"content_type": "application/x-www-form-urlencoded", "headers": {"Accept": "application/json"}}
    refused(client.post("/report", data=broken, **sent), 422, "description")
    refused(client.post("/report", data=b"description=" + b"x" * 1_000_000, **sent), 413, "body")
    nothing_was_kept(session)


# ---- odd, legal, taken

ODD = [
    "O'Brien's house; DROP TABLE report;--",
    "Nou bezwen dlo, tanpri — 60 moun 🆘👩🏽‍👩🏽‍👧🏽",
    "نحتاج إلى الماء في حي الزهور",
    "צריך מים",
    "ต้องการน้ำดื่ม",
    "पानी चाहिए",
    "需要饮用水，六十人",
    "水が必要です",
    "ውሃ ያስፈልጋል",
    "<script>alert(1)</script> & \"quotes\" 'and' <b>",
    "{{ 7*7 }} %(name)s {0} %s",
    "a" * 10_000,
    "=1+1",
    "z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘",
]


@pytest.mark.parametrize("place", ["", "Delmas 33, bò legliz la"])
def test_every_script_is_taken_and_comes_back(client, session, place):
    for number, text in enumerate(ODD):
        body = {**GOOD, "description": text, "title": text[:200], "place": place, "contact_name": text[:300]}
        answer = client.post(URL, json=body)
        assert answer.status_code == 201, (text, answer.get_json())
        token = answer.get_json()["tracking_token"]
        assert client.get(f"/api/v1/track/{token}").get_json()["description"] == text
        page = client.get(f"/track/{token}")
        assert page.status_code == 200 and b"<script>alert" not in page.data
        sent = client.post("/report", data={**FORM, "description": text, "client_id": str(uuid.uuid4()), "asked": "1"})
        assert sent.status_code == 303, text


def test_bidi_overrides_and_controls_are_taken_out(client, session):
    client.post(URL, json={**GOOD, "description": "a\u202eb\u2066c\x07d\r\ne"})
    assert session.query(Report).one().description == "abcd\ne"
    assert session.query(Submission).one().verbatim["description"] == "a\u202eb\u2066c\x07d\r\ne"
