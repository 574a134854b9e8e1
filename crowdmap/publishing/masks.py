"""Personal marks in free text: telephone numbers, e-mail addresses, positions. Found, and masked for the public.

Deliberately eager: a masked house number costs a reader little, a telephone number in public can cost a life. What is
masked stays readable for moderators, who can put the harmless part back by editing.
"""

import re
import unicodedata

PHONE, EMAIL, POSITION = "[phone]", "[e-mail]", "[position]"

# characters that are drawn as nothing and would split a number in two for a program only
_INVISIBLE = dict.fromkeys([*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065), 0xFEFF, 0x00AD])

_DOT = r"(?:\.|\s?[(\[]dot[)\]]\s?)"
_DOMAIN = rf"[\w-]+(?:{_DOT}[\w-]+)*{_DOT}[^\W\d_]{{2,24}}"
_EMAIL = re.compile(
    rf"[\w.+%'-]+(?:\s?(?:@|[(\[{{]at[)\]}}])\s?|\s+at\s+)(?={_DOMAIN})[\w-]+(?:{_DOT}[\w-]+)+", re.IGNORECASE
)
_DEGREES = r"[-+−]?\d{1,3}(?:[.,]\d+)?\s?(?:°|º|deg(?:rees)?)\s?(?:\d{1,2}(?:[.,]\d+)?\s?['′’]\s?)?(?:\d{1,2}(?:[.,]\d+)?\s?(?:\"|″|”|'')\s?)?[NSEWO]?"
_DECIMAL = r"[-+−]?\d{1,3}[.,]\d{3,}"
_POSITION = re.compile(
    rf"(?:{_DEGREES}[\s,;/]*){{1,2}}"
    rf"|(?<![\w.]){_DECIMAL}\s?[NSEWO]?\s*[,;/|\s]\s*(?:(?:lon|lng|long|longitude|lat|latitude)\s*[:=]?\s*)?{_DECIMAL}\s?[NSEWO]?(?![\w])"
    rf"|(?<![\w.])[-+−]?\d{{1,3}}[.,]\d{{4,}}(?![\w])"
    rf"|\b(?:lat|latitude|lon|lng|long|longitude)\b\s*[:=]?\s*[-+−]?\d{{1,3}}[.,]\d+"
    rf"|\b[23456789CFGHJMPQRVWX]{{4,8}}\+[23456789CFGHJMPQRVWX]{{2,3}}\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\w])(?:\+|00)?\(?\d(?:[\s.\-‐-―/()]{0,2}\d){6,16}(?!\w)")
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}")
_THOUSANDS = re.compile(r"\d{1,3}(?:[ ,.']\d{3})+")


def plain(text: str) -> str:
    """NFKC digits and no invisible characters: what a reader sees is what the patterns see."""
    return unicodedata.normalize("NFKC", text).translate(_INVISIBLE)


def _is_number_of_things(found: str) -> bool:
    """Dates, and amounts written with thousands' separators (1 500 000), are no telephone numbers."""
    text = found.strip()
    return bool(_DATE.match(text) or (_THOUSANDS.fullmatch(text) and not text.startswith(("+", "0"))))


def find(text: str) -> list[tuple[int, int, str]]:
    """(start, end, mask) of each mark in ``plain(text)``, in order, none overlapping."""
    found: list[tuple[int, int, str]] = []

    def add(match, mask):
        start, end = match.span()
        while end > start and match.string[end - 1].isspace():
            end -= 1
        if all(end <= s or start >= e for s, e, _ in found):
            found.append((start, end, mask))

    for match in _EMAIL.finditer(text):
        add(match, EMAIL)
    for match in _POSITION.finditer(text):
        add(match, POSITION)
    for match in _NUMBER.finditer(text):
        if not _is_number_of_things(match.group()):
            add(match, PHONE)
    return sorted(found)


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
