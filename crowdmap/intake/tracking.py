"""The reporter's own page: how their report stands, and what they may do with it. The token is the only key."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated

from flask_babel import gettext as _
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from crowdmap import jobs
from crowdmap.db import scrub, utcnow
from crowdmap.dedupe.watch import forget
from crowdmap.errors import FieldError, Gone, IllegalState, NotFound, TooMany, ValidationFailed
from crowdmap.events import ReportDecided, record
from crowdmap.intake import succession, voices
from crowdmap.intake.draft import MOST_TEXT, MOST_TITLE, Email, Phone, Text, Words
from crowdmap.intake.submit import is_outside, is_swapped
from crowdmap.intake.tokens import token_hash
from crowdmap.moderation import sources, talk, undoing
from crowdmap.moderation.actions import lock_reports
from crowdmap.moderation.evidence import ending
from crowdmap.moderation.models import Decision, VouchOrigin
from crowdmap.moderation.talk import Question
from crowdmap.moderation.timeline import Entry
from crowdmap.moderation.timeline_told import reporter_entries
from crowdmap.reports import outbox
from crowdmap.reports.models import (
    VISIBLE,
    Letter,
    LocatedBy,
    Report,
    ReportPrivate,
    Status,
    Submission,
    Talk,
    Verification,
)

MOST_LETTER = 4000
MOST_LETTERS, DAY = 30, timedelta(days=1)  # letters of one sender, whatever they are about
SCRUB_AFTER = timedelta(minutes=10)  # so that many erasures cost one look through the index
CONTACT = ("contact_name", "contact_phone", "contact_email")
PLACE = ("lat", "lon", "accuracy_m")


class Correction(BaseModel):
    """The fields that are to be different; the others stay."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    title: Annotated[Text, Field(max_length=MOST_TITLE)] | None = None
    description: Annotated[Text, Field(max_length=MOST_TEXT)] | None = None
    place: Words | None = None
    lat: Annotated[float | None, Field(ge=-90, le=90)] = None
    lon: Annotated[float | None, Field(ge=-180, le=180)] = None
    accuracy_m: Annotated[float | None, Field(ge=0, le=1_000_000)] = None
    people: Annotated[int | None, Field(ge=0, le=100_000_000)] = None
    quantity: Annotated[float | None, Field(ge=0, le=1e12)] = None
    unit: Annotated[Text, Field(max_length=40)] | None = None
    contact_name: Words | None = None
    contact_phone: Phone | None = None
    contact_email: Email | None = None

    @model_validator(mode="after")
    def _point_is_whole(self):
        if (self.lat is None) != (self.lon is None):
            absent = "lat" if self.lat is None else "lon"
            raise PydanticCustomError("half-point", _("lat and lon go together."), {"field": absent})
        return self


class Message(BaseModel):
    """A letter to the moderators, or the answer to a question of theirs."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[Text, Field(min_length=1, max_length=MOST_LETTER)]
    question: Annotated[str | None, Field(max_length=40, description="id of the question that this answers")] = None


class Arrival(BaseModel):
    """Whether help came, and words if one likes."""

    model_config = ConfigDict(extra="forbid")

    arrived: bool
    text: Annotated[Text, Field(max_length=MOST_LETTER)] = ""


class Nothing(BaseModel):
    """A call that needs no field."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Tracked:
    """What a token opens. *original*: the report was made from this submission; else it is a voice for it.

    *root* is the report itself, or the one it was merged into; *feature* is what the public sees of that. *joined*: how
    many others told the same in reports that were merged into this one, and since when they count with it.
    """

    submission: Submission
    report: Report
    root: Report
    original: bool
    feature: dict | None
    letters: list[Letter]
    decisions: list[Decision]
    joined: int = 0
    joined_at: datetime | None = None
    questions: list[Question] = field(default_factory=list)

    @property
    def withdrawn(self) -> bool:
        return self.submission.withdrawn_at is not None or self.report.withdrawn_at is not None

    @property
    def merged(self) -> bool:
        return self.root is not self.report

    @property
    def ended(self) -> str | None:
        """What checking it came to: ``unverifiable`` or ``false``."""
        return ending(self.root, self.decisions)

    @property
    def pending(self) -> bool:
        return self.original and not self.merged and self.report.status is Status.PENDING


