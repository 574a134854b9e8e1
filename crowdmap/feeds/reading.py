"""Pages of publications, newest first, with a cursor that survives edits."""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flask import current_app
from sqlalchemy import func, select

from crowdmap.db import MOST_ID, db, reading
from crowdmap.errors import InvalidCursor, InvalidParameter
from crowdmap.feeds.counts import count
from crowdmap.feeds.heads import head_seq
from crowdmap.filters import ReportFilter
from crowdmap.geo import Extent
from crowdmap.publishing.models import Audience, Publication

MOST_LIMIT = 10_000
BATCH = 2_000  # rows read at once, where everything is asked for
_COLUMNS = (Publication.id, Publication.feature, Publication.lon, Publication.lat)


@dataclass(frozen=True)
class Page:
    """Encoded features, newest first. *matched* counts all that the filter finds; *cursor* leads on, or is None.
    *extent* is around all their points once the features have been taken.

    *seq*: the last that changed anything of the kinds asked; the answer holds as long as it does. *since*: the last that
    changed anything at all. Changes go on from there: a report may have been first seen above *seq*, as another kind, and
    be of this kind by the time its row is read; then its leaving again would be told to nobody who goes on from *seq*.
    """

    features: Iterable[bytes]
    matched: int
    returned: int
    cursor: str | None
    seq: int
    since: int
    extent: Extent


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
    query = chosen.select(audience, *_COLUMNS).order_by(Publication.id.desc()).limit(limit + 1)
    if cursor:
        query = query.where(Publication.id < read_cursor(cursor, chosen, audience))
    # plain rows: the session's own take twice as long
    rows = db.session.connection().execute(query.execution_options(binary_results=True)).all()
    more = len(rows) > limit
    rows = rows[:limit]
    complete = not cursor and not more
    matched = len(rows) if complete else count(chosen, audience, since)
    cursor = make_cursor(rows[-1].id, chosen, audience) if more else None
    extent = Extent()
    extent.add(_points(rows))
    return Page([row.feature for row in rows], matched, len(rows), cursor, seq, since, extent)


def _points(rows) -> list[tuple[float, float]]:
    return [(lon, lat) for _id, _feature, lon, lat in rows if lon is not None]


def whole(chosen: ReportFilter, audience: Audience, cursor: str | None = None) -> Page:
    """Everything the filter finds, read on as it is taken, in a session of its own: the answer is sent after the
    request's is gone. What is published meanwhile is newer than *since*, and stands in the changes."""
    seq, since = _heads(chosen, audience)
    query = chosen.select(audience, *_COLUMNS)
    if cursor:
        query = query.where(Publication.id < read_cursor(cursor, chosen, audience))
    matched = db.session.scalar(query.with_only_columns(func.count(), maintain_column_froms=True).order_by(None))
    newest = db.session.scalar(select(func.max(Publication.id)))
    app, extent = current_app._get_current_object(), Extent()

    def features() -> Iterator[bytes]:
        below = (newest or 0) + 1
        while True:
            with app.app_context(), reading():
                page = query.where(Publication.id < below).order_by(Publication.id.desc()).limit(BATCH)
                rows = db.session.connection().execute(page.execution_options(binary_results=True)).all()
                db.session.remove()
            extent.add(_points(rows))
            yield from (row.feature for row in rows)
            if len(rows) < BATCH:
                return
            below = rows[-1].id

    return Page(features(), matched, matched, None, seq, since, extent)


def _heads(chosen: ReportFilter, audience: Audience) -> tuple[int, int]:
    since = head_seq(audience)
    return (head_seq(audience, chosen.kinds) if chosen.kinds else since), since


def one(public_id: str, audience: Audience):
    """The publication row of one report, tombstones included; None if this audience never saw it."""
    query = select(Publication).where(Publication.public_id == public_id, Publication.audience == audience)
    return db.session.scalar(query)
