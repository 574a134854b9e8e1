"""One action on many reports: each by itself, through ``perform``. What cannot be done to one leaves the others alone.

Who acts on many must have seen each of them: a report that changed meanwhile is left as it is, and told.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from crowdmap.accounts.models import Account
from crowdmap.errors import DomainError, FieldError, NotAllowed, NotFound, ValidationFailed
from crowdmap.moderation.actions import ACTIONS, decide
from crowdmap.moderation.merging import concerned, lock_reports
from crowdmap.reports.models import Report

MOST_AT_ONCE = 200  # reports of one transaction: longer ones hold up everybody who writes


@dataclass
class Outcome:
    """*done*: public ids, in the order given. *skipped*: of the others ``{"id", "why", "code"}``, *why* for people.
    *decided*: numbers of the decisions on those that were done."""

    done: list[str] = field(default_factory=list)
    skipped: list[dict] = field(default_factory=list)
    decided: list[int] = field(default_factory=list)

    def skip(self, public_id: str, why: str, code: str) -> None:
        self.skipped.append({"id": public_id, "why": why, "code": code})

    def __iadd__(self, other: "Outcome") -> "Outcome":
        self.done += other.done
        self.skipped += other.skipped
        self.decided += other.decided
        return self


def perform_many(
    session: Session,
    actor: Account,
    action: str,
    ids_with_revisions: Mapping[str, int | None] | Iterable[tuple[str, int | None]],
    reason: str = "",
    **fields,
) -> Outcome:
    """Do *action* to up to MOST_AT_ONCE reports (public id → revision that the person saw); the caller commits.

    Every report gets a decision of its own. One that is gone, changed, or in a state that does not allow it is skipped, and
    so is one in which nothing would change.
    Raises NotAllowed, NotFound (no such action), and ValidationFailed for too many.
    """
    seen = dict(ids_with_revisions)
    check_may_act(actor, action, len(seen))
    hold(session, [*seen, fields.get(ACTIONS[action].partner or "")])
    outcome = Outcome()
    for public_id, revision in seen.items():
        with each(session, outcome, public_id):
            decision = decide(session, public_id, action, actor, revision, reason, **fields)[1]
            if decision is None:
                outcome.skip(public_id, _("It was so already."), "unchanged")
                continue
            outcome.done.append(public_id)
            outcome.decided.append(decision.id)
    return outcome


def check_may_act(actor: Account, action: str, count: int) -> None:
    """Raises NotAllowed, NotFound, ValidationFailed."""
    if action not in ACTIONS:
        raise NotFound(_("There is no action %(name)s; there are %(all)s.", name=action[:40], all=", ".join(ACTIONS)))
    if not actor.can(ACTIONS[action].permission):
        raise NotAllowed()
    if count > MOST_AT_ONCE:
        raise ValidationFailed([FieldError("reports", "too-long", _("At most %(n)s reports at once.", n=MOST_AT_ONCE))])


def hold(session: Session, public_ids: Iterable[str | None]) -> None:
    """Lock all of them, with what they were merged into, in the order of their ids: two who act on many at once never
    wait for each other in a circle."""
    lock_reports(session, Report.id.in_(concerned(session, *public_ids)))


@contextmanager
def each(session: Session, outcome: Outcome, public_id: str) -> Iterator[None]:
    """One report's share of the work: where it is refused, nothing of it stays, and *outcome* says why."""
    # a rollback to a savepoint forgets what the others touched and recorded: keep it
    touched, happened = set(session.info.get("touched", ())), list(session.info.get("events", ()))
    done = len(outcome.done)
    try:
        with session.begin_nested():
            yield
    except DomainError as error:
        session.info["touched"], session.info["events"] = touched, happened
        del outcome.done[done:]
        outcome.skip(public_id, error.message, error.code)
