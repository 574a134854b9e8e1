"""How common words and points are among this crisis's reports, so that rare ones can weigh more and be looked up first.

Counted by the worker for each audience over its own publications: what the public's search weighs tells nothing of words
and points that only the team knows. All of them up to 20,000, a sample spread evenly over more.
"""

import time
import weakref
from collections import Counter
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crowdmap.db import upsert, utcnow
from crowdmap.dedupe.models import Vocabulary
from crowdmap.dedupe.side import CROWDED, Weights, point_key
from crowdmap.publishing.models import Audience, Publication

ROW = {Audience.STAFF: 1, Audience.PUBLIC: 2}  # audience → id of its count
SAMPLE = 20_000
MOST_WORDS = 20_000
FRESH_SECONDS = 30.0  # a process looks for a newer count this often
AT_MOST = timedelta(hours=6)  # how old a count may be while reports still come
SETTLED = timedelta(minutes=5)  # so old a count of the public's is held against what was published since
GROWN = 1.3  # counted again as soon as there are so many times the reports


def count(session: Session) -> None:
    """Count anew for each audience and store; the caller commits."""
    rows = [_counted(session, audience) for audience in ROW]
    upsert(session, Vocabulary, rows, conflict=("id",))
    _known.pop(session.get_bind(), None)


def _counted(session: Session, audience: Audience) -> dict:
    p = Publication
    reports = _live(session, audience)
    query = select(p.search_text, p.lon, p.lat).where(p.audience == audience, p.removed.is_(None))
    if reports > SAMPLE:
        newest = session.scalar(select(func.max(p.id))) or 0
        step = reports // SAMPLE | 1  # odd: the rows of the audiences often take turns
        query = query.where(p.id.in_(range(1, newest + 1, step)) if newest // step < 30_000 else p.id % step == 0)
    words, points, seen = Counter(), Counter(), 0
    for text, lon, lat in session.execute(query.execution_options(yield_per=1000)):
        words.update(set(text.split()))
        seen += 1
        if lon is not None:
            points[point_key(lon, lat)] += 1
    scale = reports / seen if seen else 1.0
    kept = {word: round(n * scale) for word, n in words.most_common(MOST_WORDS) if n > 1}
    crowded = {point: round(n * scale) for point, n in points.items() if n * scale >= CROWDED}
    return {"id": ROW[audience], "counted_at": utcnow(), "reports": reports, "words": kept, "points": crowded}


def _live(session: Session, audience: Audience) -> int:
    live = select(func.count()).where(Publication.audience == audience, Publication.removed.is_(None))
    return session.scalar(live) or 0


def is_due(session: Session) -> bool:
    """Whether the reports of an audience have outgrown its last count."""
    newest = session.scalar(select(func.max(Publication.report_id))) or 0
    counted = {row.id: row for row in session.execute(select(Vocabulary.id, Vocabulary.counted_at, Vocabulary.reports))}
    if len(counted) < len(ROW):
        return newest > 0
    team, public = counted[ROW[Audience.STAFF]], counted[ROW[Audience.PUBLIC]]
    age = utcnow() - team.counted_at
    if newest > team.reports * GROWN + 20 or (newest > team.reports and age > AT_MOST):
        return True
    # what is published need not be new; at a million reports this takes the worker a tenth of a second
    return age > SETTLED and _live(session, Audience.PUBLIC) > public.reports * GROWN + 20


_known: "weakref.WeakKeyDictionary" = weakref.WeakKeyDictionary()  # engine → audience → (looked at, counted at, weights)


def weights(session: Session, audience: Audience) -> Weights:
    """As last counted; read again when it changed. With nothing counted yet: what is usual in any crisis."""
    engine, now = session.get_bind(), time.monotonic()
    known = _known.setdefault(engine, {})
    looked, counted_at, found = known.get(audience, (0.0, None, Weights()))
    if counted_at is not None and now - looked < FRESH_SECONDS:
        return found
    mine = Vocabulary.id == ROW[audience]
    newest = session.scalar(select(Vocabulary.counted_at).where(mine))
    if newest != counted_at:
        row = session.scalar(select(Vocabulary).where(mine).execution_options(populate_existing=True))
        found = Weights(reports=row.reports, counts=row.words, points=row.points)
    known[audience] = (now, newest, found)
    return found
