"""Found on arrival: what the job keeps, what it forgets, and that the order of arrival does not matter."""

import itertools

import pytest
from sqlalchemy import event, select

from crowdmap.db import db, utcnow
from crowdmap.dedupe import vocabulary, watch
from crowdmap.dedupe.find import BY_WORDS, COMPARED, Sides, compared_with, candidates
from crowdmap.dedupe.models import Suspicion
from crowdmap.jobs import Cursor, Job, work_once
from crowdmap.moderation.actions import ACTIONS, perform
from crowdmap.publishing.marks import Mark
from crowdmap.publishing.models import Audience
from crowdmap.reports.models import Report
from crowdmap.tasks.kinds.translate import NAME as TRANSLATE
from tests.builders import LEOGANE, PORT_AU_PRINCE, make_account, make_report

WATER = "No water at the camp behind the stadium, 60 children are ill"
LON, LAT = PORT_AU_PRINCE
STORY = (
    (WATER, "WAT", "need", (LON, LAT)),
    ("no water in the camp behind the stadium, 60 ill children", "WAT", "need", (LON + 0.001, LAT)),
    ("Camp behind the stadium: 60 children ill, no water at all", "WAT", "need", None),
    ("Bridge is down on the road to Leogane", "ROAD", "damage", LEOGANE),
    ("The bridge on the road to Leogane is down", "ROAD", "damage", LEOGANE),
    ("Tents for 12 families at the orphanage", "SHEL", "need", (LON, LAT + 0.01)),
)


def work(session):
    while work_once(session):
        pass
    session.rollback()


def pairs(session) -> set[frozenset[str]]:
    words = dict(session.execute(select(Report.id, Report.description)).all())
    found = {frozenset((words[s.a_id], words[s.b_id])) for s in session.scalars(select(Suspicion))}
    session.rollback()
    return found


def tell(number: int):
    words, category, kind, at = STORY[number]
    return make_report(description=words, category=category, kind=kind, at=at, status="pending")


def test_pairs_are_kept_with_their_reasons_and_the_log_is_read_once(session):
    first, second = tell(0), tell(1)
    tell(3)
    work(session)
    (kept,) = session.scalars(select(Suspicion))
    assert (kept.a_id, kept.b_id, kept.exact, kept.refused_at) == (first.id, second.id, False, None)
    assert kept.score > 0.5 and kept.evidence["signals"]["same_numbers"] == 1
    assert kept.evidence["told"]["metres"] > 50 and kept.evidence["told"]["same_numbers"] == ["60"]
    assert session.get(Cursor, "look_for_twins").seq > 0
    assert session.query(Job).filter_by(name="look_for_twins", state="waiting").count() == 0
    session.rollback()


def test_many_reports_ask_for_the_job_once(session):
    for number in range(4):
        tell(number)
    assert session.query(Job).filter_by(name="look_for_twins", state="waiting").count() == 1
    session.rollback()


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4, 5), (5, 4, 3, 2, 1, 0), (2, 4, 0, 5, 1, 3)])
def test_the_order_of_arrival_does_not_change_what_hangs_together(session, order):
    for number in order:
        tell(number)
        if number % 2:
            work(session)
    work(session)
    groups: list[set[str]] = []
    for pair in pairs(session):
        touching = [group for group in groups if group & pair]
        groups = [group for group in groups if group not in touching] + [set(pair).union(*touching)]
    assert sorted(map(sorted, groups)) == sorted([sorted(s[0] for s in STORY[:3]), sorted(s[0] for s in STORY[3:5])])


def test_what_people_refused_stays_refused_and_edited_words_part(session):
    first, second = tell(0), tell(1)
    work(session)
    kept = session.scalar(select(Suspicion))
    kept.refused_at = utcnow()
    session.commit()
    perform(session, first.public_id, "edit", make_account(), first.revision, people=60)  # looked at again
    session.commit()
    work(session)
    assert session.scalar(select(Suspicion)).refused_at is not None
    session.rollback()
    session.scalar(select(Suspicion)).refused_at = None
    session.commit()
    moderator = make_account()
    fields = {"title": "", "description": "Bridge is down near the market", "category": "ROAD", "kind": "damage"}
    perform(session, second.public_id, "edit", moderator, second.revision, **fields)
    session.commit()
    work(session)
    assert pairs(session) == set()


