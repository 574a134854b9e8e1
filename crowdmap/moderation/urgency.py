"""How soon somebody has to look at a report, and why: a pure judgement over what is known of it.

The answer is a moment. Every report is due a day after it was told, and each thing that makes it urgent moves that moment
forward: lives at risk by weeks, a hundred people by two days. So the order of the queue never changes with the clock, an
index keeps it, and a report that nobody looks at rises by itself as younger ones are due later.

A look puts it back by the time it had waited, at most half a day: what somebody opened and left comes after what nobody
has seen, and is never lost. Migration 0012 calls `urgency`, too: its arguments stay as they are.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from crowdmap.db.search import fold
from crowdmap.reports.models import Kind, Risk

PATIENCE = timedelta(hours=24)  # within which somebody should have looked at an ordinary report
ESCALATED = timedelta(days=30)
AT_RISK = {Risk.LIFE: timedelta(days=14), Risk.HARM: timedelta(days=3), Risk.NONE: timedelta(0)}
WORDS = timedelta(days=7)
TENFOLD_PEOPLE = timedelta(hours=24)  # for 10 people, again for 100, …
DOUBLE_VOICES = timedelta(hours=12)  # for 2 voices, again for 4, …
MOST_PEOPLE, MOST_VOICES = 100_000, 64  # more of them tell nothing more: a number can be mistyped, a chorus be made
MOST_PUT_BACK = timedelta(hours=12)

# words of people who may be dying, as reporters write them (folded: no accents, lower case); whole words only
DANGER = {
    "en": (
        "trapped", "buried alive", "under the rubble", "under rubble", "bleeding", "dying", "not breathing", "unconscious",
        "in labor", "in labour", "giving birth", "drowning", "dialysis", "still alive", "still under",
    ),
    "fr": (
        "piégé", "piégés", "piégée", "piégées", "coincé", "coincés", "coincée", "coincées", "sous les décombres", "enseveli",
        "ensevelis", "saigne", "saignent", "hémorragie", "mourant", "mourante", "inconscient", "inconsciente", "accouche",
        "encore vivant", "encore vivants",
    ),
    "ht": (
        "anba dekonb", "anba beton", "anba dal", "ap mouri", "ap senyen", "pèdi san", "pap respire", "pa respire", "kwense",
        "ap akouche",
    ),
    "es": (
        "atrapado", "atrapados", "atrapada", "atrapadas", "bajo los escombros", "sangrando", "muriendo", "no respira",
        "inconsciente", "dando a luz",
    ),
}  # fmt: skip
_DANGER = re.compile(
    r"(?<!\S)("
    + "|".join(sorted({re.escape(fold(word)) for words in DANGER.values() for word in words}, key=len, reverse=True))
    + r")(?!\S)"
)


@dataclass(frozen=True)
class Urgency:
    """*due_at*: by when somebody should have looked. *reasons*: what moved it forward, the strongest first, each a code
    (escalated, life, harm, words, people, voices) and what it is about: a category's code, the words, a number."""

    due_at: datetime
    reasons: list[list]


def urgency(
    told_at: datetime,
    kind: Kind,
    risks: Iterable[tuple[str, Risk]] = (),
    words: str = "",
    people: int | None = None,
    voices: int = 1,
    escalated: str | None = None,
    looked_at: datetime | None = None,
) -> Urgency:
    """*risks*: each category's code with its risk; *words*: folded, as publications hold them; *escalated*: why somebody
    or a rule asked for eyes, or None; *looked_at*: when somebody last opened it."""
    ahead: list[tuple[timedelta, str, object]] = []
    if escalated is not None:
        ahead.append((ESCALATED, "escalated", escalated))
    if kind is not Kind.OFFER:  # who offers help is not in danger, whatever the category and the words
        code, risk = max(risks, key=lambda one: one[1].rank, default=("", Risk.NONE))
        if risk is not Risk.NONE:
            ahead.append((AT_RISK[risk], risk.value, code))
        if found := _DANGER.search(words):
            ahead.append((WORDS, "words", found[1]))
    if people and people > 1:
        ahead.append((TENFOLD_PEOPLE * math.log10(min(people, MOST_PEOPLE)), "people", people))
    if voices > 1:
        ahead.append((DOUBLE_VOICES * math.log2(min(voices, MOST_VOICES)), "voices", voices))
    ahead.sort(key=lambda one: -one[0])
    due = told_at + PATIENCE - sum((hours for hours, _code, _about in ahead), timedelta(0)) + put_back(told_at, looked_at)
    return Urgency(due, [[code, about] for _hours, code, about in ahead])


def put_back(told_at: datetime, looked_at: datetime | None) -> timedelta:
    """How much later a report is due because somebody looked at it."""
    if looked_at is None:
        return timedelta(0)
    return min(max(looked_at - told_at, timedelta(0)), MOST_PUT_BACK)
