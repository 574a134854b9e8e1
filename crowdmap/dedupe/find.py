"""Which publications may tell of the same thing: a few by the spatial index, a few by their words, then scored.

Reads publications of one audience only: for the public neither a distance nor a word can tell more than the map does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from crowdmap.db import utcnow
from crowdmap.db.search import fold, text_matches
from crowdmap.db.spatial import within_metres
from crowdmap.dedupe import signals
from crowdmap.dedupe.signals import Side
from crowdmap.publishing.models import Audience, Publication, PublicationCategory
from crowdmap.reports.models import Category, Kind, Status

AROUND_M = 2000.0
WITHIN = timedelta(days=10)
EACH = 60  # candidates from each index
RARE_WORDS, LEAST_LETTERS = 5, 5
LEAST_SCORE = 0.45
TELLING = 0.5  # a reason is told from this much evidence on

STATUSES = {
    Audience.PUBLIC: (Status.PUBLISHED,),
    Audience.STAFF: (Status.PENDING, Status.PUBLISHED, Status.CLOSED),
}


@dataclass(frozen=True)
class Candidate:
    """One report that may be the same. *properties* and point as the audience sees them; metres None: not known."""

    public_id: str
    properties: dict
    score: float
    metres: float | None
    apart: timedelta
    evidence: dict[str, float]
    vague: bool
    lon: float | None
    lat: float | None

    @property
    def title(self) -> str:
        """The title, or the beginning of the description."""
        return self.properties["title"] or _excerpt(self.properties["description"])

    @property
    def band(self) -> str:
        """same-place, under-500-m, under-2-km, farther or unknown."""
        if self.metres is None:
            return "unknown"
        edges = ((signals.NEAR_M, "same-place"), (500, "under-500-m"), (2000, "under-2-km"))
        return next((name for edge, name in edges if self.metres < edge), "farther")

    def reasons(self, exact: bool) -> list[str]:
        """In words; *exact* tells metres, else only bands."""
        told = [distance_words(self.metres) if exact and self.metres is not None else band_words(self.band)]
        if self.vague and self.metres is not None:
            told[0] = _("%(distance)s (place only roughly known)", distance=told[0])
        told.append(time_words(self.apart))
        words = self.evidence.get("words", 0)
        if words >= TELLING:
            told.append(_("same words") if words >= 0.8 else _("similar words"))
        return told


def distance_words(metres: float) -> str:
    """ "180 m", "1.4 km"."""
    return _("%(n)s m", n=round(metres / 10) * 10) if metres < 995 else _("%(n)s km", n=f"{metres / 1000:.1f}")


def band_words(band: str) -> str:
    return {
        "same-place": _("same place"), "under-500-m": _("less than 500 m away"), "under-2-km": _("less than 2 km away"),
        "farther": _("farther away"), "unknown": _("distance not known"),
    }[band]  # fmt: skip


def time_words(apart: timedelta) -> str:
    """How long before or after: "40 min", "5 h", "3 days"."""
    minutes = abs(apart.total_seconds()) / 60
    if minutes < 60:
        return _("%(n)s min", n=round(minutes))
    if minutes < 36 * 60:
        return _("%(n)s h", n=round(minutes / 60))
    return ngettext("%(num)s day", "%(num)s days", round(minutes / 1440))


def families(codes, categories: dict[str, Category]) -> frozenset[str]:
    """Parents, own codes and sectors; the sector "multi" joins nothing."""
    found: set[str] = set()
    for category in (categories[code] for code in codes if code in categories):
        found |= {category.parent or category.code}
        if category.sector != "multi":
            found.add("sector:" + category.sector)
    return frozenset(found)


def side_of_draft(session: Session, draft) -> Side:
    """A message that is not a report yet; *draft* has a ReportDraft's fields, kind perhaps None."""
    categories = {c.code: c for c in session.scalars(select(Category))}
    codes = [code for code in (draft.category, *draft.categories) if code]
    kind = draft.kind or (categories[draft.category].kind if draft.category in categories else Kind.INFORMATION)
    return Side(
        kind=Kind(kind), codes=frozenset(codes), families=families(codes, categories), lon=draft.lon, lat=draft.lat,
        precision_m=draft.accuracy_m, happened_at=draft.occurred_at or utcnow(),
        words=fold(f"{draft.title} {draft.description} {draft.place}"),
    )  # fmt: skip


def candidates(
    session: Session, side: Side, audience: Audience, limit: int = 5, exclude: Sequence[str] = ()
) -> list[Candidate]:
    """At most *limit* likely ones, the likeliest first; *exclude* holds public ids that are no answer."""
    found = {row.id: row for row in [*_near(session, side, audience), *_alike(session, side, audience)]}
    rows = [row for row in found.values() if row.public_id not in exclude]
    categories = {c.code: c for c in session.scalars(select(Category))} if rows else {}
    codes = _codes(session, [row.id for row in rows])
    likely = []
    for row in rows:
        other = _side_of_row(row, codes.get(row.id, []), categories)
        score = signals.score(side, other)
        if score >= LEAST_SCORE:
            likely.append((-score, row.public_id, row, other))
    return [_candidate(side, other, row, -score) for score, _id, row, other in sorted(likely, key=lambda c: c[:2])[:limit]]


