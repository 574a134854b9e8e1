"""Every action × every role × every state, by the API and by the form, from the registry: what is allowed is done and logged,
what is not is refused, what is impossible now is a conflict; and whatever is refused changes nothing.

A new action joins by itself. Where it needs a field that no other action needs, SAMPLES says how that is given.
"""

import ast
import itertools
from pathlib import Path

import pytest
from sqlalchemy import func, inspect, select

import crowdmap
from crowdmap.accounts.models import Account
from crowdmap.accounts.roles import GRANTS, Role
from crowdmap.db import db, utcnow
from crowdmap.events import Event
from crowdmap.moderation.actions import ACTIONS, perform
from crowdmap.moderation.doing import UNREVISED
from crowdmap.moderation.marking import marked
from crowdmap.moderation.models import Decision, Evidence
from crowdmap.moderation.requests import REQUESTS
from crowdmap.organisations.models import Membership
from crowdmap.publishing.models import Publication
from crowdmap.reports.models import TRANSITIONS, Report, Status
from tests.builders import bearer, make_account, make_key, make_organisation, make_report, make_suspicion, sign_in

# a value for each field that an action can need; a function makes what the value names
SAMPLES = {
    "reason": "seen otherwise", "evidence": "called back", "evidence_kind": "called",
    "evidence_id": lambda report: recorded(report), "into": lambda report: make_report().public_id,
    "other": lambda report: make_report().public_id, "mark": lambda report: a_mark(report),
    "decision": lambda report: 2**31 - 1,
}  # fmt: skip
# where the needs alone do not make it complete, or the sample is not what it takes
FIELDS = {
    "ask": {"text": "Where exactly is it?"}, "reject": {"reason": "spam"}, "mask-mark": {"words": "Report"}, "edit": {"title": "Other words"}, "move": {"lat": 18.5, "lon": -72.3},
}  # fmt: skip
# what must be so before it
BEFORE = {
    "unmerge": lambda report, fields: merged(report),
    "ask-again": lambda report, fields: refused(report, fields["other"]),
    "reinstate-evidence": lambda report, fields: withdrawn(report, fields["evidence_id"]),
}
GRADES = {
    "verify": "verified", "corroborate": "corroborated", "dispute": "disputed", "add-evidence": "verified",
    "reinstate-evidence": "verified",
}  # fmt: skip

# what CONTRACT and DESIGN say of those they name, beside the registry
LEADS_TO = {"publish": "published", "hide": "hidden", "reject": "hidden", "restore": "pending", "close": "closed",
            "reopen": "published"}  # fmt: skip
STARTS_FROM = {"publish": {"pending"}, "reopen": {"closed"}}
NAMED = set("publish verify corroborate dispute hide reject restore close reopen merge unmerge edit move note".split())

MERGED = "merged"
STATES = (*Status, MERGED)
WAYS = ("api", "form")


def recorded(report) -> int:
    """The number of a piece of evidence that stands, with the grade it makes."""
    piece = Evidence(report_id=report.id, kind="called", note="called back")
    report.verification, report.verification_reason = "verified", "called"
    db.session.add(piece)
    db.session.commit()
    return piece.id


def a_mark(report) -> str:
    """The id of a telephone number in its words."""
    report.description = "Report: call 3456 7890"
    db.session.commit()
    return marked(report).marks[0].id


def merged(report) -> None:
    report.merged_into_id = report.merged_into_id or make_report().id
    db.session.commit()


def refused(report, other: str) -> None:
    pair = make_suspicion(report, db.session.query(Report).filter_by(public_id=other).one())
    pair.refused_at = utcnow()
    db.session.commit()


def withdrawn(report, number: int) -> None:
    db.session.get_one(Evidence, number).withdrawn_at = utcnow()
    report.verification, report.verification_reason = "unverified", None
    db.session.commit()


def test_every_action_has_a_request_and_a_key_of_its_own():
    assert set(ACTIONS) == set(REQUESTS) and NAMED <= set(ACTIONS)
    keys = [action.key for action in ACTIONS.values()]
    assert len(set(keys)) == len(keys) and "n" not in keys


