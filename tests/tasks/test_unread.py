"""What a volunteer writes beside somebody's words: nobody outside reads it before one of the team did."""

import re

import pytest
from sqlalchemy import select

from crowdmap.accounts.roles import Role
from crowdmap.db import db, writing
from crowdmap.errors import IllegalState, NotFound, StaleRevision
from crowdmap.moderation.actions import perform
from crowdmap.moderation.models import Decision
from crowdmap.moderation.triage import verbs as rules
from crowdmap.moderation.triage.arriving import Arrival, triage
from crowdmap.moderation.triage.rule import Conditions, Effects, RuleWords
from crowdmap.reports.models import Category, Report, Status
from crowdmap.tasks import practice, proposals
from crowdmap.tasks.figures import figures
from crowdmap.tasks.kinds import KINDS
from crowdmap.tasks.models import Result, State, Task
from crowdmap.tasks.people import speak
from crowdmap.tasks.verbs import answer, offer
from tests.builders import make_account, make_report, sign_in
from tests.moderation.test_together import at_once
from tests.tasks.test_verbs import feature, fresh, take, work
from tests.tasks.working import make_task, make_volunteer, tasks_of

pytestmark = pytest.mark.settings(WORK_SAMPLE=0)  # or one report in ten would have a task more
TOLD = {"text": "We need water, call 3712 3456"}
LURE = {"text": "SAFE WATER: come alone to the blue house"}
KREYOL = dict(language="ht", description="Nou bezwen dlo")


def asked_of(session, task):
    (found,) = proposals.asked(session, task.report_id)
    session.commit()
    return found


def learn(session, account, *languages, good=True):
    """Practise in each of these languages; the third good message opens the work."""
    speak(session, account, list(languages))
    for item in KINDS["translate"].items(session, languages):
        practice.answer_practice(session, account, "translate", item.key, {"text": item.why if good else "no idea"})
    session.commit()


def test_of_a_published_report_a_translation_waits_until_a_moderator_takes_it(session):
    task, moderator = make_task("translate", **KREYOL), make_account()
    report = fresh(session, Report, task.report_id)
    assert work(session, make_volunteer("ht"), task, TOLD).state == "moderator"
    assert feature(session, report)["properties"]["translation"] is None
    assert feature(session, report, "staff")["properties"]["translation"] is None
    (one,) = asked_of(session, task).proposals
    assert one.value == TOLD and figures(session).step("translated").n == 0
    session.commit()
    with pytest.raises(StaleRevision):
        proposals.accept(session, moderator, task.id, one.number, report.revision + 1)
    session.rollback()
    proposals.accept(session, moderator, task.id, one.number, report.revision)
    session.commit()
    assert feature(session, report)["properties"]["translation"] == "We need water, call [phone]"
    kept = session.scalars(select(Decision).where(Decision.report_id == report.id).order_by(Decision.id.desc())).first()
    assert (kept.action, kept.account_id, kept.reason) == ("translate", moderator.id, proposals.PROPOSED)
    session.commit()
    assert fresh(session, Task, task.id).result is Result.ACCEPTED and not proposals.asked(session)
    assert figures(session).step("translated").n == 1


def test_none_of_these_asks_others(session):
    task, moderator, first, second = make_task("translate", **KREYOL), make_account(), make_volunteer("ht"), make_volunteer("ht")
    work(session, first, task, LURE)
    proposals.dismiss(session, moderator, task.id)
    session.commit()
    assert fresh(session, Report, task.report_id).translation is None and not proposals.asked(session)
    assert offer(session, first) is None
    session.commit()
    assert work(session, second, task, TOLD).state == "moderator"
    (one,) = asked_of(session, task).proposals
    assert one.value == TOLD


@pytest.mark.databases("sqlite")
def test_where_all_were_unsure_none_of_these_is_the_end(session):
    task = make_task("translate", **KREYOL)
    for _ in range(3):
        work(session, make_volunteer("ht"), task, {"unsure": True})
    proposals.dismiss(session, make_account(), task.id)
    session.commit()
    assert fresh(session, Task, task.id).result is Result.DISMISSED


def test_before_it_is_published_only_who_practised_that_language_writes_at_once(session):
    beginner, french, careless = (make_account(Role.VOLUNTEER) for _ in range(3))
    speak(session, beginner, ["sq"])
    learn(session, french, "fr")
    speak(session, french, ["fr", "ht"])
    learn(session, careless, "fr", "ht")
    learn(session, careless, "ht", good=False)  # the last try counts
    session.commit()
    for who, language, state in (
        (beginner, "sq", "moderator"), (make_volunteer("sq"), "sq", "moderator"), (french, "ht", "moderator"),
        (careless, "ht", "moderator"), (french, "fr", "agreed"), (make_volunteer("ht"), "ht", "agreed"),
    ):  # fmt: skip
        task = make_task("translate", language=language, description="Words", status="pending")
        assert work(session, who, task, LURE).state == state, (who.email, language)
        assert (fresh(session, Report, task.report_id).translation is None) == (state == "moderator")


