"""How common words and points are among this crisis's reports, so that rare ones can weigh more and be looked up first.

Counted by the worker over the team's publications, all of them up to 20,000, a sample spread evenly over more.
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

SAMPLE = 20_000
MOST_WORDS = 20_000
FRESH_SECONDS = 30.0  # a process looks for a newer count this often
AT_MOST = timedelta(hours=6)  # how old a count may be while reports still come
GROWN = 1.3  # counted again as soon as there are so many times the reports


def count(session: Session) -> Vocabulary:
    """Count anew and store; the caller commits."""
    p = Publication
    live = (p.audience == Audience.STAFF, p.removed.is_(None))
    reports = session.scalar(select(func.count()).select_from(p).where(*live)) or 0
    query = select(p.search_text, p.lon, p.lat).where(*live)
    if reports > SAMPLE:
        newest = session.scalar(select(func.max(p.id))) or 0
        step = max(1, newest // (2 * SAMPLE))  # every report has about two rows, one of them the team's
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
    row = {"id": 1, "counted_at": utcnow(), "reports": reports, "words": kept, "points": crowded}
    upsert(session, Vocabulary, [row], conflict=("id",))
    _known.pop(session.get_bind(), None)
    return Vocabulary(**row)


def is_due(session: Session) -> bool:
    """Whether the reports have outgrown the last count."""
    last = session.execute(select(Vocabulary.counted_at, Vocabulary.reports)).first()
    newest = session.scalar(select(func.max(Publication.report_id))) or 0
    if last is None:
        return newest > 0
    return newest > last.reports * GROWN + 20 or (newest > last.reports and utcnow() - last.counted_at > AT_MOST)


_known: "weakref.WeakKeyDictionary" = weakref.WeakKeyDictionary()  # engine → (looked at, counted at, weights)


def weights(session: Session) -> Weights:
    """As last counted; read again when it changed. With nothing counted yet: what is usual in any crisis."""
    engine, now = session.get_bind(), time.monotonic()
    looked, counted_at, known = _known.get(engine, (0.0, None, Weights()))
    if counted_at is not None and now - looked < FRESH_SECONDS:
        return known
    newest = session.scalar(select(Vocabulary.counted_at))
    if newest != counted_at:
        row = session.scalar(select(Vocabulary).execution_options(populate_existing=True))
        known = Weights(reports=row.reports, counts=row.words, points=row.points)
    _known[engine] = (now, newest, known)
    return known
