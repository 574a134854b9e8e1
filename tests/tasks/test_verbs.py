"""Taking, answering, giving back; what an agreement does to the report; and who never gets what."""

from datetime import timedelta

import orjson
import pytest
from sqlalchemy import select

from crowdmap.db import clock, utcnow
from crowdmap.errors import IllegalState, NotAllowed, NotFound, TooMany, ValidationFailed
from crowdmap.moderation.actions import perform
from crowdmap.moderation.models import Decision
from crowdmap.publishing import policy
from crowdmap.publishing.models import Publication
from crowdmap.reports.models import LocatedBy, Report
from crowdmap.tasks import making, proposals
from crowdmap.tasks.making import make_tasks
from crowdmap.tasks.models import Answer, Given, Result, State, Task
from crowdmap.tasks.people import open_kinds
from crowdmap.tasks.verbs import answer, extend, figures, held, offer, release, see_contact_of
from tests.builders import PORT_AU_PRINCE, make_account, make_report, sign_in
from tests.tasks.working import make_task, make_volunteer, tasks_of

pytestmark = pytest.mark.settings(WORK_SAMPLE=0)  # or one report in ten would have a task more
LON, LAT = PORT_AU_PRINCE
UNPLACED = dict(at=None, place="near the cathedral", status="pending")
HERE = {"lat": LAT, "lon": LON, "accuracy_m": 100}
NEAR = {"lat": LAT + 0.001, "lon": LON, "accuracy_m": 60}  # 111 m
FAR = {"lat": LAT + 0.01, "lon": LON, "accuracy_m": 60}


def take(session, account, task):
    found = offer(session, account)
    assert found is not None and found.id == task.id
    session.commit()
    return found


def work(session, account, task, value):
    take(session, account, task)
    outcome = answer(session, account, task.id, value, seconds=12)
    session.commit()
    return outcome


def feature(session, report, audience="public"):
    row = session.scalar(
        select(Publication).where(Publication.report_id == report.id, Publication.audience == audience).execution_options(populate_existing=True)
    )
    session.commit()
    return orjson.loads(row.feature)


def fresh(session, model, key):
    found = session.get(model, key, populate_existing=True)
    session.commit()
    return found


# ---- translate


def test_a_translation_stands_beside_the_original_and_in_the_feeds_with_numbers_masked(session):
    report = make_report(language="ht", description="Nou bezwen dlo, rele 3712 3456", status="pending")
    task = tasks_of(report)["translate"]
    outcome = work(session, make_volunteer("ht"), task, {"text": "We need water, call 3712 3456"})
    assert outcome.state == "agreed" and fresh(session, Task, task.id).result is Result.AGREED
    perform(session, report.public_id, "publish", make_account(), revision=2)
    session.commit()
    told = feature(session, report)["properties"]
    assert told["translation"] == "We need water, call [phone]" and told["description"] == "Nou bezwen dlo, rele [phone]"
    assert feature(session, report, "staff")["properties"]["translation"] == "We need water, call 3712 3456"
    assert fresh(session, Report, report.id).description == "Nou bezwen dlo, rele 3712 3456"


@pytest.mark.databases("sqlite")
def test_only_who_reads_the_language_is_asked_and_a_translation_opens_the_rest_to_all(session):
    report = make_report(language="ht-HT", description="Nou bò katedral la", **UNPLACED)
    tasks = tasks_of(report)
    english, haitian = make_volunteer("en"), make_volunteer("en", "ht")
    assert offer(session, english) is None
    session.commit()
    work(session, haitian, tasks["translate"], {"text": "We are by the cathedral"})
    make_tasks(session, [report.id])
    session.commit()
    take(session, english, tasks["place"])


