"""Rules at the door, with everything real: what is published, what waits, what is kept of it."""

import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from crowdmap.db import db
from crowdmap.intake.draft import ReportDraft
from crowdmap.intake.submit import Incoming, submit_many
from crowdmap.moderation import sources
from crowdmap.moderation.actions import perform
from crowdmap.moderation.desk_models import QueueItem
from crowdmap.moderation.models import Decision
from crowdmap.moderation.triage import queries, verbs
from crowdmap.moderation.triage.models import Attention, Rule, RuleApplication
from crowdmap.moderation.triage.rehearsal import rehearse
from crowdmap.moderation.triage.rule import RuleWords
from crowdmap.publishing.models import Publication
from crowdmap.reports.models import Report, Status, Submission
from tests.builders import JACMEL, LEOGANE, bearer, make_account, make_key, make_report

GENOA = (8.93, 44.41)


def make_rule(session, conditions=None, decide="publish", name="Water", active=True, **effects) -> Rule:
    words = {"name": name, "conditions": conditions or {"categories": ["WAT"]}, "effects": {"decide": decide, **effects}}
    made = verbs.add(session, make_account("coordinator"), RuleWords.model_validate(words), active=active)
    session.commit()
    return made


def arrive(**fields) -> Report:
    return make_report(status="pending", **fields)


def test_a_rule_publishes_and_leaves_its_trace(session):
    rule = make_rule(session, {"categories": ["WAT"], "areas": ["Léogâne"]})
    report, elsewhere, other = arrive(at=LEOGANE), arrive(at=JACMEL), arrive(at=LEOGANE, category="FOOD")
    assert [one.status for one in (report, elsewhere, other)] == ["published", "pending", "pending"]
    assert report.verification == "unverified"
    seen = session.query(Publication.public_id).filter_by(audience="public", removed=None).all()
    assert seen == [(report.public_id,)]
    decision = session.query(Decision).one()
    assert (decision.report_id, decision.account_id, decision.action, decision.rule_id) == (report.id, None, "publish", rule.id)
    assert "Water" in decision.reason
    applied = session.query(RuleApplication).one()
    assert (applied.rule_id, applied.report_id, applied.effects) == (rule.id, report.id, {"publish": True})
    assert applied.facts == {"categories": ["WAT"], "areas": "Léogâne"}


def test_draft_rules_do_nothing(session):
    make_rule(session, active=False)
    assert arrive().status == "pending"
    assert session.query(RuleApplication).count() == 0


def test_review_says_why_assigns_and_raises(session):
    moderator = make_account(name="Marie")
    rule = make_rule(session, {"words": ["cholera"]}, "review", name="Cholera", assign_to=moderator.id, escalate=True)
    make_rule(session)
    report = arrive(description="CHOLÉRA in the camp")
    assert report.status == "pending"
    wanted = session.get(Attention, report.id)
    assert (wanted.escalated_reason, wanted.assigned_to_id) == ("Cholera", moderator.id)
    assert ["escalated", "Cholera"] in session.get_one(QueueItem, report.id).reasons  # the desk shows it first, and why
    decisions = session.query(Decision.action, Decision.rule_id).order_by(Decision.id).all()
    assert sorted(decisions) == [("assign", rule.id), ("escalate", rule.id), ("review", rule.id)]
    first, second = session.query(RuleApplication).order_by(RuleApplication.rule_id)
    assert first.effects == {"review": True, "assign": True, "escalate": True}
    assert second.effects == {"publish": "an earlier rule decided"}
    assert [d.action for d in queries.wanted(session, report.id).decisions] == ["review"]


@pytest.mark.databases("sqlite")
def test_who_left_the_team_is_assigned_nothing(session):
    moderator = make_account()
    make_rule(session, {"categories": ["WAT"]}, None, assign_to=moderator.id)
    moderator.disabled_at = moderator.created_at
    session.commit()
    report = arrive()
    assert session.get(Attention, report.id) is None
    assert "may not" in session.query(RuleApplication).one().effects["assign"]


