"""The record: what was received (submission), what was made of it (report), and what must stay private.

Public code reads publications, never these tables; ``ReportPrivate`` holds the exact place and the contact.
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from crowdmap.db import Json, UtcDateTime, db, enum_text, utcnow
from crowdmap.reports.outbox import Outgoing


class Kind(StrEnum):
    NEED = "need"
    OFFER = "offer"
    DAMAGE = "damage"
    INFORMATION = "information"


class Status(StrEnum):
    PENDING = "pending"
    PUBLISHED = "published"
    CLOSED = "closed"
    HIDDEN = "hidden"


VISIBLE = frozenset({Status.PUBLISHED, Status.CLOSED})

# where each status may go (DESIGN §2): publish, hide, close, reopen, restore
TRANSITIONS = {
    Status.PENDING: frozenset({Status.PUBLISHED, Status.HIDDEN}),
    Status.PUBLISHED: frozenset({Status.CLOSED, Status.HIDDEN}),
    Status.CLOSED: frozenset({Status.PUBLISHED}),
    Status.HIDDEN: frozenset({Status.PENDING}),
}


class Verification(StrEnum):
    UNVERIFIED = "unverified"
    CORROBORATED = "corroborated"
    VERIFIED = "verified"
    DISPUTED = "disputed"


class Policy(StrEnum):
    """What the public may know of a category's places, from open to strict."""

    EXACT = "exact"
    TILE = "tile"
    RESTRICTED = "restricted"

    @property
    def rank(self) -> int:
        return list(Policy).index(self)


class Risk(StrEnum):
    """What a report of a category says of the people in it: whether they may be harmed, or die, while it waits."""

    NONE = "none"
    HARM = "harm"
    LIFE = "life"

    @property
    def rank(self) -> int:
        return list(Risk).index(self)


class LocatedBy(StrEnum):
    GPS = "gps"
    PIN = "pin"
    GAZETTEER = "gazetteer"
    TOWN = "town"
    NONE = "none"


class Talk(StrEnum):
    """How a conversation with its reporter stands; none: nothing was asked, or somebody decided since the answer."""

    ASKED = "asked"
    ANSWERED = "answered"


class Category(db.Model):
    __tablename__ = "category"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    names: Mapped[dict] = mapped_column(Json, default=dict)  # language → name
    sector: Mapped[str]
    kind: Mapped[Kind] = mapped_column(enum_text(Kind))  # of a report that does not say its kind
    policy: Mapped[Policy] = mapped_column(enum_text(Policy), default=Policy.TILE)
    risk: Mapped[Risk] = mapped_column(enum_text(Risk), default=Risk.NONE)  # how soon somebody has to look
    parent: Mapped[str | None] = mapped_column(ForeignKey("category.code"))
    hxl: Mapped[str | None]
    position: Mapped[int] = mapped_column(default=0)
    active: Mapped[bool] = mapped_column(default=True)
    two_people: Mapped[bool] = mapped_column(default=False)  # verified only by evidence of two accounts


class Area(db.Model):
    """A town or district with a name that may be told in place of an address: a centre and a radius in metres."""

    __tablename__ = "area"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    aliases: Mapped[list] = mapped_column(Json, default=list)
    lon: Mapped[float]
    lat: Mapped[float]
    radius_m: Mapped[float]


