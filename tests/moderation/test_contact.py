"""Everybody who told a report can be reached by those allowed: one look, one line; what was erased is gone here too."""

import uuid

import pytest
from sqlalchemy import select

from crowdmap.db import utcnow
from crowdmap.moderation.models import Decision
from crowdmap.publishing.models import Publication
from crowdmap.reports.models import Report
from tests.builders import JACMEL, bearer, make_account, make_key, make_report, sign_in


@pytest.fixture
def told(session, client):
    """A public need without contact, and the tracking tokens of two voices with one."""
    report = make_report(category="WAT", description="No water at the church")
    key = report.public_id
    session.rollback()
    by_form = client.post("/report", data={
        "kind": "need", "category": "WAT", "description": "Here too, by the well", "lat": "18.5441", "lon": "-72.3391",
        "contact_name": "Voix Privée", "contact_phone": "+509 3712 3456", "client_id": str(uuid.uuid4()), "voice_of": key,
    })  # fmt: skip
    by_api = client.post(f"/api/v1/reports/{key}/voices", json={"text": "And us", "contact_email": "voix@example.org"}).get_json()
    return key, by_form.location.split("/")[2], by_api["tracking_token"]


@pytest.fixture
def staff(session, app):
    return sign_in(app.test_client(), make_account("moderator"))


def others(staff, key) -> list[tuple]:
    body = staff.get(f"/api/v1/reports/{key}/contact").get_json()
    assert all(one["received_at"].endswith("Z") for one in body["others"])
    return [(one["contact_name"], one["contact_phone"], one["contact_email"]) for one in body["others"]]


def test_every_voice_can_be_reached_and_a_look_is_one_line(session, client, staff, told):
    key, _, _ = told
    page = staff.get(f"/moderate/{key}")
    assert "Show contact" in page.text and "3712" not in page.text and "Privée" not in page.text
    assert others(staff, key) == [("Voix Privée", "+509 3712 3456", None), (None, None, "voix@example.org")]
    looks = session.scalars(select(Decision).where(Decision.action == "see-contact")).all()
    assert len(looks) == 1 and "3712" not in repr([(look.reason, look.change) for look in looks])
    session.rollback()
    shown = staff.post(f"/moderate/{key}/contact").text
    assert "Others who told the same" in shown and 'href="tel:+50937123456"' in shown and "voix@example.org" in shown


def test_no_publication_and_no_public_page_holds_a_voices_contact_or_place(session, client, told):
    key, _, _ = told
    for row in session.query(Publication):
        kept = (row.feature or b"").decode() + row.search_text
        assert "3712" not in kept and "18.5441" not in kept and "voix" not in kept.lower()
    session.rollback()
    page = client.get(f"/reports/{key}").text
    assert "3712" not in page and "voix" not in page.lower()


def test_an_erased_voice_is_gone_there_as_well(session, client, staff, told):
    key, first, second = told
    client.post(f"/api/v1/track/{first}/erase")
    assert others(staff, key) == [(None, None, "voix@example.org")]
    client.post(f"/api/v1/track/{second}/erase")
    assert others(staff, key) == []
    assert "Show contact" not in staff.get(f"/moderate/{key}").text


def test_what_a_voice_corrects_counts(session, client, staff, told):
    key, first, _ = told
    client.post(f"/api/v1/track/{first}/correct", json={"contact_phone": "+509 3700 0001"})
    assert others(staff, key)[0] == ("Voix Privée", "+509 3700 0001", None)


def test_the_reporters_of_what_was_merged_in_and_their_voices(session, client, staff):
    root = make_report(category="ROAD", contact_phone="+509 1111 1111")
    child = make_report(category="ROAD", contact_name="Jean Planted")
    grandchild = make_report(category="ROAD", contact_email="jean@example.org", status="pending")
    same = make_report(category="ROAD", contact_phone="+509 1111 1111")
    nobody = make_report(category="ROAD")
    keys = root.public_id, child.public_id
    session.rollback()
    client.post(f"/api/v1/reports/{keys[1]}/voices", json={"contact_phone": "+509 2222 2222"})
    for report, into in ((child, root), (grandchild, child), (same, root), (nobody, root)):
        report.merged_into_id = into.id
    session.commit()
    assert staff.get(f"/api/v1/reports/{keys[0]}/contact").get_json()["contact_phone"] == "+509 1111 1111"
    assert others(staff, keys[0]) == [
        ("Jean Planted", None, None), (None, None, "jean@example.org"), (None, "+509 2222 2222", None),
    ]  # fmt: skip
    assert others(staff, keys[1]) == [(None, None, "jean@example.org"), (None, "+509 2222 2222", None)]


