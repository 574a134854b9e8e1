"""What scored pairs are worth: precision, recall, F1, average precision, and what a person who reports is shown.

Pairs are keys (a, b) with a < b. Gold is either judged pairs (the others are unknown, and count neither way) or
clusters (every pair is known).
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

MOST_SUGGESTED = 5


def key(a, b) -> tuple:
    return (a, b) if a <= b else (b, a)


@dataclass(frozen=True)
class Gold:
    """*same*: pairs that are duplicates; *different*: judged not to be, None: all others are not; *order*: what came
    earlier is less; *alone*: reports known to have no duplicate."""

    same: frozenset[tuple]
    different: frozenset[tuple] | None
    order: Callable[[Hashable], object]
    alone: frozenset = frozenset()

    def clusters(self) -> list[set]:
        """What the pairs connect."""
        leader: dict = {}

        def find(x):
            leader.setdefault(x, x)
            while leader[x] != x:
                leader[x] = leader[leader[x]]
                x = leader[x]
            return x

        for a, b in sorted(self.same):
            leader[find(a)] = find(b)
        groups = defaultdict(set)
        for x in list(leader):
            groups[find(x)].add(x)
        return list(groups.values())


def average_precision(scored: Iterable[tuple[float, bool]], missed: int = 0) -> float:
    """Mean of the precision at each duplicate, the likeliest first; equal scores share their rank. *missed*: duplicates
    that have no score come last and add nothing."""
    ranks: dict[float, list[int]] = defaultdict(lambda: [0, 0])
    for score, same in scored:
        ranks[score][0] += same
        ranks[score][1] += 1
    every = sum(same for same, _n in ranks.values()) + missed
    found = seen = 0
    total = 0.0
    for score in sorted(ranks, reverse=True):
        same, n = ranks[score]
        found, seen = found + same, seen + n
        total += same * found / seen
    return total / every if every else 0.0


def at(scored: Sequence[tuple[float, bool]], threshold: float, missed: int = 0) -> tuple[float, float, float]:
    """→ precision, recall and F1 of calling every pair from the threshold on the same."""
    right = sum(same for score, same in scored if score >= threshold)
    called = sum(score >= threshold for score, _same in scored)
    every = sum(same for _score, same in scored) + missed
    precision, recall = right / called if called else 0.0, right / every if every else 0.0
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def evaluate(gold: Gold, scores: dict[tuple, float], threshold: float, suggest: float) -> dict[str, float]:
    """precision, recall, f1 (from *threshold*), average_precision; recall_at_5 and false_suggestions (from *suggest*):
    for each report with earlier duplicates, the share of them among its five likeliest earlier ones; and how many are
    shown in the mean for a report that has none."""
    judged = [(score, pair in gold.same) for pair, score in scores.items() if _is_known(gold, pair)]
    missed = len(gold.same - scores.keys())
    precision, recall, f1 = at(judged, threshold, missed)
    shown = _suggestions(gold, scores, suggest)
    recalls = []
    for cluster in gold.clusters():
        for report in cluster:
            earlier = {other for other in cluster if gold.order(other) < gold.order(report)}
            if earlier:
                recalls.append(len(earlier & set(shown[report])) / min(MOST_SUGGESTED, len(earlier)))
    return {
        "pairs": len(judged), "precision": precision, "recall": recall, "f1": f1,
        "average_precision": average_precision(judged, missed), "recall_at_5": fmean(recalls) if recalls else 0.0,
        "false_suggestions": fmean(len(shown[report]) for report in gold.alone) if gold.alone else 0.0,
    }  # fmt: skip


def _is_known(gold: Gold, pair: tuple) -> bool:
    return gold.different is None or pair in gold.same or pair in gold.different


def _suggestions(gold: Gold, scores: dict[tuple, float], suggest: float) -> dict[Hashable, list]:
    earlier = defaultdict(list)
    for (a, b), score in scores.items():
        if score >= suggest:
            later, other = (a, b) if gold.order(b) < gold.order(a) else (b, a)
            if gold.order(other) < gold.order(later):
                earlier[later].append((-score, str(other), other))
    return defaultdict(list, {
        report: [other for _score, _text, other in sorted(found)[:MOST_SUGGESTED]] for report, found in earlier.items()
    })  # fmt: skip
