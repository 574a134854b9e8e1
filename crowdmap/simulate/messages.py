"""The messages of a simulated day: invented, with what is true of each. Pure and seeded."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from crowdmap.intake import scenery
from crowdmap.intake.draft import ReportDraft
from crowdmap.intake.generate import SLOT, Generator, Invented, phrases
from crowdmap.intake.submit import Incoming
from crowdmap.reports.crisis import FALLBACK, CrisisTemplate, slug
from crowdmap.reports.models import LocatedBy, Policy
from crowdmap.simulate.scenario import HOURS, Scenario
from crowdmap.tasks.truth import CHANNEL, KEY

HOUR = timedelta(hours=1)
WITHIN_M = 500.0  # how far words such as a street and a town reach
RECENT = 80  # a repetition tells one of so many last messages
LOCATION = ("lon", "lat", "accuracy_m", "located_by")
JUNK = (
    "WIN a new phone today, send your card number to us!!!",
    "test test test",
    "Cheap loans for everybody, write now, no questions.",
    "aaaaaaaa hello hello who is this",
)


@dataclass(frozen=True)
class Message:
    """*root*: the number of the first message that tells the same. *truth* as tasks/truth.py reads it. *town*: the code
    of the town that the words name, if it is all they name. *gist*: what a translation says. *junk*: it tells nothing."""

    number: int
    at: datetime
    fields: dict[str, Any]
    truth: dict[str, Any]
    root: int
    gist: str
    town: str | None = None
    junk: bool = False


def make(scenario: Scenario, template: CrisisTemplate, seed: int, count: int) -> list[Message]:
    """*count* messages in the order in which they come. The same arguments give the same."""
    pick = random.Random(f"{scenario.name}:{seed}:messages")
    generator = Generator(template, seed)
    open_codes = [category.code for category in template.categories if category.policy != Policy.RESTRICTED]
    messages: list[Message] = []
    told: list[tuple[Message, Invented]] = []
    for number, at in enumerate(_times(scenario, pick, count)):
        lot = pick.random()
        if lot < scenario.spam:
            messages.append(_junk(pick, number, at))
        elif told and lot < scenario.spam + scenario.repeated:
            first, invented = pick.choice(told[-RECENT:])
            messages.append(_message(scenario, pick, number, generator.again(invented, at), open_codes, first))
        else:
            invented = generator.fresh(at, restricted=pick.random() < scenario.restricted)
            messages.append(_message(scenario, pick, number, invented, open_codes))
            told.append((messages[-1], invented))
    return messages


def incoming(scenario: Scenario, seed: int, message: Message) -> Incoming:
    """As it comes to the door. Its verbatim says what is true of it: it is no real message, and does not look like one."""
    verbatim = {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in message.fields.items()}
    return Incoming(
        ReportDraft(**message.fields), CHANNEL, f"{scenario.name}:{seed}:{message.number}", {**verbatim, KEY: message.truth},
        source_key=f"{CHANNEL} {message.root}:{message.number}",
    )  # fmt: skip


def _times(scenario: Scenario, pick: random.Random, count: int) -> list[datetime]:
    hours = pick.choices(range(HOURS), scenario.hours, k=count)
    return sorted(scenario.start + HOUR * (hour + pick.random()) for hour in hours)


def _message(scenario, pick: random.Random, number: int, invented: Invented, open_codes, first: Message | None = None) -> Message:
    fields, right = dict(invented.fields), invented.fields["category"]
    town = None
    if first is not None:
        truth, town = first.truth, first.town
    elif "lon" not in fields:
        truth = {"category": right}
    elif fields["located_by"] is LocatedBy.TOWN:
        truth = {"category": right, "lon": fields["lon"], "lat": fields["lat"], "within_m": fields["accuracy_m"]}
        town = slug(fields["place"])
    else:
        truth = {"category": right, "lon": fields["lon"], "lat": fields["lat"], "within_m": WITHIN_M}
    gist = _gist(fields)
    if pick.random() < scenario.unplaced:
        fields = {name: value for name, value in fields.items() if name not in LOCATION}
        if fields.get("place") and town is None and pick.random() < 0.5:  # in the text, and in no field of its own
            fields["description"] += f" {fields.pop('place')}."
    if right in open_codes and pick.random() < scenario.miscategorised:
        fields |= {"category": _mistaken(pick, right, open_codes), "categories": []}
    return Message(number, invented.received_at, fields, truth, first.root if first else number, gist, town)


def _mistaken(pick: random.Random, right: str, open_codes: list[str]) -> str:
    """Half of the mistakes are "other"."""
    others = [theme for theme in scenery.THEMES if theme.category in open_codes and theme.category != right]
    return FALLBACK if right != FALLBACK and pick.random() < 0.5 else pick.choices(others, [theme.weight for theme in others])[0].category


def _junk(pick: random.Random, number: int, at: datetime) -> Message:
    text = pick.choice(JUNK)
    return Message(number, at, {"category": FALLBACK, "description": text, "language": "en"}, {"category": FALLBACK}, number, text, junk=True)


def _gist(fields: dict[str, Any]) -> str:
    """In English: what it is about, where, and how many people."""
    title = phrases("en")[fields["category"]][str(fields["kind"])]["titles"][0]
    values = {"spot": f"at {fields['place']}", "town": fields["place"].rsplit(", ", 1)[-1], "people": str(fields.get("people") or "many")}
    return SLOT.sub(lambda match: values.get(match[1], "some"), title) + (f". {fields['people']} people." if fields.get("people") else ".")