@pytest.mark.databases("sqlite")
@pytest.mark.settings(AREA="-74.6,17.9,-71.5,20.2")
def test_restricted_and_outside_wait_whatever_rules_say(session):
    make_rule(session, {"kinds": ["need", "information", "damage", "offer"]})
    assert arrive(category="MISS").status == "pending"
    assert arrive(categories=["MISS"]).status == "pending"
    assert arrive(at=GENOA).status == "pending"
    assert arrive().status == "published"
    reasons = {decision.reason for decision in session.query(Decision).filter_by(action="review")}
    assert len(reasons) == 2 and all("not published unread" in reason for reason in reasons)


@pytest.mark.databases("sqlite")
def test_what_looks_like_a_machine_s_waits(client, session):
    make_rule(session)
    form = {"category": "WAT", "description": "No water", "place": "Delmas 33", "asked": "1"}
    assert client.post("/report", data={**form, "website": "http://spam"}).status_code == 303
    assert client.post("/report", data=form).status_code == 303
    statuses = [report.status for report in session.query(Report).order_by(Report.id)]
    assert statuses[0] == "pending"


@pytest.mark.settings(FLOOD_PER_MINUTE=5, FLOOD_PER_SOURCE=3)
def test_a_flood_is_never_published_unread(session):
    make_rule(session)
    statuses = [arrive().status for _ in range(12)]
    assert statuses == ["published"] * 5 + ["pending"] * 7
    assert {a.effects["publish"] for a in session.query(RuleApplication).offset(5)} == {"too many messages are coming in"}
    # a minute later it is over
    session.query(Submission).update({"arrived_at": datetime(2010, 1, 12, tzinfo=UTC)})
    session.commit()
    one_source = [arrive(source_key="one telephone", contact_phone=f"3712345{n}").status for n in range(5)]
    assert one_source == ["published"] * 3 + ["pending"] * 2


@pytest.mark.settings(FLOOD_PER_MINUTE=100, FLOOD_PER_NETWORK=3)
def test_a_flood_of_one_network_waits_whatever_its_programs_are_called(session):
    make_rule(session)
    statuses = [arrive(network="a camp").status for _ in range(5)]
    assert statuses == ["published"] * 3 + ["pending"] * 2
    assert session.query(RuleApplication).order_by(RuleApplication.id.desc()).first().effects == {
        "publish": "too many messages are coming from its network"
    }
    assert arrive(network="elsewhere").status == arrive().status == "published"


HERE, ELSEWHERE = {"REMOTE_ADDR": "203.0.113.9"}, {"REMOTE_ADDR": "198.51.100.9"}


def tell(client, program, where=HERE, **headers) -> str:
    body = {"category": "WAT", "description": f"Told by {program}", "place": "Jacmel"}
    answer = client.post("/api/v1/reports", json=body, headers={"User-Agent": program, **headers}, environ_base=where)
    assert answer.status_code == 201
    return answer.get_json()["status"]


def hold_device(session):
    sent = session.query(Submission).order_by(Submission.id.desc()).first()
    (device,) = (source for source in sources.sources(sent) if source.kind == "device")
    sources.hold(session, device, make_account())
    session.commit()
    return device


def test_a_held_device_holds_its_network_until_it_is_released(session, client):
    make_rule(session)
    assert tell(client, "one") == tell(client, "another") == "published"
    device = hold_device(session)
    assert tell(client, "another") == tell(client, "yet another") == "pending"
    reasons = session.query(RuleApplication.effects).order_by(RuleApplication.id.desc()).limit(2)
    assert [row.effects["publish"] for row in reasons] == ["a device of its network is held", "its source is held"]
    rehearsed = rehearse(session, queries.active(session))
    assert [one.verdict.held_back for one in rehearsed] == ["held-network", "held", "held", "held-network"]
    session.rollback()
    assert tell(client, "yet another", ELSEWHERE) == "published"
    assert tell(client, "an office", **bearer(make_key()[1])) == "published"  # it proved who it is
    sources.release(session, device, make_account())
    session.commit()
    assert tell(client, "another") == tell(client, "yet another") == "published"


