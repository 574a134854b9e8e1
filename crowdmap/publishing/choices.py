"""What moderators decided of single marks, kept on the report by what a mark says and not by where it stands.

An edit elsewhere in the text loses no decision, and a mark that says anything else is a new one, masked again. Only a keyed
hash is kept: it outlives the words in no form that could be read.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator

from crowdmap.publishing.finders import WORDS, Found
from crowdmap.reports.keyed import derived_key

Choices = dict[str, str] | None  # id of a mark → KEPT or MASKED, as Report.mark_choices has it
KEPT, MASKED = "kept", "masked"

MOST_WORDS = 40  # that are masked by one decision
_DIGITS, _TAG, _SHORT = 24, 4, 4  # hexadecimal
ID = rf"[a-z-]{{1,20}}:[0-9a-f]{{{_SHORT},{_DIGITS}}}(?:\.[0-9]{{1,2}}\.[0-9a-f]{{{_TAG}}})?"
# a word; in scripts that put no space between words, a character
_TOKEN = re.compile(
    r"[^\W\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff]+|[^\s]", re.UNICODE
)


def id_of(kind: str, words: str) -> str:
    """The id of a mark of a finder: its kind and a keyed hash of its words."""
    return f"{kind}:{_hash(' '.join(words.casefold().split()))}"


def short(mark_id: str) -> str:
    """What the log keeps: enough to tell a report's marks from each other, too little to find out a number by trying."""
    kind, _colon, value = mark_id.partition(":")
    return f"{kind}:{value[:_SHORT]}"


def is_meant(asked: str, mark_id: str) -> bool:
    """Whether *asked* is this id, as a whole or as the log has it."""
    return asked == mark_id or asked == short(mark_id)


def is_kept(kind: str, words: str, chosen: Choices) -> bool:
    return bool(chosen) and chosen.get(id_of(kind, words)) == KEPT


def id_of_words(words: str) -> str | None:
    """The id under which these words are masked wherever they stand: hash, how many they are, and a hash of the first,
    so that few places of a text are tried. None: no words, or too many."""
    tokens = _tokens(words)
    if not 0 < len(tokens) <= MOST_WORDS:
        return None
    return f"{WORDS}:{_hash(_sequence(tokens))}.{len(tokens)}.{_hash(tokens[0])[:_TAG]}"


def words_in(text: str, chosen: Choices, *, also_kept: bool = False) -> list[Found]:
    """Where in ``plain(text)`` words stand that a moderator masks; *also_kept*: and those that were once."""
    masked = [one for one, state in (chosen or {}).items() if one.startswith(WORDS) and (also_kept or state == MASKED)]
    return [span for one in masked for span in places_of(text, one)] if masked else []


def places_of(text: str, words_id: str) -> Iterator[Found]:
    """Where the words of an id stand in ``plain(text)``."""
    value, number, tag = words_id.partition(":")[2].split(".")
    number, key = int(number), derived_key("choice")
    spans = [match.span() for match in _TOKEN.finditer(text)]
    tokens = [text[start:end].casefold() for start, end in spans]
    firsts = {token: _hash(token, key)[:_TAG] == tag for token in set(tokens)}
    for at in range(len(tokens) - number + 1):
        if firsts[tokens[at]] and _hash(_sequence(tokens[at : at + number]), key) == value:
            yield Found(spans[at][0], spans[at + number - 1][1], WORDS)


def _tokens(words: str) -> list[str]:
    return _TOKEN.findall(words.casefold())


def _sequence(tokens: list[str]) -> str:
    return "\x1f".join(tokens)


def _hash(text: str, key: bytes | None = None) -> str:
    return hmac.new(key or derived_key("choice"), text.encode(), hashlib.sha256).hexdigest()[:_DIGITS]
