"""Taking a file of a trusted source through the one door, batch by batch; and saying what became of each row."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from crowdmap.config import settings
from crowdmap.intake.draft import ReportDraft
from crowdmap.intake.files import Format
from crowdmap.intake.files.categories import CategoryBook, Known
from crowdmap.intake.files.row import Context, Row
from crowdmap.intake.submit import Incoming, Receipt, content_hash, is_outside, submit_many
from crowdmap.reports import crisis
from crowdmap.reports.models import VISIBLE, Category, Status, Submission, Verification

CHANNEL = "import"
BATCH = 200  # rows a commit (DESIGN §5): other writers get their turn in between

# a fault in one of these costs the row only this field; the original keeps it
EXPENDABLE = frozenset(
    "accuracy_m people quantity unit language place contact_name contact_phone contact_email occurred_at".split()
)


@dataclass
class Summary:
    rows: int = 0
    taken: int = 0
    repeated: int = 0
    published: int = 0  # of those taken now
    outside: int = 0
    unplaced: int = 0
    kinds: Counter = field(default_factory=Counter)
    warnings: Counter = field(default_factory=Counter)
    conflicts: list[tuple[int, str]] = field(default_factory=list)  # line, reason
    problems: list[tuple[int, str]] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return bool(self.problems or self.conflicts)


def category_book(session: Session, mapping: dict[str, tuple[str, str]] | None = None) -> CategoryBook:
    """The categories in use, under all their names: their own, and what the built-in templates know of other maps."""
    aliases: dict[str, list[str]] = {}
    for name in crisis.names():
        for item in crisis.read(name).categories:
            aliases.setdefault(item.code, []).extend((item.name, *item.aliases))
    query = select(Category).where(Category.active).order_by(Category.position)
    return CategoryBook(
        (
            Known(row.code, row.kind, (row.name, *row.names.values(), *aliases.get(row.code, ())), row.parent)
            for row in session.scalars(query)
        ),
        mapping,
    )


def run(
    session: Session,
    path: Path,
    form: Format,
    *,
    source: str,
    zone: ZoneInfo,
    mapping: dict[str, tuple[str, str]] | None = None,
    publish: bool = False,
    dry_run: bool = False,
    progress: Callable[[float], None] = lambda share: None,
) -> Summary:
    """Take every row of the file; commits each batch. *dry_run*: says the same and writes nothing.

    *publish*: publish what the source had approved, and mark as verified what it had verified; what lies outside AREA
    stays pending. *progress* is told the share done, 0 to 1. Raises BadRow when the file as a whole cannot be read.
    """
    context = Context(source, zone, category_book(session, mapping))
    session.rollback()  # reading the file holds no transaction
    summary, seen = Summary(), {}
    rows = oldest_first(list(form.rows(path, context)))
    for batch in _batches(rows):
        messages = []
        for row in batch:
            summary.rows += 1
            draft = None if row.problem else draft_of(row)
            summary.warnings.update(row.warnings)
            if draft is None:
                summary.problems.append((row.line, row.problem))
            else:
                messages.append((row, _incoming(row, draft, publish)))
        answers = _rehearse(session, messages, seen) if dry_run else submit_many(session, [m for _, m in messages])
        _count(summary, messages, answers)
        session.rollback() if dry_run else session.commit()
        progress(summary.rows / len(rows))
    summary.problems.sort()
    summary.conflicts.sort()
    return summary


def oldest_first(rows: list[Row]) -> list[Row]:
    """The file's order, turned round where it has the newest first, as old exports do: lists show what came last first."""
    dated = [moment for row in rows if (moment := row.fields.get("occurred_at"))]
    return rows[::-1] if dated and dated[0] > dated[-1] else rows


def draft_of(row: Row) -> ReportDraft | None:
    """The row as a draft, without a field that cannot be; or None, and then ``row.problem`` says why."""
    fields = dict(row.fields)
    for _ in range(2):
        try:
            return ReportDraft(**fields)
        except ValidationError as error:
            faults = {str(fault["loc"][0]) if fault["loc"] else "": fault["msg"] for fault in error.errors()}
        if not faults.keys() <= EXPENDABLE:
            break
        for name, words in faults.items():
            row.warnings.append(f"{name} left out: {words}")
            del fields[name]
    row.problem = "; ".join(f"{name}: {words}" if name else words for name, words in faults.items())
    return None


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    batch = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _incoming(row: Row, draft: ReportDraft, publish: bool) -> Incoming:
    standing = {}
    if publish and row.approved:
        standing["status"] = Status.PUBLISHED
    if publish and row.verified:
        standing["verification"] = Verification.VERIFIED
    return Incoming(draft, CHANNEL, row.external_id, row.verbatim, **standing)


def _rehearse(session: Session, messages: list[tuple[Row, Incoming]], seen: dict[str, bytes]) -> list[Receipt]:
    """The receipts there would be. *seen*: external id → content of earlier batches of this file."""
    ids = [message.external_id for _, message in messages]
    query = select(Submission.external_id, Submission.content_hash)
    rows = session.execute(query.where(Submission.channel == CHANNEL, Submission.external_id.in_(ids)))
    seen.update((row.external_id, row.content_hash) for row in rows)
    answers = []
    for _, message in messages:
        content = content_hash(message.verbatim)
        before = seen.setdefault(message.external_id, content) if message.external_id in seen else None
        seen.setdefault(message.external_id, content)
        outside = is_outside(message.draft.lon, message.draft.lat)
        status = Status.PENDING if outside else message.status
        answers.append(Receipt("", "", status, repeated=before is not None, conflict=before not in (None, content)))
    return answers


def _count(summary: Summary, messages: list[tuple[Row, Incoming]], answers: list[Receipt]) -> None:
    for (row, message), answer in zip(messages, answers):
        draft = message.draft
        if answer.conflict:
            words = f"{row.external_id} came before with other content; the first one was kept"
            summary.conflicts.append((row.line, words))
            continue
        if answer.erased:
            summary.warnings["erased at its sender's wish before: not taken again"] += 1
        summary.outside += is_outside(draft.lon, draft.lat)
        if answer.repeated:
            summary.repeated += 1
            continue
        summary.taken += 1
        summary.unplaced += not draft.placed
        summary.published += answer.status in VISIBLE
        summary.kinds[str(draft.kind)] += 1


def default_mapping(path: Path, given: Path | None) -> Path | None:
    """The mapping to use: the given one, else ``categories.csv`` beside the file where there is one."""
    beside = path.with_name("categories.csv")
    return given or (beside if beside.is_file() and beside != path else None)


def zone_of(name: str | None) -> ZoneInfo:
    return ZoneInfo(name or settings().TIMEZONE)
