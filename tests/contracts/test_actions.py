"""Every action × every role × every status, from the registry: allowed, refused, or impossible now."""

import itertools

from crowdmap.db import utcnow
from crowdmap.moderation.actions import ACTIONS, perform
from crowdmap.moderation.models import Decision
from crowdmap.moderation.requests import REQUESTS
from crowdmap.publishing.models import Publication
from crowdmap.reports.models import TRANSITIONS, Report, Status
from tests.builders import make_account, make_report, make_suspicion, sign_in

# what each action needs to be complete; a new action fails here until it says
FIELDS = {
    "publish": {}, "verify": {"evidence": "called back"}, "corroborate": {}, "dispute": {"reason": "seen otherwise"},
    "hide": {"reason": "names a person"}, "reject": {"reason": "spam"}, "restore": {}, "close": {}, "reopen": {},
    "merge": {}, "unmerge": {}, "distinct": {}, "ask-again": {}, "edit": {"title": "Other words"}, "move": {"lat": 18.5, "lon": -72.3},
    "note": {"reason": "to be called"}, "ask": {"text": "Where exactly is it?"},
}  # fmt: skip
GRADES = {"verify": "verified", "corroborate": "corroborated", "dispute": "disputed"}
LEADS_TO = {"publish": "published", "hide": "hidden", "reject": "hidden", "restore": "pending", "close": "closed",
            "reopen": "published"}  # fmt: skip
STARTS_FROM = {"publish": {"pending"}, "reopen": {"closed"}}
ROLES = (None, "volunteer", "moderator", "coordinator")


def test_every_action_is_described_here_and_has_a_request_and_a_key_of_its_own():
    assert set(FIELDS) == set(ACTIONS) == set(REQUESTS)
    keys = [action.key for action in ACTIONS.values()]
    assert len(set(keys)) == len(keys) and "n" not in keys


def possible(action: str, status: str) -> bool:
    if action in LEADS_TO:
        return status in STARTS_FROM.get(action, set(Status)) and LEADS_TO[action] in TRANSITIONS[Status(status)]
    if action in GRADES:
        return status != "hidden"
    return True


def in_status(status: str) -> Report:
    """A report that came to its status by the real way."""
    report = make_report(status="published" if status == "closed" else "pending" if status == "hidden" else status)
    if status in ("closed", "hidden"):
        from crowdmap.db import db

        report.status = Status(status)
        db.session.commit()
    return report


def prepared(action: str, status: str, session) -> tuple[Report, dict]:
    report = in_status(status)
    fields = {**FIELDS[action], "revision": report.revision}
    if action in ("merge", "unmerge", "distinct", "ask-again"):
        other = make_report()
        if action == "merge":
            fields["into"] = other.public_id
        elif action == "unmerge":
            report.merged_into_id = other.id
        else:
            fields["other"] = other.public_id
        if action == "ask-again":
            make_suspicion(report, other).refused_at = utcnow()
        session.commit()
    return report, fields


def test_every_action_by_every_role_in_every_status(session, app):
    clients = {}
    for role in ROLES:
        clients[role] = app.test_client()
        if role:
            sign_in(clients[role], make_account(role))
    for action, status, role in itertools.product(FIELDS, Status, ROLES):
        if role in (None, "coordinator"):  # who is refused leaves it as it was for the next
            report, fields = prepared(action, status, session)
        key, revision = report.public_id, report.revision
        session.rollback()
        answer = clients[role].post(f"/api/v1/reports/{key}/actions/{action}", json=fields)
        expected = {None: 401, "volunteer": 403}.get(role) or (200 if possible(action, status) else 409)
        assert answer.status_code == expected, (action, role, status, answer.text)
        after = session.query(Report).filter_by(public_id=key).populate_existing().one()
        done = session.query(Decision).filter_by(report_id=after.id, action=action)
        done = done.filter(Decision.account_id.is_not(None)).all()
        if expected != 200:
            assert (after.status, after.revision, done) == (status, revision, [])
            assert answer.mimetype == "application/problem+json"
            session.rollback()
            continue
        body = answer.get_json()
        assert body["id"] == key and body["status"] == after.status == LEADS_TO.get(action, status)
        assert body["revision"] == after.revision == revision + ACTIONS[action].revised
        assert after.verification == GRADES.get(action, "unverified") == body["verification"]
        assert len(done) == 1
        public = session.query(Publication).filter_by(public_id=key, audience="public").one_or_none()
        seen = public is not None and public.removed is None
        assert seen == (after.status in ("published", "closed") and action != "merge"), (status, action)
        session.rollback()


