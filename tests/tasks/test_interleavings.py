"""Five volunteers and two moderators in any order: nothing is done twice, locks that run out return, no decision is lost."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from crowdmap.accounts.roles import Role
from crowdmap.db import clock, utcnow
from crowdmap.errors import IllegalState
from crowdmap.moderation.actions import perform
from crowdmap.moderation.models import Decision
from crowdmap.reports.models import Report, Status
from crowdmap.tasks.making import make_tasks
from crowdmap.tasks.models import LIVE, Answer, Result, State, Task
from crowdmap.tasks.verbs import answer, lease, offer, release
from tests.builders import PORT_AU_PRINCE, make_account, make_report
from tests.moderation.test_together import at_once
from tests.tasks.working import make_volunteer

pytestmark = pytest.mark.settings(WORK_SAMPLE=0)  # or one report in ten would have a task more
LON, LAT = PORT_AU_PRINCE
VOLUNTEERS, MODERATORS, REPORTS = 5, 2, 2
SPOTS = tuple({"lat": LAT + north, "lon": LON, "accuracy_m": 50} for north in (0, 0.001, 0.05))
OPS = ("take", "answer", "late", "release", "skip", "unsure", "wait", "expire")
DECISIONS = ("hide", "restore", "publish", "move")

volunteers = st.tuples(st.just("volunteer"), st.integers(0, VOLUNTEERS - 1), st.sampled_from(OPS), st.sampled_from(SPOTS))
moderators = st.tuples(st.just("moderator"), st.integers(0, MODERATORS - 1), st.sampled_from(DECISIONS), st.integers(0, REPORTS - 1))
steps = st.lists(st.one_of(volunteers, volunteers, volunteers, moderators), min_size=8, max_size=30)


class World:
    """What a person outside knows: who was given what until when, what was answered, what moderators decided."""

    def __init__(self, session):
        self.session = session
        self.now = utcnow()
        self.people = [make_volunteer(kinds=["place"]) for _ in range(VOLUNTEERS)]
        self.moderators = [make_account(Role.MODERATOR) for _ in range(MODERATORS)]
        self.reports = [make_report(at=None, place="near the market", status="pending") for _ in range(REPORTS)]
        self.ids = {report.id for report in self.reports}
        self.leases: dict[int, tuple[int, object]] = {}  # task → (volunteer's number, until)
        self.last: dict[int, int] = {}  # volunteer's number → the task given last
        self.answered: set[tuple[int, int, int]] = set()  # task, its round, volunteer's number
        self.make()

    def make(self):
        make_tasks(self.session, self.ids)
        self.session.commit()

    def holder(self, task_id: int) -> int | None:
        number, until = self.leases.get(task_id, (None, self.now))
        return number if until > self.now else None

    def volunteer(self, number: int, op: str, spot: dict):
        account, task_id = self.people[number], self.last.get(number)
        if op == "wait":
            self.now += timedelta(minutes=1)
        elif op == "expire":
            self.now += lease() + timedelta(seconds=1)
        elif op == "take":
            self.take(number, account)
        elif task_id is None:
            return
        elif op in ("release", "skip"):
            mine = self.holder(task_id) == number
            release(self.session, account, task_id, skip=op == "skip")
            self.session.commit()
            if mine:
                self.leases.pop(task_id)
        else:
            if op == "late":
                self.now += lease() + timedelta(seconds=1)
            self.answer(number, account, task_id, {"unsure": True} if op == "unsure" else spot)

    def take(self, number: int, account):
        task = offer(self.session, account)
        self.session.commit()
        if task is None or task.report_id not in self.ids:
            return
        assert self.holder(task.id) in (None, number), "two people have one task"
        assert (task.id, task.round, number) not in self.answered, "the same words twice"
        self.leases[task.id] = (number, self.now + lease())
        self.last[number] = task.id

    def answer(self, number: int, account, task_id: int, value: dict):
        (before, asked), other = self.state(task_id), self.holder(task_id)
        try:
            outcome = answer(self.session, account, task_id, value)
            self.session.commit()
        except IllegalState:
            self.session.rollback()
            return
        assert before in LIVE and other in (None, number), "an answer where somebody else has the task"
        if outcome.state != "needless":
            assert (task_id, asked, number) not in self.answered, "answered twice"
            self.answered.add((task_id, asked, number))
        self.leases.pop(task_id, None)

    def state(self, task_id: int):
        found = self.session.execute(select(Task.state, Task.round).where(Task.id == task_id)).one()
        self.session.commit()
        return found

    def moderator(self, number: int, action: str, at: int):
        report = self.session.get(Report, self.reports[at].id, populate_existing=True)
        fields = {"lat": 18.51, "lon": -72.31} if action == "move" else {}
        try:
            perform(self.session, report.public_id, action, self.moderators[number], revision=report.revision, reason="seen", **fields)
            self.session.commit()
        except IllegalState:
            self.session.rollback()
        self.make()

    def check(self):
        rows = self.session.execute(select(Answer.task_id, Answer.round, Answer.account_id).where(Answer.task_id.is_not(None))).all()
        assert len(rows) == len(set(rows))
        for report_id in self.ids:
            task = self.session.scalar(select(Task).where(Task.report_id == report_id).execution_options(populate_existing=True))
            report = self.session.get(Report, report_id, populate_existing=True)
            by_hand = select(func.count()).where(Decision.report_id == report_id, Decision.action == "move", Decision.account_id.is_not(None))
            by_two = select(func.count()).where(Decision.report_id == report_id, Decision.action == "move", Decision.account_id.is_(None))
            assert self.session.scalar(by_two) <= 1, "placed twice"
            if self.session.scalar(by_hand):
                assert report.private.lon is not None and self.session.scalar(by_two) in (0, 1)
            if task.result is Result.AGREED:
                assert report.private.lon is not None
            if task.state in LIVE:
                assert report.status in (Status.PENDING, Status.PUBLISHED) and report.private.lon is None
            assert (task.holder_id is not None) == (task.state is State.TAKEN)
        self.session.commit()

    def everything_returns(self):
        """After the longest lease whatever is still open can be had by somebody new."""
        self.now += lease() + timedelta(seconds=1)
        waiting = select(func.count()).where(Task.report_id.in_(self.ids), Task.state.in_(LIVE))
        left = self.session.scalar(waiting)
        self.session.commit()
        for _ in range(left):
            task = offer(self.session, make_volunteer(kinds=["place"]))
            self.session.commit()
            assert task is not None


@given(steps)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def interleave(session, steps):
    for old in session.scalars(select(Task).where(Task.state.in_(LIVE))):
        old.state, old.holder_id, old.leased_until = State.CANCELLED, None, None
    session.commit()
    world = World(session)
    with clock(lambda: world.now):
        for who, number, what, how in steps:
            getattr(world, who)(number, what, how)
            world.check()
        world.everything_returns()


def test_any_order_of_seven_people_keeps_what_must_hold(session):
    interleave(session)


def test_many_who_take_at_the_same_moment_get_different_tasks(session, app):
    for _ in range(4):
        make_tasks(session, [make_report(at=None, place="there").id])
        session.commit()
    people = [make_volunteer(kinds=["place"]) for _ in range(6)]
    outcome = at_once(app, *[lambda s, one=one: offer(s, one) for one in people])
    taken = [task.id for task in outcome if isinstance(task, Task)]
    assert len(taken) == len(set(taken)) == 4, outcome
    assert sum(one is None for one in outcome) == 2


def test_answers_and_decisions_at_the_same_moment_are_all_kept_or_told(session, app):
    for _round in range(3):
        report = make_report(at=None, place="there", status="pending")
        make_tasks(session, [report.id])
        session.commit()
        first, second, moderator = make_volunteer(kinds=["place"]), make_volunteer(kinds=["place"]), make_account()
        task = offer(session, first)
        session.commit()
        answer(session, first, task.id, SPOTS[0])
        session.commit()
        assert offer(session, second).id == task.id
        session.commit()
        outcome = at_once(
            app,
            lambda s, key=task.id, who=second: answer(s, who, key, SPOTS[1]),
            lambda s, key=report.public_id, who=moderator: perform(s, key, "move", who, revision=1, lat=18.51, lon=-72.31),
        )
        private = session.get(Report, report.id, populate_existing=True).private
        moved = session.scalars(select(Decision.account_id).where(Decision.report_id == report.id, Decision.action == "move")).all()
        session.commit()
        assert len(moved) == 1, (outcome, moved)
        assert (abs(private.lat - 18.51) < 1e-9) == (moved[0] == moderator.id)
