"""A simulated volunteer: practises, takes a task, answers as well and as fast as their skill says, sometimes walks away."""

import math
import random
from collections import Counter

from crowdmap import geo
from crowdmap.accounts.models import Account
from crowdmap.config import settings
from crowdmap.errors import IllegalState, TooMany, ValidationFailed
from crowdmap.intake import scenery
from crowdmap.simulate.messages import Message
from crowdmap.simulate.scenario import Skill
from crowdmap.tasks import people, practice, verbs
from crowdmap.tasks.kinds.check import HEARD

PAUSE = 5.0  # seconds between two tasks
NOTHING = (60.0, 180.0)  # to the next look, when nothing waits
AWAY = 1200.0  # who walked away from a task is back after so long
WALKS_AWAY = 0.02
KEEPS = 240.0  # whoever is still at it keeps it; less than a lease
TRIES = 12  # of practice, in a kind; then they leave it
HAND_M = 45.0  # how well a hand hits the spot it means
ASTRAY_M = 3000.0
ELSEWHERE = (("town", 0.5), ("unsure", 0.2), ("astray", 0.3))  # what a wrong placement is
CALLED = (("confirmed", 0.6), ("no-answer", 0.3), ("differs", 0.07), ("wrong", 0.03))  # what callers hear


class Volunteer:
    """*day*: the Day; works until *ends*, in seconds of the day."""

    def __init__(self, day, account: Account, skill: Skill, pick: random.Random, ends: float):
        self.day, self.account, self.skill, self.pick, self.ends = day, account, skill, pick, ends
        self.session = day.session
        self.tries: Counter[str] = Counter()
        self.left = False  # walked away from a task
        self.kinds: list[str] | None = None  # open to them; None: look anew

    def turn(self) -> None:
        if self.day.seconds >= self.ends:
            return
        if self.kinds is None:
            self.kinds = [kind for kind in people.open_kinds(self.session, self.account) if kind in self.skill.kinds]
            self.session.rollback()
        shut = next((kind for kind in self.skill.kinds if kind not in self.kinds and self.tries[kind] < TRIES), None)
        if shut is not None:
            self.tries[shut] += 1
            self.day.after(self._takes(shut), lambda: self._practise(shut))
            return
        try:
            task = verbs.offer(self.session, self.account, self.kinds) if self.left or self.day.tasks_wait() else None
        except TooMany as error:
            self.session.rollback()
            self.day.after(float(error.retry_after or AWAY), self.turn)
            return
        if task is None:
            self.session.commit()
            self.day.idle((self.day.changes, self.day.seconds), self.pick.uniform(*NOTHING), self.turn)
            return
        task_id, kind, report_id = task.id, task.kind, task.report_id
        self.session.commit()
        self.left = self.pick.random() < WALKS_AWAY
        if self.left:
            self.day.after(AWAY, self.turn)
            return
        seconds = self._takes(kind)
        for at in range(1, int(seconds // KEEPS) + 1):
            self.day.after(at * KEEPS, lambda: self._keep(task_id))
        self.day.after(seconds, lambda: self._answer(task_id, kind, report_id, seconds))

    def _takes(self, kind: str) -> float:
        """Seconds, log-normal about the mean: most are quick, some take long."""
        return max(4.0, self.pick.lognormvariate(math.log(self.skill.seconds[kind]) - 0.125, 0.5))

    def _right(self, kind: str) -> bool:
        return self.pick.random() < self.skill.right[kind]

    # ---- real work

    def _keep(self, task_id: int) -> None:
        try:
            verbs.extend(self.session, self.account, task_id)
            self.session.commit()
        except IllegalState:
            self.session.rollback()

    def _answer(self, task_id: int, kind: str, report_id: int, seconds: float) -> None:
        value = ANSWERS[kind](self, self.day.told[report_id])
        try:
            if value is None:
                verbs.release(self.session, self.account, task_id, skip=True)
                self.day.commit("skipped")
            else:
                outcome = verbs.answer(self.session, self.account, task_id, value, seconds=seconds)
                self.day.commit(outcome.state)
                if value.get("heard") == "confirmed" and outcome.state == "agreed":
                    self.day.called_back.add(report_id)
        except IllegalState:  # somebody else has it, or it is over
            self.session.rollback()
            self.day.done["too late"] += 1
        except ValidationFailed:  # a point outside the crisis
            self.session.rollback()
            verbs.answer(self.session, self.account, task_id, {"unsure": True}, seconds=seconds)
            self.day.commit("unsure")
        self.day.after(PAUSE, self.turn)

    def _translate(self, message: Message) -> dict | None:
        return {"text": message.gist} if self._right("translate") else None

    def _place(self, message: Message) -> dict:
        truth = message.truth
        if truth.get("lon") is None:
            return {"unsure": True} if self._right("place") else self._point(self._any_town(), ASTRAY_M)
        if self._right("place"):
            return {"gazetteer": f"area:{message.town}"} if message.town else self._point((truth["lon"], truth["lat"]), HAND_M)
        how = self._drawn(ELSEWHERE)
        if how == "unsure":
            return {"unsure": True}
        if how == "town" and not message.town:  # the point of the town for a street in it: two who do so agree
            return {"gazetteer": f"area:{self._town_near(truth['lon'], truth['lat'])}"}
        return self._point((truth["lon"], truth["lat"]), ASTRAY_M)

    def _categorise(self, message: Message) -> dict:
        right = message.truth["category"]
        if self._right("categorise"):
            return {"category": right}
        others = [theme for theme in scenery.THEMES if theme.category in self.day.codes and theme.category != right]
        return {"category": self.pick.choices(others, [theme.weight for theme in others])[0].category}

    def _check(self, message: Message) -> dict:
        return {"heard": "wrong" if message.junk or not self._right("check") else self._drawn(CALLED)}

    # ---- practice

    def _practise(self, kind: str) -> None:
        item = practice.next_item(self.session, self.account, kind)
        value = PRACTICE[kind](self, item) if self._right(kind) else MISTAKES[kind](self, item)
        practice.answer_practice(self.session, self.account, kind, item.key, value, seconds=self.skill.seconds[kind])
        self.day.commit("practised")
        self.kinds = None
        self.day.after(PAUSE, self.turn)

    def _near(self, item) -> dict:
        lon, lat, radius = item.known
        return self._point((lon, lat), radius / 5)

    def _off(self, item) -> dict:
        lon, lat, radius = item.known
        point = self._point((lon + 3 * radius / 105_500, lat), 1)
        area = settings().AREA
        return point if area is None or area.contains(point["lon"], point["lat"]) else {"unsure": True}

    # ---- places

    def _point(self, at: tuple[float, float], off_m: float) -> dict:
        lon, lat = at
        lat += self.pick.gauss(0, off_m) / 111_320
        lon += self.pick.gauss(0, off_m) / (111_320 * math.cos(math.radians(lat)))
        return {"lat": round(lat, 6), "lon": round(lon, 6), "accuracy_m": 100}

    def _any_town(self) -> tuple[float, float]:
        town = self.pick.choice(self.day.towns)
        return town.lon, town.lat

    def _town_near(self, lon: float, lat: float) -> str:
        return min(self.day.towns, key=lambda town: geo.distance_m(lon, lat, town.lon, town.lat)).code

    def _drawn(self, shares) -> str:
        return self.pick.choices([item for item, _ in shares], [share for _, share in shares])[0]


ANSWERS = {"translate": Volunteer._translate, "place": Volunteer._place, "categorise": Volunteer._categorise, "check": Volunteer._check}
PRACTICE = {
    "translate": lambda who, item: {"text": item.why}, "place": Volunteer._near,
    "categorise": lambda who, item: {"category": next(code for code in item.known if code in who.day.codes)},
    "check": lambda who, item: {"heard": item.known},
}  # fmt: skip
MISTAKES = {
    "translate": lambda who, item: {"text": item.why.split(",")[0][:12]}, "place": Volunteer._off,
    "categorise": lambda who, item: {"category": "OTH"},
    "check": lambda who, item: {"heard": next(word for word in HEARD if word != item.known)},
}  # fmt: skip
