"""Personal marks in free text, found by the finders and masked for all beyond the team, unless a moderator decided
otherwise for that one mark."""

import html
import re
import unicodedata
from collections.abc import Iterable

from crowdmap.publishing import choices
from crowdmap.publishing.choices import Choices
from crowdmap.publishing.finders import KINDS, Found, joined
from crowdmap.publishing.finders.rules import Rules

PHONE, EMAIL, POSITION = (KINDS[name].mask for name in ("phone", "email", "position"))

# characters that are drawn as nothing, or as a frame around a digit, and would split a number for a program only
_INVISIBLE = frozenset([
    0x00AD, 0x034F, 0x061C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x20E3,
    *range(0xFE00, 0xFE10), 0xFEFF,
])  # fmt: skip
# signs that NFKC would turn into other ones (a degree into an o), and Arabic's decimal point and commas
_SIGNS = {ord(sign): seen for sign, seen in {"º": "°", "˚": "°", "´": "'", "٫": ".", "٬": ",", "،": ","}.items()}


class _Seen(dict):
    """Code point → what a reader sees in it, by NFKC; worked out once for each. What would become more than three
    characters (an ornament that is a whole phrase) stays, or a text could grow eighteenfold."""

    def __missing__(self, code: int) -> str:
        seen = unicodedata.normalize("NFKC", chr(code))
        self[code] = seen = "" if code in _INVISIBLE else _SIGNS.get(code) or (seen if len(seen) <= 3 else chr(code))
        return seen


_SEEN = _Seen()
# what a link carries instead of a space, a plus, a comma, an at
_QUOTED = {"%20": " ", "%2b": "+", "%2c": ",", "%40": "@"}
_QUOTES = re.compile("|".join(_QUOTED), re.IGNORECASE)


def plain(text: str) -> str:
    """NFKC digits, no invisible characters, HTML's and links' spellings undone: what a reader sees, or a click on a
    link tells, is what the patterns see."""
    text = text.translate(_SEEN)
    text = html.unescape(text) if "&" in text else text
    return _QUOTES.sub(lambda match: _QUOTED[match.group().lower()], text) if "%" in text else text


def find(text: str, rules: Rules = Rules(), kinds: Iterable[str] = KINDS) -> list[Found]:  # noqa: B008 (a constant)
    """Each mark of these *kinds* in ``plain(text)``, in order; what overlaps is one mark."""
    return joined([Found(*span, name) for name in kinds for span in KINDS[name].find(text, rules)], text)


def found_in(text: str, rules: Rules, chosen: Choices, kinds: Iterable[str] = KINDS) -> list[Found]:
    """The same of ``plain(text)`` with the words that a moderator masks beside what the finders see."""
    found = find(text, rules, kinds)
    more = choices.words_in(text, chosen)
    return joined([*found, *more], text) if more else found


def mask(
    text: str | None, rules: Rules = Rules(), chosen: Choices = None, kinds: Iterable[str] = KINDS  # noqa: B008
) -> str | None:  # fmt: skip
    """The text as all beyond the team may read it; returned unchanged (not even normalised) where nothing is masked.
    *chosen*: what moderators decided of single marks. *kinds*: fewer for those whose work needs the others."""
    if not text:
        return text
    seen = plain(text)
    marks = found_in(seen, rules, chosen, kinds)
    if chosen:
        marks = [mark for mark in marks if not choices.is_kept(mark.kind, seen[mark.start : mark.end], chosen)]
    if not marks:
        return text
    out, at = [], 0
    for mark in marks:
        out += [seen[at : mark.start], KINDS[mark.kind].mask]
        at = mark.end
    return "".join(out) + seen[at:]
