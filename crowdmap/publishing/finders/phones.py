"""Telephone numbers: whatever has seven digits or more, and beyond that what the crisis's own countries dial.

The patterns here are eager and know no country. What they leave, shorter numbers and extensions, is asked of
phonenumbers' matcher, with the leniency VALID: a run of six digits is a telephone number only if a network of the region
has such a number (POSSIBLE would take each year and each sum of that length; the stricter ones refuse how people write).
"""

import re
from collections.abc import Iterator
from functools import cache

# seven digits or more with at most five signs between two of them (a run of spaces is one, as a page shows it); a
# comma only where no space follows (101, 102)
_NUMBER = re.compile(r"(?<!\d)(?:[+(]\s?){0,3}\d(?:(?:(?:[.\-‐-―−/()_*·•~]|\s++){0,5}+|,)\d){6,}")
# or one other sign all along: 37:12:34:56, 37|12|34|56
_STRUNG = re.compile(r"(?<!\d)\d{1,4}([^\w\s])\d{1,4}(?:\1\d{1,4}){2,}(?!\d)")
_YEAR, _MONTH, _DAY = r"(?:19|20)\d\d", r"(?:1[0-2]|0?[1-9])", r"(?:3[01]|[12]\d|0?[1-9])"
_DATE = re.compile(
    rf"(?<!\d)(?<!\d[-/.])(?:{_YEAR}([-/.]){_MONTH}\1{_DAY}|{_DAY}([-/.]){_MONTH}\2{_YEAR}|{_MONTH}/{_DAY}/{_YEAR})(?!\d)(?![-/.]\d)"
)
_AMOUNT = re.compile(r"[1-9]\d{0,2}(?:(?:,\d{3})+|(?:'\d{3})+|(?:[ .]\d{3})*[ .]000)")

# six digits with nothing between them that is a letter: without them there is no number of any kind
_SOME_NUMBER = re.compile(r"\d(?:[\W_]*\d){5}")
# the matcher takes a thousand times as long as a pattern: it sees only what may be a number to it
_SIX_DIGITS = re.compile(r"(?<![\d+])\+?(?:\d[ .\-‐-―−/()·]{0,2}){5,}\d(?!\d)")
_EXTENSION = re.compile(r"[\s,;.(]{0,3}(?:ext(?:ension)?|poste|interno|anexo|x|#)[\s.:]{0,2}\d{1,6}(?!\d)", re.IGNORECASE)
_BESIDE = 24  # characters after a number that the matcher sees as well
_MOST_ASKED = 20  # of one text


def without_dates(text: str) -> str:
    """A date is no number, and neither is what only a date makes long enough."""
    return _DATE.sub(lambda match: "d" * len(match.group()), text)


def is_amount(number: str) -> bool:
    """Whether it is written as a sum of something is: 1,500,000 or 20 000."""
    return _AMOUNT.fullmatch(number) is not None


def find(text: str, rules) -> Iterator[tuple[int, int]]:
    if not _SOME_NUMBER.search(text):
        return
    undated = without_dates(text)
    found = [match.span() for match in _NUMBER.finditer(undated) if not is_amount(match.group())]
    for match in _STRUNG.finditer(undated):
        if sum(c.isdecimal() for c in match.group()) >= 7 and not is_amount(match.group()):
            found.append(match.span())
    yield from found
    for start, end in found:
        if extension := _EXTENSION.match(undated, end):
            yield start, extension.end()
    if rules.regions:
        yield from _dialled(undated, found, rules.regions)


def _dialled(text: str, found: list[tuple[int, int]], regions: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """What no pattern found and a network of these regions has."""
    asked = 0
    for match in _SIX_DIGITS.finditer(text):
        first, last = match.span()
        if any(start < last and first < end for start, end in found) or is_amount(match.group()):
            continue
        asked += 1
        if asked > _MOST_ASKED:  # nobody writes so many; whoever does keeps the machine busy, not the number public
            yield first, last
            continue
        begin = max(0, first - 2)
        for region in regions:
            for number in _matches(text[begin : last + _BESIDE], region):
                if begin + number.start < last:
                    yield begin + number.start, begin + number.end


def _matches(text: str, region: str):
    matcher, valid = _matcher()
    return matcher(text, region, leniency=valid, max_tries=4)


@cache
def _matcher():
    """Loaded when the first text asks for it: it takes a while, and most commands need none."""
    from phonenumbers import Leniency, PhoneNumberMatcher

    return PhoneNumberMatcher, Leniency.VALID
