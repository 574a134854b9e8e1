"""Reports of a group beside each other: what is equal, what differs, and why they are suspected."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from crowdmap import geo
from crowdmap.db.search import fold
from crowdmap.dedupe import groups
from crowdmap.dedupe.groups import BESIDE, Group, Member
from crowdmap.dedupe.reasons import in_words
from crowdmap.moderation import merging
from crowdmap.moderation.duplicates import MOST_TOGETHER

LISTED = 30  # groups in the list
SAME_MINUTE = 60  # seconds; whoever sends a message again does not send it in the same one


@dataclass(frozen=True)
class Piece:
    """A run of words; *only*: they stand in this report alone."""

    text: str
    only: bool


@dataclass(frozen=True)
class Row:
    """One thing that reports tell, a value for each column. Of texts the values are lists of pieces."""

    name: str
    values: list
    same: bool


@dataclass(frozen=True)
class Comparison:
    """A page. *members*: all of the group, the root first; *columns*: those that stand beside each other.

    *reasons*: why each is suspected to be the same as the root; *picked*: ids that are chosen from the start;
    *all*: how many the group has, of which the first MOST_TOGETHER are here.
    """

    members: list[Member]
    columns: list[Member]
    rows: list[Row]
    reasons: dict[str, list[str]]
    picked: set[str]
    all: int

    @property
    def root(self) -> Member:
        return self.members[0]

    @property
    def large(self) -> bool:
        return len(self.members) > BESIDE

    @property
    def numbers(self) -> dict[str, int]:
        return {member.public_id: number for number, member in enumerate(self.members, 1)}


@dataclass(frozen=True)
class Listed:
    """One line of the list: the root of a group, how many it has and the strongest reasons."""

    root: Member
    size: int
    copies: int
    reasons: list[str] = field(default_factory=list)


def compare(session: Session, group: Group, beside: str | None = None) -> Comparison | None:
    """The group side by side; *beside*: which member stands by the root in a large one. None: the team sees fewer than two."""
    found = groups.members(session, group.members)
    if len(found) < 2:
        return None
    root = found[0]
    strength = {name: pair.score for pair in group.pairs for name in (pair.a, pair.b) if root.public_id in (pair.a, pair.b)}
    others = sorted(found[1:], key=lambda member: -strength.get(member.public_id, 0))
    ordered = groups.with_copies([root, *others[: MOST_TOGETHER - 1]], group.pairs, root.public_id)
    columns = ordered
    if len(ordered) > BESIDE:
        columns = [ordered[0], next((m for m in ordered[1:] if m.public_id == beside), ordered[1])]
    return Comparison(ordered, columns, rows(columns), _reasons(session, group, ordered), _picked(ordered, columns), len(found))


def _picked(ordered: list[Member], columns: list[Member]) -> set[str]:
    """All that can be seen at once; of a large group the copies, which need no look, or else the one in view."""
    copies = {member.public_id for member in ordered[1:] if member.copy}
    chosen = copies if len(ordered) > BESIDE and copies else {member.public_id for member in columns}
    return chosen | {ordered[0].public_id}


def _reasons(session: Session, group: Group, ordered: list[Member]) -> dict[str, list[str]]:
    """From the suspicion; where none joins a member and the root directly, what can be seen from outside."""
    root = ordered[0]
    direct = [pair for pair in group.pairs if root.public_id in (pair.a, pair.b)]
    told = {pair: words for pair, words in groups.reasons(session, direct).items() if words}
    return {
        member.public_id: told.get(tuple(sorted((root.public_id, member.public_id)))) or in_words(seen_from_outside(root, member))
        for member in ordered[1:]
    }  # fmt: skip


def seen_from_outside(a: Member, b: Member) -> dict:
    """Metres, hours and the share of words in common of two reports, as reasons.in_words has them."""
    told = {}
    if a.point and b.point:
        told["metres"] = geo.distance_m(*a.point[:2], *b.point[:2])
    told["hours"] = abs((happened(a) - happened(b)).total_seconds()) / 3600
    one, other = set(a.said.split()), set(b.said.split())
    if one and other:
        told["words"] = len(one & other) / len(one | other)
        told["same_text"] = a.said == b.said
    return told


def happened(member: Member) -> datetime:
    return datetime.fromisoformat(member.properties["occurred_at"] or member.properties["created_at"])


def listed(session: Session, found: list[Group], most: int = LISTED) -> list[Listed]:
    """The first *most* groups as lines."""
    found = found[:most]
    by_id = {member.public_id: member for member in groups.members(session, [name for group in found for name in group.members])}
    told = groups.reasons(session, [group.pairs[0] for group in found])
    lines = []
    for group in found:
        known = groups.in_order(by_id[name] for name in group.members if name in by_id)
        if known:
            best = group.pairs[0]
            lines.append(Listed(known[0], len(known), group.copies, told.get((best.a, best.b), [])))
    return lines


def next_group(found: list[Group], current: Group | None) -> Group | None:
    """The one after *current*; after the last, the first. None where no other is left."""
    if not found or (current is not None and len(found) == 1 and found[0].members == current.members):
        return None
    place = next((n for n, group in enumerate(found) if current and group.members == current.members), -1)
    return found[(place + 1) % len(found)]


def root_id(session: Session, public_id: str) -> str | None:
    """Public id of the report that stands for this one; None where there is none."""
    report = merging.by_public_id(session, public_id)
    return None if report is None else merging.above(session, report)[-1].public_id


# ---- what is equal and what differs


def rows(columns: list[Member]) -> list[Row]:
    """All that the columns tell, without what none of them does."""
    found = []
    for name, value_of in _VALUES.items():
        values = [value_of(member) for member in columns]
        if any(value not in (None, "", []) for value in values):
            found.append(Row(name, values, _same(name, values)))
    texts = {name: [member.properties[name] or "" for member in columns] for name in ("title", "description")}
    words = [set(member.said.split()) for member in columns]
    said = []
    for name, of_each in texts.items():
        if any(of_each):
            pieces = [
                marked(text, set().union(*(w for m, w in enumerate(words) if m != n))) for n, text in enumerate(of_each)
            ]
            said.append(Row(name, pieces, len({fold(text) for text in of_each}) == 1))
    return said + found


def marked(text: str, elsewhere: Iterable[str]) -> list[Piece]:
    """*text* in pieces, those marked whose words do not stand *elsewhere* (folded). Together they are the text again."""
    elsewhere, pieces = set(elsewhere), []
    for token in re.findall(r"\s+|\S+", text):
        folded = fold(token).split()
        only = bool(folded) and not elsewhere.issuperset(folded)
        if not folded and pieces:
            only = pieces[-1].only and token.isspace()  # one mark over "thirty three", not two
        if pieces and pieces[-1].only == only:
            pieces[-1] = Piece(pieces[-1].text + token, only)
        else:
            pieces.append(Piece(token, only))
    return [part for piece in pieces for part in _without_edge(piece)]


def _without_edge(piece: Piece) -> list[Piece]:
    """A mark ends with its last word, not with the space after it."""
    words = piece.text.rstrip()
    if not piece.only or words == piece.text:
        return [piece]
    return [Piece(words, True), Piece(piece.text[len(words) :], False)]


def _same(name: str, values: list) -> bool:
    if name in ("happened", "created"):
        known = [value for value in values if value]
        return len(known) == len(values) and (max(known) - min(known)).total_seconds() < SAME_MINUTE
    if name in ("place", "unit"):
        return len({fold(value) for value in values}) == 1
    return all(value == values[0] for value in values)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _point(member: Member) -> tuple | None:
    return tuple(round(part, 5) for part in member.point[:2]) if member.point else None


def _amount(member: Member) -> tuple | None:
    quantity = member.properties["quantity"]
    return None if quantity is None else (quantity, member.properties["unit"] or "")


_VALUES = {
    "kind": lambda m: m.properties["kind"],
    "category": lambda m: [m.properties["category"], *sorted(set(m.properties["categories"]) - {m.properties["category"]})],
    "people": lambda m: m.properties["people"],
    "quantity": _amount,
    "place": lambda m: m.properties["place"] or m.properties["area"],
    "point": _point,
    "precision": lambda m: m.properties["precision_m"],
    "happened": lambda m: _moment(m.properties["occurred_at"]),
    "created": lambda m: _moment(m.properties["created_at"]),
    "source": lambda m: m.properties["source"],
    "language": lambda m: m.language,
    "status": lambda m: m.properties["status"],
    "verification": lambda m: m.properties["verification"],
    "voices": lambda m: m.properties["voices"],
}
