"""Personal marks in free text, found by the finders and masked for all beyond the team, unless a moderator decided
otherwise for that one mark."""

import html
import logging
import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from crowdmap.publishing import choices
from crowdmap.publishing.choices import Choices
from crowdmap.publishing.finders import KINDS, WORDS, Found, joined, phones
from crowdmap.publishing.finders.rules import Rules

log = logging.getLogger(__name__)

PHONE, EMAIL, POSITION = (KINDS[name].mask for name in ("phone", "email", "position"))

# characters that are drawn as nothing, or as a frame around a digit, and would split a number for a program only; and
# letters that are drawn as a blank (the fillers of Hangul, a cell of Braille without dots)
_INVISIBLE = frozenset([
    0x00AD, 0x034F, 0x061C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x20E3,
    *range(0xFE00, 0xFE10), 0xFEFF,
])  # fmt: skip
_BLANK = frozenset([0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0])
# signs that NFKC would turn into other ones (a degree into an o), and Arabic's decimal point and commas
_SIGNS = {ord(sign): seen for sign, seen in {"º": "°", "˚": "°", "´": "'", "٫": ".", "٬": ",", "،": ",", "ⓐ": "@", "Ⓐ": "@"}.items()}


class _Seen(dict):
    """Code point → what a reader sees in it, by NFKC; worked out once for each. What would become more than three
    characters (an ornament that is a whole phrase) stays, or a text could grow eighteenfold."""

    def __missing__(self, code: int) -> str:
        self[code] = seen = "" if code in _INVISIBLE else " " if code in _BLANK else _SIGNS.get(code) or _shown(chr(code))
        return seen


def _shown(sign: str) -> str:
    seen = unicodedata.normalize("NFKC", sign)
    if seen == sign and unicodedata.category(sign) == "No":  # ❶, ➓, ⓿: a number in an ornament that NFKC leaves
        value = unicodedata.numeric(sign)
        return str(int(value)) if value.is_integer() and value <= 20 else sign
    return seen if len(seen) <= 3 else sign


_SEEN = _Seen()
# what a link carries instead of a space, a plus, a comma, an at
_QUOTED = {"%20": " ", "%2b": "+", "%2c": ",", "%40": "@"}
# what is set above, below or through a digit, as in a number that is struck out
_STRUCK = re.compile(r"(?<=\d)[\u0300-\u036f\u20d0-\u20f0]+")
_QUOTES = re.compile("|".join(_QUOTED), re.IGNORECASE)
# a reference by number: the zeros before it, which a browser skips, and one that is no character at all. Python refuses to
# read a number of more than 4,300 digits, and a text that cannot be looked through cannot be taken off the map either
_ZEROS, _NO_CHARACTER = re.compile(r"(?<=&#)0+(?=[0-9])"), re.compile(r"&#(?=[0-9]{8})")


def plain(text: str) -> str:
    """NFKC digits, no invisible characters, HTML's and links' spellings undone: what a reader sees, or a click on a
    link tells, is what the patterns see."""
    text = text.translate(_SEEN)
    text = unescaped(text).translate(_SEEN) if "&" in text else text
    text = text if text.isascii() else _STRUCK.sub("", text)
    return _QUOTES.sub(lambda match: _QUOTED[match.group().lower()], text) if "%" in text else text


def unescaped(text: str) -> str:
    """HTML's references undone, in every text; ``html.unescape`` raises ValueError where one is too long."""
    # a blank and not nothing: what is left must not become a reference with what stands before it
    return html.unescape(_NO_CHARACTER.sub("&# ", _ZEROS.sub("", text)))


def find(text: str, rules: Rules = Rules(), kinds: Iterable[str] = KINDS) -> list[Found]:  # noqa: B008 (a constant)
    """Each mark of these *kinds* in ``plain(text)``, in order; what overlaps is one mark."""
    return joined([Found(*span, name) for name in kinds for span in KINDS[name].find(text, rules)], text)


class Beside(NamedTuple):
    """The words that a reader sees directly before and after a text, as they were told."""

    before: str | None = None
    after: str | None = None


ALONE = Beside()


def beside(report, name: str) -> Beside:
    """What stands beside one of a report's texts: a title is read on into the description."""
    if name == "title":
        return Beside(after=report.description)
    return Beside(before=report.title) if name == "description" else ALONE


def found_in(
    text: str, rules: Rules, chosen: Choices, kinds: Iterable[str] = KINDS, near: Beside = ALONE
) -> list[Found]:  # fmt: skip
    """The same of ``plain(text)`` with the words that a moderator masks beside what the finders see, and the parts of
    telephone numbers that begin or end in what stands *near*."""
    found = find(text, rules, kinds)
    more = choices.words_in(text, chosen)
    if "phone" in kinds:
        if near.before and (parts := phones.shared(plain(near.before), text)):
            more.append(Found(*parts[1], "phone"))
        if near.after and (parts := phones.shared(text, plain(near.after))):
            more.append(Found(*parts[0], "phone"))
    return joined([*found, *more], text) if more else found


def mask(
    text: str | None, rules: Rules = Rules(), chosen: Choices = None, kinds: Iterable[str] = KINDS, near: Beside = ALONE  # noqa: B008
) -> str | None:  # fmt: skip
    """The text as all beyond the team may read it; returned unchanged (not even normalised) where nothing is masked.
    *chosen*: what moderators decided of single marks. *kinds*: fewer for those whose work needs the others. *near*: what
    a number may go on in. Never raises: what cannot be looked through is masked as a whole, for a fault here would keep its
    report on the map."""
    try:
        return _masked(text, rules, chosen, kinds, near) if text else text
    except Exception as error:  # its words may hold those of the text
        log.error("a text could not be looked through for personal marks and is masked as a whole: %s", type(error).__name__)
        return KINDS[WORDS].mask


def _masked(text: str, rules: Rules, chosen: Choices, kinds: Iterable[str], near: Beside) -> str:
    seen = plain(text)
    marks = found_in(seen, rules, chosen, kinds, near)
    if chosen:
        marks = [mark for mark in marks if not choices.is_kept(mark.kind, seen[mark.start : mark.end], chosen)]
    if not marks:
        return text
    out, at = [], 0
    for mark in marks:
        out += [seen[at : mark.start], KINDS[mark.kind].mask]
        at = mark.end
    return "".join(out) + seen[at:]
