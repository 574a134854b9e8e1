"""How much two reports seem to tell of the same thing: pure functions of two sides, each 0..1 or None (no evidence).

Every one is symmetric. None is not 0: an unknown place speaks neither for nor against. What each one is worth is
learned (``model.py``), so nothing here is a threshold.
"""

import math
from collections.abc import Callable

from rapidfuzz import fuzz
from rapidfuzz.distance import DamerauLevenshtein

from crowdmap import geo
from crowdmap.dedupe.side import CROWDED, Side
from crowdmap.publishing.marks import EMAIL, MESSAGE, PHONE

NEAR_M = 150.0  # so close is the same place, whatever the precision
VAGUE_M = 3000.0  # a place known worse than this is no evidence (a town's centre is everybody's)
LIKE_NAME = 0.74  # similarity from which a misspelled name is the same


def metres(a: Side, b: Side) -> float | None:
    """Distance of the two points; None where one has none."""
    if a.lon is None or b.lon is None:
        return None
    return geo.distance_m(a.lon, a.lat, b.lon, b.lat)


def slack_m(a: Side, b: Side) -> float:
    """How far apart the points may be and still be one place, by what is known of their precision."""
    return max(NEAR_M, (a.precision_m or 0) + (b.precision_m or 0))


def hours(a: Side, b: Side) -> float | None:
    if a.happened_at is None or b.happened_at is None:
        return None
    return abs((a.happened_at - b.happened_at).total_seconds()) / 3600


def is_default(a: Side, b: Side) -> bool:
    return max(a.weights.crowd(a.lon, a.lat), b.weights.crowd(b.lon, b.lat)) >= CROWDED


# ---- place and time


def near(a: Side, b: Side) -> float | None:
    """1 within the slack, falling with the logarithm of the distance beyond, 0 from 25 km; None where either point is
    vague or a default one."""
    distance, slack = metres(a, b), slack_m(a, b)
    if distance is None or slack > VAGUE_M or is_default(a, b):
        return None
    return max(0.0, 1.0 - math.log10(max(1.0, distance / slack)) / math.log10(25_000 / NEAR_M))


def same_spot(a: Side, b: Side) -> float | None:
    """1 on one and the same point, halved every 200 m; None as for near."""
    distance = metres(a, b)
    if distance is None or slack_m(a, b) > VAGUE_M or is_default(a, b):
        return None
    return 0.5 ** (distance / 200.0)


def close_in_time(a: Side, b: Side) -> float | None:
    """1 at the same moment, falling with the logarithm of the hours, 0 from 60 days."""
    apart = hours(a, b)
    return None if apart is None else max(0.0, 1.0 - math.log(1 + apart) / math.log(1 + 24 * 60))


def same_hour(a: Side, b: Side) -> float | None:
    """1 at the same moment, halved every two hours: one message filed twice."""
    apart = hours(a, b)
    return None if apart is None else 0.5 ** (apart / 2)


# ---- words


def _shared(a: dict[str, float], b: dict[str, float]) -> float:
    small, large = (a, b) if len(a) <= len(b) else (b, a)
    return sum(weight for word, weight in small.items() if word in large)


def words_in_common(a: Side, b: Side) -> float | None:
    """Weighted share of all words of both that stand in both (Jaccard); rare words weigh more."""
    shared = _shared(a.words, b.words)
    every = sum(a.words.values()) + sum(b.words.values()) - shared
    return shared / every if every else None


def words_contained(a: Side, b: Side) -> float | None:
    """Weighted share of the shorter one's words that the longer one has."""
    least = min(sum(a.words.values()), sum(b.words.values()))
    return min(1.0, _shared(a.words, b.words) / least) if least else None


def rare_words(a: Side, b: Side) -> float | None:
    """How telling the shared words are in all: towards 1 with each rare word in common."""
    if not a.words or not b.words:
        return None
    return 1 - math.exp(-sum(w * w for word, w in a.words.items() if word in b.words) / 2)


def other_words(a: Side, b: Side) -> float | None:
    """How telling the words are that only the one has, on the side that has less of them: towards 1 where each says
    something that the other does not."""
    if not a.words or not b.words:
        return None
    alone = [sum(w * w for word, w in x.words.items() if word not in y.words) for x, y in ((a, b), (b, a))]
    return 1 - math.exp(-min(alone) / 4)


def same_letters(a: Side, b: Side) -> float | None:
    """Runs of four characters in common (Dice): what typing errors and spellings leave."""
    if not a.grams or not b.grams:
        return None
    return 2 * len(a.grams & b.grams) / (len(a.grams) + len(b.grams))


def letters_contained(a: Side, b: Side) -> float | None:
    """Share of the shorter one's runs of four characters that the longer one has."""
    least = min(len(a.grams), len(b.grams))
    return len(a.grams & b.grams) / least if least else None