def test_what_moves_no_revision_is_nobody_who_was_first():
    for name, action in ACTIONS.items():
        assert (name in UNREVISED) == (not action.revised), name
    calls = [
        call
        for path in Path(crowdmap.__file__).parent.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and any(key.arg == "bump" and isinstance(key.value, ast.Constant) for key in call.keywords)
    ]
    names = {call.args[3].value for call in calls if isinstance(call.args[3], ast.Constant)}
    assert len(calls) >= 8 and {"see-contact", "vouch", "distinct"} <= names <= UNREVISED


def test_what_an_action_needs_can_be_given_here():
    unknown = {name for action in ACTIONS.values() for name in action.needs} - SAMPLES.keys()
    assert not unknown, f"say in SAMPLES how these fields are given: {unknown}"
    for name, action in ACTIONS.items():
        assert set(action.needs) <= REQUESTS[name].model_fields.keys()


def test_the_named_actions_lead_where_the_contract_says():
    for name, status in itertools.product(sorted(NAMED), Status):
        expected = (
            status in STARTS_FROM.get(name, set(Status)) and LEADS_TO[name] in TRANSITIONS[status] if name in LEADS_TO
            else status != "hidden" if name in ("verify", "corroborate", "dispute")
            else True
        )  # fmt: skip
        assert ACTIONS[name].starts_from(status) == expected, (name, status)
        assert ACTIONS[name].to == LEADS_TO.get(name), name


def possible(action: str, state: str) -> bool:
    found = ACTIONS[action]
    return found.merged and found.starts_from(Status.PUBLISHED) if state == MERGED else found.starts_from(Status(state))


def in_state(state: str) -> Report:
    """A report that came to its state by the real way."""
    first = {"closed": "published", "hidden": "pending", MERGED: "published"}.get(state, state)
    report = make_report(status=first)
    if state == MERGED:
        merged(report)
    elif state != first:
        report.status = Status(state)
        db.session.commit()
    return report


def prepared(action: str, state: str, session, account_id: int) -> tuple[Report, dict]:
    """*account_id*: whoever is going to act; of what somebody did themselves there is something to take back."""
    report = in_state(state)
    given = {name: value(report) if callable(value := SAMPLES[name]) else value for name in ACTIONS[action].needs}
    fields = {**given, **FIELDS.get(action, {})}
    if action in BEFORE:
        BEFORE[action](report, fields)
    if action == "undo" and possible("edit", state):
        perform(session, report.public_id, "edit", session.get_one(Account, account_id), report.revision, title="Mistyped")
        fields["decision"] = session.scalar(select(func.max(Decision.id)))
        session.commit()
    return report, {**fields, "revision": report.revision}


def whole(session, report_id: int) -> tuple:
    """The report with its private row, and how much there is of everything that is kept of decisions."""
    session.rollback()
    report = session.get_one(Report, report_id, populate_existing=True)
    rows = [
        tuple(getattr(row, column.key) for column in inspect(type(row)).column_attrs) for row in (report, report.private)
    ]
    kept = [session.scalar(select(func.count()).select_from(table)) for table in (Decision, Event, Evidence, Publication)]
    session.rollback()
    return rows, kept


def callers(app, session):
    """(who, a client, headers, the role, its account's id) of everybody who can knock."""
    make_organisation("wash")
    member = make_account(Role.VOLUNTEER)
    organisation = make_organisation("relief")
    session.add(Membership(organisation_id=organisation.id, account_id=member.id))
    session.commit()
    _key, text = make_key("contact=yes", slug="wash")
    people = {str(role): make_account(role) for role in Role} | {"member": member}
    found = [("anonymous", app.test_client(), {}, None, None), ("key", app.test_client(), bearer(text), None, None)]
    for who, account in people.items():
        found.append((who, sign_in(app.test_client(), account), {}, account.role, account.id))
    session.rollback()
    return found


def ask(client, headers, way: str, public_id: str, action: str, fields: dict):
    if way == "api":
        return client.post(f"/api/v1/reports/{public_id}/actions/{action}", json=fields, headers=headers)
    form = {name: str(value) for name, value in fields.items()}
    return client.post(f"/moderate/{public_id}/{action}", data=form, headers=headers)