@dataclass(frozen=True)
class Step:
    """One of six: received, on_map, verified, taken, brought, confirmed; *state*: done, now or ahead."""

    name: str
    state: str
    at: datetime | None


def unknown() -> NotFound:
    """The one answer for a code that never was, was mistyped, or was erased."""
    return NotFound(_("There is nothing under this code. It may be mistyped, or the report was erased."))


def find(session: Session, token: str, *, to_change: bool = False) -> Tracked:
    """By the token in any spelling; *to_change* keeps moderators from changing the report meanwhile. Raises NotFound."""
    found = look(session, token, to_change)
    if found is None:
        raise unknown()
    return found


def look(session: Session, token: str, to_change: bool = False) -> Tracked | None:
    """As find, but None where there is nothing."""
    submission = session.scalars(select(Submission).where(Submission.token_hash == token_hash(token))).one_or_none()
    report = session.get(Report, submission.report_id) if submission and submission.report_id else None
    if report is None:
        return None
    if to_change:
        lock_reports(session, Report.id == report.id)
    root = report
    while root.merged_into_id is not None:
        root = session.get_one(Report, root.merged_into_id)
    first = session.scalar(select(func.min(Submission.id)).where(Submission.report_id == report.id))
    decided = select(Decision).where(Decision.report_id.in_({report.id, root.id})).order_by(Decision.id)
    written = select(Letter).where(Letter.submission_id == submission.id).order_by(Letter.id)
    original, decisions = first == submission.id, list(session.scalars(decided))
    joined, joined_at = _joined(session, submission, report, decisions) if original else (0, None)
    return Tracked(
        submission, report, root, original, voices.public_feature(session, root.id), list(session.scalars(written)),
        decisions, joined, joined_at, talk.of_submission(session, submission.id),
    )  # fmt: skip


def _joined(session: Session, submission: Submission, report: Report, decisions: list[Decision]) -> tuple[int, datetime | None]:
    """How many other senders' reports are merged into this one, and when the latest of them came to it. Nothing else of
    them is for this reporter: they may not be public."""
    below = [row for row in succession.below(session, report.id) if row.withdrawn_at is None and row.erased_at is None]
    if not below:
        return 0, None
    # by contact and device together: how many there are must not tell whose number somebody typed
    query = select(Submission.id, Submission.source_hash, Submission.device_hash).where(
        Submission.report_id.in_([row.id for row in below]), Submission.withdrawn_at.is_(None)
    )
    senders = {(row.source_hash or row.id, row.device_hash) for row in session.execute(query)}
    senders.discard((submission.source_hash, submission.device_hash))
    here = {row.public_id for row in below if row.merged_into_id == report.id}
    for decision in reversed(decisions):
        taken = decision.change.get("taken_in", [None, None])[1] or []
        if decision.report_id == report.id and here.intersection([taken] if isinstance(taken, str) else taken):
            return len(senders), decision.at
    return len(senders), None


def pathway(found: Tracked) -> list[Step]:
    """The six steps with their times. That somebody takes it on and brings it is told by a moderator's closing until
    organisations claim and deliver."""
    root = found.root
    on_map = _first(found, "publish") if root.status in VISIBLE else None
    sure = root.verification in (Verification.VERIFIED, Verification.CORROBORATED)
    closed = root.closed_at if root.status is Status.CLOSED else None
    letter = next((one for one in reversed(found.letters) if one.about == "confirm"), None)
    times = {
        "received": found.submission.received_at,
        "on_map": on_map,
        "verified": _first(found, "verify", "corroborate") or on_map if sure else None,
        "taken": closed,
        "brought": closed,
        "confirmed": letter.at if letter and letter.data.get("arrived") else None,
    }
    ahead = next((name for name, at in times.items() if at is None), None)
    over = found.withdrawn or root.status is Status.HIDDEN
    return [
        Step(name, "done" if at else "now" if name == ahead and not over else "ahead", at) for name, at in times.items()
    ]