def same_order(a: Side, b: Side) -> float | None:
    """The texts as they stand (rapidfuzz ratio): high for copies, also with a few typing errors."""
    return fuzz.ratio(a.text[:400], b.text[:400]) / 100 if a.text and b.text else None


def same_set(a: Side, b: Side) -> float | None:
    """The words regardless of order and repetition (rapidfuzz token_set_ratio)."""
    return fuzz.token_set_ratio(a.text, b.text) / 100 if a.text and b.text else None


def copied(a: Side, b: Side) -> float | None:
    """The best fit of the shorter description inside the longer one (rapidfuzz partial_ratio)."""
    short, long = sorted((a.body, b.body), key=lambda text: (len(text), text))
    if len(short) < 15:
        return None
    return fuzz.partial_ratio(short[:160], long[:800]) / 100


def same_text(a: Side, b: Side) -> float | None:
    """1 for the same words to the letter, case, accents and signs apart; None where either has less than three."""
    return float(a.tokens == b.tokens) if min(len(a.tokens), len(b.tokens)) >= 3 else None


def same_title(a: Side, b: Side) -> float | None:
    if not a.headline or not b.headline:
        return None
    return fuzz.token_set_ratio(a.headline, b.headline) / 100


# ---- names and numbers


def _names_met(a: Side, b: Side) -> tuple[float, float, float]:
    """→ weight of the names that meet, misspelled or not, of those only in a, only in b."""
    met = sum((weight + b.names[name]) / 2 for name, weight in a.names.items() if name in b.names)
    left = []
    for one, other in ((a, b), (b, a)):
        alone = {name: weight for name, weight in one.names.items() if name not in other.names}
        met += sum(weight for name, weight in alone.items() if name in other.words)
        left.append({name: weight for name, weight in alone.items() if name not in other.words})
    mine, theirs = left
    for _score, pair in sorted(_alike(mine, theirs)):
        name, twin = pair if pair[0] in mine else pair[::-1]
        if name in mine and twin in theirs:
            met += LIKE_NAME * (mine.pop(name) + theirs.pop(twin)) / 2
    return met, sum(mine.values()), sum(theirs.values())


def _alike(mine, theirs):
    """(minus the likeness, the two names sorted) of each two that may be misspellings of one: a letter in four, the first
    one apart."""
    for name in mine:
        for other in theirs:
            if len(name) < 4 or other[0] != name[0] or abs(len(other) - len(name)) > 2:
                continue
            score = DamerauLevenshtein.normalized_similarity(name, other, score_cutoff=LIKE_NAME)
            if score >= LIKE_NAME:
                yield -score, tuple(sorted((name, other)))


def same_names(a: Side, b: Side) -> float | None:
    """How telling the names are that both have, misspelled or not; None where either has none."""
    if not a.names or not b.names:
        return None
    return 1 - math.exp(-_names_met(a, b)[0] / 1.5)


def names_contained(a: Side, b: Side) -> float | None:
    """Share of the names of the one that has fewer of its own that the other has too."""
    if not a.names or not b.names:
        return None
    met, alone_a, alone_b = _names_met(a, b)
    return met / (met + min(alone_a, alone_b)) if met else 0.0


def other_names(a: Side, b: Side) -> float | None:
    """How telling the names are that the other does not have, on the side that has less of them: towards 1 where each
    names somebody or some place else."""
    if not a.names or not b.names:
        return None
    _met, alone_a, alone_b = _names_met(a, b)
    return 1 - math.exp(-min(alone_a, alone_b) / 0.7)


def same_place_words(a: Side, b: Side) -> float | None:
    """Weighted share of the shorter place's words that the longer one has."""
    least = min(sum(a.place_words.values()), sum(b.place_words.values()))
    return min(1.0, _shared(a.place_words, b.place_words) / least) if least else None


def same_place_number(a: Side, b: Side) -> float | None:
    """Numbers of places (Delmas 33, rue Titus 6): the share of the smaller set that the other has; 0 where both have
    some and none is the same."""
    if not a.place_numbers or not b.place_numbers:
        return None
    mine, theirs = ({number for _word, number in side.place_numbers} for side in (a, b))
    return len(mine & theirs) / min(len(mine), len(theirs))


def other_place_number(a: Side, b: Side) -> float:
    """1 where the same word is followed by other numbers only: Delmas 31 and Delmas 33."""
    mine, theirs = {}, {}
    for side, found in ((a, mine), (b, theirs)):
        for word, number in side.place_numbers:
            found.setdefault(word, set()).add(number)
    return float(any(not mine[word] & theirs[word] for word in mine.keys() & theirs.keys()))


