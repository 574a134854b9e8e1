"""How many reports a filter finds, exactly, without counting them for every page.

What asks for nothing but kinds, one category and a box is known to the table of counts (`feeds.kept_counts`). Any other
count is kept here: it holds as long as the audience's seq does. Where that moved on only because new publications came,
which is what happens all day, those are looked at and added; where something changed that was there before, all is counted
again, since what a row was is kept nowhere. So a page costs the same among a thousand reports and among a million.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from flask import current_app
from sqlalchemy import func, select

from crowdmap.db import Access, access, db
from crowdmap.feeds import kept_counts
from crowdmap.feeds.heads import head_seq
from crowdmap.filters import ReportFilter
from crowdmap.publishing.models import Audience, Publication

MOST_KEPT = 512  # filters
MOST_NEW = 200  # publications looked at one by one; with more, counting costs no more


@dataclass(frozen=True)
class Counted:
    seq: int
    n: int


class Counts:
    """The last count of each filter of late; the least recently used go first."""

    def __init__(self):
        self._kept: OrderedDict[tuple, Counted] = OrderedDict()
        self._lock = threading.Lock()

    def look(self, key) -> Counted | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def keep(self, key, counted: Counted) -> None:
        with self._lock:
            other = self._kept.get(key)
            if other is None or other.seq <= counted.seq:  # a thread with an older snapshot may come later
                self._kept[key] = counted
                self._kept.move_to_end(key)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)


def counts() -> Counts:
    """The application's own."""
    return current_app.extensions.setdefault("crowdmap_counts", Counts())


def count(chosen: ReportFilter, audience: Audience, seq: int | None = None) -> int:
    """The exact number as the session's snapshot has it. *seq*: the audience's, where the caller read it just now."""
    if chosen.relative or access() is not Access.READ:  # a writer sees what no seq tells of yet
        return _all(chosen, audience)
    key = (audience, chosen.canonical())
    seq = head_seq(audience) if seq is None else seq
    known = counts().look(key)
    if known is not None and known.seq == seq:
        return known.n
    cheap = chosen.bbox is None and kept_counts.knows(chosen, audience)  # two sums of a few rows
    new = _new_since(known.seq, chosen, audience) if not cheap and known is not None and known.seq < seq else None
    n = _all(chosen, audience) if new is None else known.n + new
    counts().keep(key, Counted(seq, n))
    return n


def _all(chosen: ReportFilter, audience: Audience) -> int:
    if kept_counts.knows(chosen, audience):
        return kept_counts.total(chosen, audience)
    return db.session.scalar(chosen.select(audience, func.count()))


def _new_since(seq: int, chosen: ReportFilter, audience: Audience) -> int | None:
    """How many that match were published first after *seq*; None where something older changed, or too much."""
    p = Publication
    query = select(p.id, p.first_seq, p.removed).where(p.audience == audience, p.seq > seq).order_by(p.seq)
    rows = db.session.execute(query.limit(MOST_NEW + 1)).all()
    if len(rows) > MOST_NEW or any(row.first_seq <= seq for row in rows):
        return None
    alive = [row.id for row in rows if row.removed is None]
    return db.session.scalar(chosen.select(audience, func.count()).where(p.id.in_(alive))) if alive else 0
