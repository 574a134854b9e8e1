"""The one door in. Every channel parses its message into a ReportDraft and calls ``submit``.

The verbatim submission is stored first, and (channel, external id) is unique in the database, so that a retry, a
double click and two simultaneous twins are one report. Nothing remote is called here.
"""

import base64
import hashlib
import secrets
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from flask_babel import gettext as _
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from crowdmap.config import settings
from crowdmap.db import insert_if_absent, utcnow
from crowdmap.errors import FieldError, Gone, SameKeyOtherContent, ValidationFailed
from crowdmap.events import ReportDecided, ReportSubmitted, VoiceAdded, record
from crowdmap.intake.draft import ReportDraft
from crowdmap.intake.tokens import token_hash, tracking_token
from crowdmap.moderation import evidence
from crowdmap.moderation.models import Decision
from crowdmap.moderation.triage.arriving import Arrival, triage
from crowdmap.publishing.hook import touch
from crowdmap.reports.keyed import network_hash, source_hash
from crowdmap.reports.models import Category, LocatedBy, Report, ReportPrivate, Status, Submission, Verification


@dataclass(frozen=True)
class Incoming:
    """One message at the door.

    *external_id* is the channel's own id of it (provider's message id, client's UUID, row hash). *source_key* says who
    sends where no contact is given (device, telephone number), *network* by what network: only hashes of them are stored. Only
    the import of a trusted source gives another *status* and *verification*, and the *reason* of that decision. *voice_of*
    adds the message to that report instead of making a new one. *note* is for the moderators. *account_id* and
    *organisation* (a slug) are those who proved who they are.
    """

    draft: ReportDraft
    channel: str
    external_id: str
    verbatim: dict
    source_key: str | None = None
    network: str | None = None
    received_at: datetime | None = None
    status: Status = Status.PENDING
    verification: Verification = Verification.UNVERIFIED
    reason: str = "as its source had it"
    voice_of: Report | None = None
    note: str = ""
    account_id: int | None = None
    organisation: str | None = None


@dataclass(frozen=True)
class Receipt:
    """What the sender keeps. *repeated*: it was here already; *conflict*: the same key came with other content;
    *erased*: it was here, and its sender had it erased: it stays so, and there is no token."""

    public_id: str
    token: str
    status: Status
    repeated: bool = False
    conflict: bool = False
    erased: bool = False


def submit(session: Session, incoming: Incoming) -> Receipt:
    """Store one message; the caller commits. Raises ValidationFailed, SameKeyOtherContent (409), Gone (erased)."""
    receipt = submit_many(session, [incoming])[0]
    if receipt.erased:
        raise Gone(_("This message was here before, and its sender had it erased. It was not taken again."))
    if receipt.conflict:
        raise SameKeyOtherContent(
            _("This key was used before for another message. The first one is kept; send this one with a new key."),
            field="client_id",
        )
    return receipt


def submit_many(session: Session, messages: Sequence[Incoming]) -> list[Receipt]:
    """Store up to a few hundred messages in one transaction; receipts in the same order. The caller commits."""
    categories = {c.code: c for c in session.scalars(select(Category))}
    for message in messages:
        if message.voice_of is None:
            check_categories(message.draft, categories)
    fresh = _store(session, messages)
    reports = _make_reports(session, [m for m in messages if _key(m) in fresh], categories)
    published = triage(session, _arrivals(messages, reports), categories)
    links, receipts = [], {}
    for message in messages:
        key = _key(message)
        if key in fresh and key not in receipts:
            report, token = reports[key], tracking_token(fresh[key])
            links.append({"id": fresh[key], "report_id": report.id, "token_hash": token_hash(token)})
            receipts[key] = Receipt(report.public_id, token, report.status)
            happened = VoiceAdded if message.voice_of is not None else ReportSubmitted
            record(session, happened(report_id=report.id))
            if report.id in published and message.voice_of is None:
                record(session, ReportDecided(report_id=report.id, action="publish"))
            touch(session, {report.id})  # a voice changes no column of the report, only how many speak for it
            if message.note:
                session.add(Decision(report_id=report.id, action="note", reason=message.note))
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
                words = _("There is no category %(code)s; /openapi.json lists them.", code=code)
                raise ValidationFailed([FieldError(name, "unknown-category", words)])


def check_complete(draft: ReportDraft, *, place_needed: bool = True) -> None:
    """What a form and the API must be given, beyond what a text message or an old file may lack."""
    errors = []
    if not draft.description and not draft.title:
        words = _("Say in a few words what is needed, offered or broken.")
        errors.append(FieldError("description", "required", words))
    if place_needed and not draft.placed and not draft.place:
        errors.append(FieldError("place", "required", _("Say where: a point on the map, or the place in words.")))
    if is_swapped(draft.lon, draft.lat):
        errors.append(FieldError("lat", "swapped", _("Latitude and longitude seem to be swapped.")))
    if errors:
        raise ValidationFailed(errors)


