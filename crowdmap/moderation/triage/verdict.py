"""What the rules make of one report. Pure: the same rules and facts give the same verdict, live and in a rehearsal.

The first rule that matches and says publish or review decides; assigning and raising add up. Whatever rules say, nothing
is published that is restricted, outside the area, suspicious, from a source that is held, or part of a flood.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from crowdmap.moderation.triage.rule import Conditions, Effects, Facts, matched

# why a report waits whatever the rules say: code → words for the log, which is nobody's language
HELD_BACK = {
    "restricted": "its category is never public",
    "out-of-area": "its point lies outside the crisis area",
    "suspicious": "it looked like a machine's",
    "held": "its source is held",
    "held-network": "a device of its network is held",
    "flood": "too many messages are coming in",
    "flood-source": "too many messages are coming from its source",
    "flood-network": "too many messages are coming from its network",
}


@dataclass(frozen=True)
class Flood:
    """The brakes: how many messages a minute in all, and how many of one source and of one network in ten minutes, are the
    most of which any is published unread. 0: none is."""

    a_minute: int
    of_source: int
    of_network: int
    SOURCE_MINUTES = 10

    def holds(self, facts: Facts) -> str | None:
        """Which brake holds this report back, or None."""
        if not self.a_minute or facts.more_than(self.a_minute, 1, "all"):
            return "flood"
        if not self.of_source or facts.more_than(self.of_source, self.SOURCE_MINUTES, "source"):
            return "flood-source"
        if not self.of_network or facts.more_than(self.of_network, self.SOURCE_MINUTES, "network"):
            return "flood-network"
        return None


@dataclass(frozen=True)
class Standing:
    """A rule as it stands: with its id (None: nowhere yet), name and what it says."""

    id: int | None
    name: str
    conditions: Conditions
    effects: Effects


@dataclass
class Applied:
    """A rule that matched. *decides*: its publish or review is the one that counts."""

    rule: Standing
    facts: dict
    decides: bool = False


@dataclass
class Verdict:
    """*publish*: at once. *decided_by*: the rule that said publish or review; None: none did. *held_back*: why it waits
    though it would be published (a key of HELD_BACK)."""

    publish: bool = False
    decided_by: Standing | None = None
    held_back: str | None = None
    applied: list[Applied] = field(default_factory=list)

    @property
    def assigned_to(self) -> int | None:
        """The first that a rule names."""
        return next((one.rule.effects.assign_to for one in self.applied if one.rule.effects.assign_to), None)

    @property
    def escalated_by(self) -> list[str]:
        return [one.rule.name for one in self.applied if one.rule.effects.escalate]


def decide(
    rules: Sequence[Standing], facts: Facts, *, flood: Flood, after: bool, before_counting: Callable = lambda: None
) -> Verdict:
    """*rules*: the active ones in their order. *after*: what none of them holds back is published. *before_counting* is
    called before a flood is looked for, and only where something would be published."""
    verdict = Verdict()
    for rule in rules:
        met = matched(rule.conditions, facts)
        if met is None:
            continue
        applied = Applied(rule, met)
        verdict.applied.append(applied)
        if rule.effects.decide and verdict.decided_by is None:
            verdict.decided_by, applied.decides = rule, True
    says = verdict.decided_by.effects.decide if verdict.decided_by else "publish" if after and rules else None
    if says == "publish":
        verdict.held_back = never(facts)
        if verdict.held_back is None:
            before_counting()
            verdict.held_back = flood.holds(facts)
        verdict.publish = verdict.held_back is None
    return verdict


def never(facts: Facts) -> str | None:
    """Why this report is never published unread, a flood apart."""
    if facts.restricted:
        return "restricted"
    if facts.out_of_area:
        return "out-of-area"
    if facts.suspicious:
        return "suspicious"
    return facts.held()
