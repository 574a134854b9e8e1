"""One action on one report while it is being done, and the decision that is kept of it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from crowdmap.accounts.models import Account
from crowdmap.db import utcnow
from crowdmap.errors import StaleRevision
from crowdmap.events import ReportDecided, record
from crowdmap.moderation.models import Decision
from crowdmap.reports.models import Report


@dataclass
class Doing:
    """One action being done: the locked report, by whom, why, and what it changes (from → to, or only named). All its
    decisions have one moment, by which they are known to belong together."""

    session: Session
    report: Report
    actor: Any
    reason: str
    fields: dict
    change: dict = field(default_factory=dict)
    at: datetime = field(default_factory=utcnow)

    def set(self, name: str, value) -> None:
        """Set a plain column and note from → to; nothing is noted where nothing changes."""
        old = getattr(self.report, name)
        if old != value:
            self.change[name] = [plain(old), plain(value)]
            setattr(self.report, name, value)

    def name(self, name: str) -> None:
        """Note that a text, place or contact changed, not what it said: the log outlives an erasure."""
        self.change[name] = None


def plain(value):
    """As JSON has it."""
    return value.isoformat() if hasattr(value, "isoformat") else list(value) if isinstance(value, tuple) else value


def keep(
    session, report, actor, action, reason="", change=None, evidence=None, *, bump=True, at: datetime | None = None
) -> Decision:
    """Write the decision and its event; with *bump*, the report's next revision. *actor* None: nobody's own decision."""
    account_id = actor.id if actor is not None else None
    if bump:
        report.revision += 1
    decision = Decision(
        report_id=report.id, account_id=account_id, action=action, reason=reason, evidence=evidence or None,
        change=change or {}, at=at or utcnow(),
    )  # fmt: skip
    session.add(decision)
    record(session, ReportDecided(report_id=report.id, account_id=account_id, action=action))
    return decision


def stale(session: Session, report: Report, words: str = "") -> StaleRevision:
    """The error to raise when *report* is not as its person saw it: with its id, its present state and who changed it."""
    last = session.execute(
        select(Decision.action, Decision.at, Account.name)
        .outerjoin(Account, Account.id == Decision.account_id)
        .where(Decision.report_id == report.id)
        .order_by(Decision.id.desc())
        .limit(1)
    ).first()
    extra = {
        "id": report.public_id, "revision": report.revision, "state": report.status.value,
        "verification": report.verification.value,
    }  # fmt: skip
    if last:
        extra |= {"by": last.name, "action": last.action, "at": last.at.isoformat()}
    return StaleRevision(words or _("Somebody else changed this report since you opened it. Look at it again."), **extra)
