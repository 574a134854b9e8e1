"""What a moderator can do to a report: one entry an action, and ``perform``, the one door to all of them.

An action sees the report locked and at the revision that its person saw. It changes the record; who sees what of it
follows by the publishing hook. Every action leaves a decision, and none of them is ever changed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from crowdmap.accounts.models import Account
from crowdmap.db import utcnow
from crowdmap.errors import FieldError, IllegalState, NotAllowed, NotFound, ValidationFailed
from crowdmap.filters import status_words
from crowdmap.moderation import duplicates, editing, evidence, marking, merging, talk, undoing
from crowdmap.moderation.doing import Doing, keep, stale
from crowdmap.moderation.merging import lock_reports, lock_with_ways_up
from crowdmap.moderation.models import Decision
from crowdmap.moderation.timeline import reading_of
from crowdmap.reports.models import TRANSITIONS, Report, Status
from crowdmap.web import Permission

REJECTIONS = ("spam", "false", "unverifiable", "out-of-area")


@dataclass(frozen=True)
class Action:
    """*to*: the status it leads to; *since*: the statuses it starts from (default: all from which *to* is reachable).

    *needs* are the fields that must be given. *key* is the desk's shortcut. *merged*: whether it makes sense for a
    report that was merged into another. *partner*: the field that names another report, which is locked with its way up
    ("" where the pointer alone matters). *revised*: it changes the report, so that it must be at the revision the
    person saw, and is at the next one afterwards.
    """

    name: str
    label: Any
    done: Any
    do: Callable[[Doing], None]
    key: str
    to: Status | None = None
    since: frozenset[Status] = frozenset(Status)
    needs: tuple[str, ...] = ()
    merged: bool = False
    revised: bool = True
    partner: str | None = None
    permission: Permission = Permission.MODERATE

    def starts_from(self, status: Status) -> bool:
        return status in self.since and (self.to is None or self.to in TRANSITIONS[status])


def _move_on(doing: Doing) -> None:
    action = ACTIONS[doing.fields["action"]]
    doing.set("status", action.to)
    doing.report.closed_at = utcnow() if action.to is Status.CLOSED else None


def _publish(doing: Doing) -> None:
    if doing.report.out_of_area and not doing.fields.get("confirm"):
        words = _("This point lies outside the crisis area. Publish it only if that is right, and say so.")
        raise ValidationFailed([FieldError("confirm", "outside-area", words)])
    _move_on(doing)


def _reject(doing: Doing) -> None:
    if doing.reason not in REJECTIONS:
        raise ValidationFailed(
            [FieldError("reason", "unknown-reason", _("Choose one of: %(all)s.", all=", ".join(REJECTIONS)))]
        )
    _move_on(doing)


def _note(doing: Doing) -> None:
    """Nothing but the decision itself."""


_SEEN = frozenset({Status.PENDING, Status.PUBLISHED, Status.CLOSED})
_PENDING, _CLOSED = frozenset({Status.PENDING}), frozenset({Status.CLOSED})

# one line an action
_ALL = (
    Action("publish", _l("Publish"), _l("It is on the map now."), _publish, "p", Status.PUBLISHED, _PENDING),
    Action("verify", _l("Verify"), _l("Marked as verified."), evidence.verify, "v", since=_SEEN, needs=("evidence",)),
    Action("corroborate", _l("Told by several"), _l("Marked as told by several."), evidence.corroborate, "k", since=_SEEN),
    Action("dispute", _l("Dispute"), _l("Marked as disputed."), evidence.dispute, "d", since=_SEEN, needs=("reason",)),
    Action(
        "add-evidence", _l("Add evidence"), _l("Kept."), evidence.add, "r", since=_SEEN, needs=("evidence_kind", "evidence"),
    ),
    Action(
        "withdraw-evidence", _l("Withdraw evidence"), _l("Withdrawn."), evidence.withdraw, "w", since=_SEEN,
        needs=("evidence_id", "reason"),
    ),
    Action(
        "reinstate-evidence", _l("Let it stand again"), _l("It stands again."), evidence.reinstate, "l", since=_SEEN,
        needs=("evidence_id",),
    ),
    Action("hide", _l("Hide"), _l("Hidden. Only the team sees it."), _move_on, "h", Status.HIDDEN, needs=("reason",)),
    Action("reject", _l("Reject"), _l("Rejected and hidden."), _reject, "x", Status.HIDDEN, needs=("reason",)),
    Action("restore", _l("Restore"), _l("Back in the queue."), _move_on, "s", Status.PENDING),
    Action("close", _l("Close"), _l("Closed."), _move_on, "c", Status.CLOSED),
    Action("reopen", _l("Reopen"), _l("Open and on the map again."), _move_on, "o", Status.PUBLISHED, _CLOSED),
    Action("merge", _l("Merge"), _l("Merged."), merging.merge, "g", needs=("into",), partner="into"),
    Action("unmerge", _l("Unmerge"), _l("On its own again."), merging.unmerge, "z", merged=True, partner=""),
    Action(
        "distinct", _l("Not the same"), _l("Not the same. It is not asked again."), duplicates.distinct, "f",
        needs=("other",), revised=False, partner="other",
    ),
    Action(
        "ask-again", _l("Ask again"), _l("It may be asked again whether they are the same."), duplicates.ask_again, "a",
        needs=("other",), merged=True, revised=False, partner="other",
    ),
    Action("edit", _l("Edit"), _l("Changed."), editing.edit, "e", merged=True),
    Action("move", _l("Move"), _l("Moved."), editing.move, "m", merged=True),
    Action(
        "keep-mark", _l("Keep"), _l("It stands in the public text."), marking.keep_mark, "i", needs=("mark",),
        merged=True,
    ),
    Action("mask-mark", _l("Mask"), _l("It is masked for the public."), marking.mask_mark, "b", merged=True),
    Action("note", _l("Note"), _l("Noted."), _note, "t", needs=("reason",), merged=True, revised=False),
    Action("undo", _l("Undo"), _l("Taken back."), undoing.undo, "u", needs=("decision",), merged=True),
    Action(
        "ask", _l("Ask the reporter"), _l("It stands on the reporter's page now."), talk.ask, "q", merged=True, revised=False,
    ),
)  # fmt: skip
ACTIONS: dict[str, Action] = {action.name: action for action in _ALL}


def words_of(name: str) -> str:
    """What an action, or another decision on a report, is called for people."""
    return str(ACTIONS[name].label if name in ACTIONS else reading_of(name).words)


def perform(
    session: Session,
    public_id: str,
    action: str,
    actor: Account,
    revision: int | None = None,
    reason: str = "",
    **fields,
) -> Report:
    """Do one action; the caller commits. *revision* is the one the person saw; *fields* are the action's own.

    Raises NotFound, NotAllowed, StaleRevision (with the present revision and who changed it), IllegalState and
    ValidationFailed, which names the field.
    """
    return decide(session, public_id, action, actor, revision, reason, **fields)[0]


def decide(
    session: Session, public_id: str, action: str, actor: Account, revision: int | None = None, reason: str = "", **fields
) -> tuple[Report, Decision | None]:
    """`perform`, with the decision that is kept of it; None where nothing changed."""
    if action == "undo":
        action, fields = undoing.way_back(session, public_id, actor, revision, fields)
        own = fields.pop("reason", "")
        reason = reason or own
    chosen = ACTIONS.get(action)
    if chosen is None:
        raise NotFound(_("There is no action %(name)s; there are %(all)s.", name=action[:40], all=", ".join(ACTIONS)))
    if not actor.can(chosen.permission):
        raise NotAllowed()
    report = _lock(session, public_id, chosen, fields)
    doing = Doing(session, report, actor, reason.strip(), {**fields, "action": action})
    _check_needs(chosen, doing)
    _check_revision(session, chosen, report, revision)
    _check_state(session, chosen, report)
    talk.read_by(session, report, revision)
    before = undoing.state(report)
    chosen.do(doing)
    if chosen.revised and not doing.change:
        return report, None
    told = fields.get("evidence")
    decision = keep(session, report, actor, chosen.name, doing.reason, doing.change, told, bump=chosen.revised, at=doing.at)
    session.flush()
    undoing.remember(session, decision, report, before)
    return report, decision


def _lock(session, public_id, chosen, fields) -> Report:
    if chosen.partner is not None:
        rows = lock_with_ways_up(session, public_id, fields.get(chosen.partner))
    else:
        rows = {row.public_id: row for row in lock_reports(session, Report.public_id == public_id)}
    found = rows.get(public_id)
    if found is None:
        raise NotFound(_("There is no report %(id)s.", id=public_id[:40]))
    return found


def _check_needs(chosen: Action, doing: Doing) -> None:
    given = {**doing.fields, "reason": doing.reason}
    missing = [name for name in chosen.needs if not given.get(name)]
    if missing:
        words = {
            "reason": _("Say why, in a few words."),
            "evidence": _("Say how you know: a call, a photo, somebody on the spot."),
            "evidence_kind": _("Choose what kind of evidence it is."),
            "evidence_id": _("Say which piece of evidence you mean."),
            "into": _("Say which report it belongs to."),
            "other": _("Say which other report you mean."),
            "mark": _("Say which mark."),
            "decision": _("Say which decision is to be taken back."),
        }
        raise ValidationFailed([FieldError(name, "required", words[name]) for name in missing])


def _check_revision(session, chosen: Action, report: Report, revision: int | None) -> None:
    if not chosen.revised or revision == report.revision:
        return
    if revision is None:
        raise ValidationFailed([FieldError("revision", "required", _("Say which revision you saw."))])
    raise stale(session, report)


def _check_state(session, chosen: Action, report: Report) -> None:
    if (report.merged_into_id is not None) and not chosen.merged:
        raise IllegalState(_("It was merged into another report. Take it out first, or decide there."), code="merged")
    if chosen.name not in ("note", "ask-again", "ask") and not _told_by_somebody(session, chosen, report):
        raise IllegalState(_("Its reporter took it back."), code="withdrawn")
    if not chosen.starts_from(report.status):
        words = _(
            "“%(action)s” is not possible while the report is %(status)s.",
            action=chosen.label, status=status_words()[report.status],
        )  # fmt: skip
        raise IllegalState(words, state=report.status.value, revision=report.revision)


def _told_by_somebody(session, chosen: Action, report: Report) -> bool:
    """A withdrawn report can be decided on while others in its tree tell the same; its own words cannot change."""
    if report.withdrawn_at is None and report.erased_at is None:
        return True
    if chosen.name in ("edit", "move"):
        return False
    if chosen.name == "unmerge":
        return True
    return any(r.withdrawn_at is None and r.erased_at is None for r in merging.below(session, report.id))
