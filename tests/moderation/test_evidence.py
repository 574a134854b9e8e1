"""Evidence is recorded, withdrawn, never deleted; the grade follows, and its reason travels with it."""

import csv
import io
import random

import orjson
import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError

from crowdmap import jobs
from crowdmap.db import db
from crowdmap.errors import DomainError, IllegalState, StaleRevision, ValidationFailed
from crowdmap.events import Event
from crowdmap.moderation import evidence, regrading
from crowdmap.moderation.actions import perform
from crowdmap.moderation.grades import grade
from crowdmap.moderation.models import Decision, Evidence
from crowdmap.moderation.taking_back import take_back
from crowdmap.publishing import policy
from crowdmap.publishing.models import Publication
from crowdmap.reports.models import Category, Report
from tests.builders import bearer, make_account, make_key, make_report, sign_in
from tests.moderation.test_together import at_once


@pytest.fixture
def marie(session):
    return make_account(name="Marie Vincent")


@pytest.fixture
def jean(session):
    return make_account(name="Jean Baptiste")


def act(session, report, action, actor, **fields):
    perform(session, report.public_id, action, actor, fields.pop("revision", report.revision), **fields)
    session.commit()
    return report


def found(session, report) -> list[Evidence]:
    return list(session.scalars(select(Evidence).where(Evidence.report_id == report.id).order_by(Evidence.id)))


def last(session, report) -> Decision:
    query = select(Decision).where(Decision.report_id == report.id).order_by(Decision.id.desc()).limit(1)
    return session.scalars(query).one()


def seen(session, report, audience="public") -> dict:
    query = select(Publication.feature).where(Publication.report_id == report.id, Publication.audience == audience)
    return orjson.loads(session.scalar(query))["properties"]


def ask_for_two(session, code="WAT"):
    policy.change(session, make_account("coordinator"), code, two_people=True)
    session.commit()


# ---- the marks record evidence


@pytest.mark.parametrize(("action", "fields", "kind", "verification", "note"), [
    ("verify", {"evidence": "spoke to the nurse"}, "checked", "verified", "spoke to the nurse"),
    ("verify", {"evidence": "spoke to the nurse", "evidence_kind": "called"}, "called", "verified", "spoke to the nurse"),
    ("verify", {"evidence": "they say so", "evidence_kind": "on-site", "organisation": "Red Cross"}, "on-site", "verified", "they say so"),
    ("corroborate", {}, "source", "corroborated", ""),
    ("corroborate", {"reason": "three of one street"}, "source", "corroborated", "three of one street"),
    ("corroborate", {"evidence": "the roof is seen", "evidence_kind": "photo"}, "photo", "corroborated", "the roof is seen"),
    ("dispute", {"reason": "the road is open"}, "contradiction", "disputed", "the road is open"),
])  # fmt: skip
def test_a_mark_records_a_piece_and_the_decision_says_from_what_to_what(session, marie, action, fields, kind, verification, note):
    report = act(session, make_report(), action, marie, **fields)
    (piece,) = found(session, report)
    assert (piece.kind, piece.account_id, piece.note, piece.organisation) == (kind, marie.id, note, fields.get("organisation"))
    assert (report.verification, report.verification_reason) == (verification, kind)
    decision = last(session, report)
    assert decision.change == {"evidence": [None, f"{kind} #{piece.id}"], "verification": ["unverified", verification]}
    assert piece.at == decision.at
    assert (seen(session, report)["verification"], seen(session, report)["verification_reason"]) == (verification, kind)