class Report(db.Model):
    __tablename__ = "report"

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[Kind] = mapped_column(enum_text(Kind))
    category: Mapped[str] = mapped_column(ForeignKey("category.code"))
    more_categories: Mapped[list] = mapped_column(Json, default=list)  # codes, without the primary
    status: Mapped[Status] = mapped_column(enum_text(Status), default=Status.PENDING)
    verification: Mapped[Verification] = mapped_column(enum_text(Verification), default=Verification.UNVERIFIED)
    verification_reason: Mapped[str | None]  # the kinds of evidence that stand: called,source
    title: Mapped[str] = mapped_column(default="")
    description: Mapped[str] = mapped_column(default="")
    language: Mapped[str | None]
    place: Mapped[str | None]  # in words, as told
    people: Mapped[int | None]
    quantity: Mapped[float | None]
    unit: Mapped[str | None]
    source: Mapped[str] = mapped_column(default="web")  # the channel it first came by
    occurred_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    out_of_area: Mapped[bool] = mapped_column(default=False)
    revision: Mapped[int] = mapped_column(default=1)
    mark_choices: Mapped[dict | None] = mapped_column(Json)  # id of a mark in its words → kept or masked (publishing.choices)
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("report.id"), index=True)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    erased_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    translation: Mapped[str | None]  # of title and description into the working language; after these, for it goes with them
    talk: Mapped[Talk | None] = mapped_column(enum_text(Talk), index=True)

    private: Mapped["ReportPrivate"] = relationship(back_populates="report", cascade="all, delete-orphan")

    @validates("title", "description")
    def _translation_goes(self, name: str, text: str) -> str:
        """Words that are edited, corrected or erased take their translation along: it would tell what they said."""
        if self.translation is not None and text != getattr(self, name):
            self.translation = None
        return text

    @property
    def codes(self) -> list[str]:
        """All category codes, the primary first."""
        return [self.category, *self.more_categories]

    def touches(self) -> set[int]:
        return {self.id}


class ReportPrivate(db.Model):
    """What no publication may hold: contact; and the exact place, which only project.py reads for others."""

    __tablename__ = "report_private"

    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"), primary_key=True)
    lon: Mapped[float | None]
    lat: Mapped[float | None]
    accuracy_m: Mapped[float | None]
    located_by: Mapped[LocatedBy] = mapped_column(enum_text(LocatedBy), default=LocatedBy.NONE)
    contact_name: Mapped[str | None]
    contact_phone: Mapped[str | None]
    contact_email: Mapped[str | None]

    report: Mapped[Report] = relationship(back_populates="private")

    def touches(self) -> set[int]:
        return {self.report_id}


class Submission(db.Model):
    """One message exactly as received. Never edited; erased only at its sender's or the law's wish."""

    __tablename__ = "submission"
    __table_args__ = (
        UniqueConstraint("channel", "external_id"),
        Index("ix_submission_token_hash", "token_hash", unique=True),
        # the latest of a source: how it was judged, and whether it floods
        *(
            Index(f"ix_submission_{name}", name, "id")
            for name in ("source_hash", "device_hash", "network_hash", "account_id", "organisation")
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[str]
    external_id: Mapped[str]
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    verbatim: Mapped[dict] = mapped_column(Json)
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)  # SHA-256: the same key with other content is a conflict
    source_hash: Mapped[bytes | None] = mapped_column(LargeBinary)  # keyed hash of who sent it: the contact, else the device
    device_hash: Mapped[bytes | None] = mapped_column(LargeBinary)  # keyed hash of network and program it came by
    network_hash: Mapped[bytes | None] = mapped_column(LargeBinary)  # keyed hash of the network alone: programs lie
    token_hash: Mapped[bytes | None] = mapped_column(LargeBinary)  # SHA-256 of the tracking token; erased: none
    report_id: Mapped[int | None] = mapped_column(ForeignKey("report.id"), index=True)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # its sender took it back: no voice any more
    account_id: Mapped[int | None]  # who was signed in; goes with an erasure like the hashes
    organisation: Mapped[str | None]  # slug of the organisation whose key, or whose member, sent it
    arrived_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # by this machine's clock, whatever the message says

    def touches(self) -> set[int]:
        return {self.report_id} if self.report_id else set()


class Letter(db.Model):
    """What a reporter tells the moderators later, from the tracking page: words, a correction, whether help arrived, the
    answer to what they were asked.

    Decisions only say that it came, for they outlive an erasure; the words stand here and go with the submission.
    """

    __tablename__ = "letter"

    id: Mapped[int] = mapped_column(primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("submission.id"), index=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"), index=True)
    about: Mapped[str]  # message | correct | confirm | answer
    text: Mapped[str] = mapped_column(default="")
    data: Mapped[dict] = mapped_column(Json, default=dict)  # correct: the fields as they should be; confirm: arrived
    question_id: Mapped[int | None] = mapped_column(ForeignKey(Outgoing.id), index=True)  # answer: to what was asked
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
