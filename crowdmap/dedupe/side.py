"""One report as the signals compare it: its words in several views, taken apart once."""

import math
import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from crowdmap.db.search import fold
from crowdmap.dedupe.lexicon import lexicon
from crowdmap.reports.models import Kind

MOST_TEXT = 800  # characters of a description that are looked at: the core of a message stands at its beginning
MOST_NAMES = 24
GRAM = 4
CROWDED = 20  # so many reports on one point: it is somebody's default, not a place

# what is no word of the message: addresses, times, coordinates, masks and pseudonyms, quoted numbers, rulers
_NOISE = re.compile(
    r"https?://\S+|\b\w+\.(?:com|org|ly|gl|net)\S*"
    r"|\d{4}-\d\d?-\d\d?(?:[T ]\d\d?:\d\d(?::\d\d)?)?|\d\d?/\d\d?/\d{2,4}|\b\d\d?[:h]\d\d(?::\d\d)?\b"
    r"|[-+−]?\d{1,3}[.,]\d{3,}°?"
    r"|\[[^\]\n]{1,24}\]|\b\w{0,8}ushahidi:?\s*\d+|(?:id|sms|msg)\s?[#:]\s*\d+|[~=_·-]{3,}|(?<!\d)\d{7,}(?!\d)"
    r"|&\w+;",
    re.IGNORECASE,
)
_APART = re.compile(r"(?<=[^\W\d])(?=\d)|(?<=\d)(?=[^\W\d])")  # Tabarre27, 20personnes
_CAPITAL = re.compile(r"(?<![\w])[A-ZÀ-Þ][\w'’-]+")


@dataclass(frozen=True)
class Weights:
    """How much a word tells: 0 for a function word, up to 1 for one that hardly any report has.

    *counts*: folded word → in how many of *reports* it occurs. A small crisis has counted little, so what is usual in
    any crisis counts as *PRIOR* reports more: words of the lexicon as common, others as rare.
    """

    reports: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    points: dict[str, int] = field(default_factory=dict)  # "lon,lat" → reports there; a town's default point is everybody's

    PRIOR = 300

    def of(self, word: str) -> float:
        weight = self._of.get(word)
        if weight is None:
            weight = self._of[word] = self._weigh(word)
        return weight

    def _weigh(self, word: str) -> float:
        if word in lexicon().function_words:
            return 0.0
        usual = 0.02 if lexicon().concept(word) else 0.001
        share = (self.counts.get(word, 0) + usual * self.PRIOR) / (self.reports + self.PRIOR)
        # 1 at one report in a thousand, 0 at one in two
        return min(1.0, max(0.02, -0.111 * math.log2(share) - 0.111))

    @cached_property
    def _of(self) -> dict[str, float]:
        return _Bounded()

    def crowd(self, lon: float | None, lat: float | None) -> int:
        """How many reports lie on exactly this point, as far as that is many."""
        return 0 if lon is None else self.points.get(point_key(lon, lat), 0)


class _Bounded(dict):
    """Forgets everything when it has grown too large: words are strangers' choice."""

    def __setitem__(self, key, value):
        if len(self) > 200_000:
            self.clear()
        super().__setitem__(key, value)


def point_key(lon: float, lat: float) -> str:
    return f"{lon:.6f},{lat:.6f}"