def test_what_a_mark_does_not_make_is_refused_and_nothing_is_kept(session, marie):
    report = make_report()
    for action, fields, field in (
        ("verify", {"evidence": "x", "evidence_kind": "photo"}, "evidence_kind"),
        ("verify", {"evidence": "x", "evidence_kind": "source"}, "evidence_kind"),
        ("verify", {"evidence": "x", "evidence_kind": "on-site"}, "organisation"),
        ("corroborate", {"sources": 1}, "evidence_kind"),
    ):
        with pytest.raises(ValidationFailed) as refused:
            act(session, report, action, marie, **fields)
        assert refused.value.errors[0].field == field
        session.rollback()
    act(session, report, "verify", marie, evidence="called")
    for action, fields in (("verify", {"evidence": "again"}), ("corroborate", {})):
        with pytest.raises(IllegalState) as refused:
            act(session, report, action, marie, **fields)
        assert refused.value.code == "already-so"
        session.rollback()
    assert len(found(session, report)) == 1 and report.revision == 2


def test_a_photo_verifies_with_another_piece(session, marie):
    report = act(session, make_report(), "add-evidence", marie, evidence_kind="photo", evidence="the church tower is in it")
    assert report.verification == "corroborated"
    act(session, report, "add-evidence", marie, evidence_kind="source", evidence="the radio tells it")
    assert (report.verification, report.verification_reason) == ("verified", "photo,source")


def test_verifying_settles_what_was_said_against_it_and_adding_does_not(session, marie, jean):
    report = act(session, make_report(), "dispute", marie, reason="my cousin says no")
    act(session, report, "add-evidence", jean, evidence_kind="called", evidence="they answered")
    assert (report.verification, report.verification_reason) == ("disputed", "called,contradiction")
    act(session, report, "verify", jean, evidence="called twice", evidence_kind="called")
    against = found(session, report)[0]
    assert against.withdrawn_by_id == jean.id and against.withdrawn_at and against.withdrawn_why
    assert (report.verification, report.verification_reason) == ("verified", "called")
    assert last(session, report).change["verification"] == ["disputed", "verified"]
    assert last(session, report).change["settled"] == [f"contradiction #{against.id}", None]


def test_withdrawing_brings_the_grade_back_and_keeps_the_row(session, marie, jean):
    report = act(session, make_report(), "verify", marie, evidence="called", evidence_kind="called")
    act(session, report, "dispute", jean, reason="it is over")
    piece, against = found(session, report)
    act(session, report, "withdraw-evidence", jean, evidence_id=against.id, reason="another street")
    assert report.verification == "verified"
    assert last(session, report).change == {"evidence": [f"contradiction #{against.id}", None], "verification": ["disputed", "verified"]}
    act(session, report, "withdraw-evidence", jean, evidence_id=piece.id, reason="wrong number")
    assert (report.verification, report.verification_reason) == ("unverified", None)
    piece, _against = found(session, report)
    assert (piece.note, piece.account_id, piece.withdrawn_by_id, piece.withdrawn_why) == ("called", marie.id, jean.id, "wrong number")
    with pytest.raises(IllegalState) as refused:
        act(session, report, "withdraw-evidence", jean, evidence_id=piece.id, reason="again")
    assert refused.value.code == "already-so"
    session.rollback()
    with pytest.raises(ValidationFailed):
        act(session, make_report(), "withdraw-evidence", jean, evidence_id=piece.id, reason="of another report")
    session.rollback()


def test_every_decision_of_these_has_an_opposite_that_leaves_what_was(session, marie, jean):
    """Also what the decision had settled: it stands again."""
    report = act(session, make_report(), "dispute", marie, reason="not there")
    steps = (
        (jean, "verify", {"evidence": "called", "evidence_kind": "called"}), (jean, "add-evidence", {"evidence_kind": "source", "evidence": "x"}),
        (jean, "withdraw-evidence", {"evidence_id": found(session, report)[0].id, "reason": "a mistake"}),
    )  # fmt: skip

    def stands():
        return report.verification, report.verification_reason, [piece.id for piece in evidence.standing_of(session, report)]

    for actor, action, fields in steps:
        before = stands()
        act(session, report, action, actor, **fields)
        assert stands() != before
        back, named = evidence.opposite(last(session, report))
        act(session, report, back, actor, **named)
        assert stands() == before, action
        assert evidence.opposite(last(session, report))[0] == {"withdraw-evidence": "reinstate-evidence"}.get(back, "withdraw-evidence")
    assert report.verification == "disputed"
    with pytest.raises(IllegalState):
        act(session, report, "reinstate-evidence", jean, evidence_id=found(session, report)[0].id)
    session.rollback()


