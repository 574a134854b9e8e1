"""What a rule says: its conditions, its effects, and whether they fit together. Pure; stored as JSON."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

from flask_babel import gettext as _
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from crowdmap.db import MOST_ID
from crowdmap.db.search import fold
from crowdmap.reports.models import Kind
from crowdmap.reports.texts import clean

MOST_ENTRIES = 50
Name = Annotated[str, AfterValidator(clean), Field(min_length=1, max_length=80)]
Names = Annotated[list[Name], Field(max_length=MOST_ENTRIES)]


def _searchable(text: str) -> str:
    if not fold(text):
        raise PydanticCustomError("no-word", _("This holds no word that could be looked for."))
    return text


Phrase = Annotated[Name, AfterValidator(_searchable)]


class Volume(BaseModel):
    """More than so many messages within so many minutes, from one source or in all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    more_than: Annotated[int, Field(ge=1, le=10_000)]
    minutes: Annotated[int, Field(ge=1, le=1440)]
    of: Literal["source", "all"] = "all"


class Conditions(BaseModel):
    """All that are given must hold; of a list, any entry. Areas are names; *words* are phrases of whole words, a ``*`` at
    the end stands for any end of the last word."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trust_at_least: Annotated[float | None, Field(gt=0, le=1)] = None
    trust_below: Annotated[float | None, Field(gt=0, le=1)] = None
    organisations: Names = []
    channels: Names = []
    kinds: Annotated[list[Kind], Field(max_length=4)] = []
    categories: Names = []
    sectors: Names = []
    areas: Names = []
    words: Annotated[list[Phrase], Field(max_length=MOST_ENTRIES)] = []
    volume: Volume | None = None

    @property
    def given(self) -> set[str]:
        return {name for name, value in self if value not in (None, [])}

    @cached_property
    def in_order(self) -> list[tuple[str, Callable, object]]:
        """(name, test, value) of what is given, the cheap ones first: a question to the database is asked only where
        everything else holds."""
        return [(name, _MET[name], getattr(self, name)) for name in _MET if name in self.given]


class Effects(BaseModel):
    """*decide*: publish, or leave it to a person. *assign_to*: id of an account."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    decide: Literal["publish", "review"] | None = None
    assign_to: Annotated[int | None, Field(ge=1, le=MOST_ID)] = None
    escalate: bool = False

    @property
    def given(self) -> set[str]:
        return {name for name, value in self if value}


class RuleWords(BaseModel):
    """A rule as it is written, before it has a place in the list."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    conditions: Conditions
    effects: Effects

    @model_validator(mode="after")
    def _makes_sense(self):
        if not self.effects.given:
            raise PydanticCustomError("no-effect", _("Say what shall follow."), {"field": "decide"})
        if not self.conditions.given:
            words = _("Say which reports it is for: at least one condition.")
            raise PydanticCustomError("no-condition", words, {"field": "conditions"})
        if self.effects.decide == "publish" and self.conditions.given == {"volume"}:
            words = _("That many came is no reason to publish. Say which reports.")
            raise PydanticCustomError("volume-alone", words, {"field": "conditions"})
        below, least = self.conditions.trust_below, self.conditions.trust_at_least
        if below is not None and least is not None and below <= least:
            words = _("No source is trusted both less and more than that.")
            raise PydanticCustomError("no-source", words, {"field": "trust_below"})
        return self


@dataclass
class Facts:
    """What the rules may know of a report that comes. What costs a question is asked when a rule needs it, once.

    *text*: title and description. *suspicious*: it looked like a machine's; *held*: which hold makes it wait, if any (a key of
    ``verdict.HELD_BACK``). *more_than(n, minutes, of)*: whether more than n messages came, of "all", of its "source" or of its
    "network", itself among them.
    """

    kind: Kind
    codes: tuple[str, ...]
    sectors: frozenset[str]
    channel: str
    text: str
    organisation: str | None
    restricted: bool
    out_of_area: bool
    suspicious: bool
    held: Callable[[], str | None]
    ask_trust: Callable[[], float]
    ask_area: Callable[[], str | None]
    more_than: Callable[[int, int, str], bool]

    @cached_property
    def trust(self) -> float:
        return self.ask_trust()

    @cached_property
    def area(self) -> str | None:
        return self.ask_area()

    @cached_property
    def words(self) -> str:
        return f" {fold(self.text)} "


def matched(conditions: Conditions, facts: Facts) -> dict | None:
    """What of the report meets the conditions, by the condition's name; None where one of them does not hold."""
    found: dict = {}
    for name, test, value in conditions.in_order:
        met = test(value, facts)
        if met is None:
            return None
        found[name] = met
    return found


def _one_of(wanted, value):
    return str(value) if value is not None and value in wanted else None


def _some_of(wanted, values):
    return [value for value in wanted if value in values] or None


def holds_words(phrase: str, folded: str) -> bool:
    """Whether a folded text (with a space at both ends) holds the phrase."""
    start = f" {fold(phrase)}"
    return (start if phrase.endswith("*") else start + " ") in folded


def _words(wanted, facts):
    return [phrase for phrase in wanted if holds_words(phrase, facts.words)] or None


def _volume(volume: Volume, facts):
    return volume.model_dump() if facts.more_than(volume.more_than, volume.minutes, volume.of) else None


def _at_least(least, facts):
    return round(facts.trust, 2) if facts.trust >= least else None


def _below(most, facts):
    return round(facts.trust, 2) if facts.trust < most else None


_MET: dict[str, Callable] = {
    "kinds": lambda wanted, facts: _one_of(wanted, facts.kind),
    "categories": lambda wanted, facts: _some_of(wanted, facts.codes),
    "sectors": lambda wanted, facts: _some_of(wanted, facts.sectors),
    "channels": lambda wanted, facts: _one_of(wanted, facts.channel),
    "organisations": lambda wanted, facts: _one_of(wanted, facts.organisation),
    "words": _words,
    "areas": lambda wanted, facts: _one_of(wanted, facts.area),
    "volume": _volume,
    "trust_at_least": _at_least,
    "trust_below": _below,
}
