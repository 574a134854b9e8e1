"""Found on arrival: a job follows the log, looks for twins of every report that came or changed, and keeps the pairs that
people should look at."""

import logging
from dataclasses import dataclass

from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from crowdmap import jobs
from crowdmap.config import settings
from crowdmap.db import reading, upsert, utcnow
from crowdmap.dedupe import find, signals, vocabulary
from crowdmap.dedupe import model as models
from crowdmap.dedupe.models import Suspicion
from crowdmap.events import Event, ReportDecided, ReportSubmitted
from crowdmap.publishing.models import Audience, Publication

log = logging.getLogger(__name__)

AT_ONCE = 20  # reports between two commits: reading first, then a short writing
A_RUN = 2000  # then the job makes room for others and comes again
MOST_PAIRS = 12  # kept for one arrival; more of the same hang together through others
READ = 200  # events of the log looked through for them
FOLLOWED = (ReportSubmitted.__name__, ReportDecided.__name__)
# decisions that change nothing of what is compared: most of a day's
QUIET = frozenset({
    "publish", "verify", "corroborate", "dispute", "add-evidence", "withdraw-evidence", "reinstate-evidence", "close", "reopen",
    "hide", "reject", "distinct", "note", "ask", "see-contact", "translate",
})  # fmt: skip


@dataclass(frozen=True)
class Found:
    """The pairs of one report as they stand now: other's report id → (score, evidence, exact); *gone*: ids of stored
    pairs that are not likely any more."""

    report_id: int
    pairs: dict[int, tuple[float, dict, bool]]
    gone: tuple[int, ...] = ()


@jobs.follows(ReportSubmitted, ReportDecided)
def look_for_twins(session: Session) -> None:
    """Catch up with the log."""
    session.rollback()
    if _is_due(session):
        vocabulary.count(session)
        session.commit()
    done = 0
    while done < A_RUN:
        with reading():
            upto, report_ids = _next(session)
            found = look(session, report_ids)
            session.rollback()
        if upto is None:
            return
        keep(session, found)
        upsert(session, jobs.Cursor, [{"name": look_for_twins.__name__, "seq": upto}], conflict=("name",))
        session.commit()
        done += max(1, len(report_ids))
    jobs.enqueue(session, look_for_twins.__name__)


def _is_due(session: Session) -> bool:
    with reading():
        due = vocabulary.is_due(session)
        session.rollback()
    return due


def _next(session: Session) -> tuple[int | None, list[int]]:
    """→ the seq read up to, and the reports that came or changed, at most AT_ONCE; (None, []) at the log's end."""
    read = session.scalar(select(jobs.Cursor.seq).where(jobs.Cursor.name == look_for_twins.__name__)) or 0
    query = select(Event.seq, Event.report_id, Event.data).where(Event.seq > read, Event.name.in_(FOLLOWED)).order_by(Event.seq)
    upto, found = None, set()
    for row in session.execute(query.limit(READ)).all():
        if row.data.get("action") not in QUIET:
            found.add(row.report_id)
        upto = row.seq
        if len(found) == AT_ONCE:
            break
    return upto, sorted(found)


def look(session: Session, report_ids) -> list[Found]:
    """The likely pairs of these reports, for the team; a report that was merged, hidden or taken back has none to look
    for, and keeps what was found."""
    if not report_ids:
        return []
    query = select(*find.COLUMNS, Publication.feature).where(
        Publication.report_id.in_(report_ids), Publication.audience == Audience.STAFF,
        Publication.status.in_(find.STATUSES[Audience.STAFF]),
    )  # fmt: skip
    rows = session.execute(query.order_by(Publication.report_id)).all()
    if not rows:
        return []
    sides, ids = find.Sides(session, Audience.STAFF), [row.report_id for row in rows]
    marks, senders = find.marks_by_report(session, ids), find.senders_by_report(session, ids)
    least = models.current(settings().INSTANCE).suspect
    found = []
    for row in rows:
        try:
            side = sides.of_row(row, find.properties_of(row), marks.get(row.report_id, ()), senders.get(row.report_id, ()))
            found.append(_twins_of(session, side, sides, row, least))
        except SQLAlchemyError:
            raise  # the database's trouble is no report's: the job comes again
        except Exception:  # one report must not stop the search for all that come after it
            log.exception("report %s could not be looked at for duplicates; it is passed over", row.public_id)
    return found


def _twins_of(session: Session, side, sides, row, least: float) -> Found:
    likely = find.candidates(
        session, side, Audience.STAFF, limit=MOST_PAIRS, exclude=(row.public_id,), least=least, sides=sides
    )  # fmt: skip
    pairs = {
        one.report_id: (one.score, {"signals": _rounded(one.evidence), "told": one.told}, one.exact) for one in likely
    }  # fmt: skip
    return Found(row.report_id, pairs, _no_more(session, side, sides, row.report_id, pairs, least))


def _no_more(session, side, sides, report_id: int, pairs, least: float) -> tuple[int, ...]:
    """Stored open pairs with reports that stand by themselves and are not likely any more: the words were edited."""
    s = Suspicion
    query = select(s.id, s.a_id, s.b_id).where(or_(s.a_id == report_id, s.b_id == report_id), s.refused_at.is_(None))
    others = {row.a_id + row.b_id - report_id: row.id for row in session.execute(query)}
    unseen = [other for other in others if other not in pairs]
    if not unseen:
        return ()
    model, gone = models.current(settings().INSTANCE), []
    query = select(*find.COLUMNS, Publication.feature).where(
        Publication.report_id.in_(unseen), Publication.audience == Audience.STAFF, Publication.removed.is_(None)
    )
    marks = find.marks_by_report(session, unseen)
    for row in session.execute(query):
        other = sides.of_row(row, find.properties_of(row), marks.get(row.report_id, ()))
        if model.probability(signals.evidence(side, other)) < least:
            gone.append(others[row.report_id])
    return tuple(gone)


def _rounded(evidence: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in evidence.items()}


def keep(session: Session, found: list[Found]) -> None:
    """Store the pairs; what people refused stays refused. The caller commits."""
    rows = {}
    for one in found:
        for other, (score, evidence, exact) in one.pairs.items():
            a, b = sorted((one.report_id, other))
            rows[a, b] = {
                "a_id": a, "b_id": b, "score": score, "evidence": evidence, "exact": exact, "found_at": utcnow(),
            }  # fmt: skip
    upsert(
        session, Suspicion, [rows[key] for key in sorted(rows)], conflict=("a_id", "b_id"),
        update=("score", "evidence", "exact"),
    )  # fmt: skip
    gone = [id for one in found for id in one.gone]
    if gone:
        session.execute(delete(Suspicion).where(Suspicion.id.in_(gone), Suspicion.refused_at.is_(None)))


def forget(session: Session, report_id: int) -> None:
    """A report was erased: what was found of it goes too; that people refused a pair stays, without its evidence."""
    concerned = or_(Suspicion.a_id == report_id, Suspicion.b_id == report_id)
    session.execute(delete(Suspicion).where(concerned, Suspicion.refused_at.is_(None)))
    session.execute(update(Suspicion).where(concerned).values(evidence={}))