def test_the_desk_takes_a_mark_back_with_its_evidence(session, app, marie, jean):
    report = act(session, make_report(), "dispute", marie, reason="not there")
    act(session, report, "verify", jean, evidence="called", evidence_kind="called")
    outcome = take_back(session, jean, [last(session, report).id])
    session.commit()
    assert not outcome.skipped and outcome.done == [report.public_id] and (report.verification, report.verification_reason) == ("disputed", "contradiction")
    assert [piece.withdrawn_at is None for piece in found(session, report)] == [True, False]


def test_taking_a_withdrawal_back_settles_again_what_stood_again_by_it(session, marie, jean):
    def stands():
        session.expire_all()
        kept = [(piece.withdrawn_at, piece.withdrawn_by_id, piece.withdrawn_why) for piece in found(session, report)]
        return report.verification, report.verification_reason, kept

    report = act(session, make_report(), "dispute", marie, reason="not there")
    act(session, report, "add-evidence", marie, evidence_kind="contradiction", evidence="nor there")
    act(session, report, "verify", jean, evidence="called", evidence_kind="called")
    before = stands()
    assert before[0] == "verified"
    number = found(session, report)[-1].id
    for _again in range(2):  # and what was settled again is found again by the next withdrawal
        act(session, report, "withdraw-evidence", marie, evidence_id=number, reason="a mistake")
        assert stands()[0] == "disputed"
        outcome = take_back(session, marie, [last(session, report).id])
        session.commit()
        assert not outcome.skipped and stands() == before
    back, fields = evidence.opposite(last(session, report))
    act(session, report, back, marie, **fields)
    assert stands()[0] == "disputed"


def test_the_database_refuses_to_rewrite_or_delete_evidence(session, marie):
    report = act(session, make_report(), "verify", marie, evidence="called")
    for statement in (update(Evidence).values(note="x"), update(Evidence).values(kind="photo"), delete(Evidence)):
        with pytest.raises(DBAPIError):
            session.execute(statement.where(Evidence.report_id == report.id))
        session.rollback()


def test_voices_change_nothing_and_a_moderator_may_record_them_as_sources(session, app, marie):
    report = make_report()
    for number in range(4):
        told = app.test_client().post(f"/api/v1/reports/{report.public_id}/voices", json={"contact_phone": f"+509 3700 000{number}"})
        assert told.status_code == 201
    session.rollback()
    session.refresh(report)
    assert (report.verification, report.verification_reason) == ("unverified", None)
    act(session, report, "add-evidence", marie, evidence_kind="source", sources=4, evidence="four households, called each")
    assert (report.verification, report.verification_reason) == ("corroborated", "source")


def test_what_came_verified_keeps_its_grade(session, marie):
    for verification, kind in (("verified", "import"), ("corroborated", "source"), ("disputed", "contradiction")):
        report = make_report(verification=verification, channel="import")
        (piece,) = found(session, report)
        assert (piece.kind, piece.account_id, report.verification, report.verification_reason) == (kind, None, verification, kind)
    ask_for_two(session)
    report = make_report(verification="verified", channel="import")
    act(session, report, "add-evidence", marie, evidence_kind="source", evidence="the radio")
    assert report.verification == "verified"
    assert found(session, make_report()) == []


# ---- a second pair of eyes


