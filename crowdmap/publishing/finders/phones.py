"""Telephone numbers: whatever has seven digits or more, and beyond that what the crisis's own countries dial.

The patterns here are eager and know no country. What they leave, shorter numbers and extensions, is asked of
phonenumbers' matcher, with the leniency VALID: a run of six digits is a telephone number only if a network of the region
has such a number (POSSIBLE would take each year and each sum of that length; the stricter ones refuse how people write).
"""

import re
from collections.abc import Iterator
from functools import cache

from crowdmap.publishing.finders.rules import Rules

# seven digits or more with at most five signs between two of them (a run of spaces is one, as a page shows it); a
# comma only where no space follows (101, 102)
_NUMBER = re.compile(r"(?<!\d)(?:[+(]\s?){0,3}\d(?:(?:(?:[.\-‐-―−/()_*·•~]|\s++){0,5}+|,)\d){6,}")
# or one other sign all along: 37:12:34:56, 37|12|34|56
_STRUNG = re.compile(r"(?<!\d)\d{1,4}([^\w\s])\d{1,4}(?:\1\d{1,4}){2,}(?!\d)")
# letters that a hand or a hurry puts for digits, in a word that has nothing else: 37l2 345O, +5O9
_LIKE_DIGITS = str.maketrans("OoIl", "0011")
_SOME_LIKE = re.compile(r"\d(?:(?<=[OoIl]\d)|(?=[OoIl]))")
_LIKE = re.compile(r"(?<![^\W_])(?:\d+[OoIl]|[OoIl]+\d)[\dOoIl]*+(?![^\W_])")
_QUANTITY = re.compile(r"\d+[lo]")  # 20l: litres; 2o: second
LEAST_READ = 4  # digits that such a number has as digits
# groups of two or four with a comma and a space between some of them, as in a list: 37, 12, 34, 56
_LISTED = re.compile(
    r"(?<![\d.,])(?<!\d[\s,-])(?<!\d,\s)(?:\+?\d{3}[ -]{1,2})?(?:\d{4}|\d\d)(?:(?:,\s{1,2}|[ -]{1,3})(?:\d{4}|\d\d)){1,4}"
    r"(?!(?:,\s{1,2}|[ -]{1,3}|[.,])?\d)"
)
# after these a number is one to be called, whatever it looks like
_CALLED = re.compile(
    r"(?<![^\W_])(?:t[eé]l(?:[eé](?:phone|f[oò]no?))?|phone|cell?|mobile|m[oó]vil|portable|pòtab|whats\s?app|call|ring|dial|rele"
    r"|appel(?:le[rz]?|e)|ll[aá]m[ae]\w{0,4}|contact|kontakte?|(?:num(?:[eé]ro|ber)?|n[uú]mero|nimewo|nimero)(?!\s(?:of|de|d|moun)(?!\w)))"
    r"(?![^\W_])[^\d\n]{0,20}$",
    re.IGNORECASE,
)
_CALLED_BEFORE = 34  # characters before a number in which that is looked for
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
_BESIDE = 24  # characters after a number that the matcher sees as well; of each of two texts that a number may share
_MOST_SIGNS = 5
_GOES_ON, _BEGINS = (re.compile(rf"\d[\W_]{{0,{_MOST_SIGNS}}}\Z"), re.compile(rf"[\W_]{{0,{_MOST_SIGNS}}}\d"))
_SIGNS_AT_END = re.compile(r"[\W_]+\Z")
LEAST_OF_EACH = 3  # digits of a number in each of two texts: fewer are a street's
_MOST_ASKED = 20  # of one text


def without_dates(text: str) -> str:
    """A date is no number, and neither is what only a date makes long enough."""
    return _DATE.sub(lambda match: "d" * len(match.group()), text)


def is_amount(number: str) -> bool:
    """Whether it is written as a sum of something is: 1,500,000 or 20 000."""
    return _AMOUNT.fullmatch(number) is not None


def in_digits(text: str) -> str:
    """With digits for the letters that stand for them, each in its place."""
    return _LIKE.sub(lambda match: match.group().translate(_LIKE_DIGITS), text)


def find(text: str, rules) -> Iterator[tuple[int, int]]:
    alike = _SOME_LIKE.search(text) is not None
    if not alike and not _SOME_NUMBER.search(text):
        return
    undated = without_dates(text)
    found = [
        match.span() for match in _NUMBER.finditer(undated) if not is_amount(match.group()) or _is_called(undated, match)
    ]
    if ", " in undated:
        found += [match.span() for match in _LISTED.finditer(undated) if ", " in match.group() and _is_listed(undated, match)]
    if alike:
        found += _read(undated)
    for match in _STRUNG.finditer(undated):
        if sum(c.isdecimal() for c in match.group()) >= 7 and not is_amount(match.group()):
            found.append(match.span())
    yield from found
    for start, end in found:
        if extension := _EXTENSION.match(undated, end):
            yield start, extension.end()
    if rules.regions:
        yield from _dialled(undated, found, rules.regions)


def shared(first: str, second: str) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """The two parts of a number that begins at the end of one text and goes on at the beginning of the next, where
    neither part is one by itself; both texts as ``masks.plain`` makes them."""
    if not (_GOES_ON.search(first[-_MOST_SIGNS - 1 :]) and _BEGINS.match(second)):
        return None
    head, tail = first[-_BESIDE:], second[:_BESIDE]
    cut = len(head)
    for start, end in find(f"{head}\n{tail}", Rules()):
        parts = _SIGNS_AT_END.sub("", head[start:cut]), tail[: max(0, end - cut - 1)]
        if start < cut and all(LEAST_OF_EACH <= sum(c.isdecimal() for c in part) < 7 for part in parts):
            at = len(first) - cut + start
            return (at, at + len(parts[0])), (len(parts[1]) - len(parts[1].lstrip()), len(parts[1]))
    return None


def _is_called(text: str, match: re.Match) -> bool:
    return _CALLED.search(text, max(0, match.start() - _CALLED_BEFORE), match.start()) is not None


def _is_listed(text: str, match: re.Match) -> bool:
    """Whether what looks like a list is a number: lists of streets, rooms and ages are in order."""
    groups = [group for group in re.findall(r"\d+", match.group()) if len(group) != 3]  # a country's code
    if sum(map(len, groups)) < 7:
        return False
    ordered = groups in (sorted(groups), sorted(groups, reverse=True))
    return _is_called(text, match) or (len(groups) >= 4 and {len(group) for group in groups} == {2} and not ordered)


def _read(text: str) -> Iterator[tuple[int, int]]:
    """Numbers in which letters stand for digits."""
    for match in _NUMBER.finditer(in_digits(text)):
        start, end = match.span()
        was = text[start:end]
        meant = [one for one in _LIKE.findall(was) if not _QUANTITY.fullmatch(one)]
        if meant and sum(c.isdecimal() for c in was) >= LEAST_READ:
            yield start, end


def _dialled(text: str, found: list[tuple[int, int]], regions: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """What no pattern found and a network of these regions has."""
    asked = 0
    for match in _SIX_DIGITS.finditer(text):
        first, last = match.span()
        if any(start < last and first < end for start, end in found):
            continue
        if is_amount(match.group()) and not _is_called(text, match):
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
