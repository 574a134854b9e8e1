"""A mark in the log from which an audience's followers have to begin anew: what some of them may read has changed."""

from sqlalchemy.orm import Session

from crowdmap import events
from crowdmap.db import upsert
from crowdmap.db.wake import notify
from crowdmap.publishing.models import Audience, Head
from crowdmap.reports.models import Kind


def mark_restart(session: Session, event, audience: Audience) -> int:
    """Write *event* now, under the log's lock, and let every head of *audience* reach its seq, which is returned.

    A cursor at the old head is then older than the mark as well, though no report changed; and whoever reads a layer
    from here on is given a seq that is not.
    """
    events.lock(session)
    (seq,) = events.write(session, [event])
    rows = [{"audience": audience, "kind": kind, "seq": seq} for kind in sorted(Kind)]
    upsert(session, Head, rows, conflict=("audience", "kind"))
    notify(session, seq)
    return seq