def test_two_people_have_to_look_where_the_category_asks_for_it(session, app, marie, jean):
    ask_for_two(session)
    report = make_report(status="pending", category="ROAD", categories=["WAT"], kind="damage")
    client = sign_in(app.test_client(), marie)
    told = client.post(f"/moderate/{report.public_id}/verify", data={"evidence": "called", "revision": 1}, follow_redirects=True)
    assert told.text.count("One more person must look") == 2  # what came of it, and what is missing
    session.refresh(report)
    assert (report.verification, report.verification_reason) == ("corroborated", "checked")
    with pytest.raises(IllegalState) as refused:
        act(session, report, "verify", marie, evidence="called once more")
    assert refused.value.code == "another-person"
    session.rollback()
    act(session, report, "add-evidence", marie, evidence_kind="called", evidence="called once more")
    assert report.verification == "corroborated"
    act(session, report, "verify", jean, evidence="seen by our driver", evidence_kind="called")
    assert report.verification == "verified" and last(session, report).change["verification"] == ["corroborated", "verified"]
    mine = [piece for piece in found(session, report) if piece.account_id == jean.id]
    act(session, report, "withdraw-evidence", marie, evidence_id=mine[0].id, reason="another road")
    assert report.verification == "corroborated"


def test_one_person_alone_does_not_settle_what_two_must_look_at(session, app, marie, jean):
    ask_for_two(session)
    report = act(session, make_report(), "dispute", marie, reason="the well is dry")
    client = sign_in(app.test_client(), jean)
    told = client.post(f"/moderate/{report.public_id}/verify", data={"evidence": "called", "revision": 2}, follow_redirects=True)
    assert "until then it stays disputed" in told.text
    session.refresh(report)
    assert (report.verification, report.verification_reason) == ("disputed", "checked,contradiction")
    assert [piece.withdrawn_at for piece in found(session, report)] == [None, None] and "settled" not in last(session, report).change
    with pytest.raises(IllegalState) as refused:
        act(session, report, "verify", jean, evidence="called once more")
    assert refused.value.code == "another-person"
    session.rollback()
    act(session, report, "verify", make_account(), evidence="seen by our driver")
    assert (report.verification, report.verification_reason) == ("verified", "checked")
    assert last(session, report).change["settled"] == [f"contradiction #{found(session, report)[0].id}", None]


def test_another_category_may_ask_for_two_or_no_more(session, marie):
    ask_for_two(session)
    report = act(session, make_report(category="FOOD"), "verify", marie, evidence="called")
    assert report.verification == "verified"
    act(session, report, "edit", marie, category="WAT")
    assert report.verification == "corroborated" and last(session, report).change["verification"] == ["verified", "corroborated"]
    act(session, report, "edit", marie, category="FOOD")
    assert report.verification == "verified"


def test_switching_it_on_and_off_judges_again_what_one_person_verified(session, app, marie, jean, monkeypatch):
    monkeypatch.setattr(regrading, "BATCH", 2)
    alone = [act(session, make_report(category="WAT"), "verify", marie, evidence="called") for _ in range(3)]
    both = act(session, make_report(category="WAT"), "verify", marie, evidence="called")
    act(session, both, "add-evidence", jean, evidence_kind="source", evidence="the radio")
    brought = make_report(category="WAT", verification="verified")
    client = sign_in(app.test_client(), make_account("coordinator"))
    form = {"name": "Water", "kind": "need", "sector": "wash", "policy": "tile", "active": "yes"}
    form["parent"] = session.get(Category, "WAT").parent or ""
    session.rollback()

    def switch(**more):
        session.rollback()
        assert client.post("/admin/categories/WAT", data={**form, **more}).status_code == 303
        while jobs.work_once(session):
            pass
        session.expire_all()
        return [report.verification for report in (*alone, both, brought)]

    assert switch(two_people="yes") == ["corroborated"] * 3 + ["verified"] * 2
    assert (last(session, alone[0]).action, last(session, alone[0]).account_id) == ("regrade", None)
    assert seen(session, alone[2])["verification"] == "corroborated"
    page = client.get("/admin/categories/WAT").text
    assert 'name="two_people" value="yes" checked' in page and "two people" in client.get("/admin/categories").text
    assert switch() == ["verified"] * 5
    log = session.scalars(select(Event).where(Event.name == "CategoryChanged").order_by(Event.seq)).all()
    assert [event.data["change"].get("two_people") for event in log] == [[False, True], [True, False]]
    session.rollback()


