"""Pages of publications, newest first, with a cursor that survives edits."""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from flask import current_app
from sqlalchemy import Integer, bindparam, case, func, select

from crowdmap.db import MOST_ID, db, reading
from crowdmap.db.joined import SEPARATOR, joined
from crowdmap.errors import InvalidCursor, InvalidParameter
from crowdmap.feeds.counts import count
from crowdmap.feeds.grid import select_in_view
from crowdmap.feeds.heads import head_seq
from crowdmap.filters import ReportFilter
from crowdmap.geo import Extent
from crowdmap.publishing.models import Audience, Publication

MOST_LIMIT = 10_000
BATCH = 2_000  # rows read at once, where everything is asked for
_feature = Publication.__table__.alias()
_COLUMNS = (Publication.id, Publication.feature, Publication.lon, Publication.lat)


@dataclass(frozen=True)
class Page:
    """Encoded features, newest first, in pieces of many with SEPARATOR between. *matched* counts all that the filter finds; *cursor* leads on, or is None.
    *extent* is around all their points once the features have been taken.

    *seq*: the last that changed anything of the kinds asked; the answer holds as long as it does. *since*: the last that
    changed anything at all. Changes go on from there: a report may have been first seen above *seq*, as another kind, and
    be of this kind by the time its row is read; then its leaving again would be told to nobody who goes on from *seq*.
    """

    pieces: Iterable[bytes]
    matched: int
    returned: int
    cursor: str | None
    seq: int
    since: int
    extent: Extent

    def features(self) -> Iterator[bytes]:
        """One by one."""
        for piece in self.pieces:
            yield from piece.split(SEPARATOR)


def parse_limit(text: str | None, default: int, most: int = MOST_LIMIT, everything: bool = True) -> int | None:
    """The number given; None for "all", where *everything* may be asked for."""
    if text in (None, ""):
        return default
    if everything and text == "all":
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 19) or not 1 <= int(text) <= most:
        words = f"limit is a whole number from 1 to {most}" + (", or all" if everything else "")
        raise InvalidParameter(words, field="limit")
    return int(text)


def _fingerprint(chosen: ReportFilter, audience: Audience) -> str:
    """Rows of one audience are not those of another."""
    return hashlib.blake2b(f"{audience.value} {chosen.canonical()}".encode(), digest_size=6).hexdigest()


def make_cursor(row_id: int, chosen: ReportFilter, audience: Audience) -> str:
    """The row reached, with a hash of the filter: a cursor leads on only in the list that it came from."""
    return base64.urlsafe_b64encode(f"{row_id}.{_fingerprint(chosen, audience)}".encode()).decode().rstrip("=")


def read_cursor(text: str, chosen: ReportFilter, audience: Audience) -> int:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
        row_id, fingerprint = raw.split(".")
        number = int(row_id)
        if not 0 <= number <= MOST_ID:
            raise ValueError
    except (ValueError, binascii.Error):
        raise InvalidCursor("this cursor was not made here; start without one", field="cursor") from None
    if fingerprint != _fingerprint(chosen, audience):
        raise InvalidCursor("this cursor belongs to another filter; start without one", field="cursor")
    return number


def page(chosen: ReportFilter, audience: Audience, limit: int, cursor: str | None = None) -> Page:
    """One page. Reads the seqs before the rows, so that a client that goes on from there misses nothing."""
    seq, since = _heads(chosen, audience)
    by_place = chosen.bbox is not None and not chosen.by_hand and not chosen.wide(limit)
    list_ = _listing(chosen, audience, by_place)
    taken, extent = list_.take(limit, read_cursor(cursor, chosen, audience) if cursor else None), Extent()
    extent.add(*taken.ends)
    matched = count(chosen, audience, since) if cursor or taken.n == limit else taken.n
    # a count may be too small, should its table be in need of repair: what it tells is believed where it tells of more
    more = taken.n == limit and (not cursor and matched > taken.n or list_.goes_on(taken.last))
    cursor = make_cursor(taken.last, chosen, audience) if more else None
    return Page(taken.pieces, matched, taken.n, cursor, seq, since, extent)


