"""Suspected pairs as people settle them: in groups, the best first.

A group is what open pairs connect, over *roots*: whatever was merged already counts as one. It is built from the
strongest pair on and never joins two trees of which somebody said that they are not the same. Nodes are public ids,
which are drawn at random, so that neither the numbers of rows nor the order of arrival decide a tie.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased

from crowdmap.config import settings
from crowdmap.db import in_chunks
from crowdmap.db.search import fold
from crowdmap.dedupe import model as models
from crowdmap.dedupe.models import Suspicion
from crowdmap.dedupe.reasons import in_words
from crowdmap.publishing.models import Audience, Publication
from crowdmap.reports.models import Policy, Report, Status, Verification

MOST_PAIRS = 4_000  # the best of them, some 0.1 s; 90 copies of one text make as many, and what is settled makes room
LAST = 200  # decided suggestions that the figure of precision looks at
BESIDE = 4  # reports that can be read beside each other; a larger group begins with its copies
COPIES = 3

# which report takes the others in: what is on the map stays there, what somebody checked tells it, else the first
_BY_STATUS = (Status.PUBLISHED, Status.CLOSED, Status.PENDING, Status.HIDDEN)
_BY_VERIFICATION = (Verification.VERIFIED, Verification.CORROBORATED, Verification.UNVERIFIED, Verification.DISPUTED)


@dataclass(frozen=True)
class Pair:
    """Two roots (public ids, a < b) and the suspicion between their trees."""

    a: str
    b: str
    score: float
    exact: bool = False
    id: int = 0

    @classmethod
    def of(cls, one: str, other: str, score: float, exact: bool = False, id: int = 0) -> "Pair":
        return cls(*sorted((one, other)), score, exact, id)

    @property
    def order(self) -> tuple:
        return (not self.exact, -self.score, self.a, self.b)


@dataclass(frozen=True)
class Group:
    """*members*: public ids of the roots, sorted; *pairs*: the strongest of each two of them, the best first."""

    members: tuple[str, ...]
    pairs: tuple[Pair, ...]

    @property
    def copies(self) -> int:
        """How many have the same words as another, to the letter."""
        return len({name for pair in self.pairs if pair.exact for name in (pair.a, pair.b)})

    @property
    def order(self) -> tuple:
        """A flood first, the larger the sooner: it is certain, and one decision takes away the most."""
        return (-self.copies, -max(pair.score for pair in self.pairs), self.members)


class _Cluster:
    def __init__(self, name: str, foes: set[str]):
        self.members, self.foes = {name}, set(foes)

    def take(self, other: "_Cluster") -> None:
        self.members |= other.members
        self.foes |= other.foes


def grouped(pairs: Iterable[Pair], refused: Iterable[tuple[str, str]] = ()) -> list[Group]:
    """What the pairs connect, best first; *refused*: two roots that are not the same. Pure."""
    foes = defaultdict(set)
    for one, other in refused:
        foes[one].add(other)
        foes[other].add(one)
    strongest: dict[tuple[str, str], Pair] = {}
    for pair in sorted(pairs, key=lambda pair: pair.order):
        strongest.setdefault((pair.a, pair.b), pair)
    home: dict[str, _Cluster] = {}
    for pair in strongest.values():
        one, other = (home.setdefault(name, _Cluster(name, foes.get(name, set()))) for name in (pair.a, pair.b))
        if one is other or not one.foes.isdisjoint(other.members):
            continue
        if len(one.members) < len(other.members):
            one, other = other, one
        one.take(other)
        home.update((name, one) for name in other.members)
    inside = defaultdict(list)
    for pair in strongest.values():
        if home[pair.a] is home[pair.b]:
            inside[id(home[pair.a])].append(pair)
    found = {id(cluster): cluster for cluster in home.values() if len(cluster.members) > 1}
    groups = [Group(tuple(sorted(cluster.members)), tuple(inside[key])) for key, cluster in found.items()]
    return sorted(groups, key=lambda group: group.order)


# ---- from the database


def _suspect() -> float:
    """A pair that is less likely is not worth a person's time; what was kept under an older model may be."""
    return models.current(settings().INSTANCE).suspect


