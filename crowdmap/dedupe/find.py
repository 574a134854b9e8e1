"""Which publications may tell of the same thing: a few by place and time, a few by their rarest words, a few by a mark
of the same sender; the likeliest of them compared in full.

Reads publications of one audience only: for the public neither a distance nor a word can tell more than the map does.
Each way is an index look-up with a limit, so the work stays the same however many reports there are, or lie on one
point. Distance is evidence and no filter: a copy that was put 5 km away, or nowhere, is found by its words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from flask_babel import gettext as _
from sqlalchemy import select, union_all
from sqlalchemy.orm import Session

from crowdmap import geo
from crowdmap.config import settings
from crowdmap.db import utcnow
from crowdmap.db.search import rows_with_words
from crowdmap.dedupe import model as models
from crowdmap.dedupe import reasons, signals, vocabulary
from crowdmap.dedupe.side import Side, Weights
from crowdmap.dedupe.told import told
from crowdmap.publishing import marks
from crowdmap.publishing.marks import Mark
from crowdmap.publishing.models import Audience, Publication
from crowdmap.reports.models import Category, Kind, Report, Status, Submission

HERE, AROUND = 40, 10  # the latest on the report's own tile, and on each of the eight around it
LOOK_AHEAD = timedelta(days=1)  # clocks are off, and "when" is often the day
MOST_WORDS = 10  # the rarest that are looked up
MOST_ROWS = 2400  # that all words together may bring
COMMON = 2000  # a word in more reports than this finds nobody
BY_WORDS = 240  # rows that go on
COMPARED = 24  # compared in full
NUMBER = 0.4  # what a number in common promises, beside the square of each common word's weight
TELLING = 0.5  # a reason is told to the public from this much evidence on

STATUSES = {
    Audience.PUBLIC: (Status.PUBLISHED,),
    Audience.STAFF: (Status.PENDING, Status.PUBLISHED, Status.CLOSED),
}


@dataclass(frozen=True)
class Candidate:
    """One report that may be the same. *properties* and point as the audience sees them; metres None: not known."""

    report_id: int
    public_id: str
    properties: dict
    score: float  # probability that both tell the same
    metres: float | None
    apart: timedelta
    evidence: dict[str, float]
    told: dict
    lon: float | None
    lat: float | None

    @property
    def title(self) -> str:
        """The title, or the beginning of the description."""
        return self.properties["title"] or _excerpt(self.properties["description"])

    @property
    def exact(self) -> bool:
        return bool(self.evidence.get("same_text"))

    @property
    def band(self) -> str:
        """same-place, under-500-m, under-2-km, farther or unknown."""
        if self.metres is None:
            return "unknown"
        edges = ((signals.NEAR_M, "same-place"), (500, "under-500-m"), (2000, "under-2-km"))
        return next((name for edge, name in edges if self.metres < edge), "farther")

    def reasons(self, exact: bool) -> list[str]:
        """In words; *exact*, for the team: metres and what is in common; else bands and no more than the map tells."""
        if exact:
            return reasons.in_words(self.told)
        said = [band_words(self.band)]
        if self.told.get("vague") and self.metres is not None:
            said[0] = _("%(distance)s (place only roughly known)", distance=said[0])
        said.append(reasons.hours_in_words(self.apart.total_seconds() / 3600))
        words = max(self.evidence.get("words_in_common", 0), self.evidence.get("letters_contained", 0))
        if words >= TELLING:
            said.append(_("same words") if words >= 0.8 else _("similar words"))
        return said


def band_words(band: str) -> str:
    return {
        "same-place": _("same place"), "under-500-m": _("less than 500 m away"), "under-2-km": _("less than 2 km away"),
        "farther": _("farther away"), "unknown": _("distance not known"),
    }[band]  # fmt: skip


# ---- sides


class Sides:
    """Makes sides of this crisis's reports: its categories and how common its words are among those that the audience
    sees, read once."""

    def __init__(self, session: Session, audience: Audience):
        self.audience = audience
        rows = session.execute(select(Category.code, Category.parent, Category.sector, Category.kind))
        self.categories = {row.code: row for row in rows}
        self.weights: Weights = vocabulary.weights(session, audience)

    def families(self, codes) -> frozenset[str]:
        """Parents, own codes and sectors; the sector "multi" joins nothing."""
        found: set[str] = set()
        for category in (self.categories[code] for code in codes if code in self.categories):
            found |= {category.parent or category.code}
            if category.sector != "multi":
                found.add("sector:" + category.sector)
        return frozenset(found)

    def of_row(self, row, properties: dict, marks=frozenset(), senders=frozenset()) -> Side:
        codes = properties["categories"]
        return Side(
            kind=row.kind, codes=frozenset(codes), families=self.families(codes), lon=row.lon, lat=row.lat,
            precision_m=row.precision_m, happened_at=row.happened_at, title=properties["title"] or "",
            description=properties["description"] or "", place=properties["place"] or "", people=properties["people"],
            quantity=properties["quantity"], channel=properties["source"], marks=frozenset(marks),
            senders=frozenset(senders), weights=self.weights,
        )  # fmt: skip

    def of_draft(self, draft) -> Side:
        """A message that is no report yet; *draft* has a ReportDraft's fields, kind perhaps None."""
        codes = [code for code in (draft.category, *draft.categories) if code]
        known = self.categories.get(draft.category)
        found = set()
        if self.audience is not Audience.PUBLIC:  # the public must not find out whose number is known here
            contact = marks.of_contact(getattr(draft, "contact_phone", None), getattr(draft, "contact_email", None))
            found = marks.hashed(marks.in_text(f"{draft.title}\n{draft.description}") | contact)
        return Side(
            kind=Kind(draft.kind or (known.kind if known else Kind.INFORMATION)), codes=frozenset(codes),
            families=self.families(codes), lon=draft.lon, lat=draft.lat, precision_m=draft.accuracy_m,
            happened_at=draft.occurred_at or utcnow(), title=draft.title or "", description=draft.description or "",
            place=draft.place or "", people=getattr(draft, "people", None), marks=frozenset(found), weights=self.weights,
        )  # fmt: skip

    def of_report(self, session: Session, report: Report) -> Side:
        """A report by itself, as the team knows it."""
        private = report.private
        return Side(
            kind=report.kind, codes=frozenset(report.codes), families=self.families(report.codes), lon=private.lon,
            lat=private.lat, precision_m=private.accuracy_m, happened_at=report.occurred_at or report.created_at,
            title=report.title, description=report.description, place=report.place or "", people=report.people,
            quantity=report.quantity, channel=report.source, weights=self.weights,
            marks=frozenset(marks_by_report(session, [report.id]).get(report.id, ())),
            senders=frozenset(senders_by_report(session, [report.id]).get(report.id, ())),
        )  # fmt: skip


