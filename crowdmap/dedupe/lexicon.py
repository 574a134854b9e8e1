"""What words mean across four languages: enough to see that "pa gen dlo" and "no water" tell the same."""

import tomllib
from functools import cache
from pathlib import Path

from crowdmap.db.search import fold

LEAST_STEM = 3
LEAST_GUESS = 7  # letters from which a word with one letter wrong is still recognised; shorter ones may be names


class Lexicon:
    """*function_words*: folded words that mean nothing of their own; *counted*: concepts that amounts are given of."""

    def __init__(self, function_words: frozenset[str], concepts: dict[str, list[str]], counted: frozenset[str]):
        self.function_words, self.counted = function_words, counted
        self._whole: dict[str, str] = {}
        self._stems: dict[str, str] = {}
        self._guesses: dict[str, str] = {}
        for concept, words in concepts.items():
            for word in words:
                (self._stems if word.endswith("*") else self._whole).setdefault(word.rstrip("*"), concept)
        for word, concept in [*self._whole.items(), *self._stems.items()]:
            if len(word) >= LEAST_GUESS:
                for variant in _one_less(word):
                    self._guesses.setdefault(variant, concept)
        self._known: dict[str, str | None] = {}

    def concept(self, word: str) -> str | None:
        """The concept of a folded word, by the word itself, its stem, or with one letter wrong; None: no word of these."""
        if word not in self._known:
            if len(self._known) > 100_000:
                self._known.clear()
            self._known[word] = self._exactly(word) or self._guess(word)
        return self._known[word]

    def knows(self, word: str) -> bool:
        """Whether it is a word of these as it is written: then it is nobody's name."""
        return word in self.function_words or self._exactly(word) is not None

    def _exactly(self, word: str) -> str | None:
        if word in self.function_words or word.isdecimal():
            return None
        if word in self._whole:
            return self._whole[word]
        for size in range(len(word), LEAST_STEM - 1, -1):
            if word[:size] in self._stems:
                return self._stems[word[:size]]
        return None

    def _guess(self, word: str) -> str | None:
        if len(word) < LEAST_GUESS - 1 or word in self.function_words:
            return None
        found = (self._guesses[variant] for variant in (word, *_one_less(word)) if variant in self._guesses)
        return next(found, None)


def _one_less(word: str):
    """The word with each of its letters left out in turn: two words one letter apart share one of these."""
    return [word[:i] + word[i + 1 :] for i in range(len(word))]


@cache
def lexicon() -> Lexicon:
    """The one in lexicon.toml beside this file."""
    told = tomllib.loads(Path(__file__).with_name("lexicon.toml").read_text(encoding="utf-8"))
    concepts = {
        name: [fold(word) + ("*" if word.endswith("*") else "") for word in words.split()]
        for name, words in told["concepts"].items()
    }
    function_words = frozenset(fold(told["function_words"]).split())
    return Lexicon(function_words, concepts, frozenset(told["counted"].split()))