def test_words_that_are_edited_take_their_translation_along_and_are_asked_anew(session):
    report = make_report(language="ht", description="Nou bezwen dlo", status="pending")
    first = work(session, make_volunteer("ht"), tasks_of(report)["translate"], {"text": "We need water"})
    moderator = make_account()
    perform(session, report.public_id, "publish", moderator, revision=2)
    perform(session, report.public_id, "edit", moderator, revision=3, description="Nou bezwen manje")
    session.commit()
    assert fresh(session, Report, report.id).translation is None and feature(session, report)["properties"]["translation"] is None
    again = tasks_of(report)["translate"]
    assert again.id == first.task.id and again.state is State.OPEN and again.round == 2


@pytest.mark.databases("sqlite")
@pytest.mark.databases("sqlite")
def test_a_translation_is_not_many_times_as_long_as_the_message(session):
    task, volunteer = make_task("translate", language="ht", description="Nou bezwen dlo " * 4), make_volunteer("ht")
    take(session, volunteer, task)
    most = 3 * len("\n" + "Nou bezwen dlo " * 4) + 200
    with pytest.raises(ValidationFailed) as refused:
        answer(session, volunteer, task.id, {"text": "y" * (most + 10)})
    session.rollback()
    assert [error.field for error in refused.value.errors] == ["text"] and "characters" in refused.value.message
    assert answer(session, volunteer, task.id, {"text": "We need water. " * 4}).state in ("agreed", "kept", "moderator")
    session.commit()


def test_what_nobody_could_translate_stays_with_the_moderators(session):
    report = make_report(language="ht", description="Nou bezwen dlo")
    task = tasks_of(report)["translate"]
    for _ in range(3):
        work(session, make_volunteer("ht"), task, {"unsure": True})
    assert tasks_of(report)["translate"].result is Result.MODERATOR


# ---- place


def test_two_who_agree_place_it_by_the_desks_verb(session):
    report = make_report(**UNPLACED)
    task = tasks_of(report)["place"]
    one, two = make_volunteer(), make_volunteer()
    assert work(session, one, task, HERE).state == "kept"
    assert work(session, two, task, NEAR).state == "agreed"
    private = fresh(session, Report, report.id).private
    assert (private.lon, private.lat) == pytest.approx((LON, LAT + 0.0005)) and private.located_by is LocatedBy.PIN
    assert private.accuracy_m == pytest.approx(155.6, abs=0.5)  # from the middle to the end of the larger circle
    decision = session.scalar(select(Decision).where(Decision.report_id == report.id, Decision.action == "move"))
    assert decision.account_id is None and decision.change["placed_by"] == [None, sorted([one.id, two.id])]
    assert "lat" not in (fresh(session, Task, task.id).value or {})


@pytest.mark.databases("sqlite")
def test_a_third_decides_where_two_differ_and_else_a_moderator(session):
    moderator = make_account()
    for third, state in ((NEAR, "agreed"), ({**FAR, "lat": LAT - 0.02}, "moderator")):
        report = make_report(**UNPLACED)
        task = tasks_of(report)["place"]
        assert work(session, make_volunteer(), task, HERE).state == "kept"
        assert work(session, make_volunteer(), task, FAR).state == "kept"
        assert work(session, make_volunteer(), task, third).state == state
    (asked,) = proposals.asked(session)
    assert asked.task.id == task.id and len(asked.proposals) == 3
    session.commit()
    proposals.accept(session, moderator, task.id, asked.proposals[1].number, report.revision)
    session.commit()
    private = fresh(session, Report, report.id).private
    assert (private.lon, private.lat) == (FAR["lon"], FAR["lat"]) and not proposals.asked(session)
    session.commit()
    with pytest.raises(IllegalState):
        proposals.dismiss(session, moderator, task.id)


@pytest.mark.databases("sqlite")
def test_a_place_of_the_list_is_a_place(session):
    report = make_report(**UNPLACED)
    task = tasks_of(report)["place"]
    for volunteer in (make_volunteer(), make_volunteer()):
        outcome = work(session, volunteer, task, {"gazetteer": "area:port-au-prince"})
    private = fresh(session, Report, report.id).private
    assert outcome.state == "agreed" and private.located_by is LocatedBy.GAZETTEER and private.accuracy_m == 4000