def same_amount(a: Side, b: Side) -> float | None:
    """Amounts that agree: 1 for the same number of the same thing, less for nearly the same (people round), 0 where
    both name some and none agrees."""
    if not a.amounts or not b.amounts:
        return None
    return max(_agree(x, y) for x in a.amounts for y in b.amounts)


def _agree(x: tuple[str, int], y: tuple[str, int]) -> float:
    least, most = sorted((x[1], y[1]))
    ratio = least / most if most else 1.0
    closeness = 1.0 if ratio == 1 else 0.7 if ratio >= 0.85 else 0.2 if ratio >= 0.6 else 0.0
    return closeness * (1.0 if x[0] == y[0] else 0.7)


def same_numbers(a: Side, b: Side) -> float | None:
    """All numbers: the share of the smaller set that the other has."""
    if not a.numbers or not b.numbers:
        return None
    return len(a.numbers & b.numbers) / min(len(a.numbers), len(b.numbers))


# ---- meaning


def same_meaning(a: Side, b: Side) -> float | None:
    """Concepts in common (Jaccard), whatever the languages."""
    if not a.concepts or not b.concepts:
        return None
    return len(a.concepts & b.concepts) / len(a.concepts | b.concepts)


def meaning_contained(a: Side, b: Side) -> float | None:
    """Share of the smaller set of concepts that the other has."""
    least = min(len(a.concepts), len(b.concepts))
    return len(a.concepts & b.concepts) / least if least else None


def other_language(a: Side, b: Side) -> float | None:
    """1 where both are told in a language and it is not the same."""
    return float(a.tongue != b.tongue) if a.tongue and b.tongue else None


def same_category(a: Side, b: Side) -> float | None:
    """1 with a category in common, 0.6 in the same family or sector, else 0."""
    if not a.codes or not b.codes:
        return None
    if a.codes & b.codes:
        return 1.0
    return 0.6 if a.families & b.families else 0.0


def same_kind(a: Side, b: Side) -> float:
    """1 for the same kind; a need and an offer are 0, anything else with another kind 0.5."""
    if a.kind is b.kind:
        return 1.0
    return 0.0 if {a.kind, b.kind} == {"need", "offer"} else 0.5


# ---- who


def marks_of(side: Side, kind: str) -> set[bytes]:
    return {value for name, value in side.marks if name == kind}


def same_contact(a: Side, b: Side) -> float | None:
    """1 where a telephone number or e-mail address is in both, 0 where both have some and none is shared."""
    mine, theirs = (marks_of(side, PHONE) | marks_of(side, EMAIL) for side in (a, b))
    return None if not mine or not theirs else float(bool(mine & theirs))


def same_message(a: Side, b: Side) -> float | None:
    """1 where both quote one message by its number or its moment."""
    mine, theirs = marks_of(a, MESSAGE), marks_of(b, MESSAGE)
    return None if not mine or not theirs else float(bool(mine & theirs))


def same_sender(a: Side, b: Side) -> float | None:
    """1 where one device or account sent both."""
    return None if not a.senders or not b.senders else float(bool(a.senders & b.senders))


def same_channel(a: Side, b: Side) -> float | None:
    return float(a.channel == b.channel) if a.channel and b.channel else None


def same_photo(a: Side, b: Side) -> float | None:
    """The two most alike photos by their perceptual hashes: 1 for the same, 0 from 16 of 64 bits on."""
    if not a.photos or not b.photos:
        return None
    bits = min((x ^ y).bit_count() for x in a.photos for y in b.photos)
    return max(0.0, 1 - bits / 16)


# ---- how much there is to compare


def length(a: Side, b: Side) -> float:
    """How much the shorter one says: 0 for nothing, 1 from fifty words."""
    return min(1.0, math.log1p(min(len(a.words), len(b.words))) / math.log(51))


def same_length(a: Side, b: Side) -> float | None:
    most = max(len(a.tokens), len(b.tokens))
    return min(len(a.tokens), len(b.tokens)) / most if most else None


# one line a signal
SIGNALS: dict[str, Callable[[Side, Side], float | None]] = {
    function.__name__: function
    for function in (
        near, same_spot, close_in_time, same_hour, words_in_common, words_contained, rare_words, other_words,
        same_letters, letters_contained, same_order, same_set, copied, same_text, same_title, same_names, names_contained, other_names,
        same_place_words, same_place_number, other_place_number, same_amount, same_numbers, same_meaning,
        meaning_contained, other_language, same_category, same_kind, same_contact, same_message, same_sender,
        same_channel, same_photo, length, same_length,
    )  # fmt: skip
}


def evidence(a: Side, b: Side) -> dict[str, float]:
    """What each signal says, those left out that know nothing."""
    said = {name: signal(a, b) for name, signal in SIGNALS.items()}
    return {name: value for name, value in said.items() if value is not None}
