"""What in a text says who somebody is, how to reach them or where exactly they are: one finder a kind.

A finder gets the text as ``masks.plain`` makes it and yields spans. Deliberately eager: a masked house number costs a
reader little, a telephone number in public can cost a life, and a moderator puts the harmless part back with one click.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from flask_babel import lazy_gettext as _l

from crowdmap.publishing.finders import emails, identities, names, phones, positions
from crowdmap.publishing.finders.rules import Rules


class Found(NamedTuple):
    """One mark in a text: from *start* up to *end*, and the name of its kind."""

    start: int
    end: int
    kind: str


class Kind(NamedTuple):
    """*find*: (text, rules) → spans; *mask*: what the public reads instead; *label*: what the desk calls it."""

    name: str
    label: object
    find: Callable[[str, Rules], Iterable[tuple[int, int]]]
    mask: str


WORDS = "words"  # what a moderator masks, and no finder saw

# one line a kind; where two kinds overlap, the whole is one mark of the kind that stands first
_ALL = (
    Kind("email", _l("e-mail address"), emails.find, "[e-mail]"),
    Kind("position", _l("exact position"), positions.find, "[position]"),
    Kind("plus-code", _l("plus code"), positions.find_plus_codes, "[position]"),
    Kind("id", _l("ID number"), identities.find, "[id number]"),
    Kind("phone", _l("telephone number"), phones.find, "[phone]"),
    Kind("name", _l("name"), names.find, "[name]"),
    Kind(WORDS, _l("words that the team masks"), lambda text, rules: (), "[masked]"),
)
KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}
RANK = {name: rank for rank, name in enumerate(KINDS)}


def joined(found: Iterable[Found], text: str) -> list[Found]:
    """In order; what overlaps is one mark, white space at its end is none of it."""
    marks: list[Found] = []
    for start, end, kind in sorted(found):
        while end > start and text[end - 1].isspace():
            end -= 1
        if marks and start < marks[-1].end:
            last = marks[-1]
            marks[-1] = Found(last.start, max(last.end, end), min(last.kind, kind, key=RANK.__getitem__))
        elif start < end:
            marks.append(Found(start, end, kind))
    return marks