def candidates_for_public(session: Session, draft, limit: int = 5) -> list[dict]:
    """For somebody who reports: ``{id, title, text, distance, age_minutes, voices, reasons, url}``, from public rows alone.

    *distance* is a band: same-place, under-500-m, under-2-km, farther, unknown. No score, nothing of contact.
    """
    side = side_of_draft(session, draft)
    return [as_public(c) for c in candidates(session, side, Audience.PUBLIC, limit)]


def as_public(candidate: Candidate) -> dict:
    properties = candidate.properties
    return {
        "id": candidate.public_id, "title": candidate.title, "text": properties["description"],
        "distance": candidate.band, "age_minutes": _age_minutes(properties), "voices": properties["voices"],
        "reasons": candidate.reasons(exact=False), "url": properties["url"],
    }  # fmt: skip


def as_staff(candidate: Candidate) -> dict:
    """The same with metres and score."""
    metres = None if candidate.metres is None else round(candidate.metres)
    return {
        **as_public(candidate), "metres": metres, "score": round(candidate.score, 3),
        "reasons": candidate.reasons(exact=True), "status": candidate.properties["status"],
    }  # fmt: skip


def _excerpt(text: str | None, most: int = 80) -> str:
    text = " ".join((text or "").split())
    return text if len(text) <= most else text[: most - 1].rsplit(" ", 1)[0] + "…"


def _age_minutes(properties: dict) -> int:
    moment = datetime.fromisoformat(properties["occurred_at"] or properties["created_at"])
    return max(0, round((utcnow() - moment).total_seconds() / 60))


_COLUMNS = (
    Publication.id, Publication.public_id, Publication.kind, Publication.lon, Publication.lat, Publication.precision_m,
    Publication.happened_at, Publication.search_text, Publication.feature,
)  # fmt: skip


def _common(side: Side, audience: Audience) -> list:
    clauses = [
        Publication.audience == audience,
        Publication.status.in_(STATUSES[audience]),
        Publication.kind == side.kind,
    ]
    if side.happened_at is not None:
        clauses.append(Publication.happened_at.between(side.happened_at - WITHIN, side.happened_at + WITHIN))
    return clauses


def _near(session, side: Side, audience: Audience):
    """The nearest by the spatial index; plain arithmetic orders them, so that no function runs per row."""
    if side.lon is None or (side.precision_m or 0) > signals.VAGUE_M:
        return []
    p = Publication
    dlon, dlat = p.lon - side.lon, p.lat - side.lat
    query = select(*_COLUMNS).where(*_common(side, audience), within_metres(p, side.lon, side.lat, AROUND_M))
    return session.execute(query.order_by(dlon * dlon + dlat * dlat, p.id.desc()).limit(EACH)).all()


def _alike(session, side: Side, audience: Audience):
    """The newest with one of the longest words: long words are the rare ones, near enough."""
    words = sorted({w for w in side.words.split() if len(w) >= LEAST_LETTERS}, key=lambda w: (-len(w), w))[:RARE_WORDS]
    if not words:
        return []
    any_word = or_(*(text_matches(Publication, word) for word in words))
    query = select(*_COLUMNS).where(*_common(side, audience), any_word)
    return session.execute(query.order_by(Publication.id.desc()).limit(EACH)).all()


def _codes(session, ids) -> dict[int, list[str]]:
    codes: dict[int, list[str]] = {}
    if ids:
        query = select(PublicationCategory.publication_id, PublicationCategory.code)
        for row in session.execute(query.where(PublicationCategory.publication_id.in_(ids))):
            codes.setdefault(row.publication_id, []).append(row.code)
    return codes


def _side_of_row(row, codes, categories) -> Side:
    return Side(
        kind=row.kind, codes=frozenset(codes), families=families(codes, categories), lon=row.lon, lat=row.lat,
        precision_m=row.precision_m, happened_at=row.happened_at, words=row.search_text,
    )  # fmt: skip


def _candidate(side: Side, other: Side, row, score: float) -> Candidate:
    return Candidate(
        public_id=row.public_id, properties=orjson.loads(row.feature)["properties"], score=score,
        metres=signals.metres(side, other), apart=(side.happened_at or row.happened_at) - row.happened_at,
        evidence=signals.evidence(side, other), vague=signals.slack_m(side, other) > signals.NEAR_M,
        lon=row.lon, lat=row.lat,
    )  # fmt: skip
