"""Invented reports of the earthquake template, for demonstrations and measurements. Pure, seeded, fast.

Sentences stand in ``phrases/<language>.toml``. People and numbers are made up: telephones begin with +509 55, which
no operator of Haiti uses, mail addresses end in ``.example``.
"""

import math
import random
import re
import tomllib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from crowdmap.intake import scenery
from crowdmap.reports.crisis import CrisisTemplate, Town
from crowdmap.reports.models import LocatedBy, Policy, Status, Verification

DAYS = 8  # how far back the first report lies
QUEUE = 60  # most reports that wait for a moderator
CLOSED, RESTRICTED, HIDDEN = 0.03, 0.025, 0.005  # shares that come on top of the published ones
MOST_ON_TOP = 100  # of each
# running sums; the rest is unverified
TRUTH = ((Verification.VERIFIED, 0.24), (Verification.CORROBORATED, 0.36), (Verification.DISPUTED, 0.375))
LANGUAGES = (("ht", 0.4), ("en", 0.35), ("fr", 0.25))
SLOT = re.compile(r"\{(\w+)\}")
Weighed = tuple[list[scenery.Theme], list[float]]  # themes and the running sums of their weights


@dataclass(frozen=True)
class Invented:
    """One invented report: fields of a ReportDraft, when it came, and how it stands."""

    fields: dict[str, Any]
    received_at: datetime
    status: Status = Status.PUBLISHED
    verification: Verification = Verification.UNVERIFIED
    theme: tuple[str, str] = ("", "")  # category, kind


@cache
def phrases(language: str) -> dict[str, Any]:
    path = Path(__file__).parent / "phrases" / f"{language}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


