"""Positions: coordinates in any spelling, links of maps, three-word addresses; and open location codes (plus codes)."""

import re
from collections.abc import Iterator

_SIDE = r"[NSEWO](?!\w)"  # O: ouest, oeste
_CAPITAL = r"(?-i:[NSEWO])(?!\w)"  # after bare numbers: a small e, o or n is a word in Kreyòl and Spanish
_MINUTES = r"\d{1,2}(?:[.,]\d+)?\s?['′’]\s?(?:\d{1,2}(?:[.,]\d+)?\s?(?:\"|″|”|''|’’|′′)?\s?)?"
_DEGREES = r"[-+−]?\d{1,3}(?:[.,]\d+)?\s?(?:°|\bdeg(?:rees)?\b)\s?"
_DECIMAL = r"(?<![\d.,])[-+−]?\d{1,3}[.,]\d{3,}"
_MINUS_DECIMAL = r"(?<![\w.,])[-−]\d{1,3}[.,]\d{3,}"
_COMPASS = r"(?:north|south|east|west|nord|sud|ouest|est|norte|sur|este|oeste|nò|sid|lwès|lès|[NSEWO])(?!\w)"
# white space is taken whole (++, *+) wherever it may be long and more may follow: two or three runs of it side by side that
# share it out in all ways took twenty seconds for a text of blanks
_NAME = r"(?<![^\W\d_])m?(?:lon|lng|long|longitude|lat|latitude)(?![^\W\d_])\s*+(?:(?:[:=]|\b(?:is|of|est|es|se)\b)\s*+)?"
# links of maps say a place to the metre even where no number is in them
_MAP_LINK = (
    r"(?<![\w.-])(?:https?://)?(?:www\.|m\.)?(?:maps\.app\.goo\.gl|goo\.gl/maps|maps\.google\.[a-z.]{2,6}|google\.[a-z.]{2,6}/maps"
    r"|maps\.apple\.com|openstreetmap\.org|osm\.org|waze\.com|w3w\.co|what3words\.com|plus\.codes)[/?]\S+"
)
_POSITION = re.compile(
    rf"{_DEGREES}(?:{_MINUTES}(?:{_SIDE})?|{_SIDE}|\d{{1,2}}(?:[.,]\d+)?\s?min(?:utes?)?\b(?:\s?\d{{1,2}}(?:[.,]\d+)?\s?sec(?:onds?)?\b)?)"
    rf"|{_DEGREES}[\s,;/]*{_DEGREES}"  # 18.54° -72.33°
    rf"|{_DECIMAL}\s?(?:{_SIDE})?(?:\s*+[,;/|+]\s*+|\s++)(?:{_NAME}|[NSEWO]\s?)?[-+−]?\d{{1,3}}[.,]\d{{3,}}"  # 18.543, -72.338
    rf"|{_DECIMAL}[^\d\n]{{1,12}}{_MINUS_DECIMAL}|{_MINUS_DECIMAL}[^\d\n]{{1,12}}{_DECIMAL}"  # 18.543 and -72.338
    rf"|{_DECIMAL}\s?{_COMPASS}[^\d\n]{{1,8}}\d{{1,3}}[.,]\d{{3,}}\s?{_COMPASS}"  # 18.543 nord, 72.338 ouest
    r"|(?<![\d.,])[-+−]?\d{1,3}[.,]\d{4,}(?!\d)"  # one number with four decimals or more
    rf"|{_NAME}[-+−]?\d{{1,3}}[.,]\d+"
    r"|(?:\b[xy]\s?=\s?|![34]d)[-−]?\d{1,3}\.\d{3,}"
    rf"|(?<![\w:.-])\d{{1,3}}[\s:-]\d{{1,2}}[\s:-]\d{{1,2}}(?:\.\d+)?\s?{_CAPITAL}"  # 18 32 35 N
    r"|(?<!\w)\d{1,3}d\s?\d{1,2}m\s?\d{1,2}(?:\.\d+)?s\b"  # 18d32m35s
    r"|(?:/{3}|\b(?:what3words|w3w)\s?:?\s?)[^\W\d_]+\.[^\W\d_]+\.[^\W\d_]+"
    rf"|{_MAP_LINK}",
    re.IGNORECASE,
)
# whether any of them can be there at all, in small letters: a pattern without a flag skips to where it may begin
_SOME_POSITION = re.compile(
    r"(?:\d(?:[.,]\d{3}|\s?[nsewo](?!\w)|d\s?\d)|°|deg|l(?:on|ng|at)|///|what3words|w3w|waze|plus\.codes|goo|maps|osm|openstreetmap)"
)

_CODE = "[23456789CFGHJMPQRVWX]"  # no vowel and nothing that looks like another: hardly a word is made of these
_PLUS_CODE = re.compile(
    rf"(?<!\w)(?:[23456789C][2-9CFGHJMPQRV]{_CODE}{{2}}\s?{_CODE}{{4}}\s?\+(?:\s?{_CODE}{{2,3}}\b|(?!\w))"  # 773P G4VQ+2V, 773PG4VQ+
    rf"|{_CODE}{{4,8}}\+{_CODE}{{2,3}}\b"  # G4VQ+2V: the crisis itself says near which place
    # the shortest form only with its place behind it, for 22+33 is a sum
    rf"|(?={_CODE}*(?-i:[CFGHJMPQRVWX])){_CODE}{{2}}\+{_CODE}{{2,3}}(?=,?\s(?-i:[A-ZÀ-Þ])\w))",
    re.IGNORECASE,
)


def find(text: str, _rules) -> Iterator[tuple[int, int]]:
    if _SOME_POSITION.search(text.lower()):
        for match in _POSITION.finditer(text):
            yield match.span()


def find_plus_codes(text: str, _rules) -> Iterator[tuple[int, int]]:
    """Open location codes: whole ones, those short of their first four, and those short of six with a place."""
    if "+" in text:
        for match in _PLUS_CODE.finditer(text):
            yield match.span()
