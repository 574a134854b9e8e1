"""E-mail addresses, also as people hide them from machines: jean (at) example [dot] org, jean arobase hotmail.com."""

import re
from collections.abc import Iterator

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
    rf"|{_LOCAL}\s-{_AT}-\s[\w-]+\.{_TLD}"
    rf"|{_LOCAL}\s+(?:chez|a)\s{_HOSTS}(?:\s?(?:\.|(?:dot|point|punto|pwen)\s)\s?{_TLD})?",  # marie chez gmail point com
    re.IGNORECASE,
)
# without one of these there is no address, and looking for one takes longer than for all other marks
_SOME_AT = re.compile(rf"(?:@|{_AT}(?![^\W_]))")
_SOME_HOST = ("mail", "yahoo", "outlook", "icloud", "proton")


def find(text: str, _rules) -> Iterator[tuple[int, int]]:
    small = text.lower()
    if _SOME_AT.search(small) or any(host in small for host in _SOME_HOST):
        for match in _EMAIL.finditer(text):
            yield match.span()