def test_what_was_merged_is_judged_again_by_its_own_category(session, marie):
    more = act(session, make_report(category="ROAD", categories=["WAT"], kind="damage"), "verify", marie, evidence="called")
    child, other = (act(session, make_report(category=code), "verify", marie, evidence="called") for code in ("WAT", "FOOD"))
    root = make_report(category="FOOD")
    for one in (child, other):
        act(session, one, "merge", marie, into=root.public_id)
    ask_for_two(session)
    while jobs.work_once(session):
        pass
    session.expire_all()
    assert [one.verification for one in (more, child, other)] == ["corroborated", "corroborated", "verified"]
    act(session, child, "unmerge", marie)
    assert seen(session, child)["verification"] == "corroborated"


# ---- trees and endings


def test_a_tree_has_the_grade_of_its_root_and_lists_the_others_evidence(session, app, marie):
    root, child = make_report(), act(session, make_report(), "verify", marie, evidence="PLANTED NOTE")
    act(session, child, "merge", marie, into=root.public_id)
    assert (seen(session, root)["verification"], seen(session, root)["verification_reason"]) == ("unverified", None)
    assert [piece.report_id for piece in found(session, child)] == [child.id] and found(session, root) == []
    page = sign_in(app.test_client(), marie).get(f"/moderate/{root.public_id}").text
    assert "Recorded of what was merged in" in page and "PLANTED NOTE" in page and 'action="withdraw-evidence' not in page and "/withdraw-evidence" not in page
    act(session, child, "unmerge", marie)
    assert seen(session, child)["verification_reason"] == "checked"


@pytest.mark.parametrize(("reason", "words", "kind"), [
    ("unverifiable", "could not find out whether it is so", "cannot be checked"), ("false", "found it otherwise", "it is false"),
    ("spam", "decided not to show it", None),
])  # fmt: skip
def test_an_ending_is_told_kindly_and_undone_by_restoring(session, app, marie, reason, words, kind):
    from crowdmap.intake.tokens import tracking_token
    from crowdmap.reports.models import Submission

    report = act(session, make_report(status="pending"), "add-evidence", marie, evidence_kind="source", evidence="heard")
    act(session, report, "reject", marie, reason=reason)
    token, key = tracking_token(session.query(Submission.id).filter_by(report_id=report.id).scalar()), report.public_id
    session.rollback()
    desk, stranger = sign_in(app.test_client(), marie), app.test_client()
    assert words in stranger.get(f"/track/{token}").text
    ended = reason if kind else None
    assert stranger.get(f"/api/v1/track/{token}").get_json()["ended"] == ended
    page = desk.get(f"/moderate/{key}").text
    assert ("Checking ended" in page) == bool(kind) and (not kind or kind in page)
    act(session, report, "restore", marie)
    assert stranger.get(f"/api/v1/track/{token}").get_json()["ended"] is None
    assert "Checking ended" not in desk.get(f"/moderate/{key}").text
    assert not kind or words not in stranger.get(f"/track/{token}").text
    assert report.verification_reason == "source"
    assert not take_back(session, marie, [last(session, report).id]).skipped
    session.commit()
    assert stranger.get(f"/api/v1/track/{token}").get_json()["ended"] == ended  # hidden again, for what it was
    assert ("Checking ended" in desk.get(f"/moderate/{key}").text) == bool(kind)


# ---- who sees what


