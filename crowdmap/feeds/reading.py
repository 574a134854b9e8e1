"""Pages of publications, newest first, with a cursor that survives edits."""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from flask import current_app
from sqlalchemy import Integer, bindparam, func, select

from crowdmap.db import MOST_ID, db, reading
from crowdmap.db.joined import SEPARATOR, Joined, Taken
from crowdmap.db.spatial import given_box, in_given_box, way_to_places
from crowdmap.errors import InvalidCursor, InvalidParameter
from crowdmap.feeds.counts import count
from crowdmap.feeds.heads import head_seq, heads_of
from crowdmap.filters import ReportFilter
from crowdmap.geo import Extent
from crowdmap.publishing.models import Audience, Publication

MOST_LIMIT = 10_000
BATCH = 5_000  # rows read at once, where everything is asked for
_COLUMNS = (Publication.id, Publication.seq, Publication.feature, Publication.lon, Publication.lat)


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
    """One page. The seqs are those of the rows' own moment, so that a client that goes on from there misses nothing."""
    list_, given = _listing(chosen, audience, limit)
    taken, extent = list_.take(limit, read_cursor(cursor, chosen, audience) if cursor else None, **given), Extent()
    extent.add(*taken.ends)
    since, seq = (head or 0 for head in taken.beside)
    matched = count(chosen, audience, since) if cursor or taken.n == limit else taken.n
    # a count may be too small, should its table be in need of repair: what it tells is believed where it tells of more
    more = taken.more
    if more is None:
        more = taken.n == limit and (not cursor and matched > taken.n or list_.goes_on(taken.last, **given))
    cursor = make_cursor(taken.last, chosen, audience) if more else None
    return Page(taken.pieces, matched, taken.n, cursor, seq, since, extent)


class Listing:
    """What a filter finds, newest first, with the *heads* as they are then. The questions are put together once, and asked from
    any row on, with *given* as the rest of their parameters. *sorts*: the database finds the rows of *query* in another order."""

    def __init__(self, query, heads: tuple, sorts: bool = False):
        key = query.selected_columns[0]
        query = query.where(key <= bindparam("upto")).order_by(key.desc())
        self._newest = Joined(query.limit(bindparam("limit", type_=Integer())), Publication, heads, sorts)
        self._next = query.with_only_columns(key).limit(1)

    def take(self, limit: int, below: int | None = None, **given) -> Taken:
        """The newest rows, or the newest below an id."""
        given |= {"upto": MOST_ID if below is None else below - 1, "limit": limit}
        return self._newest.take(db.session.connection(), given)  # not by the session's own way, which looks for objects to make

    def goes_on(self, below: int, **given) -> bool:
        return db.session.connection().execute(self._next, given | {"upto": below - 1}).first() is not None


def _listing(chosen: ReportFilter, audience: Audience, limit: int | None = None) -> tuple[Listing, dict]:
    """And the parameters it is asked with. *limit*: of the page, if it is one."""
    lasts = not (chosen.since or chosen.until or chosen.also)
    if chosen.bbox is None:
        return (_lasting if lasts else _made)(chosen, audience), {}
    if not lasts or limit is None or (chosen.by_hand and not chosen.wide()):
        return _made(chosen, audience), {}
    way = None if chosen.by_hand or chosen.wide(limit) else way_to_places(db.session)
    return _lasting_in_box(chosen.without("bbox"), audience, len(chosen.bbox.parts()), way), given_box(chosen.bbox)


def _made(chosen: ReportFilter, audience: Audience) -> Listing:
    return Listing(chosen.select(audience, *_COLUMNS), heads_of(audience, chosen.kinds))


_lasting = lru_cache(256)(_made)  # of a filter that means the same in every crisis and at any time


@lru_cache(256)
def _lasting_in_box(chosen: ReportFilter, audience: Audience, parts: int, way) -> Listing:
    """Of any box with so many parts, found by their places, or compared along the list where *way* is None."""
    query, heads = chosen.select(audience, *_COLUMNS), heads_of(audience, chosen.kinds)
    if way is None:
        return Listing(query.where(in_given_box(Publication, parts)), heads)
    return Listing(way(query, Publication, parts), heads, sorts=True)


def whole(chosen: ReportFilter, audience: Audience, cursor: str | None = None) -> Page:
    """Everything the filter finds, read on as it is taken, in a session of its own: the answer is sent after the
    request's is gone. What is published meanwhile is newer than *since*, and stands in the changes."""
    since = head_seq(audience)  # as the session's snapshot has it
    seq = head_seq(audience, chosen.kinds) if chosen.kinds else since
    first = db.session.scalar(select(func.max(Publication.id))) or 0
    if cursor:
        first = read_cursor(cursor, chosen, audience) - 1
        older = chosen.select(audience, func.count()).where(Publication.id <= first)
        matched = db.session.scalar(older)
    else:
        matched = count(chosen, audience, since)
    (list_, given), app, extent = _listing(chosen, audience), current_app._get_current_object(), Extent()

    def pieces() -> Iterator[bytes]:
        below = first + 1
        while True:
            with app.app_context(), reading():
                taken = list_.take(BATCH, below, **given)
                db.session.remove()
            extent.add(*taken.ends)
            yield from taken.pieces
            if taken.n < BATCH:
                return
            below = taken.last

    return Page(pieces(), matched, matched, None, seq, since, extent)


def one(public_id: str, audience: Audience):
    """The publication row of one report, tombstones included; None if this audience never saw it."""
    query = select(Publication).where(Publication.public_id == public_id, Publication.audience == audience)
    return db.session.scalar(query)
