"""Pages of publications, newest first, with a cursor that survives edits."""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from crowdmap.db import MOST_ID, db
from crowdmap.errors import InvalidCursor, InvalidParameter
from crowdmap.feeds.counts import count
from crowdmap.feeds.heads import head_seq
from crowdmap.filters import ReportFilter
from crowdmap.publishing.models import Audience, Publication

MOST_LIMIT = 10_000


@dataclass(frozen=True)
class Page:
    """Encoded features, newest first. *matched* counts all that the filter finds; *cursor* leads on, or is None."""

    features: Sequence[bytes]
    matched: int
    cursor: str | None
    seq: int


def parse_limit(text: str | None, default: int, most: int = MOST_LIMIT) -> int:
    if text in (None, ""):
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 19) or not 1 <= int(text) <= most:
        raise InvalidParameter(f"limit is a whole number from 1 to {most}", field="limit")
    return int(text)


def _fingerprint(chosen: ReportFilter) -> str:
    return hashlib.blake2b(chosen.canonical().encode(), digest_size=6).hexdigest()


def make_cursor(row_id: int, chosen: ReportFilter) -> str:
    """The row reached, with a hash of the filter: a cursor leads on only in the list that it came from."""
    return base64.urlsafe_b64encode(f"{row_id}.{_fingerprint(chosen)}".encode()).decode().rstrip("=")


def read_cursor(text: str, chosen: ReportFilter) -> int:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
        row_id, fingerprint = raw.split(".")
        number = int(row_id)
        if not 0 <= number <= MOST_ID:
            raise ValueError
    except (ValueError, binascii.Error):
        raise InvalidCursor("this cursor was not made here; start without one", field="cursor") from None
    if fingerprint != _fingerprint(chosen):
        raise InvalidCursor("this cursor belongs to another filter; start without one", field="cursor")
    return number


def page(chosen: ReportFilter, audience: Audience, limit: int, cursor: str | None = None) -> Page:
    """One page. Reads seq before the rows, so that a client that goes on from seq misses nothing."""
    seq = head_seq(audience, chosen.kinds)
    query = chosen.select(audience).order_by(Publication.id.desc()).limit(limit + 1)
    if cursor:
        query = query.where(Publication.id < read_cursor(cursor, chosen))
    # plain rows: the session's own take twice as long
    rows = db.session.connection().execute(query.execution_options(binary_results=True)).all()
    more = len(rows) > limit
    rows = rows[:limit]
    complete = not cursor and not more
    matched = len(rows) if complete else count(chosen, audience, None if chosen.kinds else seq)
    return Page([row.feature for row in rows], matched, make_cursor(rows[-1].id, chosen) if more else None, seq)


def one(public_id: str, audience: Audience):
    """The publication row of one report, tombstones included; None if this audience never saw it."""
    query = select(Publication).where(Publication.public_id == public_id, Publication.audience == audience)
    return db.session.scalar(query)