def test_the_team_reads_all_of_it_and_the_public_the_kinds_alone(session, app, marie):
    report = act(session, make_report(), "verify", marie, evidence="PLANTED NOTE", evidence_kind="on-site", organisation="PLANTED RELIEF")
    desk, stranger = sign_in(app.test_client(), marie), app.test_client()
    page = desk.get(f"/moderate/{report.public_id}").text
    assert all(words in page for words in ("PLANTED NOTE", "PLANTED RELIEF", "Marie Vincent", "organisation on the spot", "What makes a grade"))
    told = desk.get(f"/api/v1/reports/{report.public_id}/evidence").get_json()
    (piece,) = told["evidence"]
    assert (told["verification"], told["verification_reason"], told["missing"]) == ("verified", "on-site", None)
    assert (piece["kind"], piece["by"], piece["organisation"], piece["note"]) == ("on-site", "Marie Vincent", "PLANTED RELIEF", "PLANTED NOTE")
    assert desk.get("/api/v1/reports/nothere/evidence").status_code == 404
    assert stranger.get(f"/api/v1/reports/{report.public_id}/evidence").status_code == 401
    page = stranger.get(f"/reports/{report.public_id}").text
    assert "Verified: a trusted organisation is on the spot." in page
    _key, text = make_key()
    for path in (f"/reports/{report.public_id}", f"/api/v1/reports/{report.public_id}", "/feeds/all.geojson", "/feeds/all.csv"):
        for headers in ({}, bearer(text)) if not path.startswith("/reports") else ({},):
            answer = stranger.get(path, headers=headers).text
            assert "PLANTED" not in answer and "Marie" not in answer, path


def test_hostile_words_stay_words_at_the_desk(session, app, marie):
    hostile = "<script>alert(1)</script>"
    report = act(session, make_report(), "add-evidence", marie, evidence_kind="on-site", evidence=hostile, organisation=hostile)
    page = sign_in(app.test_client(), marie).get(f"/moderate/{report.public_id}").text
    assert hostile not in page and page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 2


def test_the_forms_of_the_desk(session, app, marie):
    report = make_report()
    client, here = sign_in(app.test_client(), marie), f"/moderate/{report.public_id}"
    data = {"revision": 1, "evidence": "the tower is in the picture", "evidence_kind": "photo", "organisation": "", "sources": ""}
    told = client.post(f"{here}/add-evidence", data=data, follow_redirects=True)
    assert told.status_code == 200 and "Kept." in told.text and "Supported, not verified yet: a photo was checked." in told.text
    again = client.post(f"{here}/add-evidence", data={**data, "revision": 2, "evidence_kind": "on-site"})
    assert again.status_code == 422 and "Say which organisation" in again.text and "the tower is in the picture" in again.text
    stale = client.post(f"{here}/add-evidence", data=data)
    assert stale.status_code == 409 and "the tower is in the picture" in stale.text
    number = found(session, report)[0].id
    session.rollback()
    told = client.post(f"{here}/withdraw-evidence", data={"revision": 2, "evidence_id": number, "reason": "another tower"}, follow_redirects=True)
    assert "another tower" in told.text and "not verified yet" in told.text


# ---- the feeds


@pytest.mark.databases("sqlite")
def test_the_reason_is_in_every_format_and_null_where_there_is_none(session, client, marie):
    report = act(session, make_report(), "add-evidence", marie, evidence_kind="source", sources=2, evidence="radio and church")
    act(session, report, "add-evidence", marie, evidence_kind="called", evidence="called back")
    other = make_report()
    features = {one["id"]: one["properties"] for one in client.get("/feeds/all.geojson").get_json()["features"]}
    assert features[report.public_id]["verification_reason"] == "called,source" and features[other.public_id]["verification_reason"] is None
    rows = {row["Id"]: row for row in csv.DictReader(io.StringIO(client.get("/feeds/all.csv?hxl=0").text))}
    assert rows[report.public_id]["Verification reason"] == "called,source" and rows[other.public_id]["Verification reason"] == ""
    kml, atom = client.get("/feeds/all.kml").text, client.get("/feeds/all.atom").text
    assert kml.count('<SimpleData name="verification_reason">called,source</SimpleData>') == 1
    assert atom.count('scheme="urn:crowdmap:verification_reason"') == 2 and 'term="called" scheme' in atom
    schema = client.get("/openapi.json").get_json()["components"]["schemas"]["Feature"]
    assert "verification_reason" in schema["properties"]["properties"]["required"]