def side_of_draft(session: Session, draft, audience: Audience = Audience.PUBLIC) -> Side:
    return Sides(session, audience).of_draft(draft)


# ---- candidates


def candidates(
    session: Session, side: Side, audience: Audience, limit: int = 5, exclude: Sequence[str] = (),
    least: float | None = None, sides: Sides | None = None,
) -> list[Candidate]:  # fmt: skip
    """At most *limit* likely ones, the likeliest first; *exclude* holds public ids that are no answer. *least*: the
    probability from which one is likely (default: the model's). Who reports has said whether it is a need or an offer,
    so the other one is no answer; in files of old maps the two are often mixed up."""
    model = models.current(settings().INSTANCE)
    least = model.suggest if least is None else least
    sides = sides or Sides(session, audience)
    likely = []
    for row, other, properties in compared_with(session, side, audience, exclude, sides):
        evidence = signals.evidence(side, other)
        score = model.probability(evidence)
        if score >= least and not (audience is Audience.PUBLIC and signals.same_kind(side, other) == 0):
            likely.append((-score, row.public_id, row, other, properties, evidence))
    likely.sort(key=lambda found: found[:2])
    return [
        Candidate(
            row.report_id, row.public_id, properties, -score, signals.metres(side, other),
            (side.happened_at or row.happened_at) - row.happened_at, evidence, told(side, other), row.lon, row.lat,
        )
        for score, _id, row, other, properties, evidence in likely[:limit]
    ]  # fmt: skip


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


COLUMNS = (
    Publication.id, Publication.report_id, Publication.public_id, Publication.kind, Publication.lon, Publication.lat,
    Publication.precision_m, Publication.happened_at, Publication.search_text,
)  # fmt: skip


def properties_of(row) -> dict:
    return orjson.loads(row.feature)["properties"]