def test_what_a_moderator_placed_meanwhile_stays(session):
    report = make_report(**UNPLACED)
    task = tasks_of(report)["place"]
    one, two = make_volunteer(), make_volunteer()
    work(session, one, task, HERE)
    take(session, two, task)
    perform(session, report.public_id, "move", make_account(), revision=1, lat=18.5, lon=-72.3)
    session.commit()
    assert answer(session, two, task.id, NEAR).state == "needless"
    session.commit()
    assert fresh(session, Report, report.id).private.lat == 18.5 and fresh(session, Task, task.id).state is State.CANCELLED


@pytest.mark.databases("sqlite")
@pytest.mark.settings(AREA="-74.6,17.9,-71.5,20.2")
def test_a_placement_is_read_strictly_and_named_where_it_is_wrong(session):
    task, volunteer = make_task("place", **UNPLACED), make_volunteer()
    take(session, volunteer, task)
    for value, field in (
        ({}, "lat"), ({"lat": LAT}, "lat"), ({"lat": 44.4, "lon": 8.9}, "lat"), ({"gazetteer": "place:7"}, "gazetteer"),
        ({"gazetteer": "place:9999999999999"}, "gazetteer"), ({**HERE, "accuracy_m": 0}, "accuracy_m"),
        ({**HERE, "accuracy_m": float("nan")}, "accuracy_m"), ({**HERE, "colour": "red"}, "colour"), ({**HERE, "unsure": True}, "unsure"),
    ):  # fmt: skip
        with pytest.raises(ValidationFailed) as refused:
            answer(session, volunteer, task.id, value)
        assert refused.value.errors[0].field == field, value
        session.rollback()
    assert held(session, volunteer).id == task.id


# ---- categorise


@pytest.mark.settings(WORK_SAMPLE=1)
def test_two_who_agree_correct_a_category_only_where_nothing_becomes_more_or_less_public(session):
    for code, state, stays in (("WAT", "agreed", "FOOD"), ("ROAD", "moderator", None), ("MISS", "moderator", None), ("FOOD", "agreed", None)):
        report = make_report(category="FOOD", description="Words")
        task = tasks_of(report)["categorise"]
        assert work(session, make_volunteer(), task, {"category": code}).state == "kept"
        assert work(session, make_volunteer(), task, {"category": code}).state == state, code
        assert fresh(session, Report, report.id).category == (code if state == "agreed" else "FOOD")
        make_tasks(session)
        session.commit()
        for left in session.scalars(select(Task).where(Task.state == State.OPEN)):
            making.cancel(left)
        session.commit()


@pytest.mark.settings(WORK_SAMPLE=1)
def test_two_volunteers_do_not_carry_a_grade_past_the_second_pair_of_eyes(session):
    policy.change(session, make_account("coordinator"), "WAT", two_people=True)
    session.commit()
    report = make_report(category="FOOD", description="Words")
    perform(session, report.public_id, "verify", make_account(), report.revision, evidence="called")
    session.commit()
    task = tasks_of(report)["categorise"]
    for _volunteer in range(2):
        work(session, make_volunteer(), task, {"category": "WAT"})
    found = fresh(session, Report, report.id)
    assert (found.category, found.verification) == ("WAT", "corroborated")
    kept = session.scalars(select(Decision).where(Decision.report_id == report.id).order_by(Decision.id.desc())).first()
    assert kept.account_id is None and kept.change["verification"] == ["verified", "corroborated"]
    session.rollback()


