"""Personal marks in free text: telephone numbers, e-mail addresses, positions. Found, and masked for the public.

Deliberately eager: a masked house number costs a reader little, a telephone number in public can cost a life. What is
masked stays readable for moderators, who can put the harmless part back by editing.
"""

import re
import unicodedata

PHONE, EMAIL, POSITION = "[phone]", "[e-mail]", "[position]"

# characters that are drawn as nothing, or as a frame around a digit, and would split a number for a program only
_INVISIBLE = dict.fromkeys([
    0x00AD, 0x034F, 0x061C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x20E3,
    *range(0xFE00, 0xFE10), 0xFEFF,
])  # fmt: skip

# top-level domains that are no word of a sentence whose full stop has no space after it ("at the hotel.Please")
_TLD = r"(?:com|org|net|edu|gov|info|int|ht|fr|ca|uk|ch|br|mx)\b"
_LOCAL = r"(?<![\w.+%'-])[\w.+%'-]+"
_EMAIL = re.compile(
    rf"{_LOCAL}\s?(?:@|[(\[{{]\s?at\s?[)\]}}])\s?[\w-]+"
    rf"(?:\s?[(\[{{]\s?dot\s?[)\]}}]\s?[\w-]+|\.[\w-]+)*(?:\s?\.\s?{_TLD})?"
    rf"|{_LOCAL}\s+(?:at|arobase|arroba)\s+[\w-]+"
    rf"(?:(?:\.[\w-]+)*\.{_TLD}|(?:\s+(?:dot|point|punto|pwen)\s+\w[\w-]*)+|(?:\s?[(\[{{]\s?dot\s?[)\]}}]\s?[\w-]+)+)",
    re.IGNORECASE,
)

_SIDE = r"[NSEWO](?!\w)"  # O: ouest, oeste
_MINUTES = r"\d{1,2}(?:[.,]\d+)?\s?['′’´]\s?(?:\d{1,2}(?:[.,]\d+)?\s?(?:\"|″|”|''|′′)?\s?)?"
_DEGREES = rf"[-+−]?\d{{1,3}}(?:[.,]\d+)?\s?(?:°|º|˚|\bdeg(?:rees)?\b)\s?"
_DECIMAL = r"(?<![\d.,])[-+−]?\d{1,3}[.,]\d{3,}"
_NAME = r"(?:lon|lng|long|longitude|lat|latitude)\b\s*[:=]?\s*"
_POSITION = re.compile(
    rf"{_DEGREES}(?:{_MINUTES}(?:{_SIDE})?|{_SIDE})"  # 18°32'35"N, 18.5° N
    rf"|{_DEGREES}[\s,;/]*{_DEGREES}"  # 18.54° -72.33°
    rf"|{_DECIMAL}\s?(?:{_SIDE})?\s*[,;/|\s]\s*(?:{_NAME}|[NSEWO]\s?)?[-+−]?\d{{1,3}}[.,]\d{{3,}}"  # 18.543, -72.338
    r"|(?<![\d.,])[-+−]?\d{1,3}[.,]\d{4,}(?!\d)"  # one number with four decimals or more
    rf"|\b{_NAME}[-+−]?\d{{1,3}}[.,]\d+"
    r"|(?<!\w)[23456789CFGHJMPQRVWX]{4,8}\+[23456789CFGHJMPQRVWX]{2,3}\b"  # plus codes
    r"|/{3}[^\W\d_]+\.[^\W\d_]+\.[^\W\d_]+",  # what3words
    re.IGNORECASE,
)

# seven digits or more with at most three signs between two of them; a comma only where no space follows (101, 102)
_NUMBER = re.compile(r"(?<!\d)(?:[+(]\s?){0,3}\d(?:(?:[\s.\-‐-―−/()_*·•~]{0,3}|,)\d){6,}")
_YEAR, _MONTH, _DAY = r"(?:19|20)\d\d", r"(?:1[0-2]|0?[1-9])", r"(?:3[01]|[12]\d|0?[1-9])"
_DATE = re.compile(
    rf"(?<!\d)(?<!\d[-/.])(?:{_YEAR}([-/.]){_MONTH}\1{_DAY}|{_DAY}([-/.]){_MONTH}\2{_YEAR}|{_MONTH}/{_DAY}/{_YEAR})(?!\d)(?![-/.]\d)"
)
_AMOUNT = re.compile(r"[1-9]\d{0,2}(?:(?:,\d{3})+|(?:'\d{3})+|(?:[ .]\d{3})*[ .]000)")


def plain(text: str) -> str:
    """NFKC digits and no invisible characters: what a reader sees is what the patterns see."""
    return unicodedata.normalize("NFKC", text).translate(_INVISIBLE)


def find(text: str) -> list[tuple[int, int, str]]:
    """(start, end, mask) of each mark in ``plain(text)``, in order; what overlaps is one mark."""
    found = [(*match.span(), name) for pattern, name in ((_EMAIL, EMAIL), (_POSITION, POSITION)) for match in pattern.finditer(text)]
    # a date is no telephone number, and neither is what only a date makes long enough
    without_dates = _DATE.sub(lambda match: "d" * len(match.group()), text)
    for match in _NUMBER.finditer(without_dates):
        if not _AMOUNT.fullmatch(match.group()):
            found.append((*match.span(), PHONE))
    joined: list[tuple[int, int, str]] = []
    for start, end, name in sorted(found):
        while end > start and text[end - 1].isspace():
            end -= 1
        if joined and start < joined[-1][1]:
            first, last, kept = joined[-1]
            joined[-1] = (first, max(last, end), name if kept == PHONE else kept)
        else:
            joined.append((start, end, name))
    return joined


def mask(text: str | None) -> str | None:
    """The text as the public may read it; returned unchanged (not even normalised) when nothing was found."""
    if not text:
        return text
    seen = plain(text)
    marks = find(seen)
    if not marks:
        return text
    out, at = [], 0
    for start, end, name in marks:
        out += [seen[at:start], name]
        at = end
    return "".join(out) + seen[at:]