def compared_with(session, side: Side, audience: Audience, exclude, sides: Sides):
    """(row, side, properties) of those that are compared in full."""
    near, alike, marked = _near(session, side, audience), _alike(session, side, audience), _marked(session, side, audience)
    ids = list(dict.fromkeys([*marked, *near, *alike]))
    if not ids:
        return
    query = select(*COLUMNS).where(
        Publication.id.in_(ids), Publication.audience == audience, Publication.status.in_(STATUSES[audience])
    )
    rows = [row for row in session.execute(query) if row.public_id not in exclude]
    near, marked = set(near), set(marked)
    worth = {word: weight * weight for word, weight in side.words.items()}
    worth.update((str(number), NUMBER) for number in side.numbers)

    def promise(row) -> float:
        """Cheap, to choose whom to compare: shared words, nearness, a mark."""
        words = sum(worth[word] for word in worth.keys() & set(row.search_text.split()))
        return words + 0.7 * (row.id in near) + 5 * (row.id in marked)

    rows = sorted(rows, key=lambda row: (-promise(row), row.public_id))[:COMPARED]
    if not rows:
        return
    query = select(Publication.id, Publication.feature).where(Publication.id.in_([row.id for row in rows]))
    features = dict(session.execute(query).all())
    found_marks, senders = {}, {}
    if audience is not Audience.PUBLIC:
        ids = [row.report_id for row in rows]
        found_marks = marks_by_report(session, ids)
        senders = senders_by_report(session, ids) if side.senders else {}
    for row in rows:
        properties = orjson.loads(features[row.id])["properties"]
        other = sides.of_row(row, properties, found_marks.get(row.report_id, ()), senders.get(row.report_id, ()))
        yield row, other, properties


def _near(session, side: Side, audience: Audience) -> list[int]:
    """The latest of the same kind on the tile and those around it, by the index of tile and time."""
    if side.lon is None or (side.precision_m or 0) > signals.VAGUE_M:
        return []
    p = Publication
    x, y = geo.tile(side.lon, side.lat, geo.BLUR_ZOOM)
    until = (side.happened_at or utcnow()) + LOOK_AHEAD
    parts = []
    for dx, dy in ((dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)):
        tile = geo.interleave((x + dx) % (1 << geo.BLUR_ZOOM), max(0, min((1 << geo.BLUR_ZOOM) - 1, y + dy)))
        latest = select(p.id).where(
            p.audience == audience, p.kind == side.kind, p.tile16 == tile, p.happened_at <= until
        )  # fmt: skip
        part = latest.order_by(p.happened_at.desc()).limit(AROUND if dx or dy else HERE).subquery()
        parts.append(select(part.c.id))
    return list(session.scalars(union_all(*parts)))


def _alike(session, side: Side, audience: Audience) -> list[int]:
    """The audience's rows that share most with the report's rarest words, weighed by how rare each is among its rows.

    The index is of both audiences, so the limits are made for both; but they follow from what this one sees. Only what
    is in thousands of the team's reports is looked up for nobody: PostgreSQL would visit all of them.
    """
    counts, whole = side.weights.counts, vocabulary.weights(session, Audience.STAFF).counts
    usable = [word for word in side.words if max(counts.get(word, 0), whole.get(word, 0)) <= COMMON and len(word) > 2]
    rarest = sorted(usable, key=lambda word: (counts.get(word, 0), -side.words[word], -len(word), word))[:MOST_WORDS]
    wanted, left = [], MOST_ROWS
    for word in rarest:
        rows = 2 * counts.get(word, 0)  # twice what was counted, for there are two audiences
        if wanted and rows > left:
            break
        # a word that was hardly ever counted may be tonight's flood: the limit holds it
        wanted.append((word, min(left, rows + 400)))
        left = max(40, left - rows - 40)
    promise: dict[int, float] = {}
    for position, row_id in rows_with_words(session, wanted, Publication, {"audience": audience.value}):
        promise[row_id] = promise.get(row_id, 0.0) + side.words[wanted[position][0]] ** 2
    return sorted(promise, key=lambda row_id: (-promise[row_id], -row_id))[:BY_WORDS]


def _marked(session, side: Side, audience: Audience) -> list[int]:
    """The latest with the same telephone number, address or quoted message; never for the public."""
    if not side.marks or audience is Audience.PUBLIC:
        return []
    parts = []
    for _kind, value in sorted(side.marks)[:8]:
        part = select(Mark.report_id).where(Mark.hash == value).order_by(Mark.report_id.desc()).limit(20).subquery()
        parts.append(select(part.c.report_id))
    reports = set(session.scalars(union_all(*parts)))
    query = select(Publication.id).where(Publication.report_id.in_(reports), Publication.audience == audience)
    return list(session.scalars(query)) if reports else []


def marks_by_report(session, report_ids) -> dict[int, set[tuple[str, bytes]]]:
    found: dict[int, set[tuple[str, bytes]]] = {}
    for row in session.execute(select(Mark.report_id, Mark.kind, Mark.hash).where(Mark.report_id.in_(report_ids))):
        found.setdefault(row.report_id, set()).add((row.kind, row.hash))
    return found


def senders_by_report(session, report_ids) -> dict[int, set[bytes]]:
    found: dict[int, set[bytes]] = {}
    query = select(Submission.report_id, Submission.source_hash).where(Submission.report_id.in_(report_ids))
    for report_id, sender in session.execute(query.where(Submission.source_hash.is_not(None))):
        found.setdefault(report_id, set()).add(sender)
    return found
