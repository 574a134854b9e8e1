"""What changed since a seq: the latest state of every publication after it, each once. Feed, stream and webhooks
are this query in a loop; there is no other source of change."""

from dataclasses import dataclass

import orjson
from sqlalchemy import and_, select

from crowdmap.db import db
from crowdmap.errors import CursorExpired, InvalidParameter
from crowdmap.events import Event
from crowdmap.feeds.heads import head_seq
from crowdmap.feeds.reader import Reader
from crowdmap.filters import ReportFilter
from crowdmap.publishing.models import Audience, Publication
from crowdmap.publishing.project import removal

MOST = 10_000


@dataclass(frozen=True)
class Changes:
    """(seq, encoded feature) pairs in order; *seq* to go on from; *more* when there are further ones already."""

    items: list[tuple[int, bytes]]
    seq: int
    more: bool


def parse_since(text: str | None) -> int:
    if text is None or not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise InvalidParameter("since is the seq of an earlier answer; 0 is the beginning", field="since")
    return int(text)


def refuse_relative(chosen: ReportFilter) -> None:
    if chosen.relative:
        name = "from" if chosen.since and chosen.since.startswith("-") else "until"
        words = "a time relative to now has no meaning here, since a report would leave the filter without any change"
        raise InvalidParameter(words, field=name)


def check_since(since: int, who: Reader) -> None:
    """Raises CursorExpired (410) for a seq that this database has not given out (it was restored, or is another one), and
    for one from before the reader's scope last changed: what entered or left by that stands in no change."""
    head = head_seq(who.audience)
    if 0 < since < who.since:
        raise CursorExpired(
            f"what this key may read changed at seq {who.since}; read the layer again and go on from its seq",
            field="since", restart="/feeds/all.geojson", head=head,
        )  # fmt: skip
    if since > head:
        raise CursorExpired(
            f"seq {since} lies beyond the newest, {head}; read the layer again and go on from its seq",
            field="since", restart="/feeds/all.geojson", head=head,
        )  # fmt: skip
    if since and not _was_given(since):
        raise CursorExpired(
            f"seq {since} was given out by another state of this map; read the layer again and go on from its seq",
            field="since", restart="/feeds/all.geojson", head=head,
        )  # fmt: skip


def _was_given(seq: int) -> bool:
    """Whether it stands in the log, which only grows. After a restore the log goes on far above what was given out before
    (docs/operators.md), and who comes back with a number from between knows things that this map does not."""
    return db.session.scalar(select(Event.seq).where(Event.seq == seq)) is not None


def changes(chosen: ReportFilter, audience: Audience, since: int, limit: int) -> Changes:
    """The latest state of what changed after *since*.

    A row that does not match the filter now is a removal (``no-match``) if the audience knew it by *since*, else it
    is left out. A tombstone is always told: removing an unknown id is a no-op.
    """
    p = Publication
    matches = and_(*chosen.where(audience, index=False)).label("matches")
    columns = (p.seq, p.first_seq, p.removed, p.merged_into, p.public_id, p.feature, matches)
    query = select(*columns).where(p.audience == audience, p.seq > since).order_by(p.seq).limit(limit + 1)
    rows = db.session.connection().execute(query, execution_options={"binary_results": True}).all()
    more = len(rows) > limit
    del rows[limit:]
    items = []
    for row in rows:
        if row.removed is not None:
            feature = removal(row.public_id, row.seq, row.removed, row.merged_into)
        elif row.matches:
            items.append((row.seq, row.feature))
            continue
        elif row.first_seq <= since:
            feature = removal(row.public_id, row.seq, "no-match")
        else:
            continue
        items.append((row.seq, orjson.dumps(feature)))
    return Changes(items, rows[-1].seq if rows else since, more)