class Taken(NamedTuple):
    """*last*: the lowest id; *ends*: as `geo.Extent.add` takes them."""

    n: int
    last: int | None
    pieces: list[bytes]
    ends: tuple


class Listing:
    """What a filter finds, newest first. The questions are put together once, and asked from any row on. *sorts*: the
    database finds the rows of *query* in another order."""

    def __init__(self, query, sorts: bool = False):
        query = query.where(Publication.id <= bindparam("upto")).order_by(Publication.id.desc())
        self._newest = _as_one(query.limit(bindparam("limit", type_=Integer())), sorts)
        self._next = query.with_only_columns(Publication.id).limit(1)

    def take(self, limit: int, below: int | None = None) -> Taken:
        """The newest rows, or the newest below an id."""
        told = self._execute(self._newest, {"upto": MOST_ID if below is None else below - 1, "limit": limit}).one()
        n, last, data, *ends = told
        return Taken(n, last, [data] if n else [], tuple(zip(ends[::2], ends[1::2], strict=True)))

    def goes_on(self, below: int) -> bool:
        return self._execute(self._next, {"upto": below - 1}).first() is not None

    @staticmethod
    def _execute(statement, given):
        # not by the session's own way, which looks for objects to make
        return db.session.connection().execute(statement, given, execution_options={"binary_results": True})


def _as_one(query, sorts: bool):
    """As one row: the database joins the features, and finds the ends of their places."""
    if sorts:  # places alone, which stand in the index; features only of those that are taken
        query = query.with_only_columns(Publication.id, Publication.lon, Publication.lat)
    rows = query.subquery()
    feature = _feature.c.feature
    feature = select(feature).where(_feature.c.id == rows.c.id).scalar_subquery() if sorts else rows.c.feature
    lon, lat = rows.c.lon, rows.c.lat
    west, east = case((lon < 0, lon)), case((lon >= 0, lon))
    ends = (end for side in (west, east, lat) for end in (func.min(side), func.max(side)))
    return select(func.count(), func.min(rows.c.id), joined(feature, rows.c.id), *ends)


def _listing(chosen: ReportFilter, audience: Audience, by_place: bool) -> Listing:
    if chosen.bbox is None and not chosen.since and not chosen.until and not chosen.also:
        return _lasting(chosen, audience)
    if by_place:
        return Listing(select_in_view(chosen, audience, *_COLUMNS), sorts=True)
    return Listing(chosen.select(audience, *_COLUMNS))


@lru_cache(256)
def _lasting(chosen: ReportFilter, audience: Audience) -> Listing:
    """Of a filter that means the same in every crisis and at any time."""
    return Listing(chosen.select(audience, *_COLUMNS))


def whole(chosen: ReportFilter, audience: Audience, cursor: str | None = None) -> Page:
    """Everything the filter finds, read on as it is taken, in a session of its own: the answer is sent after the
    request's is gone. What is published meanwhile is newer than *since*, and stands in the changes."""
    seq, since = _heads(chosen, audience)
    first = db.session.scalar(select(func.max(Publication.id))) or 0
    if cursor:
        first = read_cursor(cursor, chosen, audience) - 1
        older = chosen.select(audience, func.count()).where(Publication.id <= first)
        matched = db.session.scalar(older)
    else:
        matched = count(chosen, audience, since)
    list_, app, extent = _listing(chosen, audience, by_place=False), current_app._get_current_object(), Extent()

    def pieces() -> Iterator[bytes]:
        below = first + 1
        while True:
            with app.app_context(), reading():
                taken = list_.take(BATCH, below)
                db.session.remove()
            extent.add(*taken.ends)
            yield from taken.pieces
            if taken.n < BATCH:
                return
            below = taken.last

    return Page(pieces(), matched, matched, None, seq, since, extent)


def _heads(chosen: ReportFilter, audience: Audience) -> tuple[int, int]:
    since = head_seq(audience)  # as the session's snapshot has it
    return (head_seq(audience, chosen.kinds) if chosen.kinds else since), since


def one(public_id: str, audience: Audience):
    """The publication row of one report, tombstones included; None if this audience never saw it."""
    query = select(Publication).where(Publication.public_id == public_id, Publication.audience == audience)
    return db.session.scalar(query)