def is_swapped(lon: float | None, lat: float | None) -> bool:
    """Whether the point lies outside the crisis, and inside once its two numbers change places."""
    area = settings().AREA
    if lon is None or lat is None or area is None or area.contains(lon, lat) or abs(lon) > 90:
        return False
    return area.contains(lat, lon)


def is_outside(lon: float | None, lat: float | None) -> bool:
    """Whether a point lies outside the crisis's AREA; an unknown point does not."""
    area = settings().AREA
    return bool(lon is not None and area and not area.contains(lon, lat))


def is_here(session: Session, channel: str, external_id: str) -> bool:
    """Whether a message with this key was taken already."""
    query = select(Submission.id).where(Submission.channel == channel, Submission.external_id == external_id)
    return session.scalar(query) is not None


def sources_of(message: Incoming) -> tuple[bytes | None, bytes | None]:
    """Keyed hashes of who sends (the telephone number, else the address, else the device) and of the device."""
    contact = message.draft.contact_phone or message.draft.contact_email
    device = source_hash(message.source_key) if message.source_key else None
    return source_hash(contact) if contact else device, device


def _network_of(message: Incoming) -> bytes | None:
    return network_hash(message.network) if message.network else None


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
        source, device = sources_of(message)
        values.setdefault(_key(message), {
            "channel": message.channel, "external_id": message.external_id, "verbatim": message.verbatim,
            "received_at": message.received_at or utcnow(), "content_hash": content_hash(message.verbatim),
            "source_hash": source, "device_hash": device, "network_hash": _network_of(message), "account_id": message.account_id,
            "organisation": message.organisation, "arrived_at": utcnow(),
        })  # fmt: skip
    rows = insert_if_absent(session, Submission, list(values.values()), conflict=("channel", "external_id"))
    return {(row.channel, row.external_id): row.id for row in rows}


def _make_reports(session, messages, categories) -> dict[tuple[str, str], Report]:
    first = {}
    for message in messages:
        first.setdefault(_key(message), message)
    made = {key: message.voice_of or new_report(message, categories) for key, message in first.items()}
    session.add_all(report for report in made.values() if report.id is None)
    session.flush()
    for key, message in first.items():
        report = made[key]
        if message.voice_of is None and report.status is not Status.PENDING:
            session.add(Decision(report_id=report.id, action="publish", reason=message.reason))
        if message.voice_of is None:
            evidence.brought(session, report, message.reason)
    return made


def _arrivals(messages, reports) -> list[Arrival]:
    """The new reports among *reports* (key → report), each once, with who sent it."""
    found = {}
    for message in messages:
        if message.voice_of is None and _key(message) in reports and _key(message) not in found:
            arrival = reports[_key(message)], bool(message.note), *sources_of(message)
            found[_key(message)] = Arrival(
                *arrival, network_hash=_network_of(message), account_id=message.account_id, organisation=message.organisation,
            )  # fmt: skip
    return list(found.values())


def new_report(message: Incoming, categories: dict[str, Category]) -> Report:
    """The record of one message, not stored yet."""
    draft = message.draft
    outside = is_outside(draft.lon, draft.lat)
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
    by_channel = defaultdict(list)
    for message in messages:
        by_channel[message.channel].append(message.external_id)
    columns = (
        Submission.id, Submission.channel, Submission.external_id, Submission.content_hash, Submission.token_hash,
        Report.public_id, Report.status,
    )  # fmt: skip
    rows = {}
    for channel, ids in by_channel.items():
        query = select(*columns).join(Report, Report.id == Submission.report_id)
        query = query.where(Submission.channel == channel, Submission.external_id.in_(set(ids)))
        rows.update(((row.channel, row.external_id), row) for row in session.execute(query))
    answers = {}
    for message in messages:
        row = rows[_key(message)]
        if row.token_hash is None:
            answers[_key(message)] = Receipt(row.public_id, "", row.status, repeated=True, erased=True)
            continue
        conflict = row.content_hash != content_hash(message.verbatim)
        answers[_key(message)] = Receipt(row.public_id, tracking_token(row.id), row.status, True, conflict)
    return answers


def _repeat_in_batch(message, receipt, messages) -> Receipt:
    first = next(m for m in messages if _key(m) == _key(message))
    conflict = content_hash(first.verbatim) != content_hash(message.verbatim)
    return Receipt(receipt.public_id, receipt.token, receipt.status, True, conflict)