class Generator:
    """The same seed, template and times give the same reports."""

    def __init__(self, template: CrisisTemplate, seed: int = 1):
        self.random = random.Random(seed)
        self.template = template
        towns = {town.name: town for town in template.towns}
        self.places = [(towns[place.name], place) for place in scenery.PLACES if place.name in towns]
        if not self.places:
            raise ValueError("the generator invents reports around Port-au-Prince only: use the earthquake template")
        self._town_weights = list(accumulate(place.weight for _, place in self.places))
        policies = {category.code: category.policy for category in template.categories}
        themes = [theme for theme in scenery.THEMES if theme.category in policies]
        self._open = _weighed(theme for theme in themes if policies[theme.category] != Policy.RESTRICTED)
        self._restricted = _weighed(theme for theme in themes if policies[theme.category] == Policy.RESTRICTED)
        self.camps = [self._camp(town, place) for town, place in self.places for _ in range(1 + place.weight // 4)]
        self._recent: deque[Invented] = deque(maxlen=60)

    def batch(self, count: int, now: datetime) -> Iterator[Invented]:
        """*count* published reports of the last days, oldest first, with those that wait, are closed, hidden or
        restricted on top; about 5 % tell what another one told already."""
        pick = self.random
        waiting = min(QUEUE, math.ceil(count * 0.06))
        outside = min(12, math.ceil(waiting / 5))
        standing = [Status.PUBLISHED] * count + ["outside"] * outside
        for state, share in ((Status.CLOSED, CLOSED), (Status.HIDDEN, HIDDEN), ("restricted", RESTRICTED)):
            standing += [state] * min(MOST_ON_TOP, round(count * share))
        pick.shuffle(standing)
        ages = sorted((self._age() for _ in standing), reverse=True)
        recent = sorted((pick.random() ** 2 * 0.4 for _ in range(waiting - outside)), reverse=True)
        plan = list(zip(ages, standing)) + [(age, Status.PENDING) for age in recent]
        plan.sort(key=lambda item: -item[0])
        for age, state in plan:
            received = now - timedelta(days=age)
            if state == "restricted":
                yield self._standing(self._report(received, self._restricted), Status.PUBLISHED)
            elif state == "outside":
                yield self._outside(self._report(received, self._open))
            else:
                yield self._standing(self.next(received), state)

    def next(self, now: datetime) -> Invented:
        """One more report that arrives now and waits for a moderator."""
        if self._recent and self.random.random() < 0.05:
            made = self._repeat(self.random.choice(self._recent), now)
        else:
            made = self._report(now, self._open)
            self._recent.append(made)
        return replace(made, status=Status.PENDING)

    def fresh(self, now: datetime, *, restricted: bool = False) -> Invented:
        """A report that nobody told before; *restricted*: about what only the team may see."""
        return replace(self._report(now, self._restricted if restricted else self._open), status=Status.PENDING)

    def again(self, first: Invented, now: datetime) -> Invented:
        """What *first* tells, told again."""
        return replace(self._repeat(first, now), status=Status.PENDING)

    # ---- time and standing

    def _age(self) -> float:
        """Days before now: many soon after the quake, fewer each day, few at night."""
        pick = self.random
        while True:
            age = DAYS * pick.betavariate(2.0, 1.5)
            hour = (age * 24) % 24
            if pick.random() < (1.0 if hour < 14 else 0.45):
                return age

    def _standing(self, made: Invented, status: Status) -> Invented:
        if status in (Status.PENDING, Status.HIDDEN):
            return replace(made, status=status)
        lot = self.random.random()
        for verification, below in TRUTH:
            if lot < below:
                return replace(made, status=status, verification=verification)
        return replace(made, status=status)

    # ---- one report

    def _report(self, received: datetime, themes: Weighed) -> Invented:
        pick = self.random
        theme = pick.choices(themes[0], cum_weights=themes[1])[0]
        language = _drawn(pick, LANGUAGES)
        town, place = pick.choices(self.places, cum_weights=self._town_weights)[0]
        words = Words(pick, language, town, place)
        fields: dict[str, Any] = {"kind": theme.kind, "category": theme.category, "language": language}
        self._locate(fields, words, town, place)
        people = round(pick.lognormvariate(3.7, 1.0)) + 2
        words.set("people", str(people))
        fields |= self._texts(theme, words, fields)
        if theme.kind == "need" and pick.random() < 0.7:
            fields["people"] = people
        if theme.also and pick.random() < 0.3:
            fields["categories"] = [theme.category, pick.choice(theme.also)]
        if theme.unit and pick.random() < 0.6:
            fields |= {"quantity": float(pick.choice((5, 10, 20, 40, 50, 100, 200, 500))), "unit": theme.unit}
        if pick.random() < 0.4:
            fields |= {"contact_name": words.get("name"), "contact_phone": words.get("phone")}
        fields["occurred_at"] = received - timedelta(minutes=pick.expovariate(1 / 90))
        return Invented(fields, received, theme=(theme.category, theme.kind))

    def _locate(self, fields: dict[str, Any], words: "Words", town: Town, place: scenery.Place) -> None:
        pick, lot = self.random, self.random.random()
        if lot < 0.04:  # in words only, and not even the town
            words.vague()
            fields["place"] = words.spot_name
        elif lot < 0.09:  # the town only: its middle, known to the town's radius
            fields |= {"lon": town.lon, "lat": town.lat, "accuracy_m": town.radius_m, "located_by": LocatedBy.TOWN}
            fields["place"] = town.name
        elif lot < 0.24:  # a camp: many reports share its coordinate
            name, camp_town, lon, lat = pick.choice(self.camps)
            words.camp(name, camp_town)
            fields |= {"lon": lon, "lat": lat, "accuracy_m": 50.0, "located_by": LocatedBy.PIN}
            fields["place"] = f"Camp {name}, {camp_town.name}"
        else:
            lon, lat = self._scatter(town, place)
            located, least, most = pick.choice(((LocatedBy.GPS, 4, 40), (LocatedBy.PIN, 20, 300)))
            fields |= {"lon": lon, "lat": lat, "accuracy_m": pick.randint(least, most), "located_by": located}
            fields["place"] = f"{words.spot_name}, {town.name}"

    def _scatter(self, town: Town, place: scenery.Place) -> tuple[float, float]:
        """A point around the town, on the land side of its shore."""
        pick = self.random
        for _ in range(40):
            lon = town.lon + pick.gauss(0, place.spread_m) / (111_320 * math.cos(math.radians(town.lat)))
            lat = town.lat + pick.gauss(0, place.spread_m) / 111_320
            if place.land.contains(lon, lat):
                return round(lon, 6), round(lat, 6)
        return town.lon, town.lat

    def _camp(self, town: Town, place: scenery.Place) -> tuple[str, Town, float, float]:
        return (self.random.choice(scenery.CAMPS), town, *self._scatter(town, place))

    def _texts(self, theme: scenery.Theme, words: "Words", fields: dict[str, Any]) -> dict[str, str]:
        pick = self.random
        own = words.phrases[theme.category][theme.kind]
        sentences = [words.fill(pick.choice(own["texts"]))]
        if pick.random() < 0.6:
            sentences.append(words.fill(pick.choice(words.phrases["words"][theme.kind])))
        lot = pick.random()
        if lot < 0.06:
            sentences.append(words.fill(pick.choice(words.phrases["words"]["call"])))
        elif lot < 0.075:
            sentences.append(words.fill(pick.choice(words.phrases["words"]["mail"])))
        elif lot < 0.085 and "lon" in fields:
            words.set("lon", f"{fields['lon']:.4f}")
            words.set("lat", f"{fields['lat']:.4f}")
            sentences.append(words.fill(pick.choice(words.phrases["words"]["position"])))
        return {"title": words.fill(pick.choice(own["titles"])), "description": " ".join(sentences)}

    # ---- the same thing told again, and from far away

    def _repeat(self, first: Invented, received: datetime) -> Invented:
        """Forwarded, retyped with slips, or told in other words; near the first place and a little later."""
        pick, fields = self.random, dict(first.fields)
        words = phrases(fields["language"])["words"]
        way = pick.random()
        if way < 0.35:
            fields["description"] = pick.choice(words["again"]) + fields["description"]
        elif way < 0.75:
            fields["description"] = slips(pick, fields["description"])
            fields["title"] = slips(pick, fields["title"]) if pick.random() < 0.5 else fields["title"]
        else:
            sentences = re.split(r"(?<=[.!?]) ", fields["description"])
            fields["description"] = " ".join(sentences[1:] + sentences[:1])
        if fields.get("located_by") in (LocatedBy.GPS, LocatedBy.PIN):
            metres, angle = pick.uniform(0, 400), pick.uniform(0, math.tau)
            fields["lon"] = round(fields["lon"] + metres * math.cos(angle) / 105_500, 6)
            fields["lat"] = round(fields["lat"] + metres * math.sin(angle) / 111_320, 6)
        fields["occurred_at"] = received - timedelta(minutes=pick.expovariate(1 / 30))
        return Invented(fields, received, theme=first.theme)

    def _outside(self, made: Invented) -> Invented:
        """A relative abroad whose telephone told its own position."""
        city, lon, lat = self.random.choice(scenery.ABROAD)
        fields = dict(made.fields)
        town = fields.get("place") or "Port-au-Prince"
        abroad = phrases(fields["language"])["words"]["abroad"]
        fields["description"] = abroad.format(city=city, town=town.rsplit(", ", 1)[-1]) + fields["description"]
        fields |= {"lon": lon, "lat": lat, "accuracy_m": 30.0, "located_by": LocatedBy.GPS}
        return replace(made, fields=fields, status=Status.PENDING)


class Words:
    """The words of one report: a slot filled once keeps its value, so that title and text agree."""

    def __init__(self, pick: random.Random, language: str, town: Town, place: scenery.Place):
        self.pick, self.language, self.town = pick, language, town
        self.phrases = phrases(language)
        kind = "delmas" if town.name == "Delmas" and pick.random() < 0.6 else _drawn(pick, scenery.SPOTS)
        self._name(kind, str(pick.randrange(1, 99, 2)) if kind == "delmas" else pick.choice(scenery.NAMES[kind]))
        self._values: dict[str, str] = {}

    def _name(self, kind: str, name: str) -> None:
        self._spot = self.phrases["words"]["spots"][kind].format(name)
        self.spot_name = scenery.SPOT_NAMES[kind].format(name)

    def camp(self, name: str, town: Town) -> None:
        self.town = town
        self._name("camp", name)

    def vague(self) -> None:
        self._name("vague", "")
        self.spot_name = self._spot

    def set(self, slot: str, value: str) -> None:
        self._values[slot] = value

    def get(self, slot: str) -> str:
        if slot not in self._values:
            self._values[slot] = self._value(slot)
        return self._values[slot]

    def fill(self, text: str) -> str:
        filled = SLOT.sub(lambda match: self.get(match[1]), text)
        return filled.replace("à Les ", "aux ")  # French: à + Les Cayes

    def _value(self, slot: str) -> str:
        if slot == "spot":
            return self._spot
        if slot == "town":
            return self.town.aliases[0] if self.language == "ht" and self.town.aliases else self.town.name
        if slot == "email":
            return f"{self.get('name').lower()}.{self.get('surname').lower()}@courrier.example"
        return SLOTS[slot](self.pick)


def _choice(*items: Any) -> Callable[[random.Random], str]:
    return lambda pick: str(pick.choice(items))


def _between(low: int, high: int) -> Callable[[random.Random], str]:
    return lambda pick: str(pick.randint(low, high))


SLOTS: dict[str, Callable[[random.Random], str]] = {
    "families": lambda pick: str(round(pick.lognormvariate(3.4, 0.8)) + 3),
    "days": _between(2, 6),
    "hours": _between(3, 20),
    "hour": _between(6, 20),
    "from": _between(6, 10),
    "until": _between(14, 18),
    "some": _between(2, 12),
    "age": _between(3, 14),
    "floors": _between(2, 5),
    "times": _between(2, 5),
    "beds": _choice(20, 40, 60, 100),
    "liters": _choice(2000, 5000, 10000),
    "name": _choice(*scenery.FIRST_NAMES),
    "surname": _choice(*scenery.SURNAMES),
    "phone": lambda pick: f"+509 55{pick.randint(10, 99)} {pick.randint(1000, 9999)}",
}


def slips(pick: random.Random, text: str) -> str:
    """A few slips of the thumb: letters swapped, lost or doubled, accents lost. An address stays: it might become
    somebody's."""
    if "@" in text:
        return text
    letters = list(text)
    for _ in range(max(1, len(letters) // 40)):
        at = pick.randrange(1, max(2, len(letters) - 1))
        if at + 1 >= len(letters) or not (letters[at].isalpha() and letters[at + 1].isalpha()):
            continue
        way = pick.random()
        if way < 0.4:
            letters[at], letters[at + 1] = letters[at + 1], letters[at]
        elif way < 0.8:
            del letters[at]
        else:
            letters.insert(at, letters[at])
    typed = "".join(letters)
    return typed.translate(str.maketrans("éèêàòôîç", "eeeaooic")) if pick.random() < 0.5 else typed


def _drawn(pick: random.Random, shares) -> Any:
    return pick.choices([item for item, _ in shares], [share for _, share in shares])[0]


def _weighed(themes: Iterable[scenery.Theme]) -> Weighed:
    themes = list(themes)
    return themes, list(accumulate(theme.weight for theme in themes))


