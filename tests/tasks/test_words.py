"""An answer counts for the words that were seen: what changes them asks anew, and lets those ask who answered before."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from crowdmap.db import clock, utcnow
from crowdmap.errors import IllegalState, NotFound
from crowdmap.intake import tracking
from crowdmap.intake.tokens import tracking_token
from crowdmap.moderation.actions import perform
from crowdmap.reports.models import Report, Submission
from crowdmap.tasks import making, proposals
from crowdmap.tasks.making import make_tasks
from crowdmap.tasks.models import Answer, State, Task
from crowdmap.tasks.verbs import MOST_LEASES, answer, extend, figures, lease, offer, release
from tests.builders import make_account, make_report, sign_in
from tests.tasks.test_verbs import HERE, LAT, NEAR, UNPLACED, fresh, take, work
from tests.tasks.working import make_task, make_volunteer, tasks_of

pytestmark = pytest.mark.settings(WORK_SAMPLE=0)  # or one report in ten would have a task more
KREYOL = dict(language="ht", description="Nou bezwen dlo, kay Ti Jan", status="pending")


def edit(session, report_id, **fields):
    """A moderator's edit, committed; the worker has not seen it yet."""
    report = fresh(session, Report, report_id)
    perform(session, report.public_id, "edit", make_account(), revision=report.revision, **fields)
    session.commit()


def erase(session, report_id):
    token = tracking_token(session.scalar(select(Submission.id).where(Submission.report_id == report_id)))
    tracking.erase(session, tracking.find(session, token, to_change=True))
    session.commit()


@pytest.mark.parametrize("worker", [False, True])
def test_an_answer_to_words_that_are_gone_is_refused_and_asked_anew(session, worker):
    task, volunteer = make_task("translate", **KREYOL), make_volunteer("ht")
    take(session, volunteer, task)
    edit(session, task.report_id, description="Nou bezwen dlo")
    if worker:
        make_tasks(session, [task.report_id])
        session.commit()
    with pytest.raises(IllegalState) as refused:
        answer(session, volunteer, task.id, {"text": "We need water, at Ti Jan's"})
    session.rollback()
    assert refused.value.code == "changed"
    assert fresh(session, Report, task.report_id).translation is None and session.scalar(select(Answer.id)) is None
    assert work(session, volunteer, task, {"text": "We need water"}).state == "agreed"
    assert fresh(session, Report, task.report_id).translation == "We need water" and fresh(session, Task, task.id).round == 2


@pytest.mark.databases("sqlite")
def test_what_was_typed_for_words_that_are_gone_is_kept(app, session):
    task, volunteer = make_task("translate", **KREYOL), make_volunteer("ht")
    take(session, volunteer, task)
    edit(session, task.report_id, description="Nou bezwen dlo")
    client = sign_in(app.test_client(), volunteer)
    answered = client.post(f"/work/{task.id}/answer", data={"text": "We need water, at Ti Jan&s"})
    assert answered.status_code == 409 and "Ti Jan&amp;s" in answered.text and "changed meanwhile" in answered.text


def test_an_answer_to_the_old_words_and_one_to_the_new_do_not_agree(session):
    task = make_task("place", **UNPLACED)
    one, two, three = (make_volunteer() for _ in range(3))
    assert work(session, one, task, HERE).state == "kept"
    edit(session, task.report_id, place="far from the cathedral")
    assert work(session, two, task, NEAR).state == "kept"
    assert fresh(session, Report, task.report_id).private.lon is None
    assert work(session, three, task, NEAR).state == "agreed"


def test_the_only_one_who_reads_a_language_translates_again_after_an_edit(session):
    task, volunteer = make_task("translate", **KREYOL), make_volunteer("ht")
    work(session, volunteer, task, {"text": "We need water"})
    edit(session, task.report_id, description="Nou bezwen manje")
    make_tasks(session, [task.report_id])
    session.commit()
    assert work(session, volunteer, task, {"text": "We need food"}).state == "agreed"
    with pytest.raises(IllegalState) as refused:
        answer(session, volunteer, task.id, {"text": "We need food"})
    session.rollback()
    assert refused.value.code == "answered"


@pytest.mark.databases("sqlite")
def test_what_was_skipped_does_not_come_again_with_other_words(session):
    task, volunteer = make_task("place", **UNPLACED), make_volunteer()
    take(session, volunteer, task)
    release(session, volunteer, task.id, skip=True)
    session.commit()
    edit(session, task.report_id, place="by the market")
    make_tasks(session, [task.report_id])
    session.commit()
    assert fresh(session, Task, task.id).round == 2 and offer(session, volunteer) is None


