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

# decisions that leave a report as it was: its revision does not move, and nobody comes too late because of them
UNREVISED = frozenset({
    "note", "distinct", "ask-again", "ask", "see-contact", "vouch", "message", "confirm", "review", "assign",
    "escalate",
})  # fmt: skip
LOOKED_AT = 20  # of the latest decisions, for the one that moved the revision


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
    rows = session.execute(
        select(Decision.action, Decision.reason, Decision.change, Decision.at, Account.name)
        .outerjoin(Account, Account.id == Decision.account_id)
        .where(Decision.report_id == report.id, Decision.action.not_in(UNREVISED))
        .order_by(Decision.id.desc())
        .limit(LOOKED_AT)
    )
    last = next(filter(_moved, rows), None)
    extra = {
        "id": report.public_id, "revision": report.revision, "state": report.status.value,
        "verification": report.verification.value,
    }  # fmt: skip
    if last:
        extra |= {"by": last.name, "action": last.action, "at": last.at.isoformat()}
    return StaleRevision(words or _("Somebody else changed this report since you opened it. Look at it again."), **extra)


def _moved(row) -> bool:
    """Whether a decision made a revision: a reporter's correction only where something was changed at once, a withdrawal
    not where it is one voice less."""
    if row.action == "correct":
        return bool(row.change.get("applied"))
    return row.action != "withdraw" or not row.reason