@pytest.mark.databases("sqlite")
@pytest.mark.settings(WORK_SAMPLE=1)
def test_two_who_differ_leave_it_or_ask_a_moderator(session):
    for codes, state in ((("FOOD", "WAT"), "agreed"), (("ROAD", "WAT"), "moderator")):
        report = make_report(category="FOOD", description="Words")
        task = tasks_of(report)["categorise"]
        for code in codes:
            outcome = work(session, make_volunteer(), task, {"category": code})
        assert outcome.state == state and fresh(session, Report, report.id).category == "FOOD"
    found = figures(session)
    assert found.coded == 2 and found.same == 0 and found.alpha < 0


# ---- check


@pytest.mark.databases("sqlite")
def test_calling_back_shows_one_contact_to_those_who_may_and_leaves_a_note(session):
    report = make_report(contact_phone="+509 3712 3456", verification="unverified")
    other = make_report(contact_phone="+509 3799 5555")
    other.merged_into_id = report.id
    session.commit()
    task = tasks_of(report)["check"]
    assert offer(session, make_volunteer()) is None
    session.commit()
    caller = make_volunteer(may_call=True)
    take(session, caller, task)
    with pytest.raises(IllegalState):
        see_contact_of(session, make_volunteer(may_call=True), task.id)
    session.rollback()
    found = see_contact_of(session, caller, task.id)
    assert (found.contact_phone, found.others) == ("+509 3712 3456", [])
    session.commit()
    assert answer(session, caller, task.id, {"heard": "confirmed", "note": "still without water"}).state == "agreed"
    session.commit()
    kept = session.scalars(select(Decision).where(Decision.report_id == report.id).order_by(Decision.id)).all()
    assert [d.action for d in kept][-2:] == ["see-contact", "note"] and kept[-1].reason == "called back: confirmed"
    assert fresh(session, Report, report.id).verification == "unverified"
    with pytest.raises(IllegalState):
        see_contact_of(session, caller, task.id)


@pytest.mark.databases("sqlite")
def test_no_other_kind_of_work_shows_a_contact(session):
    task, caller = make_task("place", contact_phone="+509 3712 3456", **UNPLACED), make_volunteer(kinds=["place"], may_call=True)
    take(session, caller, task)
    with pytest.raises(NotAllowed):
        see_contact_of(session, caller, task.id)


# ---- who never gets what


def test_what_only_the_team_may_see_never_becomes_a_task_and_never_stays_one(session):
    secret = make_report(category="MISS", language="ht", at=None, place="there")
    assert tasks_of(secret) == {}
    task, volunteer = make_task("place", **UNPLACED), make_volunteer()
    perform(session, fresh(session, Report, task.report_id).public_id, "edit", make_account(), revision=1, categories=["WAT", "VIOL"])
    session.commit()
    assert offer(session, volunteer) is None
    session.commit()
    assert fresh(session, Task, task.id).state is State.CANCELLED


@pytest.mark.databases("sqlite")
def test_a_report_into_which_something_secret_was_merged_is_no_task(session):
    task = make_task("place", category="WAT", **UNPLACED)
    child = make_report(category="MISS", at=None, place="x")
    child.merged_into_id = task.report_id
    session.commit()
    assert offer(session, make_volunteer()) is None


def test_nobody_works_on_their_own_report_nor_twice_on_one(session):
    volunteer, other = make_volunteer(email="jo@example.org"), make_volunteer()
    make_task("place", contact_email="Jo@example.org", **UNPLACED)
    assert offer(session, volunteer, kinds=["place"]) is None
    session.commit()
    task = make_task("place", source_key="this phone", **{**UNPLACED, "people": 500})
    assert offer(session, volunteer, kinds=["place"], device="this phone") is None
    session.commit()
    work(session, volunteer, task, HERE)
    assert offer(session, volunteer, kinds=["place"]) is None
    with pytest.raises(IllegalState) as refused:
        answer(session, volunteer, task.id, HERE)
    session.rollback()
    assert refused.value.code == "answered"
    take(session, other, task)


@pytest.mark.databases("sqlite")
def test_without_practice_there_is_no_work(session):
    make_task("place", **UNPLACED)
    beginner = make_volunteer(kinds=[])
    assert "place" not in open_kinds(session, beginner) and offer(session, beginner) is None


