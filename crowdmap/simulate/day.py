"""A day as a heap of moments: messages come, people take turns, the worker does its jobs after each of them.

Everything goes through the doors that people use: ``intake.submit``, the verbs of the tasks, ``moderation.perform``.
"""

import heapq
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import count

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from crowdmap import jobs
from crowdmap.accounts.models import Account
from crowdmap.db import clock
from crowdmap.intake.submit import submit
from crowdmap.reports.models import Area, Category, Report
from crowdmap.simulate import messages
from crowdmap.simulate.messages import Message
from crowdmap.simulate.moderating import Moderator
from crowdmap.simulate.scenario import HOURS, Scenario, Skill
from crowdmap.simulate.volunteering import Volunteer
from crowdmap.tasks.models import LIVE, State, Task

LENGTH = HOURS * 3600
ROUND = 15  # seconds from a change to the worker's round that follows from it
RETURNS = 600  # seconds after which somebody who found nothing looks again all the same: tasks that were left return
A_LOOK = 0.2  # seconds of the wall clock between two looks at it, so that Ctrl-C and the progress are prompt


class Day:
    """One run. *speed*: simulated seconds in a real one, None: as fast as it goes. *seen(day)* is called after each
    moment. Afterwards *stopped* says whether somebody ended it, *late* how many seconds it fell behind its speed."""

    def __init__(
        self, session: Session, scenario: Scenario, told: Sequence[Message], seed: int, *, speed: float | None = None,
        seen: Callable[["Day"], None] = lambda day: None,
    ):  # fmt: skip
        self.session, self.scenario, self.seed, self.speed, self.seen = session, scenario, seed, speed, seen
        self.seconds = 0.0
        self.stopped, self.late = False, 0.0
        self.done: Counter[str] = Counter()
        self.told: dict[int, Message] = {}  # report → its message
        self.changes = 0  # whoever found nothing need not look again before it moves
        self.looked_at: set = set()  # reports and tasks that moderators have before them
        self.called_back: set[int] = set()  # reports of which a volunteer heard that it is so, until they are verified
        self.towns = list(session.scalars(select(Area).order_by(Area.code)))
        self.codes = set(session.scalars(select(Category.code).where(Category.active)))
        self._called = False  # the worker has something to do
        self._free: tuple[tuple[int, float], bool] = ((-1, 0.0), True)
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        for message in told:
            self.at((message.at - scenario.start).total_seconds(), lambda message=message: self._receive(message))

    def volunteers(self, people: Sequence[tuple[Account, Skill]]) -> None:
        """The crowd grows: a fifth is there in the first hour, the others come in the hours after."""
        pick = self.random("shifts")
        for number, (account, skill) in enumerate(people):
            begins = pick.uniform(600, 3600) if number < len(people) / 5 else pick.uniform(1, 18) * 3600
            volunteer = Volunteer(self, account, skill, self.random(f"volunteer {number}"), begins + pick.uniform(4, 8) * 3600)
            self.at(begins, volunteer.turn)

    def moderators(self, people: Sequence[Account]) -> None:
        """They follow each other through the day, and overlap by two hours."""
        for number, account in enumerate(people):
            begins = max(600.0, number * LENGTH / len(people))
            ends = (number + 1) * LENGTH / len(people) + 7200
            self.at(begins, Moderator(self, account, self.random(f"moderator {number}"), ends).turn)

    def random(self, whose: str) -> random.Random:
        """Chance of one's own: what one person does shifts nobody else's luck."""
        return random.Random(f"{self.scenario.name}:{self.seed}:{whose}")

    def now(self) -> datetime:
        return self.scenario.start + timedelta(seconds=self.seconds)

    def at(self, seconds: float, act: Callable[[], None]) -> None:
        """Do *act* so many seconds after the day's beginning; what lies beyond its end is never done."""
        if seconds < LENGTH:
            heapq.heappush(self._heap, (max(seconds, self.seconds), next(self._order), act))

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        self.at(self.seconds + seconds, act)

    def run(self) -> None:
        """To the day's end, or until Ctrl-C; what was committed until then stays."""
        began = time.monotonic()
        try:
            with clock(self.now):
                while self._heap:
                    at, _order, act = heapq.heappop(self._heap)
                    self._wait(began, at)
                    self.seconds = at
                    act()
                    self.seen(self)
                self._wait(began, LENGTH)
                self.seconds = LENGTH
                self.seen(self)
        except KeyboardInterrupt:
            self.stopped = True
        finally:
            self.session.rollback()

    def commit(self, *what: str) -> None:
        """Keep what was done, count it, and have the worker do what follows from it in its next round."""
        self.session.commit()
        self.done.update(what)
        if not self._called:
            self._called = True
            self.after(ROUND, self._work)

    def _work(self) -> None:
        self._called = False
        while jobs.work_once(self.session):
            pass
        self.changes += 1

    def idle(self, seen: tuple[int, float], seconds: float, turn: Callable[[], None]) -> None:
        """Somebody found nothing at *seen* (changes, seconds): their next turn, in *seconds*, or later if nothing happens."""

        def look():
            if self.changes == seen[0] and self.seconds < seen[1] + RETURNS:
                self.after(seconds, look)
            else:
                turn()

        self.after(seconds, look)

    def tasks_wait(self) -> bool:
        """What the header of the volunteers' page tells: whether there is any task that nobody has."""
        if self._free[0] != (self.changes, self.seconds // RETURNS):
            free = select(Task.id).where(Task.state.in_(LIVE), or_(Task.state == State.OPEN, Task.leased_until <= self.now())).limit(1)
            self._free = (self.changes, self.seconds // RETURNS), self.session.scalar(free) is not None
            self.session.rollback()
        return self._free[1]

    def _receive(self, message: Message) -> None:
        receipt = submit(self.session, messages.incoming(self.scenario, self.seed, message))
        report_id = self.session.scalar(select(Report.id).where(Report.public_id == receipt.public_id))
        self.told[report_id] = message
        self.commit("received")

    def _wait(self, began: float, at: float) -> None:
        while self.speed is not None:
            left = began + at / self.speed - time.monotonic()
            if left <= 0:
                self.late = max(self.late, -left)
                return
            self.seconds = max(self.seconds, at - left * self.speed)
            self.seen(self)
            time.sleep(min(left, A_LOOK))