def test_only_what_changes_what_is_compared_is_looked_at_again(session):
    assert watch.QUIET < {*ACTIONS, "see-contact", TRANSLATE}
    report, moderator = tell(0), make_account()
    assert watch._next(session)[1] == [report.id]
    work(session)
    for action, fields, looked_at in (
        ("publish", {}, []), ("note", {"reason": "x"}, []), ("move", {"lat": LAT, "lon": LON + 0.01}, [report.id]),
        ("hide", {"reason": "x"}, []), ("restore", {}, [report.id]),
    ):  # fmt: skip
        revision = session.get(Report, report.id, populate_existing=True).revision
        perform(session, report.public_id, action, moderator, revision, **fields)
        session.commit()
        upto, found = watch._next(session)
        assert upto is not None and found == looked_at, action
        work(session)
        assert watch._next(session) == (None, [])
        session.rollback()


def test_a_flood_hangs_together_though_few_pairs_are_kept(session):
    for number in range(30):
        make_report(description=WATER, status="pending", source_key=f"flood-{number}")
    work(session)
    kept = session.scalars(select(Suspicion)).all()
    assert len(kept) <= 30 * watch.MOST_PAIRS and all(s.exact for s in kept)
    linked = {kept[0].a_id}
    for _ in range(30):
        linked |= {x for s in kept if {s.a_id, s.b_id} & linked for x in (s.a_id, s.b_id)}
    assert len(linked) == 30
    session.rollback()


def test_merged_and_hidden_ones_are_not_looked_for_and_keep_what_was_found(session):
    first, second = tell(0), tell(1)
    work(session)
    moderator = make_account()
    perform(session, second.public_id, "merge", moderator, second.revision, into=first.public_id)
    session.commit()
    work(session)
    assert len(pairs(session)) == 1  # unmerging brings the question back
    tell(2)
    work(session)
    assert all(frozenset((STORY[1][0], STORY[2][0])) != pair for pair in pairs(session))


def test_the_same_telephone_is_a_mark_that_finds_far_and_unplaced_ones(session):
    first = make_report(description="Twenty people need tents, call 3456 7890", category="SHEL", at=LEOGANE, status="pending")
    second = make_report(
        description="We are 20 people in Leogane without tents, please call", category="SHEL", at=None, place="somewhere", status="pending",
        contact_phone="+509 3456-7890",
    )  # fmt: skip
    marks = session.execute(select(Mark.report_id, Mark.kind)).all()
    assert sorted(marks) == [(first.id, "phone"), (second.id, "phone")]
    sides = Sides(session, Audience.STAFF)
    side = sides.of_report(session, second)
    (found,) = candidates(session, side, Audience.STAFF, exclude=(second.public_id,), sides=sides)
    assert found.public_id == first.public_id and found.told["same_phone"] and "same telephone" in found.reasons(exact=True)
    assert candidates(session, side, Audience.PUBLIC, least=0.0, sides=sides) == []
    session.rollback()


def test_erasing_takes_marks_and_pairs_with_it(client, session):
    body = {"category": "WAT", "description": WATER, "lon": LON, "lat": LAT, "contact_phone": "+509 3456 7890"}
    told = client.post("/api/v1/reports", json=body).get_json()
    tell(1)
    work(session)
    assert session.query(Mark).count() == 1 and session.query(Suspicion).count() == 1
    session.rollback()
    assert client.post(f"/api/v1/track/{told['tracking_token']}/erase").status_code == 204
    assert session.query(Mark).count() == 0 and session.query(Suspicion).count() == 0
    session.rollback()


def test_words_are_counted_and_common_ones_weigh_less(session):
    for number in range(30):
        make_report(description=f"water in camp number {number}", at=(LON, LAT) if number < 25 else None)
    work(session)
    weights = vocabulary.weights(session, Audience.STAFF)
    assert weights.reports == 30 and weights.counts["water"] == 30
    assert weights.of("stadium") > weights.of("water") and weights.crowd(LON, LAT) == 25
    session.rollback()


def test_searching_looks_at_a_bounded_number_of_rows(session):
    """However many lie on one point with the same words."""
    for number in range(80):
        make_report(description=f"{WATER} again {number % 7}", session=session)
    counted = []
    event.listen(db.engine, "before_cursor_execute", lambda *args: counted.append(args[2]))
    report = session.query(Report).first()
    sides = Sides(session, Audience.STAFF)
    compared = list(compared_with(session, sides.of_report(session, report), Audience.STAFF, (), sides))
    assert len(compared) <= COMPARED < BY_WORDS
    assert len(counted) < 20
    session.rollback()


def test_every_pair_of_the_story_is_one_question_or_none(session):
    for number in range(len(STORY)):
        tell(number)
    work(session)
    possible = {frozenset((a[0], b[0])) for a, b in itertools.combinations(STORY, 2)}
    assert pairs(session) <= possible
