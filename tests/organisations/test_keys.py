"""A key opens what its scope says, on every outlet, and nothing once it is not good any more."""

from datetime import timedelta
from itertools import islice

import orjson
import pytest
from sqlalchemy import inspect, select

from crowdmap import geo
from crowdmap.db import utcnow
from crowdmap.events import Event
from crowdmap.feeds import stream
from crowdmap.moderation.models import Decision
from crowdmap.organisations import gate, verbs
from crowdmap.organisations.models import ApiKey, Organisation
from crowdmap.organisations.scopes import parse_options
from crowdmap.reports.models import Report, Status, Verification
from tests.builders import (
    JACMEL,
    PORT_AU_PRINCE,
    bearer,
    ids,
    make_account,
    make_key,
    make_organisation,
    make_report,
    sign_in,
)

OUTLETS = ("/feeds/all.geojson", "/feeds/all.geojson?limit=all", "/feeds/changes?since=0", "/api/v1/reports")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A change of a key is felt at once, and streams look often."""
    monkeypatch.setattr(gate, "KEPT_S", 0)
    monkeypatch.setattr(stream, "CHECK_S", 0.2)


def read(client, path, text):
    answer = client.get(path, headers=bearer(text))
    assert answer.status_code == 200, (path, answer.text)
    return answer.get_json(force=True)


def ids_in(answer: dict) -> set[str]:
    return {feature["id"] for feature in answer["features"] if not feature["properties"].get("removed")}


def points(collection) -> dict[str, list]:
    return {feature["id"]: feature["geometry"]["coordinates"] for feature in collection["features"]}


def change(session, public_id, *options):
    verbs.change_key(public_id, parse_options(options))
    session.commit()


# ---- what it opens


def test_a_partner_reads_the_exact_place_of_what_is_verified_and_of_nothing_else(client, session):
    told = {word: make_report(category="WAT", kind="need", verification=word) for word in Verification}
    _key, text = make_key()
    centre = [round(value, 7) for value in geo.tile_centre(*PORT_AU_PRINCE)]
    for path in OUTLETS:
        seen = points(read(client, path, text))
        for word, report in told.items():
            assert seen[report.public_id] == (list(PORT_AU_PRINCE) if word == "verified" else centre), (path, word)
        assert set(map(tuple, points(client.get(path).get_json(force=True)).values())) == {tuple(centre)}


def test_what_the_public_may_not_see_at_all_no_partner_sees(client, session):
    hidden = [make_report(status="pending"), make_report(category="MISS", verification="verified")]
    _key, text = make_key()
    for path in OUTLETS:
        assert ids_in(read(client, path, text)) == set()
    for report in hidden:
        assert client.get(f"/api/v1/reports/{report.public_id}", headers=bearer(text)).status_code == 404


SCOPES = [
    ((), {"water", "bridge", "food"}),
    (("layers=needs",), {"water", "food"}),
    (("layers=needs,damage",), {"water", "bridge", "food"}),
    (("layers=all",), {"water", "bridge", "food"}),
    (("sectors=wash",), {"water"}),
    (("areas=Jacmel",), {"food"}),
    (("bbox=-72.4,18.5,-72.3,18.6",), {"water", "bridge"}),
    (("layers=needs", "bbox=-72.4,18.5,-72.3,18.6"), {"water"}),
    (("layers=offers",), set()),
]


@pytest.mark.parametrize(("options", "expected"), SCOPES)
@pytest.mark.parametrize("precision", ["partner", "public"])
def test_a_scope_holds_on_every_outlet(client, session, options, expected, precision):
    reports = {
        "water": make_report(at=PORT_AU_PRINCE, kind="need", category="WAT"),
        "bridge": make_report(at=PORT_AU_PRINCE, kind="damage", category="BRID"),
        "food": make_report(at=JACMEL, kind="need", category="FOOD"),
    }
    names = {report.public_id: name for name, report in reports.items()}
    _key, text = make_key(*options, f"precision={precision}")
    for path in OUTLETS:
        answer = read(client, path, text)
        assert {names[one] for one in ids_in(answer)} == expected, path
        assert answer.get("numberMatched", len(expected)) == len(expected), path
    for name, report in reports.items():
        answer = client.get(f"/api/v1/reports/{report.public_id}", headers=bearer(text))
        assert answer.status_code == (200 if name in expected else 404), name
    with client.get("/feeds/stream?since=0", headers=bearer(text)) as answer:
        told = b"".join(islice(answer.response, 2 if expected else 1))
    assert {names[one] for one in names if one.encode() in told} == expected


def test_of_what_is_gone_a_key_with_a_scope_is_told_nothing(client, session):
    """Nobody knows any more whether it lay within."""
    gone, into, inside = make_report(at=JACMEL), make_report(at=JACMEL), make_report(kind="damage")
    merged = [make_report(at=JACMEL), make_report(kind="damage")]
    for report, target in zip(merged, (into, inside), strict=True):
        session.get(Report, report.id).merged_into_id = target.id
    session.get(Report, gone.id).status = Status.HIDDEN
    session.commit()
    _, all_of_it = make_key()
    _, scoped = make_key("layers=damage")
    statuses = {
        text: [client.get(f"/api/v1/reports/{report.public_id}", headers=bearer(text)).status_code for report in (gone, *merged)]
        for text in (all_of_it, scoped)
    }
    assert statuses == {all_of_it: [410, 301, 301], scoped: [404, 404, 301]}


def test_whoever_asks_for_more_than_the_scope_gets_what_is_in_both(client, session):
    make_report(kind="damage", category="BRID")
    need = make_report(kind="need", category="WAT")
    _key, text = make_key("layers=needs")
    assert ids(read(client, "/feeds/all.geojson?kind=need,damage", text)) == [need.public_id]
    assert ids(read(client, "/feeds/damage.geojson", text)) == []


def test_two_readers_of_one_address_are_never_given_each_others_answer(client, session):
    report = make_report(kind="need", category="WAT", verification="verified")
    _key, all_of_it = make_key()
    _other, damage = make_key("layers=damage")
    path, tags = "/feeds/all.geojson", set()
    for _round in range(2):
        for headers, found in ((bearer(all_of_it), [report.public_id]), (bearer(damage), []), ({}, [report.public_id])):
            answer = client.get(path, headers=headers)
            assert ids(answer.get_json(force=True)) == found
            tags.add(answer.headers["ETag"])
    assert len(tags) == 3
    for tag in tags:
        same = [client.get(path, headers={**headers, "If-None-Match": tag}).status_code == 304
                for headers in (bearer(all_of_it), bearer(damage), {})]  # fmt: skip
        assert same.count(True) == 1


# ---- what it does not open any more


def refused(client, headers, path="/feeds/all.geojson", code="key-refused"):
    answer = client.get(path, headers=headers)
    assert answer.status_code == 401, (path, answer.text)
    assert answer.mimetype == "application/problem+json" and answer.get_json()["code"] == code
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    assert answer.headers["Cache-Control"] == "no-store" and "Access-Control-Allow-Origin" not in answer.headers
    return answer.get_json()["detail"]


@pytest.mark.parametrize("path", [*OUTLETS, "/feeds/stream", "/map/cells.geojson?bbox=-180,-90,180,90&zoom=4"])
def test_a_key_that_is_not_good_is_never_served_as_the_public(client, session, path):
    make_report()
    key, text = make_key()
    for wrong in ("", "x", "cm_aaaaaaaa_" + "a" * 32, text[:-1] + ("a" if text[-1] != "a" else "b"), text.upper(), text + " x"):
        refused(client, bearer(wrong), path)
        refused(client, {"X-API-Key": wrong}, path)
    other = make_key()[1]
    refused(client, {**bearer(text), "X-API-Key": other}, path)
    assert client.get(path.replace("/feeds/stream", "/feeds/changes?since=0"), headers={"X-API-Key": text}).status_code == 200
    verbs.revoke_key(key.public_id)
    session.commit()
    assert "revoked" in refused(client, bearer(text), path)


def test_an_expired_key_and_an_organisation_without_approval(client, session):
    make_organisation("shelter", approve=False)
    _key, text = make_key(slug="shelter", days=1)
    assert "not approved" in refused(client, bearer(text))
    verbs.set_approved("shelter", True)
    session.commit()
    read(client, "/feeds/all.geojson", text)
    session.query(ApiKey).update({"expires_at": utcnow() - timedelta(seconds=1)})
    session.commit()
    assert "expired" in refused(client, bearer(text))
    session.query(ApiKey).update({"expires_at": None})
    verbs.set_approved("shelter", False)
    session.commit()
    assert "not approved" in refused(client, bearer(text))


def test_a_key_in_an_address_is_refused_in_words(client, session):
    _key, text = make_key()
    for query in (f"key={text}", f"api_key={text}", "access_token=x", f"colour={text}", f"{text}="):
        answer = client.get(f"/feeds/all.geojson?{query}")
        assert answer.status_code == 400 and answer.get_json()["code"] == "key-in-address", query
        assert text not in answer.get_json()["detail"]
    assert client.get(f"/reports?q={text}").status_code == 400


@pytest.mark.parametrize("how", ["revoke", "suspend", "expire", "change"])
def test_an_open_stream_ends_when_the_key_does(client, session, how):
    make_report()
    key, text = make_key()
    with client.get("/feeds/stream", headers=bearer(text)) as answer:
        assert next(iter(answer.response)) == b": welcome\nretry: 3000\n\n"
        if how == "revoke":
            verbs.revoke_key(key.public_id)
        elif how == "suspend":
            verbs.set_approved("wash", False)
        elif how == "expire":
            session.query(ApiKey).update({"expires_at": utcnow()})
        else:
            verbs.change_key(key.public_id, parse_options(["layers=offers"]))
        session.commit()
        make_report(description="Marker-after")
        assert b"Marker-after" not in b"".join(answer.response)  # ends, or this test hangs


def test_a_revocation_is_felt_within_five_seconds_by_what_a_process_remembers():
    import importlib

    assert importlib.reload(gate).KEPT_S + importlib.reload(stream).CHECK_S < 5


# ---- a scope that changes


def test_with_another_scope_an_older_cursor_leads_nowhere_and_a_new_start_does(client, session):
    need = make_report(kind="need", category="WAT")
    damage = make_report(kind="damage", category="BRID")
    key, text = make_key("layers=needs")
    first = read(client, "/feeds/all.geojson", text)
    assert ids(first) == [need.public_id]
    followed = read(client, f"/feeds/changes?since={first['seq']}", text)  # in step, at the newest seq there is
    change(session, key.public_id, "layers=needs,damage")

    gone = client.get(f"/feeds/changes?since={followed['seq']}", headers=bearer(text))
    assert gone.status_code == 410 and gone.get_json()["restart"] == "/feeds/all.geojson"
    stale = client.get("/feeds/stream", headers={**bearer(text), "Last-Event-ID": str(followed["seq"])})
    assert stale.status_code == 410
    for path in ("/feeds/all.geojson", "/feeds/needs.geojson", "/feeds/all.geojson?limit=all", "/feeds/changes?since=0"):
        again = read(client, path, text)
        assert damage.public_id in ids_in(again) or "needs" in path
        assert read(client, f"/feeds/changes?since={again['seq']}", text)["features"] == [], path
    later = make_report(kind="damage", category="BRID")
    assert ids_in(read(client, f"/feeds/changes?since={again['seq']}", text)) == {later.public_id}


def test_a_page_of_the_old_scope_does_not_go_on_in_the_new_one(client, session):
    for _number in range(3):
        make_report(kind="need", category="WAT")
    key, text = make_key("layers=needs")
    cursor = read(client, "/feeds/all.geojson?limit=1", text)["next"].partition("cursor=")[2]
    change(session, key.public_id, "sectors=wash")
    answer = client.get(f"/feeds/all.geojson?limit=1&cursor={cursor}", headers=bearer(text))
    assert answer.status_code == 400 and answer.get_json()["errors"][0]["field"] == "cursor"


def test_a_change_that_opens_the_same_breaks_nobodys_cursor(client, session):
    make_report()
    key, text = make_key("layers=needs")
    seq = read(client, "/feeds/all.geojson", text)["seq"]
    change(session, key.public_id, "layers=needs", "contact=yes")
    read(client, f"/feeds/changes?since={seq}", text)


def test_the_public_follows_on_when_a_partners_scope_changes(client, session):
    make_report()
    key, _text = make_key()
    seq = client.get("/feeds/all.geojson").get_json(force=True)["seq"]
    change(session, key.public_id, "layers=needs")
    assert client.get(f"/feeds/changes?since={seq}").get_json(force=True)["seq"] == seq


# ---- answers


def test_answers_to_a_key_are_kept_nowhere_and_read_by_no_other_site(client, session):
    make_report()
    _key, text = make_key("precision=public")
    for path in (*OUTLETS, "/map/cells.geojson?bbox=-180,-90,180,90&zoom=4", "/feeds/all.geojson?bbox=x"):
        with_key, without = client.get(path, headers=bearer(text)), client.get(path)
        assert with_key.headers["Cache-Control"] == "no-store", path
        assert "Access-Control-Allow-Origin" not in with_key.headers and "Set-Cookie" not in with_key.headers, path
        assert with_key.headers["Cross-Origin-Resource-Policy"] == "same-origin", path
        for answer in (with_key, without):
            assert {"authorization", "x-api-key"} <= {name.lower() for name in answer.vary}, path
    preflight = client.options("/feeds/all.geojson", headers={"Origin": "https://x.example", "Access-Control-Request-Headers": "authorization"})
    assert "authorization" not in preflight.headers["Access-Control-Allow-Headers"].lower()


def test_with_a_key_no_cookie_counts(client, session):
    pending = make_report(status="pending")
    _key, text = make_key()
    staff = sign_in(client, make_account("coordinator"))
    assert pending.public_id in staff.get("/api/v1/reports?status=pending").text
    assert staff.get("/api/v1/reports?status=pending", headers=bearer(text)).status_code == 400
    assert pending.public_id not in staff.get("/api/v1/reports", headers=bearer(text)).text
    assert staff.get(f"/api/v1/reports/{pending.public_id}/contact", headers=bearer(text)).status_code == 403
    assert staff.post(f"/api/v1/reports/{pending.public_id}/actions/publish", json={"revision": 1}, headers=bearer(text)).status_code == 403


def test_a_program_may_send_reports_with_its_key_and_not_with_a_bad_one(client, session):
    body = {"category": "WAT", "description": "No water", "lat": 18.54, "lon": -72.33}
    assert client.post("/api/v1/reports", json=body, headers=bearer(make_key()[1])).status_code == 201
    assert client.post("/api/v1/reports", json=body, headers=bearer("cm_x")).status_code == 401


@pytest.mark.settings(RATE_LIMITS="on")
def test_each_key_has_its_limit(client, session):
    _key, few = make_key(per_minute=3)
    _other, many = make_key()
    assert [client.get("/feeds/all.geojson", headers=bearer(few)).status_code for _n in range(4)] == [200] * 3 + [429]
    answer = client.get("/feeds/changes?since=0", headers=bearer(few))
    assert answer.status_code == 429 and 1 <= int(answer.headers["Retry-After"]) <= 61 and "3 requests" in answer.get_json()["detail"]
    assert client.get("/feeds/all.geojson", headers=bearer(many)).status_code == 200
    assert client.get("/feeds/all.geojson").status_code == 200


def test_last_use_is_noted_once_a_minute_and_not_of_a_bad_key(client, session, app):
    key, text = make_key()
    client.get("/feeds/all.geojson", headers=bearer(text[:-1] + "x"))
    session.refresh(key)
    assert key.last_used_at is None
    session.rollback()
    client.get("/feeds/all.geojson", headers=bearer(text))
    session.refresh(key)
    first = key.last_used_at
    session.rollback()
    assert utcnow() - first < timedelta(seconds=30)
    client.get("/feeds/all.geojson", headers=bearer(text))
    session.refresh(key)
    assert key.last_used_at == first
    session.rollback()


# ---- at rest


def test_only_a_hash_is_kept_and_the_log_names_who_did_what(session):
    by = make_account("coordinator")
    key, text = make_key("contact=yes", by=by.id)
    change(session, key.public_id, "layers=needs")
    verbs.revoke_key(key.public_id, by=by.id)
    session.commit()
    secret = text.rsplit("_", 1)[1]
    assert len(secret) == 32
    rows = [repr([getattr(row, c.key) for c in inspect(type(row)).column_attrs])
            for model in (ApiKey, Organisation, Event) for row in session.scalars(select(model))]  # fmt: skip
    assert not any(secret in row for row in rows)
    events = list(session.scalars(select(Event).where(Event.name == "OrganisationEvent").order_by(Event.seq)))
    assert [event.data["action"] for event in events] == ["added", "key-added", "key-changed", "key-revoked"]
    assert [event.account_id for event in events] == [None, by.id, None, by.id]
    assert {event.data["key"] for event in events[1:]} == {key.public_id}
    assert events[2].data["change"]["scope"][1]["layers"] == ["needs"]
    session.rollback()


def test_the_secret_is_compared_in_constant_time(client, session, monkeypatch):
    compared = []
    compare = gate.hmac.compare_digest
    monkeypatch.setattr(gate.hmac, "compare_digest", lambda a, b: compared.append((len(a), len(b))) or compare(a, b))
    _key, text = make_key()
    refused(client, bearer(text[:-4] + "aaaa"))
    assert (64, 64) in compared


# ---- contacts


@pytest.fixture
def reachable(session):
    return make_report(category="WAT", kind="need", contact_name="Marie Planted", contact_phone="+509 3712 3456")


def test_a_contact_needs_a_grant_is_asked_one_by_one_and_each_look_is_kept(client, session, reachable):
    path = f"/api/v1/reports/{reachable.public_id}/contact"
    _key, plain = make_key()
    granted, text = make_key("contact=yes")
    answer = client.get(path, headers=bearer(plain))
    assert answer.status_code == 403 and "Planted" not in answer.text
    assert client.get(path).status_code == 401
    for _look in range(2):
        answer = client.get(path, headers=bearer(text))
        assert answer.status_code == 200 and answer.get_json()["contact_phone"] == "+509 3712 3456"
        assert answer.headers["Cache-Control"] == "no-store"
    looks = list(session.scalars(select(Decision).where(Decision.action == "see-contact")))
    assert len(looks) == 2 and all(granted.public_id in look.reason and "wash" in look.reason for look in looks)
    session.rollback()
    staff = sign_in(client, make_account("moderator"))
    assert granted.public_id in staff.get(f"/moderate/{reachable.public_id}").text


def test_a_grant_reaches_no_farther_than_the_scope_and_what_is_public(client, session, reachable):
    pending = make_report(status="pending", contact_name="Jean Planted")
    _key, text = make_key("contact=yes", "layers=offers")
    _other, wide = make_key("contact=yes")
    for report, shown in ((reachable, text), (pending, wide)):
        answer = client.get(f"/api/v1/reports/{report.public_id}/contact", headers=bearer(shown))
        assert answer.status_code == 404 and "Planted" not in answer.text
    assert session.scalar(select(Decision).where(Decision.action == "see-contact")) is None
    session.rollback()
    assert client.post(f"/moderate/{reachable.public_id}/contact", headers=bearer(wide)).status_code in (303, 401)


def test_no_feed_holds_a_contact_also_for_who_may_ask(client, session, reachable):
    _key, text = make_key("contact=yes")
    for path in OUTLETS:
        assert "Planted" not in client.get(path, headers=bearer(text)).text


def test_a_feature_differs_from_the_public_one_in_the_point_alone(client, session):
    make_report(
        category="WAT", kind="need", verification="verified", title="Call 3712 3456", place="blue gate", accuracy_m=4,
        description="at 18.54312, -72.33512",
    )  # fmt: skip
    _key, text = make_key()
    public = client.get("/feeds/all.geojson").get_json(force=True)["features"][0]
    partner = read(client, "/feeds/all.geojson", text)["features"][0]
    assert partner["geometry"]["coordinates"] == list(PORT_AU_PRINCE) != public["geometry"]["coordinates"]
    assert partner["properties"].pop("precision_m") == 4.0 < public["properties"].pop("precision_m")
    for feature in (public, partner):
        feature["properties"].pop("area"), feature["properties"].pop("place")
    assert partner["properties"] == public["properties"]
    assert b"3712" not in orjson.dumps(partner) and b"blue gate" not in orjson.dumps(partner)