@pytest.mark.databases("sqlite")  # what each action does to the tables is tried on both with its verbs
def test_every_action_by_everybody_in_every_state_by_both_ways(session, app):
    everybody = callers(app, session)
    assert len(everybody) == len(Role) + 3
    for action, state in itertools.product(ACTIONS, STATES):
        allowed = [one for one in everybody if one[3] and ACTIONS[action].permission in GRANTS[one[3]]]
        others = [one for one in everybody if one not in allowed]
        assert allowed and {one[0] for one in others} >= {"anonymous", "key", "volunteer", "member"}
        report, fields = prepared(action, state, session, allowed[0][4])
        key, report_id, before = report.public_id, report.id, whole(session, report.id)
        # everybody by both ways in the first state in which it is possible; in each of the others each role and each way
        first = state == next(one for one in STATES if possible(action, one))
        for (who, client, headers, role, _), way in itertools.product(others if first else (), WAYS):
            answer = ask(client, headers, way, key, action, fields)
            assert is_refused(answer, who, role, way), (action, state, who, way, answer.status_code)
            assert whole(session, report_id) == before, (action, state, who, way)
        pairs = list(itertools.product(allowed, WAYS)) if first else list(zip(allowed, itertools.cycle(WAYS)))
        for number, ((who, client, headers, _role, account_id), way) in enumerate(pairs):
            where = (action, state, who, way)
            if not possible(action, state):
                answer = ask(client, headers, way, key, action, fields)
                assert answer.status_code == 409, (*where, answer.text)
                assert whole(session, report_id) == before, where
                continue
            if number:
                report, fields = prepared(action, state, session, account_id)
                key, report_id = report.public_id, report.id
            session.rollback()
            answer = ask(client, headers, way, key, action, fields)
            assert answer.status_code == (200 if way == "api" else 303), (*where, answer.text)
            is_done(session, report_id, action, state, fields, account_id, where)
            if way == "api":
                agrees(session, report_id, answer.get_json(), action)


def is_refused(answer, who: str, role, way: str) -> bool:
    """403 for those who are known, 401 for those who are not; a form leads them to where one signs in."""
    if role or who == "key" and way == "api":
        return answer.status_code == 403
    if way == "api":
        return answer.status_code == 401 and answer.mimetype == "application/problem+json"
    return answer.status_code == 401 or answer.status_code == 303 and answer.headers["Location"].startswith("/login")


def is_done(session, report_id: int, action: str, state: str, fields: dict, account_id: int, where) -> None:
    """The effect, one decision with its person, and an event."""
    after, chosen = session.get_one(Report, report_id, populate_existing=True), ACTIONS[action]
    (done,) = session.query(Decision).filter_by(report_id=report_id, action=action, account_id=account_id).all()
    assert done.change or not chosen.revised, where
    assert done.reason == fields.get("reason", ""), where
    events = session.query(Event).filter_by(report_id=report_id, name="ReportDecided", account_id=account_id).all()
    before = [{"action": "edit"}] if action == "undo" else []
    assert [event.data for event in events] == [*before, {"action": action}], where
    assert after.revision == fields["revision"] + chosen.revised, where
    assert after.status == (chosen.to or ("published" if state == MERGED else state)), where
    assert after.verification == GRADES.get(action, "unverified"), where
    public = session.query(Publication).filter_by(report_id=report_id, audience="public").one_or_none()
    seen = public is not None and public.removed is None
    assert seen == (after.status in ("published", "closed") and after.merged_into_id is None), where
    session.rollback()


def agrees(session, report_id: int, body: dict, action: str) -> None:
    """What was answered is what is so."""
    after = session.get_one(Report, report_id, populate_existing=True)
    assert (body["id"], body["status"], body["verification"]) == (after.public_id, after.status, after.verification)
    assert (body["revision"], body["verification_reason"]) == (after.revision, after.verification_reason)
    decision = session.get(Decision, body["decision"])
    assert (decision.report_id, decision.action) == (report_id, action)
    session.rollback()


