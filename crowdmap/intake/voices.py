""""I need this too": another message for a report that is public already.

A source speaks once for a report, however often it sends. What says something new is kept all the same, a few times a
day; what says nothing new is answered kindly and not stored again. Who the source was is told to nobody, and the code
of an earlier message least of all: a camp shares one network.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated
from uuid import UUID

import orjson
from flask_babel import gettext as _
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from crowdmap.db import utcnow
from crowdmap.db.search import fold
from crowdmap.errors import Gone, NotFound, TooMany
from crowdmap.intake.draft import MOST_TEXT, Email, Phone, ReportDraft, Text, Words
from crowdmap.intake.submit import Incoming, Receipt, is_here, sources_of, submit
from crowdmap.moderation.merging import below
from crowdmap.publishing.lookup import public_report
from crowdmap.publishing.models import Audience, Publication
from crowdmap.reports.models import Report, Submission

MOST_A_DAY = 10  # messages of one source for one report that are kept; more is no news, and somebody has to read it
DAY = timedelta(days=1)
# what says nothing of its own: keys, and what the report says already
_NO_NEWS = frozenset({"client_id", "voice_of", "kind", "category", "categories", "located_by", "language", "place_unknown"})


class Voice(BaseModel):
    """What comes with "me too": words and a way to be reached if one likes, and the same key as a report's against
    doubles."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[Text, Field(max_length=MOST_TEXT, description="what you want to add, in your own words")] = ""
    contact_name: Words = ""
    contact_phone: Phone = ""
    contact_email: Email = ""
    client_id: Annotated[UUID | None, Field(description="your own key: a repeat is the same voice")] = None


@dataclass(frozen=True)
class Heard:
    """What became of a voice. *again*: this device has told it before. *receipt* is None where it said nothing that it
    had not said then: nothing more was kept."""

    report: Report
    receipt: Receipt | None
    again: bool

    @property
    def words(self) -> str:
        """For its sender; "" where it is simply taken."""
        if self.receipt is None:
            return _(
                "The same was told before from this phone or network. It is kept, and counted once. "
                "If you are somebody else, add your telephone number. If there is more to say, add words."
            )
        return _("It is kept with what was told before from this phone or network. One person counts once.") if self.again else ""


def target(session: Session, public_id: str) -> Report:
    """The report that a voice for *public_id* is for: the root where it was merged. Raises NotFound, Gone."""
    return session.get_one(Report, public_report(session, public_id))


def target_or_none(session: Session, public_id: str) -> Report | None:
    """The same; None where it is not public (any more)."""
    try:
        return target(session, public_id)
    except (NotFound, Gone):
        return None


def as_draft(voice: Voice, report: Report) -> ReportDraft:
    return ReportDraft(
        category=report.category, kind=report.kind, description=voice.text, contact_name=voice.contact_name,
        contact_phone=voice.contact_phone, contact_email=voice.contact_email,
    )  # fmt: skip


def add(session: Session, incoming: Incoming) -> Heard:
    """Keep a voice for ``incoming.voice_of``; the caller commits. Raises TooMany, and what ``submit`` raises."""
    report = incoming.voice_of
    if is_here(session, incoming.channel, incoming.external_id):  # a repeat gets its first answer
        return Heard(report, submit(session, incoming), again=False)
    sent = _sent(session, report)
    earlier = [row.id for row in sent if row.withdrawn_at is None and _same_device(row, incoming)]
    if earlier and not _says_more(session, incoming.verbatim, earlier):
        return Heard(report, None, again=True)
    _check_number(sent, incoming)
    return Heard(report, submit(session, incoming), again=bool(earlier))


def public_feature(session: Session, report_id: int) -> dict | None:
    """The GeoJSON feature of a report as anybody sees it now; None where nobody may."""
    query = select(Publication.feature).where(
        Publication.audience == Audience.PUBLIC, Publication.report_id == report_id, Publication.removed.is_(None)
    )
    feature = session.scalar(query)
    return None if feature is None else orjson.loads(feature)


# ---- the steps


def _sent(session: Session, report: Report) -> list:
    """Who sent what was told of the report and of all that was merged into it, without its words."""
    ids = [report.id, *(child.id for child in below(session, report.id))]
    s = Submission
    columns = (s.id, s.source_hash, s.device_hash, s.received_at, s.withdrawn_at)
    return session.execute(select(*columns).where(s.report_id.in_(ids))).all()


def _same_device(row, incoming: Incoming) -> bool:
    """Whether an earlier message came from the same device, and from no other person who shares it by their number.

    Only the device is told of what it sent, by words, by the number of voices or by a limit: else anybody could ask whose
    number stands behind a report. The team's count alone takes the same number from another device for the same person.
    """
    source, device = sources_of(incoming)
    if device is None or (row.device_hash or row.source_hash) != device:
        return False
    return source == device or row.source_hash in (source, device)


def _says_more(session: Session, verbatim: dict, earlier: list[int]) -> bool:
    """Whether a message tells anything that the earlier ones (ids) did not, case and accents apart."""
    known: set[tuple[str, str]] = set()
    for told in session.scalars(select(Submission.verbatim).where(Submission.id.in_(earlier))):
        known |= _facts(told)
    return bool(_facts(verbatim) - known)


def _facts(verbatim: dict) -> set[tuple[str, str]]:
    pairs = ((name, fold(str(value))) for name, value in verbatim.items() if name not in _NO_NEWS)
    return {("description" if name == "text" else name, words) for name, words in pairs if words}


def _check_number(sent: list, incoming: Incoming) -> None:
    source, device = sources_of(incoming)
    now = utcnow()
    of_them = [row for row in sent if source and row.source_hash == source and row.device_hash == device]
    recent = sorted(row.received_at for row in of_them if row.received_at > now - DAY)
    if len(recent) >= MOST_A_DAY:
        words = _(
            "%(n)s messages were added to this report from here within a day. They are kept; this one is not. "
            "Add more tomorrow, or send it as a report of its own.", n=len(recent),
        )  # fmt: skip
        error = TooMany(words, code="voices-today")
        error.retry_after = int((recent[-MOST_A_DAY] + DAY - now).total_seconds()) + 1
        raise error
