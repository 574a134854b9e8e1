"""/openapi.json is valid, describes every public call, and what the server answers is what it says."""

import re

import pytest

from crowdmap import openapi
from crowdmap.reports.models import Category
from crowdmap.web import access_of
from tests.builders import make_account, make_report, make_suspicion, sign_in


@pytest.fixture
def described(client, session):
    answer = client.get("/openapi.json")
    assert answer.status_code == 200 and answer.mimetype == "application/json"
    return answer.get_json()


def check(described, name: str, body):
    from jsonschema import Draft202012Validator

    schema = {"$ref": f"#/components/schemas/{name}", "components": described["components"]}
    faults = [f"{list(fault.path)}: {fault.message[:200]}" for fault in Draft202012Validator(schema).iter_errors(body)]
    assert not faults, faults


def test_it_is_valid(described):
    from openapi_spec_validator import validate

    validate(described)


def test_every_call_is_described_and_none_that_is_not_there(app, described):
    def as_openapi(rule) -> str:
        return re.sub(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>", r"{\1}", rule.rule)

    there = set()
    for rule in app.url_map.iter_rules():
        public = access_of(app, rule.endpoint).permission is None
        if rule.rule.startswith(("/api/v1/", "/tiles/")) or (rule.rule.startswith("/feeds/") and public):
            there |= {(method.lower(), as_openapi(rule)) for method in rule.methods - {"HEAD", "OPTIONS"}}
    told = set()
    for path, methods in described["paths"].items():
        one_a_call = re.sub(r"(/actions|/track/\{token\})/[\w-]+$", r"\1/{action}", path)
        told |= {(method, one_a_call) for method in methods}
    assert told == there


def test_operations_have_names_of_their_own(described):
    names = [one["operationId"] for methods in described["paths"].values() for one in methods.values()]
    assert len(names) == len(set(names)) == len(openapi.OPERATIONS)


def test_categories_are_those_of_this_map(described, session):
    told = {one["const"]: one["title"] for one in described["components"]["schemas"]["CategoryCode"]["oneOf"]}
    assert told == {row.code: row.name for row in session.query(Category).filter_by(active=True)}


def test_answers_are_as_described(client, session, described):
    make_report(category="ROAD", description="bridge blocked at Delmas")
    report = make_report(at=None, place="somewhere")
    body = {"category": "ROAD", "description": "bridge blocked at Delmas", "lat": 18.543, "lon": -72.335}
    check(described, "ReportDraft", body)
    receipt = client.post("/api/v1/reports", json=body).get_json()
    assert receipt["possible_duplicates"]
    check(described, "Receipt", receipt)
    check(described, "Tracked", client.get(f"/api/v1/track/{receipt['tracking_token']}").get_json())
    check(described, "Candidates", client.get("/api/v1/duplicates?category=ROAD&lat=18.543&lon=-72.335&text=bridge").get_json())
    asked = {"category": "ROAD", "lat": 18.543, "lon": -72.335, "text": "bridge"}
    check(described, "DuplicatesQuery", asked)
    check(described, "Candidates", client.post("/api/v1/duplicates", json=asked).get_json())
    for _ in ("taken", "told before"):
        check(described, "VoiceReceipt", client.post(f"/api/v1/reports/{report.public_id}/voices", json={}).get_json())
    page = client.get("/feeds/all.geojson").get_json()
    check(described, "FeatureCollection", page)
    check(described, "TileJSON", client.get("/tiles/all.json").get_json())
    check(described, "Feature", client.get(f"/api/v1/reports/{report.public_id}").get_json())
    report.status = "hidden"
    session.commit()
    changes = client.get("/feeds/changes?since=0").get_json()
    assert any(f["properties"].get("removed") for f in changes["features"])
    check(described, "Changes", changes)


@pytest.mark.parametrize("path", ["/api/v1/reports?x=1", "/feeds/all.geojson?bbox=1", "/api/v1/track/none", "/feeds/none.geojson"])
def test_problems_are_as_described(client, described, path):
    check(described, "Problem", client.get(path).get_json())


def test_contact_is_as_described(client, session, described):
    report = make_report(contact_phone="+509 3712 3456")
    client.post(f"/api/v1/reports/{report.public_id}/voices", json={"contact_name": "Jean"})
    sign_in(client, make_account("moderator"))
    assert client.get(f"/api/v1/reports/{report.public_id}/contact").get_json()["others"]
    check(described, "Contact", client.get(f"/api/v1/reports/{report.public_id}/contact").get_json())


def test_vouching_is_as_described(client, session, described):
    report = make_report()
    sign_in(client, make_account("volunteer"))
    answer = client.post(f"/api/v1/reports/{report.public_id}/vouch", json={"evidence": "I saw it"})
    check(described, "Vouched", answer.get_json())


def test_questions_and_the_log_are_as_described(client, session, described):
    told = client.post("/api/v1/reports", json={"category": "WAT", "description": "x", "place": "y"}).get_json()
    sign_in(client, make_account("moderator"))
    asked = {"canned": "where", "language": "ht"}
    check(described, "AskRequest", asked)
    assert client.post(f"/api/v1/reports/{told['id']}/actions/ask", json=asked).status_code == 200
    address = f"/api/v1/track/{told['tracking_token']}"
    answer = {"text": "here", "question": client.get(address).get_json()["questions"][0]["id"]}
    check(described, "Message", answer)
    tracked = client.post(f"{address}/message", json=answer).get_json()
    assert tracked["questions"][0]["answers"] and tracked["history"]
    check(described, "Tracked", tracked)
    check(described, "Log", client.get(f"/api/v1/reports/{told['id']}/log").get_json())


def test_actions_are_as_described(client, session, described):
    report, other = make_report(status="pending"), make_report()
    sign_in(client, make_account("moderator"))
    for action, body in (("publish", {"revision": 1}), ("edit", {"revision": 2}), ("merge", {"revision": 2, "into": other.public_id})):
        answer = client.post(f"/api/v1/reports/{report.public_id}/actions/{action}", json=body).get_json()
        check(described, "Decided", answer)
        assert (answer["decision"] is None) == (action == "edit")  # nothing was changed


def test_groups_of_duplicates_are_as_described(client, session, described):
    a, b = make_report(description="No water"), make_report(description="No water")
    make_suspicion(a, b, metres=20)
    sign_in(client, make_account("moderator"))
    told = client.get("/api/v1/duplicates/groups").get_json()
    assert len(told["groups"]) == 1
    check(described, "DuplicateGroups", told)
    body = {"decision": "merge", "members": {a.public_id: 1, b.public_id: 1}}
    check(described, "GroupDecision", body)
    check(described, "GroupDecided", client.post(f"/api/v1/duplicates/groups/{a.public_id}", json=body).get_json())