def test_a_stale_revision_is_refused_with_the_present_one_and_who_made_it(session, client):
    first, second = make_account(name="Marie Vincent"), make_account()
    sign_in(client, second)
    for action in (name for name, a in ACTIONS.items() if a.revised):
        report, fields = prepared(action, next(s for s in Status if possible(action, s)), session)
        perform(session, report.public_id, "edit", first, report.revision, description="Changed in between")
        session.commit()
        answer = client.post(f"/api/v1/reports/{report.public_id}/actions/{action}", json=fields)
        assert answer.status_code == 409, action
        problem = answer.get_json(force=True)
        assert problem["code"] == "stale-revision" and problem["revision"] == report.revision
        assert (problem["by"], problem["action"]) == ("Marie Vincent", "edit")
    assert session.query(Decision).filter_by(account_id=second.id).count() == 0


def test_what_an_action_needs_is_demanded_by_name(session, client):
    sign_in(client, make_account())
    for action, name in ((a.name, name) for a in ACTIONS.values() for name in a.needs):
        report, fields = prepared(action, next(s for s in Status if possible(action, s)), session)
        for missing in ({}, {name: ""}, {name: "   "}):
            if action == "reject" and missing.get(name) == "   ":
                continue  # its reasons are a closed list
            body = {k: v for k, v in fields.items() if k != name} | missing
            answer = client.post(f"/api/v1/reports/{report.public_id}/actions/{action}", json=body)
            assert answer.status_code == 422, answer.text
            assert answer.get_json(force=True)["errors"][0]["field"] == name


BAD_INPUT = (
    ("publish", {"revision": "one"}, 422, "revision"),
    ("publish", {}, 422, "revision"),
    ("publish", {"revision": 1, "colour": "red"}, 422, "colour"),
    ("reject", {"revision": 1, "reason": "dislike"}, 422, "reason"),
    ("merge", {"revision": 1, "into": "nothere"}, 422, "into"),
    ("merge", {"revision": 1, "into": ["x"]}, 422, "into"),
    ("distinct", {"other": "nothere"}, 422, "other"),
    ("distinct", {"other": 5}, 422, "other"),
    ("ask-again", {"other": "nothere"}, 422, "other"),
    ("edit", {"revision": 1, "kind": "wish"}, 422, "kind"),
    ("edit", {"revision": 1, "kind": None}, 422, "kind"),
    ("edit", {"revision": 1, "category": "NOPE"}, 422, "category"),
    ("edit", {"revision": 1, "categories": ["NOPE"]}, 422, "categories"),
    ("edit", {"revision": 1, "description": "", "title": ""}, 422, "description"),
    ("edit", {"revision": 1, "description": "x" * 10_001}, 422, "description"),
    ("edit", {"revision": 1, "people": -1}, 422, "people"),
    ("edit", {"revision": 1, "occurred_at": "yesterday"}, 422, "occurred_at"),
    ("move", {"revision": 1, "lat": 91, "lon": 0}, 422, "lat"),
    ("move", {"revision": 1, "lat": 18.5}, 422, "lat"),
    ("move", {"revision": 1, "unplaced": True, "lat": 18.5, "lon": -72}, 422, "unplaced"),
    ("note", {"reason": "x" * 1001}, 422, "reason"),
    ("ask", {}, 422, "text"),
    ("ask", {"text": "   "}, 422, "text"),
    ("ask", {"text": "x" * 1001}, 422, "text"),
    ("ask", {"text": ["x"]}, 422, "text"),
    ("ask", {"text": "Where?", "canned": "where"}, 422, "text"),
    ("ask", {"text": "Where?", "language": "xx"}, 422, "language"),
    ("ask", {"canned": "nothing"}, 422, "canned"),
    ("ask", {"canned": "where:xx"}, 422, "language"),
    ("ask", {"canned": "where", "colour": "red"}, 422, "colour"),
    ("explode", {"revision": 1}, 404, None),
)


def test_bad_input_is_refused_by_name(session, client):
    report = make_report(status="pending")
    sign_in(client, make_account())
    for action, body, status, field in BAD_INPUT:
        answer = client.post(f"/api/v1/reports/{report.public_id}/actions/{action}", json=body)
        assert answer.status_code == status, (action, body, answer.text)
        errors = answer.get_json(force=True)["errors"]
        assert [e["field"] for e in errors][:1] == ([field] if field else []), (action, body)
    assert session.get(Report, report.id, populate_existing=True).revision == 1


def test_nan_and_unknown_report(session, client):
    report = make_report(status="pending")
    sign_in(client, make_account())
    address = f"/api/v1/reports/{report.public_id}/actions/move"
    answer = client.post(address, data='{"revision": 1, "lat": NaN, "lon": 1}', content_type="application/json")
    assert answer.status_code == 400 and answer.get_json(force=True)["errors"][0]["field"] == "lat"
    assert client.post("/api/v1/reports/nothere/actions/publish", json={"revision": 1}).status_code == 404