@pytest.mark.databases("sqlite")
def test_what_was_published_before_the_upgrade_is_served_until_it_is_made_again(session, client):
    from crowdmap.operate import check_publications

    report = make_report()
    for row in session.scalars(select(Publication)):
        feature = orjson.loads(row.feature)
        del feature["properties"]["verification_reason"]
        row.feature, row.digest = orjson.dumps(feature), b"another"
    session.commit()
    for path in ("all.geojson", "all.csv", "all.kml", "all.atom", "all.gpkg"):
        assert client.get(f"/feeds/{path}").status_code == 200, path
    assert client.get(f"/reports/{report.public_id}").status_code == 200
    assert "crowdmap republish" in check_publications()
    policy.republish(session)
    assert check_publications() is None and seen(session, report)["verification_reason"] is None
    session.rollback()


# ---- at the same moment


def test_of_two_who_add_at_once_one_is_told_and_nothing_is_lost(session, app):
    report, people = make_report(), [make_account() for _ in range(4)]
    key, report_id = report.public_id, report.id
    kinds = ("called", "photo", "source", "contradiction")

    def add(actor, kind):
        return lambda s: perform(s, key, "add-evidence", actor, 1, evidence_kind=kind, evidence=kind)

    session.rollback()
    outcome = at_once(app, *(add(actor, kind) for actor, kind in zip(people, kinds)))
    won = [one for one in outcome if isinstance(one, Report)]
    assert len(won) == 1 and sum(isinstance(one, StaleRevision) for one in outcome) == 3, outcome
    after = session.get(Report, report_id, populate_existing=True)
    assert after.revision == 2 and len(found(session, after)) == 1


def test_whoever_comes_again_is_heard_and_the_grade_is_that_of_all_that_stands(session, app):
    """Random adding and withdrawing by four at once, each trying again when told so: every piece stands as its last word
    left it, the revision counts each change once, and the grade is the rule's."""
    report, people = make_report(), [make_account() for _ in range(4)]
    key, report_id, ids = report.public_id, report.id, [person.id for person in people]
    session.rollback()

    def work(number):
        chance = random.Random(number)

        def go(own):
            mine, done = [], 0
            while done < 4:
                revision = own.scalar(select(Report.revision).where(Report.id == report_id))
                own.rollback()
                try:
                    actor = own.get(type(people[0]), ids[number])
                    if mine and chance.random() < 0.4:
                        perform(own, key, "withdraw-evidence", actor, revision, reason="no", evidence_id=mine[-1])
                        mine.pop()
                    else:
                        kind = chance.choice(("source", "photo", "called", "contradiction"))
                        perform(own, key, "add-evidence", actor, revision, evidence_kind=kind, evidence=f"{number}/{done}")
                        mine.append(own.scalar(select(Evidence.id).order_by(Evidence.id.desc()).limit(1)))
                    own.commit()
                    done += 1
                except DomainError as error:
                    own.rollback()
                    assert isinstance(error, StaleRevision), error
            return mine

        return go

    outcome = at_once(app, *(work(number) for number in range(4)))
    assert all(isinstance(one, list) for one in outcome), outcome
    after = session.get(Report, report_id, populate_existing=True)
    pieces = found(session, after)
    assert {piece.id for piece in pieces if piece.withdrawn_at is None} == {number for mine in outcome for number in mine}
    assert after.revision == 1 + 16
    standing = evidence.as_pieces(piece for piece in pieces if piece.withdrawn_at is None)
    assert after.verification == grade(standing) and seen(session, after)["verification"] == after.verification
    grades = [d.change["verification"] for d in session.scalars(select(Decision).where(Decision.report_id == report_id).order_by(Decision.id)) if "verification" in d.change]
    assert all(before[1] == then[0] for before, then in zip(grades, grades[1:]))  # no step overtook another
    db.session.rollback()
