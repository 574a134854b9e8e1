"""One action on one report while it is being done, and the decision that is kept of it."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from crowdmap.db import utcnow
from crowdmap.events import ReportDecided, record
from crowdmap.moderation.models import Decision
from crowdmap.reports.models import Report


@dataclass
class Doing:
    """One action being done: the locked report, by whom, why, and what it changes (from → to, or only named)."""

    session: Session
    report: Report
    actor: Any
    reason: str
    fields: dict
    change: dict = field(default_factory=dict)

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


def keep(session, report, actor, action, reason="", change=None, evidence=None, *, bump=True) -> None:
    """Write the decision and its event; with *bump*, the report's next revision. *actor* None: nobody's own decision."""
    account_id = actor.id if actor is not None else None
    if bump:
        report.revision += 1
    session.add(
        Decision(
            report_id=report.id, account_id=account_id, action=action, reason=reason, evidence=evidence or None,
            change=change or {}, at=utcnow(),
        )
    )  # fmt: skip
    record(session, ReportDecided(report_id=report.id, account_id=account_id, action=action))