def open_groups(session: Session) -> list[Group]:
    """Everything that is left to settle: neither refused nor in one tree, nobody's report taken back or hidden."""
    a, b = aliased(Report), aliased(Report)
    query = (
        select(Suspicion.id, Suspicion.a_id, Suspicion.b_id, Suspicion.score, Suspicion.exact)
        .join(a, a.id == Suspicion.a_id)
        .join(b, b.id == Suspicion.b_id)
        .where(Suspicion.refused_at.is_(None), Suspicion.score >= _suspect(), *_told(a), *_told(b))
        # most settled pairs are parent and child or have one parent; what lies deeper is left out below
        .where(func.coalesce(a.merged_into_id, a.id) != func.coalesce(b.merged_into_id, b.id))
        .order_by(Suspicion.score.desc(), Suspicion.id)
        .limit(MOST_PAIRS)
    )
    rows = session.execute(query).all()
    if not rows:
        return []
    pointers = _pointers(session)
    refused = session.execute(select(Suspicion.a_id, Suspicion.b_id).where(Suspicion.refused_at.is_not(None))).all()
    ends = {root_of(pointers, end) for row in (*rows, *refused) for end in (row.a_id, row.b_id)}
    roots = {row.id: row for row in _in_chunks(session, select(Report.id, Report.public_id, Report.status), Report.id, ends)}
    apart = []
    for row in refused:
        one, other = roots[root_of(pointers, row.a_id)], roots[root_of(pointers, row.b_id)]
        if one is not other:  # merged in spite of it: the later decision counts
            apart.append((one.public_id, other.public_id))
    pairs = []
    for row in rows:
        one, other = roots[root_of(pointers, row.a_id)], roots[root_of(pointers, row.b_id)]
        if one is not other and Status.HIDDEN not in (one.status, other.status):
            pairs.append(Pair.of(one.public_id, other.public_id, row.score, row.exact, row.id))
    return grouped(pairs, apart)


def _told(report) -> tuple:
    """Somebody tells it still, and nobody thinks it spam."""
    return report.withdrawn_at.is_(None), report.erased_at.is_(None), report.status != Status.HIDDEN


def _pointers(session: Session) -> dict[int, int]:
    """Of all merged reports: people merge them by hand, so that there are thousands at most."""
    query = select(Report.id, Report.merged_into_id).where(Report.merged_into_id.is_not(None))
    return dict(session.execute(query).all())


def root_of(pointers: dict[int, int], report_id: int) -> int:
    while report_id in pointers:
        report_id = pointers[report_id]
    return report_id


def _in_chunks(session: Session, query, column, values) -> list:
    rows = []
    for some in in_chunks(sorted(values)):
        rows += session.execute(query.where(column.in_(some))).all()
    return rows


def find_group(groups: Sequence[Group], public_id: str) -> Group | None:
    """The one in which this root is."""
    return next((group for group in groups if public_id in group.members), None)


# ---- what is shown of a group


@dataclass(frozen=True)
class Member:
    """One report of a group, as the team sees it. *copy*: the same words, kind and categories as the root's."""

    id: int
    public_id: str
    revision: int
    status: Status
    verification: Verification
    created_at: datetime
    language: str | None
    gone: bool  # its reporter took it back; others in its tree tell it
    feature: dict
    copy: bool = False

    @property
    def properties(self) -> dict:
        return self.feature["properties"]

    @property
    def point(self) -> list[float] | None:
        return self.feature["geometry"]["coordinates"] if self.feature["geometry"] else None

    @property
    def title(self) -> str:
        return self.properties["title"] or self.properties["description"] or ""

    @property
    def said(self) -> str:
        """Title and text, folded."""
        return fold(f"{self.properties['title'] or ''} {self.properties['description'] or ''}")

    @property
    def likeness(self) -> tuple:
        """What two copies have in common. The categories belong to it: one more may be for the team only."""
        return self.properties["kind"], self.said, frozenset(self.properties["categories"])

    @property
    def order(self) -> tuple:
        """The first is proposed as the root."""
        by_verification = _BY_VERIFICATION.index(self.verification)
        for_the_team = self.properties["policy"] == Policy.RESTRICTED
        return (_BY_STATUS.index(self.status), for_the_team, self.gone, by_verification, self.created_at, self.public_id)


