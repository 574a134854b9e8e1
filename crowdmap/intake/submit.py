"""The one door in. Every channel parses its message into a ReportDraft and calls ``submit``.

The verbatim submission is stored first, and (channel, external id) is unique in the database, so that a retry, a
double click and two simultaneous twins are one report. Nothing remote is called here.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from crowdmap.config import settings
from crowdmap.db import insert_if_absent, utcnow
from crowdmap.errors import FieldError, SameKeyOtherContent, ValidationFailed
from crowdmap.events import ReportSubmitted, VoiceAdded, record
from crowdmap.intake.draft import ReportDraft
from crowdmap.moderation.models import Decision
from crowdmap.reports.models import Category, LocatedBy, Report, ReportPrivate, Status, Submission, Verification


@dataclass(frozen=True)
class Incoming:
    """One message at the door.

    *external_id* is the channel's own id of it (provider's message id, client's UUID, row hash). *source_key* says who
    sends (telephone number, device): it is hashed with a secret before it is stored. Only the import of a trusted
    source gives *status* and *verification*. *voice_of* adds the message to that report instead of making a new one.
    """

    draft: ReportDraft
    channel: str
    external_id: str
    verbatim: dict
    source_key: str | None = None
    received_at: datetime | None = None
    status: Status = Status.PENDING
    verification: Verification = Verification.UNVERIFIED
    voice_of: Report | None = None


@dataclass(frozen=True)
class Receipt:
    """What the sender keeps. *repeated*: it was here already; *conflict*: the same key came with other content."""

    public_id: str
    token: str
    status: Status
    repeated: bool = False
    conflict: bool = False


def submit(session: Session, incoming: Incoming) -> Receipt:
    """Store one message; the caller commits. Raises ValidationFailed, or SameKeyOtherContent (409)."""
    receipt = submit_many(session, [incoming])[0]
    if receipt.conflict:
        raise SameKeyOtherContent(
            "this key was used before for another message; the first one was kept, send this one with a new key",
            field="client_id",
        )
    return receipt


def submit_many(session: Session, messages: Sequence[Incoming]) -> list[Receipt]:
    """Store up to a few hundred messages in one transaction; receipts in the same order. The caller commits."""
    categories = {c.code: c for c in session.scalars(select(Category))}
    for message in messages:
        check_categories(message.draft, categories)
    fresh = _store(session, messages)
    reports = _make_reports(session, [m for m in messages if _key(m) in fresh], categories)
    links, receipts = [], {}
    for message in messages:
        key = _key(message)
        if key in fresh and key not in receipts:
            report, token = reports[key], tracking_token(fresh[key])
            links.append({"id": fresh[key], "report_id": report.id, "token_hash": token_hash(token)})
            receipts[key] = Receipt(report.public_id, token, report.status)
            happened = VoiceAdded if message.voice_of is not None else ReportSubmitted
            record(session, happened(report_id=report.id))
    if links:
        session.execute(update(Submission), links)
    old = _receipts_of_repeats(session, [m for m in messages if _key(m) not in fresh])
    answers, seen = [], set()
    for message in messages:
        key = _key(message)
        first = key in receipts and key not in seen
        seen.add(key)
        answers.append(receipts[key] if first else old.get(key) or _repeat_in_batch(message, receipts[key], messages))
    return answers


def check_categories(draft: ReportDraft, categories: dict[str, Category]) -> None:
    """Raises ValidationFailed naming ``category`` or ``categories``."""
    for name, codes in (("category", [draft.category]), ("categories", draft.categories)):
        for code in codes:
            if code not in categories or not categories[code].active:
                words = f"there is no category {code!r}; /openapi.json lists them"
                raise ValidationFailed([FieldError(name, "unknown-category", words)])


def check_complete(draft: ReportDraft) -> None:
    """What a form and the API must be given, beyond what a text message or an old file may lack."""
    errors = []
    if not draft.description and not draft.title:
        errors.append(FieldError("description", "required", "say in a few words what is needed, offered or broken"))
    if not draft.placed and not draft.place:
        errors.append(FieldError("place", "required", "say where: a point on the map, or the place in words"))
    if errors:
        raise ValidationFailed(errors)


# ---- tokens and hashes


def derived_key(purpose: str) -> bytes:
    """A key of its own for each purpose (HKDF-like: one HMAC over the purpose's name)."""
    return hmac.new(settings().SECRET_KEY.encode(), b"crowdmap " + purpose.encode(), hashlib.sha256).digest()


def tracking_token(submission_id: int) -> str:
    """28 base32 characters (140 bits): an HMAC-SHA256 over the submission's id, so that a repeat gets the same one."""
    digest = hmac.new(derived_key("tracking"), str(submission_id).encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode()[:28]


_LOOKALIKES = str.maketrans("018", "OIB")  # not in base32's alphabet, so each has one meaning


def token_hash(token: str) -> bytes:
    """SHA-256 of a token as people type it: any case, with spaces or dashes between the groups."""
    tidy = "".join(c for c in token.upper() if c.isalnum()).translate(_LOOKALIKES)
    return hashlib.sha256(tidy.encode()).digest()


def grouped(token: str) -> str:
    """In groups of four, to write down."""
    return " ".join(token[i : i + 4] for i in range(0, len(token), 4))


def source_hash(key: str) -> bytes:
    return hmac.new(derived_key("source"), key.encode(), hashlib.sha256).digest()


def content_hash(verbatim: dict) -> bytes:
    content = {k: v for k, v in verbatim.items() if k != "client_id"}
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).digest()


# ---- the steps


def _key(message: Incoming) -> tuple[str, str]:
    return (message.channel, message.external_id)


def _store(session, messages) -> dict[tuple[str, str], int]:
    """The verbatim submissions that were not here yet: key → id."""
    values = {}
    for message in messages:
        contact = message.draft.contact_phone or message.draft.contact_email or message.source_key
        values.setdefault(_key(message), {
            "channel": message.channel, "external_id": message.external_id, "verbatim": message.verbatim,
            "received_at": message.received_at or utcnow(), "content_hash": content_hash(message.verbatim),
            "source_hash": source_hash(contact) if contact else None,
        })  # fmt: skip
    rows = insert_if_absent(session, Submission, list(values.values()), conflict=("channel", "external_id"))
    return {(row.channel, row.external_id): row.id for row in rows}


def _make_reports(session, messages, categories) -> dict[tuple[str, str], Report]:
    made = {}
    for message in messages:
        if _key(message) in made:
            continue
        made[_key(message)] = message.voice_of or _report(message, categories)
    session.add_all(report for report in made.values() if report.id is None)
    session.flush()
    for message in messages:
        report = made[_key(message)]
        if message.voice_of is None and report.status is not Status.PENDING:
            session.add(Decision(report_id=report.id, action="publish", reason="as its source had it"))
    return made


def _report(message: Incoming, categories) -> Report:
    draft, area = message.draft, settings().AREA
    outside = bool(draft.placed and area and not area.contains(draft.lon, draft.lat))
    located_by = draft.located_by or (LocatedBy.PIN if draft.placed else LocatedBy.NONE)
    return Report(
        public_id=base64.b32encode(secrets.token_bytes(8)).decode()[:12].lower(),
        kind=draft.kind or categories[draft.category].kind,
        category=draft.category,
        more_categories=[code for code in dict.fromkeys(draft.categories) if code != draft.category],
        status=Status.PENDING if outside else message.status,
        verification=message.verification,
        title=draft.title,
        description=draft.description,
        language=draft.language,
        place=draft.place or None,
        people=draft.people,
        quantity=draft.quantity,
        unit=draft.unit or None,
        source=message.channel,
        occurred_at=draft.occurred_at,
        created_at=message.received_at or utcnow(),
        out_of_area=outside,
        private=ReportPrivate(
            lon=draft.lon,
            lat=draft.lat,
            accuracy_m=draft.accuracy_m,
            located_by=located_by,
            contact_name=draft.contact_name or None,
            contact_phone=draft.contact_phone or None,
            contact_email=draft.contact_email or None,
        ),
    )


def _receipts_of_repeats(session, messages) -> dict[tuple[str, str], Receipt]:
    """For messages whose key was here before: their first receipt, with today's status."""
    answers = {}
    for message in messages:
        query = select(Submission.id, Submission.content_hash, Report.public_id, Report.status)
        query = query.join(Report, Report.id == Submission.report_id)
        row = session.execute(
            query.where(Submission.channel == message.channel, Submission.external_id == message.external_id)
        ).one()
        conflict = row.content_hash != content_hash(message.verbatim)
        answers[_key(message)] = Receipt(row.public_id, tracking_token(row.id), row.status, True, conflict)
    return answers


def _repeat_in_batch(message, receipt, messages) -> Receipt:
    first = next(m for m in messages if _key(m) == _key(message))
    conflict = content_hash(first.verbatim) != content_hash(message.verbatim)
    return Receipt(receipt.public_id, receipt.token, receipt.status, True, conflict)