@pytest.mark.databases("sqlite")
def test_a_task_from_before_words_were_kept_takes_them_as_they_are(session):
    task, one, two = make_task("place", **UNPLACED), make_volunteer(), make_volunteer()
    work(session, one, task, HERE)
    session.get(Task, task.id).words = None
    session.commit()
    assert work(session, two, task, NEAR).state == "agreed" and fresh(session, Task, task.id).round == 1


@pytest.mark.databases("sqlite")
def test_of_an_erased_report_no_hash_of_its_words_stays(session):
    task = make_task("translate", **KREYOL)
    assert fresh(session, Task, task.id).words is not None
    erase(session, task.report_id)
    make_tasks(session, [task.report_id])
    session.commit()
    assert fresh(session, Task, task.id).words is None


@pytest.mark.databases("sqlite")
@pytest.mark.settings(WORK_SAMPLE=1)
def test_who_coded_other_words_counts_neither_for_nor_against(session):
    report = make_report(category="FOOD", description="Words")
    task = tasks_of(report)["categorise"]
    work(session, make_volunteer(), task, {"category": "FOOD"})
    edit(session, report.id, description="Other words")
    work(session, make_volunteer(), task, {"category": "WAT"})
    session.commit()
    assert figures(session).coded == 0
    session.rollback()
    work(session, make_volunteer(), task, {"category": "WAT"})
    found = figures(session)
    assert (found.coded, found.same) == (1, 1)


# ---- what waits for a moderator


def undecided(session):
    task = make_task("place", **UNPLACED)
    for north in (0, 0.05, 0.1):
        work(session, make_volunteer(), task, {**HERE, "lat": LAT + north})
    (asked,) = proposals.asked(session, task.report_id)
    session.commit()
    return task, asked.proposals[0].number


def test_no_moderator_is_asked_about_a_report_that_went(session):
    gone, _number = undecided(session)
    moderator = make_account()
    report = fresh(session, Report, gone.report_id)
    perform(session, report.public_id, "hide", moderator, revision=report.revision, reason="x")
    session.commit()
    erased, number = undecided(session)
    erase(session, erased.report_id)
    make_tasks(session)
    session.commit()
    assert proposals.asked(session) == [] and figures(session).waiting == 0
    session.commit()
    for verb, more in ((proposals.accept, (number, 1)), (proposals.dismiss, ())):
        with pytest.raises(IllegalState):
            verb(session, moderator, erased.id, *more)
        session.rollback()
    perform(session, report.public_id, "restore", moderator, revision=fresh(session, Report, gone.report_id).revision)
    session.commit()
    make_tasks(session)
    session.commit()
    assert fresh(session, Task, gone.id).state is State.OPEN  # asked anew


def test_a_proposal_whose_report_was_erased_or_whose_words_changed_is_none_any_more(session):
    task, number = undecided(session)
    moderator = make_account()
    session.get(Answer, number).value = {}  # as an erasure leaves it, between the list and the button
    session.commit()
    with pytest.raises(NotFound):
        proposals.accept(session, moderator, task.id, number, 1)
    session.rollback()
    task, number = undecided(session)
    session.get(Answer, number).round = 7
    session.commit()
    with pytest.raises(NotFound):
        proposals.accept(session, moderator, task.id, number, 1)


# ---- what waits for volunteers


def test_a_tree_with_something_secret_in_it_has_no_task_and_is_not_made_anew(session):
    task = make_task("place", category="WAT", **UNPLACED)
    child = make_report(category="MISS", at=None, place="x")
    grandchild = make_report(category="WAT", at=None, place="x")
    session.get(Report, child.id).merged_into_id = grandchild.id
    session.get(Report, grandchild.id).merged_into_id = task.report_id
    session.commit()
    for _ in range(2):
        make_tasks(session, [task.report_id])
        session.commit()
        assert (fresh(session, Task, task.id).state, fresh(session, Task, task.id).round) == (State.CANCELLED, 1)
    assert making.with_secrets(session, [task.report_id, child.id], {"MISS"}) == {task.report_id}


@pytest.mark.databases("sqlite")
def test_in_a_quiet_week_nobody_gets_what_is_too_old(session):
    make_task("place", **UNPLACED)
    later = utcnow() + timedelta(days=8)
    with clock(lambda: later):
        assert offer(session, make_volunteer()) is None


@pytest.mark.databases("sqlite")
def test_a_page_that_is_left_open_does_not_keep_a_task_for_ever(session):
    task, one, two = make_task("place", **UNPLACED), make_volunteer(), make_volunteer()
    take(session, one, task)
    start, most = utcnow(), MOST_LEASES * lease()
    moment = start
    with clock(lambda: moment):
        while moment < start + most + timedelta(minutes=1):
            extend(session, one, task.id)
            session.commit()
            moment += timedelta(minutes=4)
        take(session, two, task)
        assert fresh(session, Task, task.id).leased_until == moment + lease()