@pytest.mark.databases("sqlite")
def test_who_may_publish_translates_at_once(session):
    for role in (Role.MODERATOR, Role.COORDINATOR):
        task = make_task("translate", **KREYOL)
        assert work(session, make_volunteer("ht", kinds=["translate"], role=role), task, TOLD).state == "agreed"
        assert fresh(session, Report, task.report_id).translation == TOLD["text"]


def test_whoever_had_the_report_before_them_does_not_publish_what_came_since(session):
    task, moderator = make_task("translate", status="pending", **KREYOL), make_account()
    report = fresh(session, Report, task.report_id)
    seen = report.revision
    assert work(session, make_volunteer("ht"), task, LURE).state == "agreed"
    with pytest.raises(StaleRevision) as refused:
        perform(session, report.public_id, "publish", moderator, revision=seen)
    session.rollback()
    assert refused.value.extra["action"] == "translate"


def test_published_and_translated_at_the_same_moment_it_is_not_public_unread(session, app):
    for _round in range(3):
        task, moderator, volunteer = make_task("translate", status="pending", **KREYOL), make_account(), make_volunteer("ht")
        take(session, volunteer, task)
        report = fresh(session, Report, task.report_id)
        outcome = at_once(
            app,
            lambda s, key=task.id, who=volunteer: answer(s, who, key, LURE),
            lambda s, key=report.public_id, who=moderator, seen=report.revision: perform(s, key, "publish", who, revision=seen),
        )
        found = fresh(session, Report, report.id)
        published = found.status is Status.PUBLISHED
        assert published == (found.translation is None) == (not isinstance(outcome[1], StaleRevision)), outcome
        assert len(proposals.asked(session, report.id)) == published
        session.commit()


def test_what_was_proposed_for_other_words_is_asked_anew(session):
    task, moderator, volunteer = make_task("translate", **KREYOL), make_account(), make_volunteer("ht")
    work(session, volunteer, task, TOLD)
    (one,) = asked_of(session, task).proposals
    report = fresh(session, Report, task.report_id)
    perform(session, report.public_id, "edit", moderator, revision=report.revision, description="Nou bezwen manje")
    session.commit()
    with pytest.raises(IllegalState) as refused:
        proposals.accept(session, moderator, task.id, one.number, report.revision)
    session.rollback()
    assert refused.value.code == "changed"
    assert tasks_of(report)["translate"].state is State.OPEN and not proposals.asked(session)
    session.commit()
    assert work(session, volunteer, task, {"text": "We need food"}).state == "moderator"
    assert [p.value for p in asked_of(session, task).proposals] == [{"text": "We need food"}]
    with pytest.raises(NotFound):  # of the round before
        proposals.accept(session, moderator, task.id, one.number, report.revision)


@pytest.mark.databases("sqlite")
@pytest.mark.settings(MODERATION="after")
def test_no_rule_publishes_what_somebody_wrote_beside_the_words(session):
    coordinator = make_account(Role.COORDINATOR)
    with writing():
        rules.add(session, coordinator, RuleWords(name="All", conditions=Conditions(categories=["WAT"]), effects=Effects(decide="publish")), active=True)
        session.commit()
    told, plain = (make_report(status="pending", at=None, **KREYOL) for _ in range(2))
    with writing():
        for report in (told, plain):
            session.get(Report, report.id, populate_existing=True).status = Status.PENDING
        session.get(Report, told.id).translation = LURE["text"]
        session.flush()
        categories = {one.code: one for one in session.scalars(select(Category))}
        arrivals = [Arrival(session.get(Report, one.id), False, None, None) for one in (told, plain)]
        assert triage(session, arrivals, categories) == {plain.id}
        session.rollback()


@pytest.mark.databases("sqlite")
def test_the_pages_say_so_and_the_desk_has_take_this_and_none_of_these(app, session):
    task, account = make_task("translate", **KREYOL), make_volunteer("ht", kinds=["translate"])
    take(session, account, task)
    report = fresh(session, Report, task.report_id)
    volunteer, desk, public = sign_in(app.test_client(), account), sign_in(app.test_client(), make_account()), app.test_client()
    assert "Somebody of the team reads it before it stands on the map." in volunteer.get("/work").text
    said = volunteer.post(f"/work/{task.id}/answer", data=LURE, follow_redirects=True).text
    assert "One of the team reads it first" in said
    address = f"/reports/{report.public_id}"
    assert "blue house" not in public.get(address).text and "blue house" not in public.get("/feeds/all.geojson").text
    for page in (f"/moderate/{report.public_id}", "/moderate/proposals"):
        shown = desk.get(page).text
        assert "A volunteer translated this." in shown and "come alone to the blue house" in shown and "None of these" in shown
    number, revision = re.search(r'name="number" value="(\d+)"><input type="hidden" name="revision" value="(\d+)"', shown).groups()
    assert desk.post(f"/moderate/proposals/{task.id}/accept", data={"number": number, "revision": revision}).status_code == 303
    assert "blue house" in public.get(address).text
    db.session.rollback()