def test_a_stale_revision_is_refused_with_the_present_one_and_who_made_it(session, client):
    first, second = make_account(name="Marie Vincent"), make_account()
    sign_in(client, second)
    for action in (name for name, a in ACTIONS.items() if a.revised):
        report, fields = prepared(action, next(s for s in Status if possible(action, s)), session, second.id)
        done = session.query(Decision).filter_by(account_id=second.id).count()
        perform(session, report.public_id, "edit", first, report.revision, description="Changed in between")
        session.commit()
        answer = client.post(f"/api/v1/reports/{report.public_id}/actions/{action}", json=fields)
        assert answer.status_code == 409, action
        problem = answer.get_json(force=True)
        assert problem["code"] == "stale-revision" and problem["revision"] == report.revision
        assert (problem["by"], problem["action"]) == ("Marie Vincent", "edit")
        assert session.query(Decision).filter_by(account_id=second.id).count() == done, action
        session.rollback()


def test_what_an_action_needs_is_demanded_by_name(session, client):
    account = make_account()
    sign_in(client, account)
    for action, name in ((a.name, name) for a in ACTIONS.values() for name in a.needs):
        report, fields = prepared(action, next(s for s in Status if possible(action, s)), session, account.id)
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
    ("verify", {"revision": 1, "evidence": "x", "evidence_kind": "rumour"}, 422, "evidence_kind"),
    ("verify", {"revision": 1, "evidence": "x", "evidence_kind": "source"}, 422, "evidence_kind"),
    ("verify", {"revision": 1, "evidence": "x", "evidence_kind": "photo"}, 422, "evidence_kind"),
    ("verify", {"revision": 1, "evidence": "x", "evidence_kind": "on-site"}, 422, "organisation"),
    ("verify", {"revision": 1, "evidence": "x" * 2001}, 422, "evidence"),
    ("verify", {"revision": 1, "evidence": "x", "sources": 3}, 422, "sources"),
    ("corroborate", {"revision": 1, "evidence_kind": "called"}, 422, "evidence_kind"),
    ("corroborate", {"revision": 1, "sources": 1}, 422, "evidence_kind"),
    ("corroborate", {"revision": 1, "sources": 0}, 422, "sources"),
    ("dispute", {"revision": 1, "reason": "x", "evidence_kind": "called"}, 422, "evidence_kind"),
    ("add-evidence", {"revision": 1, "evidence": "x", "evidence_kind": "import"}, 422, "evidence_kind"),
    ("add-evidence", {"revision": 1, "evidence": "x", "evidence_kind": ["called"]}, 422, "evidence_kind"),
    ("add-evidence", {"revision": 1, "evidence": "x", "evidence_kind": "on-site", "organisation": "y" * 121}, 422, "organisation"),
    ("withdraw-evidence", {"revision": 1, "reason": "x", "evidence_id": 4711}, 422, "evidence_id"),
    ("withdraw-evidence", {"revision": 1, "reason": "x", "evidence_id": 10**30}, 422, "evidence_id"),
    ("withdraw-evidence", {"revision": 1, "reason": "x", "evidence_id": "first"}, 422, "evidence_id"),
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
    ("move", {"revision": 1, "lat": 18.5}, 422, "lon"),
    ("move", {"revision": 1, "lon": -72.3}, 422, "lat"),
    ("move", {"revision": 1, "unplaced": True, "lat": 18.5, "lon": -72}, 422, "unplaced"),
    ("note", {"reason": "x" * 1001}, 422, "reason"),
    ("keep-mark", {"revision": 1, "mark": "everything"}, 422, "mark"),
    ("keep-mark", {"revision": 1, "mark": "phone:abcd"}, 422, "mark"),
    ("mask-mark", {"revision": 1}, 422, "mark"),
    ("mask-mark", {"revision": 1, "words": ["x"]}, 422, "words"),
    ("mask-mark", {"revision": 1, "words": "x" * 301}, 422, "words"),
    ("mask-mark", {"revision": 1, "words": "nowhere"}, 422, "words"),
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