@pytest.mark.databases("sqlite")
@pytest.mark.settings(WORK_PER_HOUR=2)
def test_who_answers_faster_than_one_reads_rests(session):
    volunteer = make_volunteer()
    for _ in range(2):
        work(session, volunteer, make_task("place", **UNPLACED), HERE)
    make_task("place", **UNPLACED)
    with pytest.raises(TooMany):
        offer(session, volunteer)
    session.rollback()
    later = utcnow() + timedelta(minutes=61)
    with clock(lambda: later):
        assert offer(session, volunteer) is not None


# ---- the lease


def test_a_task_is_one_persons_until_its_time_runs_out(session):
    task, one, two = make_task("place", **UNPLACED), make_volunteer(), make_volunteer()
    take(session, one, task)
    assert offer(session, two) is None
    session.commit()
    start = utcnow()
    with clock(lambda: start + timedelta(minutes=4)):
        extend(session, one, task.id)
        session.commit()
    with clock(lambda: start + timedelta(minutes=8)):
        assert offer(session, two) is None
        session.commit()
    with clock(lambda: start + timedelta(minutes=10)):
        take(session, two, task)
        with pytest.raises(IllegalState) as refused:
            answer(session, one, task.id, HERE)
        session.rollback()
        assert refused.value.code == "taken"
        assert answer(session, two, task.id, HERE).state == "kept"


@pytest.mark.databases("sqlite")
def test_late_is_fine_while_nobody_else_took_it(session):
    task, volunteer = make_task("place", **UNPLACED), make_volunteer()
    take(session, volunteer, task)
    late = utcnow() + timedelta(hours=3)
    with clock(lambda: late):
        assert answer(session, volunteer, task.id, HERE).state == "kept"


def test_what_is_given_back_is_free_at_once_and_what_is_skipped_does_not_come_again(session):
    task, one, two = make_task("place", **UNPLACED), make_volunteer(), make_volunteer()
    take(session, one, task)
    release(session, two, task.id)  # not theirs: nothing happens
    release(session, one, task.id)
    session.commit()
    take(session, one, task)
    release(session, one, task.id, skip=True)
    session.commit()
    assert offer(session, one) is None
    session.commit()
    take(session, two, task)
    assert session.scalar(select(Answer.given)) is Given.SKIP
    with pytest.raises(IllegalState):
        answer(session, one, task.id, HERE)
    session.rollback()
    with pytest.raises(NotFound):
        answer(session, one, 99, HERE)


@pytest.mark.databases("sqlite")
def test_three_who_are_not_sure_ask_a_moderator(session):
    task = make_task("place", **UNPLACED)
    states = [work(session, make_volunteer(), task, {"unsure": True}).state for _ in range(3)]
    assert states == ["kept", "kept", "moderator"]


# ---- by event


def test_tasks_come_and_go_with_their_report_by_event(session):
    report = make_report(language="ht", description="Nou la", **UNPLACED)
    making.look_for_tasks(session)
    kinds = {task.kind: task.id for task in session.scalars(select(Task))}
    assert set(kinds) == {"translate", "place"}
    session.commit()
    for action, revision, state in (("hide", 1, State.CANCELLED), ("restore", 2, State.OPEN)):
        perform(session, report.public_id, action, make_account(), revision=revision, reason="x")
        session.commit()
        making.look_for_tasks(session)
        assert {task.state for task in session.scalars(select(Task).execution_options(populate_existing=True))} == {state}
        session.commit()


