"""When people who did not see each other's answers agree: pure functions over plain values."""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations

from crowdmap import geo


def alpha(units: Iterable[Sequence[str]]) -> float | None:
    """Krippendorff's alpha for nominal values (Krippendorff 2004, chapter 11): 1 is agreement, 0 what chance would give.

    *units*: the values that each thing was given, by however many people; one value alone tells nothing. None where
    there is nothing to compare, or where all values are one and the same.
    """
    together: Counter = Counter()
    for values in units:
        if len(values) < 2:
            continue
        for a, b in combinations(values, 2):
            together[a, b] += 1 / (len(values) - 1)
            together[b, a] += 1 / (len(values) - 1)
    totals: Counter = Counter()
    for (a, _b), n in together.items():
        totals[a] += n
    n = sum(totals.values())
    by_chance = sum(totals[a] * (n - totals[a]) for a in totals)
    if not by_chance:
        return None
    differing = sum(count for (a, b), count in together.items() if a != b)
    return 1 - (n - 1) * differing / by_chance


def rate(units: Iterable[Sequence[str]]) -> float | None:
    """Which share of the pairs of values of one thing are the same; None without a pair."""
    pairs = [a == b for values in units for a, b in combinations(values, 2)]
    return sum(pairs) / len(pairs) if pairs else None


def closest(points: Sequence[dict], within_m: float) -> tuple[dict, dict] | None:
    """The two of *points* ({lon, lat, …}) that lie nearest to each other, if that is within *within_m* metres."""
    pairs = [(metres_between(a, b), at) for at, (a, b) in enumerate(combinations(points, 2))]
    metres, at = min(pairs, default=(None, None))
    return list(combinations(points, 2))[at] if metres is not None and metres <= within_m else None


def metres_between(a: dict, b: dict) -> float:
    return geo.distance_m(a["lon"], a["lat"], b["lon"], b["lat"])


def together(a: dict, b: dict) -> dict:
    """One place of two that agree: the better known point where its circle is less than half of the other's, else the
    middle; accuracy_m so that both circles lie in it."""
    better, other = sorted((a, b), key=lambda point: point["accuracy_m"])
    lon, lat = better["lon"], better["lat"]
    how = better["how"]
    if better["accuracy_m"] * 2 >= other["accuracy_m"]:
        apart = (other["lon"] - lon + 180) % 360 - 180  # the short way round, also across the antimeridian
        lon, lat = (lon + apart / 2 + 180) % 360 - 180, (lat + other["lat"]) / 2
        how = a["how"] if a["how"] == b["how"] else "pin"
    accuracy = max(geo.distance_m(lon, lat, point["lon"], point["lat"]) + point["accuracy_m"] for point in (a, b))
    return {"lon": round(lon, 7), "lat": round(lat, 7), "accuracy_m": round(accuracy, 1), "how": how}


def spread(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Median and 90th percentile (linear between neighbours); None, None without a value."""
    if not values:
        return None, None
    if len(values) == 1:
        return values[0], values[0]
    return statistics.median(values), statistics.quantiles(values, n=10, method="inclusive")[8]