@pytest.mark.settings(HOLD_NETWORK=False)
def test_where_a_camp_has_one_network_a_hold_may_leave_it_alone(session, client):
    make_rule(session)
    tell(client, "one")
    hold_device(session)
    assert (tell(client, "one"), tell(client, "another")) == ("pending", "published")


def test_a_hold_by_an_erasure_does_not_reach_the_network(session, client):
    make_rule(session)
    body = {"category": "WAT", "description": "No water", "place": "Jacmel"}
    sent = client.post("/api/v1/reports", json=body, headers={"User-Agent": "one"}, environ_base=HERE).get_json()
    perform(session, sent["id"], "reject", make_account(), session.query(Report).one().revision, "spam")
    session.commit()
    assert client.post(f"/api/v1/track/{sent['tracking_token']}/erase", json={}).status_code == 204
    assert session.query(Submission).one().network_hash is None
    session.rollback()
    assert (tell(client, "one"), tell(client, "another")) == ("pending", "published")


@pytest.mark.settings(FLOOD_PER_MINUTE=5)
def test_many_in_one_transaction_are_a_flood(session):
    make_rule(session)
    messages = [Incoming(ReportDraft(category="WAT", description=f"n {n}"), "api", f"m{n}", {"n": n}) for n in range(20)]
    receipts = submit_many(session, messages)
    session.commit()
    assert {receipt.status for receipt in receipts} == {Status.PENDING}