def members(session: Session, public_ids: Iterable[str]) -> list[Member]:
    """Those of them that the team sees, the proposed root first."""
    query = select(
        Report.id, Report.public_id, Report.revision, Report.status, Report.verification, Report.created_at,
        Report.language, Report.withdrawn_at, Publication.feature,
    ).join(Publication, Publication.report_id == Report.id)  # fmt: skip
    query = query.where(Publication.audience == Audience.STAFF, Publication.removed.is_(None))
    rows = _in_chunks(session, query, Report.public_id, set(public_ids))
    found = [
        Member(
            row.id, row.public_id, row.revision, row.status, row.verification, row.created_at, row.language,
            row.withdrawn_at is not None, orjson.loads(row.feature),
        )
        for row in rows
    ]  # fmt: skip
    return in_order(found)


def in_order(found: Iterable[Member]) -> list[Member]:
    """Members of one group, the proposed root first."""
    found = sorted(found, key=lambda member: member.order)
    first = _proposed(found)
    return [first, *(member for member in found if member is not first)] if found else []


def _proposed(found: list[Member]) -> Member | None:
    """Of a flood one of its copies: they are certain, so that they are settled before what only resembles them."""
    if len(found) > BESIDE:
        alike = Counter(member.likeness for member in found if member.said)
        like, number = next(iter(alike.most_common(1)), (None, 0))
        if number >= COPIES:
            return next(member for member in found if member.likeness == like)
    return found[0] if found else None


def with_copies(found: list[Member], pairs: Iterable[Pair], root: str) -> list[Member]:
    """The same, each with whether it is a copy of *root*: in kind, categories and folded words, or, of the
    last, found to be so before."""
    by_id = {member.public_id: member for member in found}
    if root not in by_id:
        return found
    told = {name for pair in pairs if pair.exact and root in (pair.a, pair.b) for name in (pair.a, pair.b)}
    kind, said, codes = by_id[root].likeness

    def is_copy(member: Member) -> bool:
        same_words = bool(said) and member.said == said
        return member.likeness[::2] == (kind, codes) and (same_words or member.public_id in told)

    return [Member(**{**vars(member), "copy": member.public_id != root and is_copy(member)}) for member in found]


def reasons(session: Session, pairs: Iterable[Pair]) -> dict[tuple[str, str], list[str]]:
    """Why each pair is suspected, in words."""
    by_id = {pair.id: pair for pair in pairs}
    rows = _in_chunks(session, select(Suspicion.id, Suspicion.evidence), Suspicion.id, by_id)
    return {(by_id[row.id].a, by_id[row.id].b): in_words(row.evidence) for row in rows}


# ---- how good the suggestions are


@dataclass(frozen=True)
class Figure:
    """Of suggestions that people decided, how many were the same."""

    decided: int
    same: int

    @property
    def percent(self) -> int | None:
        return round(100 * self.same / self.decided) if self.decided else None


def precision(session: Session, most: int = LAST) -> Figure:
    """Of the latest suggestions that people decided. Forty copies are 780 pairs but 39 answers, so that a pair counts
    only where it says something new: where it links two that those before it had not linked in the same way."""
    a, b = aliased(Report), aliased(Report)
    touched = or_(Suspicion.refused_at.is_not(None), a.merged_into_id.is_not(None), b.merged_into_id.is_not(None))
    query = (
        select(Suspicion.a_id, Suspicion.b_id, Suspicion.refused_at)
        .join(a, a.id == Suspicion.a_id)
        .join(b, b.id == Suspicion.b_id)
        .where(Suspicion.score >= _suspect(), touched)
        .order_by(Suspicion.id.desc())
        .limit(MOST_PAIRS)
    )
    pointers, linked = _pointers(session), {True: {}, False: {}}
    counted = {True: 0, False: 0}
    for row in session.execute(query):
        same = root_of(pointers, row.a_id) == root_of(pointers, row.b_id)
        if not same and row.refused_at is None:
            continue
        up = linked[same]
        one, other = root_of(up, row.a_id), root_of(up, row.b_id)
        if one != other:
            up[one] = other
            counted[same] += 1
        if sum(counted.values()) == most:
            break
    return Figure(sum(counted.values()), counted[True])
