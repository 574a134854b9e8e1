"""Personal marks in free text: telephone numbers, e-mail addresses, positions. Found, and masked for the public.

Deliberately eager: a masked house number costs a reader little, a telephone number in public can cost a life. What is
masked stays readable for moderators, who can put the harmless part back by editing.
"""

import html
import re
import unicodedata

PHONE, EMAIL, POSITION = "[phone]", "[e-mail]", "[position]"

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

# top-level domains that are no word of a sentence whose full stop has no space after it ("at the hotel.Please")
_TLD = r"(?:com|org|net|edu|gov|info|int|ht|fr|ca|uk|ch|br|mx)\b"
_HOSTS = r"(?:gmail|googlemail|yahoo|hotmail|outlook|icloud|ymail|proton(?:mail)?)\b"
_LOCAL = r"(?<![\w.+%'-])[\w.+%'-]+"
_AT = r"(?:at|arr?obas?e?|arroba|à)"
_GAP = r"(?:[^\S\n]{2,3}|\s)?"
_EMAIL = re.compile(
    rf"{_LOCAL}{_GAP}(?:@|[(\[{{<]\s?(?:@|{_AT})\s?[)\]}}>]){_GAP}[\w-]+"
    rf"(?:\s?[(\[{{<]\s?dot\s?[)\]}}>]\s?[\w-]+|\.[\w-]+)*(?:\s?\.\s?{_TLD})?"
    rf"|{_LOCAL}\s+{_AT}\s+(?:{_HOSTS}(?:\s?\.?\s?{_TLD})?|[\w-]+"
    rf"(?:(?:\.[\w-]+)*\.{_TLD}|(?:\s+(?:dot|point|punto|pwen)\s+\w[\w-]*)+|(?:\s?[(\[{{<]\s?dot\s?[)\]}}>]\s?[\w-]+)+))"
    rf"|{_LOCAL}[-_]{_AT}[-_][\w-]{{1,63}}?(?:\.{_TLD}|[-_]dot[-_]\w+)"
    rf"|{_LOCAL}\s-\s?{_AT}\s?-\s[\w-]+\.{_TLD}"
    rf"|{_LOCAL}\s-{_AT}-\s[\w-]+\.{_TLD}",
    re.IGNORECASE,
)

_SIDE = r"[NSEWO](?!\w)"  # O: ouest, oeste
_CAPITAL = r"(?-i:[NSEWO])(?!\w)"  # after bare numbers: a small e, o or n is a word in Kreyòl and Spanish
_MINUTES = r"\d{1,2}(?:[.,]\d+)?\s?['′’]\s?(?:\d{1,2}(?:[.,]\d+)?\s?(?:\"|″|”|''|’’|′′)?\s?)?"
_DEGREES = r"[-+−]?\d{1,3}(?:[.,]\d+)?\s?(?:°|\bdeg(?:rees)?\b)\s?"
_DECIMAL = r"(?<![\d.,])[-+−]?\d{1,3}[.,]\d{3,}"
_MINUS_DECIMAL = r"(?<![\w.,])[-−]\d{1,3}[.,]\d{3,}"
_COMPASS = r"(?:north|south|east|west|nord|sud|ouest|est|norte|sur|este|oeste|nò|sid|lwès|lès|[NSEWO])(?!\w)"
_NAME = r"(?<![^\W\d_])m?(?:lon|lng|long|longitude|lat|latitude)(?![^\W\d_])\s*(?:[:=]|\b(?:is|of|est|es|se)\b)?\s*"
# links of maps say a place to the metre even where no number is in them
_MAP_LINK = (
    r"(?<![\w.-])(?:https?://)?(?:www\.|m\.)?(?:maps\.app\.goo\.gl|goo\.gl/maps|maps\.google\.[a-z.]{2,6}|google\.[a-z.]{2,6}/maps"
    r"|maps\.apple\.com|openstreetmap\.org|osm\.org|waze\.com|w3w\.co|what3words\.com|plus\.codes)[/?]\S+"
)
_POSITION = re.compile(
    rf"{_DEGREES}(?:{_MINUTES}(?:{_SIDE})?|{_SIDE}|\d{{1,2}}(?:[.,]\d+)?\s?min(?:utes?)?\b(?:\s?\d{{1,2}}(?:[.,]\d+)?\s?sec(?:onds?)?\b)?)"
    rf"|{_DEGREES}[\s,;/]*{_DEGREES}"  # 18.54° -72.33°
    rf"|{_DECIMAL}\s?(?:{_SIDE})?\s*[,;/|+\s]\s*(?:{_NAME}|[NSEWO]\s?)?[-+−]?\d{{1,3}}[.,]\d{{3,}}"  # 18.543, -72.338
    rf"|{_DECIMAL}[^\d\n]{{1,12}}{_MINUS_DECIMAL}|{_MINUS_DECIMAL}[^\d\n]{{1,12}}{_DECIMAL}"  # 18.543 and -72.338
    rf"|{_DECIMAL}\s?{_COMPASS}[^\d\n]{{1,8}}\d{{1,3}}[.,]\d{{3,}}\s?{_COMPASS}"  # 18.543 nord, 72.338 ouest
    r"|(?<![\d.,])[-+−]?\d{1,3}[.,]\d{4,}(?!\d)"  # one number with four decimals or more
    rf"|{_NAME}[-+−]?\d{{1,3}}[.,]\d+"
    r"|(?:\b[xy]\s?=\s?|![34]d)[-−]?\d{1,3}\.\d{3,}"
    rf"|(?<![\w:.-])\d{{1,3}}[\s:-]\d{{1,2}}[\s:-]\d{{1,2}}(?:\.\d+)?\s?{_CAPITAL}"  # 18 32 35 N
    r"|(?<!\w)\d{1,3}d\s?\d{1,2}m\s?\d{1,2}(?:\.\d+)?s\b"  # 18d32m35s
    r"|(?<!\w)[23456789CFGHJMPQRVWX]{4,8}\+[23456789CFGHJMPQRVWX]{2,3}\b"  # plus codes
    r"|(?:/{3}|\b(?:what3words|w3w)\s?:?\s?)[^\W\d_]+\.[^\W\d_]+\.[^\W\d_]+"
    rf"|{_MAP_LINK}",
    re.IGNORECASE,
)

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


def plain(text: str) -> str:
    """NFKC digits, no invisible characters, HTML's and links' spellings undone: what a reader sees, or a click on a
    link tells, is what the patterns see."""
    text = text.translate(_SEEN)
    text = html.unescape(text) if "&" in text else text
    return _QUOTES.sub(lambda match: _QUOTED[match.group().lower()], text) if "%" in text else text


def find(text: str) -> list[tuple[int, int, str]]:
    """(start, end, mask) of each mark in ``plain(text)``, in order; what overlaps is one mark."""
    found = [
        (*match.span(), name)
        for pattern, name in ((_EMAIL, EMAIL), (_POSITION, POSITION))
        for match in pattern.finditer(text)
    ]
    # a date is no telephone number, and neither is what only a date makes long enough
    without_dates = _DATE.sub(lambda match: "d" * len(match.group()), text)
    for match in _NUMBER.finditer(without_dates):
        if not _AMOUNT.fullmatch(match.group()):
            found.append((*match.span(), PHONE))
    for match in _STRUNG.finditer(without_dates):
        if sum(c.isdecimal() for c in match.group()) >= 7 and not _AMOUNT.fullmatch(match.group()):
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