@dataclass(frozen=True)
class Side:
    """What is compared of one report, as one audience may know it.

    lon, lat in degrees; *precision_m* None: not said (a pin). *marks*: (kind, hash) of telephone numbers, addresses and
    quoted messages, empty where the caller may not compare them. *photos*: 64-bit perceptual hashes. *senders*: hashes
    of devices or accounts that sent it.
    """

    kind: Kind
    codes: frozenset[str] = frozenset()
    families: frozenset[str] = frozenset()  # parents or own codes of the categories, and their sectors
    lon: float | None = None
    lat: float | None = None
    precision_m: float | None = None
    happened_at: datetime | None = None
    title: str = ""
    description: str = ""
    place: str = ""
    people: int | None = None
    quantity: float | None = None
    channel: str = ""
    marks: frozenset[tuple[str, bytes]] = frozenset()
    photos: frozenset[int] = frozenset()
    senders: frozenset[bytes] = frozenset()
    weights: Weights = Weights()

    # ---- the words, in several views

    @cached_property
    def _parts(self) -> tuple[str, str, str]:
        """Title, description and place without what is no word of the message."""
        return tuple(_NOISE.sub(" ", part) for part in (self.title, self.description[:MOST_TEXT], self.place))

    @cached_property
    def plain(self) -> str:
        """The words as written, without what is no word of the message."""
        return "\n".join(self._parts)

    @cached_property
    def _folded(self) -> tuple[str, str, str]:
        return tuple(_APART.sub(" ", fold(part)) for part in self._parts)

    @cached_property
    def tokens(self) -> list[str]:
        """Folded words and numbers in their order; letters and digits stand apart."""
        return " ".join(self._folded).split()

    @cached_property
    def text(self) -> str:
        """The tokens as one string: the view of rapidfuzz."""
        return " ".join(self.tokens)

    @cached_property
    def words(self) -> dict[str, float]:
        """Each word that is no number → how much it tells; function words are left out."""
        found = {}
        for token in self.tokens:
            if token not in found and not token.isdecimal() and len(token) > 1:
                weight = self.weights.of(token)
                if weight > 0:
                    found[token] = weight
        return found

    @cached_property
    def grams(self) -> frozenset[str]:
        """Runs of four characters within and across words: what misspelling leaves alone."""
        text = f" {self.text} "
        return frozenset(text[i : i + GRAM] for i in range(len(text) - GRAM + 1))

    @cached_property
    def headline(self) -> str:
        """The title, folded."""
        return self._folded[0]

    @cached_property
    def body(self) -> str:
        """The description alone, folded: forwarded copies keep it whole."""
        return self._folded[1]

    @cached_property
    def concepts(self) -> frozenset[str]:
        """What the words mean, whatever their language."""
        known = lexicon().concept
        return frozenset(c for token in set(self.tokens) if (c := known(token)))

    @cached_property
    def names(self) -> dict[str, float]:
        """Words that look like names of places and people → how much they tell: those with a capital and those of the
        place, and in a text without small letters, or without capitals, all; but none that the lexicon knows."""
        known = lexicon().knows
        upper = sum(map(str.isupper, self.plain))
        if not upper or upper > sum(map(str.islower, self.plain)):
            candidates = self.tokens
        else:
            candidates = _APART.sub(" ", fold(" ".join(_CAPITAL.findall(self.plain)))).split() + self._folded[2].split()
        found = {}
        for token in candidates:
            if len(token) > 2 and token not in found and not token.isdecimal() and not known(token):
                weight = self.weights.of(token)
                if weight > 0.15:
                    found[token] = weight
        if len(found) > MOST_NAMES:
            found = dict(sorted(found.items(), key=lambda item: (-item[1], item[0]))[:MOST_NAMES])
        return found

    @cached_property
    def _numbers(self) -> tuple[frozenset[int], frozenset[tuple[str, int]], frozenset[tuple[str, int]]]:
        """All numbers; amounts as (what is counted, number); numbers of places as (word before, number)."""
        known, counted = lexicon().concept, lexicon().counted
        functions = lexicon().function_words
        every, amounts, places = set(), set(), set()
        for i, token in enumerate(self.tokens):
            if not token.isdecimal() or len(token) > 6:
                continue
            number = int(token)
            every.add(number)
            ahead = next((c for word in self.tokens[i + 1 : i + 4] if (c := known(word)) in counted), None)
            before = self.tokens[i - 1] if i else ""
            named = before and not before.isdecimal() and before not in functions
            if named and (known(before) in (None, "road", "camp", "hospital", "school", "church")):
                places.add((before, number))
            elif ahead is not None:
                amounts.add((ahead, number))
        if self.people:
            amounts.add(("people", self.people))
        return frozenset(every), frozenset(amounts), frozenset(places)

    @property
    def numbers(self) -> frozenset[int]:
        return self._numbers[0]

    @property
    def amounts(self) -> frozenset[tuple[str, int]]:
        return self._numbers[1]

    @property
    def place_numbers(self) -> frozenset[tuple[str, int]]:
        return self._numbers[2]

    @cached_property
    def place_words(self) -> dict[str, float]:
        """The words of the place → how much they tell."""
        found = {}
        for token in self._folded[2].split():
            weight = self.weights.of(token)
            if weight > 0 and not token.isdecimal() and len(token) > 1:
                found[token] = weight
        return found

    @cached_property
    def tongue(self) -> str:
        """The language whose function words stand in it most, in a rough count; "" where none does."""
        tokens = set(self.tokens)
        counts = {name: len(tokens & words) for name, words in TONGUES.items()}
        best = max(counts, key=lambda name: counts[name])
        return best if counts[best] >= 2 else ""


# a few words of each language that the others do not have
TONGUES = {
    "en": frozenset("the of and are is we need in at with have please people no from there this".split()),
    "fr": frozenset("le les des est sont nous vous pour dans avec une du au il je sur pas besoin".split()),
    "ht": frozenset("nou mwen pa gen nan ki yon ak ap tanpri bezwen moun yo kay dlo sou pou".split()),
    "es": frozenset("el los del que para una en por con no hay necesitamos somos personas estan favor".split()),
}