def _first(found: Tracked, *actions: str) -> datetime | None:
    return next((d.at for d in found.decisions if d.action in actions), None)


def history(found: Tracked) -> list[Entry]:
    """What happened to it, in plain words and without anybody's name, the newest first."""
    own = [one for one in found.decisions if one.report_id == found.report.id]
    root = [one for one in found.decisions if found.merged and one.report_id == found.root.id]
    return reporter_entries(
        own, root, found.letters, [one.row for one in found.questions], received=found.submission.received_at,
        withdrawn=found.submission.withdrawn_at, joined=found.joined_at if found.joined else None,
        original=found.original, public=found.feature is not None,
    )  # fmt: skip


# ---- what the reporter may do; the caller commits


def correct(session: Session, found: Tracked, correction: Correction) -> bool:
    """Apply at once what nobody has checked yet, and contact always; anything else goes to the moderators as a letter,
    for what was checked must not change unseen. → whether all of it was applied. Raises ValidationFailed, TooMany."""
    wanted = {name: value for name, value in correction.model_dump().items() if value is not None}
    if not wanted:
        raise ValidationFailed([FieldError("description", "nothing", _("Say what should be different."))])
    if is_swapped(correction.lon, correction.lat):
        raise ValidationFailed([FieldError("lat", "swapped", _("Latitude and longitude seem to be swapped."))])
    _refuse_withdrawn(found)
    now = {name: value for name, value in wanted.items() if found.pending or (found.original and name in CONTACT)}
    later = {name: value for name, value in wanted.items() if name not in now}
    if later:
        _check_number(found)
    _apply(session, found.report, now)
    at = utcnow()
    if later:
        session.add(_letter(found, "correct", at, data=later))
    _decide(session, found, "correct", change={"applied": sorted(now), "asked": sorted(later)}, at=at)
    return not later


def _apply(session: Session, report: Report, fields: dict) -> None:
    private = session.get_one(ReportPrivate, report.id)
    for name, value in fields.items():
        setattr(private if name in (*CONTACT, *PLACE) else report, name, value if value != "" else _empty(name))
    if "lon" in fields:
        private.accuracy_m = fields.get("accuracy_m")
        private.located_by = LocatedBy.PIN
        report.out_of_area = is_outside(private.lon, private.lat)
    if fields:
        report.revision += 1


def _empty(name: str) -> str | None:
    return "" if name in ("title", "description") else None


def withdraw(session: Session, found: Tracked) -> None:
    """Off the map; the words stay with the moderators until they are erased. A voice withdraws only itself."""
    if found.withdrawn:
        return
    heirs = succession.prepare(session, found.report) if found.original else None
    found.submission.withdrawn_at = utcnow()
    outbox.cancel(session, found.submission.id)
    if found.original:
        found.report.talk = None
        found.report.withdrawn_at = found.submission.withdrawn_at
        found.report.revision += 1
    _decide(session, found, "withdraw", reason="" if found.original else "one voice less")
    if heirs:
        succession.hand_over(session, found.report, heirs)
    if found.original:
        succession.let_go(session, found.root)