def test_the_team_is_told_who_took_it_back(session, client, staff, told):
    key, first, _second = told
    assert client.post(f"/api/v1/track/{first}/withdraw", json={}).status_code in (200, 204)
    body = staff.get(f"/api/v1/reports/{key}/contact").get_json()
    assert [(one["contact_email"], one["taken_back"]) for one in body["others"]] == [("voix@example.org", False), (None, True)]
    assert not body["taken_back"]
    root = session.query(Report).filter_by(public_id=key).one()
    alone = make_report(contact_phone="+509 4444 4444")
    root.merged_into_id, alone.withdrawn_at = alone.id, utcnow()
    session.commit()
    body = staff.get(f"/api/v1/reports/{alone.public_id}/contact").get_json()
    assert body["taken_back"] and body["contact_phone"] == "+509 4444 4444"
    assert staff.post(f"/moderate/{alone.public_id}/contact").text.count("They took it back.") == 2


# ---- an organisation's key


def by_key(client, report_id, *scope) -> list[str]:
    """The telephone numbers that a key of this scope is told, the report's own first."""
    _key, text = make_key("contact=yes", *scope)
    body = client.get(f"/api/v1/reports/{report_id}/contact", headers=bearer(text)).get_json()
    told = [body["contact_phone"], *(one["contact_phone"] for one in body["others"])]
    assert not body["taken_back"] and not any(one["taken_back"] for one in body["others"])
    return [number and number[-4:] for number in told]


def merged(session, root, **children) -> None:
    for child in children.values():
        child.merged_into_id = root.id
    session.commit()


def test_a_key_is_not_told_who_took_it_back(session, client):
    root = make_report(category="WAT", contact_phone="+509 3700 0001")
    told = make_report(category="WAT", contact_phone="+509 3700 0002")
    gone = make_report(category="WAT", contact_phone="+509 3700 0003")
    merged(session, root, told=told, gone=gone)
    address = f"/api/v1/reports/{told.public_id}"
    session.rollback()
    assert by_key(client, root.public_id) == ["0001", "0002", "0003"]
    for report in (root, gone):
        session.get(Report, report.id).withdrawn_at = utcnow()
    session.commit()
    assert by_key(client, root.public_id) == [None, "0002"]  # the root is told by the one that is left
    assert client.get(f"{address}/contact", headers=bearer(make_key("contact=yes")[1])).status_code == 404


def test_a_key_is_not_told_a_voice_that_was_taken_back(session, client, told):
    key, first, _second = told
    assert by_key(client, key) == [None, "3456", None]
    client.post(f"/api/v1/track/{first}/withdraw", json={})
    assert by_key(client, key) == [None, None]  # the e-mail of the other


def test_a_key_is_told_of_what_was_merged_in_only_whom_it_could_read_by_themselves(session, client):
    root = make_report(category="WAT", contact_phone="+509 3700 0001")
    others = {
        "same": make_report(category="WAT", contact_phone="+509 3700 0002"),
        "waits": make_report(category="WAT", contact_phone="+509 3700 0003", status="pending"),
        "road": make_report(category="ROAD", kind="damage", contact_phone="+509 3700 0004"),
        "far": make_report(category="WAT", at=JACMEL, contact_phone="+509 3700 0005"),
        "unplaced": make_report(category="WAT", at=None, contact_phone="+509 3700 0006"),
    }
    hidden = make_report(category="WAT", contact_phone="+509 3700 0007", status="pending")
    hidden.status = "hidden"
    merged(session, root, **others, hidden=hidden)
    root_id = root.public_id
    session.rollback()
    assert by_key(client, root_id) == ["0001", "0002", "0004", "0005", "0006"]
    assert by_key(client, root_id, "sectors=wash") == ["0001", "0002", "0005", "0006"]
    assert by_key(client, root_id, "layers=needs") == ["0001", "0002", "0005", "0006"]
    assert by_key(client, root_id, "bbox=-72.4,18.5,-72.3,18.6") == ["0001", "0002", "0004"]
    assert by_key(client, root_id, "areas=Port-au-Prince") == ["0001", "0002", "0004"]


def test_the_reporters_own_is_what_they_corrected_it_to(session, client, staff):
    told = client.post("/api/v1/reports", json={
        "category": "WAT", "description": "x", "place": "y", "contact_phone": "+509 3712 3456",
    }).get_json()  # fmt: skip
    client.post(f"/api/v1/track/{told['tracking_token']}/correct", json={"contact_phone": "+509 3700 0001"})
    body = staff.get(f"/api/v1/reports/{told['id']}/contact").get_json()
    assert body["contact_phone"] == "+509 3700 0001" and body["others"] == []
    assert session.query(Report).count() == 1
    session.rollback()
