"""How much two reports seem to tell of the same thing: pure functions of two sides, each 0..1 or None (no evidence).

A signal that knows nothing says None and is left out of the mean, rather than 0: an unknown place speaks neither for
nor against. What all signals together could have said, but did not, lowers the score a little (`CAUTION`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from rapidfuzz import fuzz

from crowdmap import geo
from crowdmap.reports.models import Kind

NEAR_M = 150.0  # so close is the same place, whatever the precision
HALF_EVERY_M = 350.0
VAGUE_M = 3000.0  # a place known worse than this is no evidence (a town's centre is everybody's)
HALF_EVERY_HOURS = 18.0
LEAST_WORDS = 2
CAUTION = 0.8


@dataclass(frozen=True)
class Side:
    """What is compared of one report. *words* folded as for search; *precision_m* None: not said (a pin)."""

    kind: Kind
    codes: frozenset[str]
    families: frozenset[str]  # parents or own codes of the categories, and their sectors: what is "neighbouring"
    lon: float | None
    lat: float | None
    precision_m: float | None
    happened_at: datetime | None
    words: str


def metres(a: Side, b: Side) -> float | None:
    """Distance of the two points; None where one has none."""
    if a.lon is None or b.lon is None:
        return None
    return geo.distance_m(a.lon, a.lat, b.lon, b.lat)


def slack_m(a: Side, b: Side) -> float:
    """How far apart the points may be and still be one place, by what is known of their precision."""
    return max(NEAR_M, (a.precision_m or 0) + (b.precision_m or 0))


def close_in_place(a: Side, b: Side) -> float | None:
    """1 within the slack, halved every 350 m beyond; the vaguer the slack, the less it says at best."""
    distance = metres(a, b)
    slack = slack_m(a, b)
    if distance is None or slack > VAGUE_M:
        return None
    best = 1.0 if slack <= NEAR_M else 1.0 - 0.5 * (slack - NEAR_M) / (VAGUE_M - NEAR_M)
    return best * 0.5 ** (max(0.0, distance - slack) / HALF_EVERY_M)


def close_in_time(a: Side, b: Side) -> float | None:
    """1 at the same moment, halved every 18 hours."""
    if a.happened_at is None or b.happened_at is None:
        return None
    hours = abs((a.happened_at - b.happened_at).total_seconds()) / 3600
    return 0.5 ** (hours / HALF_EVERY_HOURS)


def same_words(a: Side, b: Side) -> float | None:
    """Shared words regardless of order and repetition (rapidfuzz token_set), tempered by how much is shared at all.

    token_set alone gives 1 when the shorter text is contained in the longer one, so a two-word message would match
    every long one that has both; token_sort sees the difference in length.
    """
    if min(len(a.words.split()), len(b.words.split())) < LEAST_WORDS:
        return None
    shared = fuzz.token_set_ratio(a.words, b.words) / 100
    whole = fuzz.token_sort_ratio(a.words, b.words) / 100
    return max(0.0, 0.65 * shared + 0.35 * whole - 0.3) / 0.7


def same_category(a: Side, b: Side) -> float | None:
    """1 with a category in common, 0.6 in the same family or sector, else 0."""
    if a.codes & b.codes:
        return 1.0
    return 0.6 if a.families & b.families else 0.0


# one line a signal: its name, its function, its weight
SIGNALS: dict[str, tuple[Callable[[Side, Side], float | None], float]] = {
    "place": (close_in_place, 0.4),
    "words": (same_words, 0.35),
    "time": (close_in_time, 0.15),
    "category": (same_category, 0.1),
}


def evidence(a: Side, b: Side) -> dict[str, float]:
    """What each signal says, those left out that know nothing."""
    said = {name: signal(a, b) for name, (signal, _weight) in SIGNALS.items()}
    return {name: value for name, value in said.items() if value is not None}


def score(a: Side, b: Side) -> float:
    """0..1: the weighted mean of the evidence, lowered where place or words had nothing to say. Another kind is 0."""
    if a.kind is not b.kind:
        return 0.0
    said = evidence(a, b)
    known = sum(SIGNALS[name][1] for name in said)
    if not known:
        return 0.0
    mean = sum(SIGNALS[name][1] * value for name, value in said.items()) / known
    return mean * CAUTION ** (("place" not in said) + ("words" not in said))