def erase(session: Session, found: Tracked) -> None:
    """Words, place, contact and letters of this submission are gone, here and in every publication; the token opens
    nothing any more. What stays is its key, so that a retry does not bring it back; where it was rejected as spam or false,
    a hold on who sent it as well."""
    withdraw(session, found)
    submission, report = found.submission, found.report
    if found.original:
        sources.hold_erased(session, submission, report)
    submission.verbatim, submission.content_hash = {}, b""
    submission.source_hash = submission.device_hash = submission.network_hash = submission.token_hash = None
    submission.account_id = submission.organisation = None
    session.execute(delete(Letter).where(Letter.submission_id == submission.id))
    outbox.erase(session, submission.id)
    if found.original:
        report.erased_at = utcnow()
        report.title = report.description = ""
        report.mark_choices = None
        report.place = report.people = report.quantity = report.unit = report.occurred_at = report.language = None
        private = session.get_one(ReportPrivate, report.id)
        private.lon = private.lat = private.accuracy_m = None
        private.located_by = LocatedBy.NONE
        private.contact_name = private.contact_phone = private.contact_email = None
        session.execute(delete(VouchOrigin).where(VouchOrigin.report_id == report.id))
        forget(session, report.id)
        undoing.forget(session, report.id)
    _decide(session, found, "erase")
    asked = select(jobs.Job.id).where(jobs.Job.name == scrub_files.__name__, jobs.Job.state == "waiting").limit(1)
    if session.scalar(asked) is None:
        jobs.enqueue(session, scrub_files.__name__, due_at=utcnow() + SCRUB_AFTER)


@jobs.job
def scrub_files(session: Session) -> None:
    """What was erased of late leaves the database's files too: the word index and the log keep words for a while."""
    session.rollback()
    scrub()


def confirm(session: Session, found: Tracked, arrival: Arrival) -> None:
    """Whether help came, as the one who asked says; the last word counts. Raises TooMany."""
    _refuse_withdrawn(found)
    _check_number(found)
    at = utcnow()
    session.add(_letter(found, "confirm", at, arrival.text, {"arrived": arrival.arrived}))
    _decide(session, found, "confirm", change={"arrived": arrival.arrived}, at=at)


def write(session: Session, found: Tracked, letter: Message) -> None:
    """A letter to the moderators; one that names a question answers it, as often as the reporter likes. Raises
    ValidationFailed (no such question), IllegalState (taken back), Gone (asked no more), TooMany."""
    question = _question(found, letter.question) if letter.question else None
    _check_number(found)
    at, about = utcnow(), "message" if question is None else "answer"
    session.add(_letter(found, about, at, letter.text, question_id=question.row.id if question else None))
    if question is not None:  # it is news at the desk, and whoever decides now must have read it
        found.report.talk = Talk.ANSWERED
        found.report.revision += 1
    _decide(session, found, about, change={"question": letter.question} if question else None, at=at)


def _question(found: Tracked, public_id: str) -> Question:
    question = next((one for one in found.questions if one.row.public_id == public_id), None)
    if question is None:
        words = _("There is no such question here. Send it as a message instead.")
        raise ValidationFailed([FieldError("question", "unknown-question", words)])
    _refuse_withdrawn(found)
    if question.row.state is outbox.State.CANCELLED:
        raise Gone(_("This question is asked no more. If there is something to tell, send it as a message."))
    return question


def _check_number(found: Tracked) -> None:
    now = utcnow()
    recent = [one.at for one in found.letters if one.at > now - DAY]
    if len(recent) >= MOST_LETTERS:
        words = _("%(n)s messages came from you within a day. They are kept; write more tomorrow.", n=len(recent))
        error = TooMany(words, code="letters-today")
        error.retry_after = int((recent[-MOST_LETTERS] + DAY - now).total_seconds()) + 1
        raise error


def _letter(
    found: Tracked, about: str, at: datetime, text: str = "", data: dict | None = None, question_id: int | None = None
) -> Letter:
    """*at* is its decision's moment too: by it they are known to belong together."""
    return Letter(
        submission_id=found.submission.id, report_id=found.report.id, about=about, text=text, data=data or {}, at=at,
        question_id=question_id,
    )  # fmt: skip


def _decide(
    session: Session, found: Tracked, action: str, reason: str = "", change: dict | None = None, at: datetime | None = None
) -> None:
    session.add(
        Decision(report_id=found.report.id, action=action, reason=reason, change=change or {}, at=at or utcnow())
    )
    record(session, ReportDecided(report_id=found.report.id, action=action))


def _refuse_withdrawn(found: Tracked) -> None:
    if found.withdrawn:
        raise IllegalState(_("You took this report back, so there is nothing to change any more."))
