"""A simulated moderator: settles what volunteers differ about, publishes, merges, rejects, verifies what was called back."""

import math
import random
from collections.abc import Callable

from sqlalchemy import or_, select

from crowdmap import geo
from crowdmap.accounts.models import Account
from crowdmap.dedupe.models import Suspicion
from crowdmap.errors import IllegalState, StaleRevision, ValidationFailed
from crowdmap.moderation.actions import perform
from crowdmap.reports.models import VISIBLE, Report, Status, Verification
from crowdmap.simulate.messages import Message
from crowdmap.tasks import proposals
from crowdmap.tasks.kinds import KINDS
from crowdmap.tasks.models import LIVE, Result, Task

IDLE = 45.0  # seconds to the next look, when nothing waits
QUEUE = 40  # of the reports that wait longest, the most urgent comes first
FIRST = {"propose": 2, "verify": 2, "publish": 6}  # how often each is begun with
NOTICES = 0.4  # of the wrong places, those that a look at the map and the words shows


class Moderator:
    """*day*: the Day; works until *ends*, in seconds of the day."""

    def __init__(self, day, account: Account, pick: random.Random, ends: float):
        self.day, self.account, self.pick, self.ends = day, account, pick, ends
        self.session, self.desk = day.session, day.scenario.desk
        self.not_mine: set[int] = set()  # reports that somebody else has to verify

    def turn(self) -> None:
        if self.day.seconds >= self.ends:
            return
        begun = self.pick.choices(list(FIRST), list(FIRST.values()))[0]
        for what in sorted(FIRST, key=lambda name: name != begun):
            if self._take(what):
                return
        self.session.rollback()
        self.day.idle((self.day.changes, self.day.seconds), IDLE, self.turn)

    def _take(self, what: str) -> bool:
        """Begin one piece of this work, if there is any: nobody else begins it meanwhile."""
        found = {"propose": self._asked, "verify": self._to_verify, "publish": self._to_publish}[what]()
        if found is None:
            return False
        key, act = found
        self.session.rollback()  # what was seen is remembered; nothing is held
        self.day.looked_at.add(key)
        mean = self.desk.seconds[what]
        seconds = max(5.0, self.pick.lognormvariate(math.log(mean) - 0.125, 0.5))
        self.day.after(seconds, lambda: self._finish(key, act))
        return True

    def _finish(self, key, act: Callable[[], None]) -> None:
        try:
            act()
        except StaleRevision:  # a volunteer's answer came in between: look again
            self.session.rollback()
            self.day.done["looked again"] += 1
        except (IllegalState, ValidationFailed):
            self.session.rollback()
            self.not_mine.add(key)
        self.day.looked_at.discard(key)
        self.turn()

    def _right(self) -> bool:
        return self.pick.random() < self.desk.right

    def _do(self, report: Report, action: str, revision: int, **fields) -> int:
        """One action of the desk on what was seen; → the revision afterwards."""
        done = perform(self.session, report.public_id, action, self.account, revision=revision, **fields)
        after = done.revision
        self.day.commit(action)
        return after

    # ---- what volunteers differ about

    def _asked(self):
        waiting = select(Task.id, Task.report_id).where(Task.result == Result.MODERATOR).order_by(Task.priority, Task.id)
        for task_id, report_id in self.session.execute(waiting.limit(proposals.LISTED)):
            key = ("task", task_id)
            if key not in self.day.looked_at and key not in self.not_mine:
                asked = next(one for one in proposals.asked(self.session, report_id) if one.task.id == task_id)
                kind, revision, message = asked.task.kind, asked.report.revision, self.day.told[report_id]
                right = [one.number for one in asked.proposals if _is_right(kind, one.value, message)]
                return key, lambda: self._settle(task_id, right, revision)
        return None

    def _settle(self, task_id: int, right: list[int], revision: int) -> None:
        if right and self._right():
            proposals.accept(self.session, self.account, task_id, right[0], revision)
            self.day.commit("accepted")
        else:
            proposals.dismiss(self.session, self.account, task_id)
            self.day.commit("dismissed")

    # ---- the check

    def _to_verify(self):
        free = self.day.called_back - self.day.looked_at - self.not_mine
        if not free:
            return None
        query = select(Report.id, Report.revision).where(
            Report.id.in_(free), Report.status.in_(VISIBLE), Report.merged_into_id.is_(None), Report.verification == Verification.UNVERIFIED
        )
        found = self.session.execute(query.order_by(Report.id).limit(1)).first()
        return found and (found.id, lambda: self._verify(found.id, found.revision))

    def _verify(self, report_id: int, revision: int) -> None:
        words = "A volunteer called back: they say it is so."
        self._do(self._report(report_id), "verify", revision, evidence=words, evidence_kind="called")
        self.day.called_back.discard(report_id)

    # ---- the queue

    def _to_publish(self):
        """Of what volunteers are through with, or had long enough, the most urgent of the oldest."""
        needs = select(Task.id).where(Task.report_id == Report.id, Task.kind.in_(("translate", "place")), Task.state.in_(LIVE))
        waited = Report.created_at < self.day.now() - self.desk.patience
        query = select(Report).where(Report.status == Status.PENDING, Report.merged_into_id.is_(None), or_(~needs.exists(), waited))
        waiting = [
            report
            for report in self.session.scalars(query.order_by(Report.id).limit(QUEUE).execution_options(populate_existing=True))
            if report.id not in self.day.looked_at and report.id not in self.not_mine
        ]
        if not waiting:
            return None
        report = max(waiting, key=lambda one: (KINDS["check"].priority(one), -one.id))
        report_id, revision = report.id, report.revision
        return report_id, lambda: self._decide(report_id, revision)

    def _decide(self, report_id: int, revision: int) -> None:
        report, message = self._report(report_id), self.day.told[report_id]
        if report.revision != revision:
            raise StaleRevision("")
        if message.junk and self._right():
            self._do(report, "reject", revision, reason="spam")
            return
        if self._merged(report, message, revision):
            return
        if report.category != message.truth["category"] and self.pick.random() < NOTICES:
            revision = self._do(report, "edit", revision, category=message.truth["category"])
        if self._misplaced(report, message) and self.pick.random() < NOTICES:
            truth = message.truth
            revision = self._do(report, "move", revision, lat=truth["lat"], lon=truth["lon"], accuracy_m=100.0)
        self._do(report, "publish", revision, confirm=True)

    def _merged(self, report: Report, message: Message, revision: int) -> bool:
        """Whether it tells what an earlier one told, and is in that one now. Pairs that only look alike are said to differ."""
        pairs = select(Suspicion.a_id).where(Suspicion.b_id == report.id, Suspicion.refused_at.is_(None)).order_by(Suspicion.score.desc())
        for other_id in self.session.scalars(pairs).all():
            other = self._report(other_id)
            if other.merged_into_id is not None or other.status is Status.HIDDEN or not self._right():
                continue
            if self.day.told[other_id].root == message.root:
                self._do(report, "merge", revision, into=other.public_id)
                return True
            self._do(report, "distinct", revision, other=other.public_id)
        return False

    def _misplaced(self, report: Report, message: Message) -> bool:
        truth, private = message.truth, report.private
        known = truth.get("lon") is not None and private.lon is not None
        return known and geo.distance_m(private.lon, private.lat, truth["lon"], truth["lat"]) > truth["within_m"]

    def _report(self, report_id: int) -> Report:
        report = self.session.get_one(Report, report_id, populate_existing=True)
        self.session.refresh(report.private)
        return report


def _is_right(kind: str, value: dict, message: Message) -> bool:
    truth = message.truth
    if kind == "categorise":
        return value.get("category") == truth["category"]
    if kind == "translate":
        return value.get("text") == message.gist
    known = kind == "place" and truth.get("lon") is not None
    return known and geo.distance_m(value["lon"], value["lat"], truth["lon"], truth["lat"]) <= truth["within_m"]
