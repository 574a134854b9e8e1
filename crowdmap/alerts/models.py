"""Subscriptions: a filter, where its changes are sent to, how far they were sent, and how the last attempts went."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crowdmap.accounts.models import Account
from crowdmap.db import Json, UtcDateTime, db, enum_text, utcnow
from crowdmap.feeds.reader import Reader
from crowdmap.filters import ReportFilter, Scope
from crowdmap.publishing.models import Audience


class State(StrEnum):
    """UNVERIFIED: the receiver has not shown yet that it wants this. PAUSED: nothing is sent until somebody resumes."""

    UNVERIFIED = "unverified"
    ACTIVE = "active"
    PAUSED = "paused"


class Pause(StrEnum):
    """Why nothing is sent any more."""

    ASKED = "asked"  # by somebody of the team
    GONE = "gone"  # the receiver answered 410
    FAILING = "failing"  # nothing arrived for a day
    NOT_ALLOWED = "not-allowed"  # whoever asked for it may not any more


class Outcome(StrEnum):
    """How one attempt ended; ``words.outcome_words`` says it in a sentence."""

    OK = "ok"
    STATUS = "status"  # an answer that is none of 2xx
    GONE = "gone"
    REDIRECT = "redirect"
    NOT_ECHOED = "not-echoed"
    NO_ADDRESS = "no-address"
    NOT_PUBLIC = "not-public"
    UNREACHABLE = "unreachable"
    CERTIFICATE = "certificate"
    TIMEOUT = "timeout"
    NO_HTTP = "no-http"


class Subscription(db.Model):
    """*seq*: all up to it was taken. *until_seq*: end of the range that is being tried and was not taken yet; a retry
    sends the same range under the same id. Rows are removed by their owners, and the attempts with them."""

    __tablename__ = "subscription"

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(26), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    transport: Mapped[str]  # a name of TRANSPORTS
    address: Mapped[str]
    filter: Mapped[dict] = mapped_column(Json)  # as ReportFilter.to_json writes it
    audience: Mapped[Audience] = mapped_column(enum_text(Audience))
    scope: Mapped[dict] = mapped_column(Json, default=dict)
    state: Mapped[State] = mapped_column(enum_text(State), default=State.UNVERIFIED)
    paused_because: Mapped[Pause | None] = mapped_column(enum_text(Pause))
    challenge_due: Mapped[bool] = mapped_column(default=True)  # the receiver is to be asked, now
    seq: Mapped[int] = mapped_column(BigInteger)
    until_seq: Mapped[int | None] = mapped_column(BigInteger)
    failures: Mapped[int] = mapped_column(default=0)  # in a row
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)  # not before
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    account: Mapped[Account] = relationship()

    @property
    def reader(self) -> Reader:
        """Who this subscription reads as: fixed when it was made."""
        return Reader(self.audience, Scope.from_json(self.scope))

    @property
    def chosen(self) -> ReportFilter:
        """The filter within what its reader may see. Raises InvalidParameter if it means nothing any more."""
        return self.reader.hold(ReportFilter.from_json(self.filter))


class Attempt(db.Model):
    """One request that was sent, without anything of its body or of the answer's."""

    __tablename__ = "subscription_attempt"

    id: Mapped[int] = mapped_column(primary_key=True)
    subscription_id: Mapped[int] = mapped_column(ForeignKey("subscription.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    challenge: Mapped[bool]
    reports: Mapped[int]  # how many features it held
    outcome: Mapped[Outcome] = mapped_column(enum_text(Outcome))
    status: Mapped[int | None]
    ms: Mapped[int]
