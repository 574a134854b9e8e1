"""Scenarios: when messages come, who works, how well and how fast. Adding one is a Scenario and a place in SCENARIOS."""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from crowdmap.tasks.kinds import KINDS

HOURS = 24


class NoCurve(ValueError):
    """A file whose messages have no time to make a curve of; says which and why."""


@dataclass(frozen=True, eq=False)
class Skill:
    """One sort of volunteers: *share* of all; the *languages* they read; by kind of task the share of answers that are
    *right*, and the mean *seconds* of one; whether they are allowed to call reporters back."""

    name: str
    share: float
    languages: tuple[str, ...]
    right: Mapping[str, float]
    seconds: Mapping[str, float]
    calls: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(kind for kind in KINDS if kind in self.right and (kind != "check" or self.calls))


@dataclass(frozen=True)
class Desk:
    """The moderators: the share of their judgements that are *right*, the mean *seconds* of one by what it is, and how
    long they wait for volunteers before they decide on a message as it is."""

    right: float = 0.95
    seconds: Mapping[str, float] = field(default_factory=lambda: {"publish": 45.0, "verify": 90.0, "propose": 60.0})
    patience: timedelta = timedelta(hours=2)


@dataclass(frozen=True)
class Scenario:
    """*hours*: weights of the 24 hours after *start*, by which the messages come. Shares of the messages: *unplaced*
    say in words alone where it is, *miscategorised* come in a wrong category, *repeated* tell what another told already,
    *restricted* are for the team only, *spam* tell nothing."""

    name: str
    title: str
    start: datetime
    hours: tuple[float, ...]
    skills: tuple[Skill, ...]
    desk: Desk = Desk()
    template: str = "earthquake"
    messages: int = 1000
    volunteers: int = 24
    moderators: int = 3
    unplaced: float = 0.75
    miscategorised: float = 0.35
    repeated: float = 0.08
    restricted: float = 0.03
    spam: float = 0.02
    settings: Mapping[str, object] = field(default_factory=dict)

    def with_skill(self, right: float) -> "Scenario":
        """The same with volunteers of whose answers, in each kind, this share is right."""
        return replace(self, skills=tuple(replace(one, right=dict.fromkeys(one.right, right)) for one in self.skills))


# Judged from what is told of Mission 4636: Kreyòl speakers abroad, mappers who know the streets, and many who are new.
SKILLS = (
    Skill(
        "Kreyòl speaker", 0.4, ("ht", "fr", "en"), calls=True,
        right={"translate": 0.97, "place": 0.85, "categorise": 0.85, "check": 0.95},
        seconds={"translate": 75, "place": 150, "categorise": 30, "check": 240},
    ),
    Skill(
        "mapper", 0.3, ("fr", "en"),
        right={"translate": 0.9, "place": 0.93, "categorise": 0.85}, seconds={"translate": 100, "place": 100, "categorise": 30},
    ),
    Skill(
        "newcomer", 0.3, ("fr", "en"),
        right={"translate": 0.85, "place": 0.65, "categorise": 0.7}, seconds={"translate": 120, "place": 200, "categorise": 45},
    ),
)  # fmt: skip

# Reports by hour since 16:53 on 12 January 2010, Haitian time, as the Ushahidi export of the Haiti map counts them
# (datasets/haiti/Haiti.csv of "Python for Data Analysis"): `read_curve` makes these numbers of that file. Its clock has
# twelve hours and no am or pm, so that each hour of the 13th stands half in the morning and half in the afternoon.
HAITI = (3, 0, 0, 2, 1, 1, 1, 1, 5.5, 2.5, 1.5, 1.5, 2.5, 2.5, 5.5, 4, 3, 2.5, 5, 3, 5.5, 2.5, 1.5, 1.5)

_ALL = (
    Scenario(
        "haiti2010", "the first day of Haiti, 2010", datetime(2010, 1, 12, 21, 53, tzinfo=UTC), HAITI, SKILLS,
        settings={
            "WORKING_LANGUAGE": "en", "WORK_SAMPLE": 0.1, "WORK_LEASE_MINUTES": 5, "WORK_PER_HOUR": 120, "WORK_UNLOCK": 3,
        },
    ),
)  # fmt: skip
SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _ALL}


def read_curve(path: Path, start: datetime) -> tuple[float, ...]:
    """The weights of the 24 hours after *start* in a file of the Ushahidi export: column INCIDENT DATE, dd/mm/yyyy
    HH:MM in the clock of the place, as *start* is. Raises NoCurve.

    A day on which no hour beyond 12 stands was written with a clock of twelve hours: before the event that day the hours
    of its afternoon are meant, and on the next one each is half in the morning and half in the afternoon.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            if "INCIDENT DATE" not in (rows.fieldnames or ()):
                raise NoCurve(f"{path.name} has no column INCIDENT DATE")
            moments = [_moment(row["INCIDENT DATE"], path.name, number) for number, row in enumerate(rows, 2)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise NoCurve(f"{path.name} could not be read: {error}") from None
    counted: Counter[int] = Counter()
    for day in (start.date(), start.date() + timedelta(days=1)):
        for hour, weight in _of_day([moment.hour for moment in moments if moment.date() == day], day == start.date(), start.hour):
            counted[(day - start.date()).days * HOURS + hour - start.hour] += weight
    curve = tuple(counted[hour] for hour in range(HOURS))
    if not sum(curve):
        raise NoCurve(f"{path.name} has nothing from the day after {start:%Y-%m-%d %H:%M}")
    return curve


def _moment(text: str | None, name: str, number: int) -> datetime:
    try:
        return datetime.strptime((text or "").strip(), "%d/%m/%Y %H:%M")
    except ValueError:
        raise NoCurve(f"{name}, record {number}: {(text or '')[:30]!r} is no moment such as 13/01/2010 17:26") from None


def _of_day(hours: list[int], first: bool, began: int) -> Iterable[tuple[int, float]]:
    twelve = sum(hour > 12 for hour in hours) <= len(hours) * 0.2  # a few slipped through
    for hour in hours:
        if first:
            yield hour + 12 if twelve and hour < began and hour <= 12 else hour, 1
        elif twelve:
            yield from ((hour % 12, 0.5), (hour % 12 + 12, 0.5))
        else:
            yield hour, 1