def test_of_an_erased_report_no_answer_stays(session):
    from crowdmap.intake import tracking
    from crowdmap.intake.tokens import tracking_token
    from crowdmap.reports.models import Submission

    report = make_report(language="ht", description="Nou la", status="pending")
    task = tasks_of(report)["translate"]
    work(session, make_volunteer("ht"), task, {"text": "We are here"})
    token = tracking_token(session.scalar(select(Submission.id).where(Submission.report_id == report.id)))
    tracking.erase(session, tracking.find(session, token, to_change=True))
    session.commit()
    assert fresh(session, Report, report.id).translation is None
    making.look_for_tasks(session)
    assert session.scalar(select(Answer.value)) == {} and fresh(session, Task, task.id).value is None


def test_what_was_said_on_the_telephone_goes_with_the_report(session, client):
    told = {"category": "WAT", "description": "No water", "lat": LAT, "lon": LON, "contact_phone": "+509 3712 3456"}
    sent = client.post("/api/v1/reports", json=told).get_json()
    report = session.scalar(select(Report).where(Report.public_id == sent["id"]))
    task, caller = tasks_of(report)["check"], make_volunteer(may_call=True)
    work(session, caller, task, {"heard": "differs", "note": "It is Zebulon's well"})
    desk = sign_in(client, make_account())
    page = desk.get(f"/moderate/{sent['id']}").text
    assert "They say it is otherwise now" in page and "It is Zebulon&#39;s well" in page
    assert desk.post(f"/api/v1/track/{sent['tracking_token']}/erase", json={}).status_code == 204
    making.look_for_tasks(session)
    session.rollback()
    kept = [repr((row.reason, row.evidence, row.change)) for row in session.scalars(select(Decision))]
    kept += [repr(row.value) for row in session.scalars(select(Answer))]
    session.rollback()
    assert "called back: differs" in str(kept) and "Zebulon" not in str(kept)
    for address in (f"/moderate/{sent['id']}", f"/moderate/{sent['id']}/log"):
        assert "Zebulon" not in desk.get(address).text


@pytest.mark.databases("sqlite")
def test_what_waited_too_long_is_nobodys_work(session):
    task = make_task("place", **UNPLACED)
    later = utcnow() + timedelta(days=8)
    with clock(lambda: later):
        assert making.expire(session) == 1
    session.commit()
    assert fresh(session, Task, task.id).state is State.EXPIRED and offer(session, make_volunteer()) is None


# ---- figures


def test_the_figures_tell_each_step_since_the_message_came(session):
    start = utcnow()

    def at(minutes):
        return clock(lambda: start + timedelta(minutes=minutes))

    report = make_report(language="ht", description="Nou la", **UNPLACED)
    tasks = tasks_of(report)
    with at(5):
        work(session, make_volunteer("ht"), tasks["translate"], {"text": "We are here"})
        make_tasks(session, [report.id])
        session.commit()
    with at(9):
        work(session, make_volunteer(), tasks["place"], HERE)
    with at(20):
        work(session, make_volunteer(), tasks["place"], HERE)
    with at(30):
        perform(session, report.public_id, "publish", make_account(), revision=3)
        session.commit()
    make_report()  # published as its source had it: no step that anybody took
    found = figures(session)
    assert found.received == 2
    assert {step.name: (step.n, step.median and round(step.median), step.p90 and round(step.p90)) for step in found.steps} == {
        "translated": (1, 5, 5), "placed": (1, 20, 20), "published": (1, 30, 30), "verified": (0, None, None),
    }  # fmt: skip
    assert found.kind("place").agreement == 1 and found.kind("translate").agreement is None and found.kind("place").answers == 2
    with at(40):
        assert figures(session, since=utcnow()).received == 0


@pytest.mark.databases("sqlite")
def test_what_a_life_hangs_on_comes_first_then_what_concerns_many_then_the_oldest(session):
    made = [
        make_task("place", category=category, people=people, **UNPLACED).id
        for category, people in (("ROAD", None), ("ROAD", None), ("ROAD", 500), ("TRAP", 1))
    ]
    order = []
    for _ in made:
        order.append(offer(session, make_volunteer()).id)
        session.commit()
    assert order == [made[3], made[2], made[0], made[1]]