@pytest.mark.settings(FLOOD_PER_MINUTE=5)
@pytest.mark.parametrize("asks_the_same", [False, True])
def test_those_who_come_at_the_same_moment_do_not_slip_past_the_brake(app, session, asks_the_same):
    if asks_the_same:  # what a rule counts before the lock is not what the brake counts
        make_rule(session, {"volume": {"more_than": 5, "minutes": 1, "of": "all"}}, None, name="Many", escalate=True)
    make_rule(session)
    session.rollback()
    start = threading.Barrier(12)

    def send(number: int):
        with app.app_context():
            start.wait(10)
            arrive(source_key=f"device {number}", external_id=f"at once {number}")
            db.session.remove()

    threads = [threading.Thread(target=send, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = dict(session.query(Report.status, db.func.count()).group_by(Report.status).all())
    assert sum(counts.values()) == 12 and counts.get("published", 0) <= 5


def settled(session, moderator, action="publish", reason="", **fields) -> Report:
    """A report on which a person decided."""
    report = arrive(**fields)
    perform(session, report.public_id, action, moderator, report.revision, reason)
    session.commit()
    return report


def test_trust_comes_from_what_people_decided_and_needs_the_device_as_well(session):
    moderator, known = make_account(), {"contact_phone": "+509 3712 3456", "source_key": "device one"}
    for _ in range(6):
        settled(session, moderator, **known)
    settled(session, moderator, "reject", "spam", contact_phone="+509 3799 0000", source_key="device two")
    make_rule(session, {"trust_at_least": 0.5})
    assert arrive(**known).status == "published"
    assert arrive(contact_phone="50937123456", source_key="another device").status == "pending"
    assert arrive(source_key="device three").status == "pending"
    # what the rule published earns nothing more
    first = session.query(Submission).filter_by(report_id=session.query(Report).order_by(Report.id).first().id).one()
    found = sources.history(session, sources.sources(first)[0], first.device_hash)
    assert (found.reports, found.published, found.false) == (8, 6, 0)
    assert "known: 8 reports, 6 published" == sources.in_words(found)


def test_what_was_merged_stands_and_falls_with_its_root(session):
    """A flood is merged as one and its root rejected; nobody is trusted for it, and its copies count against them."""
    moderator, known = make_account(), {"contact_phone": "+509 3712 3456", "source_key": "device one"}
    root, above, *copies = (arrive(**known) for _ in range(6))

    def found() -> sources.History:
        one = sources.history(session, sources.sources(sources.first_of(session, root.id))[0])
        session.rollback()
        return one

    for copy in copies:
        perform(session, copy.public_id, "merge", moderator, copy.revision, into=root.public_id)
    session.commit()
    assert (found().merged, found().false) == (0, 0)  # nobody said yes to what they tell
    perform(session, root.public_id, "publish", moderator, root.revision)
    session.commit()
    assert (found().published, found().merged) == (1, 4)
    # merged once more: what counts is where it ends
    perform(session, above.public_id, "publish", moderator, above.revision)
    perform(session, root.public_id, "merge", moderator, root.revision, into=above.public_id)
    session.commit()
    assert (found().published, found().merged) == (1, 5)
    perform(session, above.public_id, "reject", moderator, above.revision, "spam")
    session.commit()
    assert (found().published, found().merged, found().false) == (0, 0, 6) and sources.trust(found()) == 0


def test_erasing_a_copy_of_what_is_false_gives_no_trust_back(session, client):
    moderator = make_account()
    root = settled(session, moderator, "reject", "false")
    body = {"category": "WAT", "description": "Said again", "place": "Jacmel", "contact_phone": "+509 3712 3456"}
    sent = client.post("/api/v1/reports", json=body).get_json()
    copy = session.query(Report).filter_by(public_id=sent["id"]).one()
    copy.merged_into_id = root.id
    session.commit()
    known = sources.sources(sources.first_of(session, copy.id))
    session.rollback()
    assert client.post(f"/api/v1/track/{sent['tracking_token']}/erase", json={}).status_code == 204
    assert sources.held_among(session, known) == set(known)


def test_a_voice_for_others_earns_no_trust(session, client):
    report = settled(session, make_account())
    for n in range(3):
        body = {"text": f"me too, number {n}", "contact_phone": "+509 3712 3456"}
        assert client.post(f"/api/v1/reports/{report.public_id}/voices", json=body).status_code in (200, 201)
    voice = session.query(Submission).order_by(Submission.id.desc()).first()
    assert sources.trust_of(session, voice) == 0
    assert sources.history(session, sources.sources(voice)[0]).reports == 0


def test_an_organisation_s_key_is_its_sender(session, client):
    make_rule(session, {"organisations": ["wash"]})
    _key, text = make_key()
    body = {"category": "WAT", "description": "Pump repaired", "place": "Delmas"}
    assert client.post("/api/v1/reports", json=body, headers=bearer(text)).get_json()["status"] == "published"
    assert client.post("/api/v1/reports", json=body).get_json()["status"] == "pending"
    assert [row.organisation for row in session.query(Submission).order_by(Submission.id)] == ["wash", None]


def test_a_held_source_always_waits(session):
    make_rule(session)
    moderator, sender = make_account(), {"contact_phone": "+509 3712 3456"}
    report = arrive(**sender)
    source = sources.sources(sources.first_of(session, report.id))[0]
    sources.hold(session, source, moderator, "tells the same thing all day")
    session.commit()
    assert arrive(**sender).status == "pending" and arrive().status == "published"
    sources.release(session, source, moderator)
    session.commit()
    assert arrive(**sender).status == "published"


@pytest.mark.settings(MODERATION="after")
def test_after_publishes_what_no_rule_holds_back(session):
    assert arrive().status == "pending"  # no rule, no publishing
    make_rule(session, {"words": ["dead"]}, "review")
    report = arrive()
    assert (report.status, report.verification) == ("published", "unverified")
    assert arrive(description="three dead").status == "pending"
    assert arrive(category="MISS").status == "pending"
    assert arrive(channel="import").status == "pending"
    assert "MODERATION=after" in session.query(Decision).filter_by(report_id=report.id).one().reason


def test_a_rule_that_fails_keeps_nobody_out(session, monkeypatch):
    make_rule(session, {"areas": ["Léogâne"]})

    def fail(*_args):
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr("crowdmap.moderation.triage.arriving.area_of", fail)
    assert arrive(at=LEOGANE).status == "pending"


def test_a_rule_that_cannot_be_read_keeps_nobody_out_and_publishes_nothing(client, session):
    make_rule(session)
    rule = make_rule(session, {"words": ["dead"]}, "review", name="Dead")
    session.execute(update(Rule).where(Rule.id == rule.id).values(conditions={"words": ["dead"], "moon": "full"}))
    session.commit()
    told = client.post("/api/v1/reports", json={"category": "WAT", "description": "No water", "place": "Delmas"})
    assert told.status_code == 201 and told.get_json()["status"] == "pending"
    assert queries.publishes_unread(session)  # in doubt it is said
    session.execute(update(Rule).where(Rule.id == rule.id).values(active=False))
    session.commit()
    assert arrive().status == "published"


def test_nobody_is_told_that_what_a_rule_published_was_checked(client, session):
    make_rule(session)
    told = client.post("/api/v1/reports", json={"kind": "need", "category": "WAT", "description": "x", "place": "y"}).get_json()
    assert told["status"] == "published"
    for path in (f"/reports/{told['id']}", f"/track/{told['tracking_token']}"):
        page = client.get(path).text
        assert "Checked and put on the map" not in page and "Put on the map, not checked yet" in page
        assert "On the map" in page[page.index("pathway") :].partition("</ol>")[0]
    report = session.query(Report).one()
    perform(session, report.public_id, "verify", make_account(), report.revision, evidence="called")
    session.commit()
    page = client.get(f"/track/{told['tracking_token']}").text
    assert "Checked and put on the map" in page[page.index("pathway") :].partition("</ol>")[0]


@pytest.mark.databases("sqlite")
def test_a_rehearsal_asks_for_each_source_once(session, monkeypatch):
    for n in range(6):
        arrive(contact_phone="+509 3712 3456", source_key=f"device {n}")
    rules = [queries.standing(make_rule(session, {"trust_at_least": 0.5}, active=False))]
    asked = []
    counted = sources.counted
    monkeypatch.setattr(sources, "counted", lambda session, source: asked.append(source) or counted(session, source))
    assert len(rehearse(session, rules)) == 6 and len(asked) == 1


@pytest.mark.settings(FLOOD_PER_MINUTE=4)
def test_a_rehearsal_says_what_would_have_happened_and_writes_nothing(session):
    rules = [queries.standing(make_rule(session, {"categories": ["WAT"]}, active=False))]
    reports = [arrive() for _ in range(6)] + [arrive(category="FOOD")]
    found = rehearse(session, rules)
    assert not session.new and not session.dirty
    assert [one.report.id for one in found] == [report.id for report in reversed(reports)]
    verdicts = {one.report.id: (one.verdict.publish, one.verdict.held_back) for one in found}
    assert [verdicts[report.id] for report in reports] == [(True, None)] * 4 + [(False, "flood")] * 2 + [(False, None)]
    assert session.query(RuleApplication).count() == 0


@pytest.mark.settings(FLOOD_PER_MINUTE=1000, FLOOD_PER_SOURCE=1000, FLOOD_PER_NETWORK=2)
def test_a_rehearsal_agrees_with_what_happened(session):
    """A mixed stream: the same rules, live and again."""
    make_rule(session, {"words": ["dead"]}, "review", name="Dead")
    make_rule(session, {"areas": ["Léogâne"], "kinds": ["need"]}, name="Needs there")
    make_rule(session, {"volume": {"more_than": 3, "minutes": 5, "of": "source"}}, "review", name="Talkative")
    make_rule(session, {"channels": ["web"]}, name="Web")
    for n in range(24):
        arrive(
            at=(LEOGANE, JACMEL)[n % 2], category=("WAT", "FOOD", "MISS")[n % 3], channel=("web", "api")[n // 2 % 2],
            description="dead" if n % 7 == 0 else f"water {n}", source_key=f"device {n % 5}",
            network=f"network {n % 3}" if n % 4 else None,
        )  # fmt: skip
    for one in rehearse(session, queries.active(session)):
        assert one.verdict.publish == (one.report.status is Status.PUBLISHED), one.report.description
        live = session.query(RuleApplication.rule_id).filter_by(report_id=one.report.id).order_by(RuleApplication.id).all()
        assert [(applied.rule.id,) for applied in one.verdict.applied] == live
