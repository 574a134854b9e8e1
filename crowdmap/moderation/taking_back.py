"""Taking back what somebody has just done, to one report or to many: each by the opposite action, through `decide`."""

from collections.abc import Sequence

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from crowdmap.accounts.models import Account
from crowdmap.moderation import bulk
from crowdmap.moderation.actions import ACTIONS, decide
from crowdmap.moderation.bulk import Outcome
from crowdmap.moderation.desk_models import UndoStep
from crowdmap.moderation.models import Decision
from crowdmap.moderation.undoing import opposite_of
from crowdmap.reports.models import Report


def take_back(session: Session, actor: Account, decisions: Sequence[int]) -> Outcome:
    """Take back these decisions of *actor*'s; the caller commits. What cannot be taken back any more is skipped, with the
    reason; of what is not theirs, without a report's id. Raises NotAllowed, ValidationFailed for too many."""
    bulk.check_may_act(actor, "undo", len(decisions))
    query = (
        select(UndoStep.decision_id, UndoStep.revision, Report.public_id, Decision)
        .join(Report, Report.id == UndoStep.report_id)
        .join(Decision, Decision.id == UndoStep.decision_id)
        .where(UndoStep.decision_id.in_(decisions), UndoStep.account_id == actor.id)
        .order_by(UndoStep.decision_id.desc())
    )
    rows = session.execute(query).all()
    steps = [(row.revision, row.public_id, *opposite_of(row.Decision)) for row in rows]
    partners = [fields.get(ACTIONS[action].partner or "") for _revision, _id, action, fields in steps]
    bulk.hold(session, [*(public_id for _revision, public_id, *_rest in steps), *partners])
    outcome = Outcome()
    for revision, public_id, action, fields in steps:
        with bulk.each(session, outcome, public_id):
            decision = decide(session, public_id, action, actor, revision, **fields)[1]
            outcome.done.append(public_id)
            outcome.decided += [decision.id] if decision else []
    late = _without_step(session, actor, set(decisions) - {row.decision_id for row in rows})
    for public_id in late if decisions else [""]:
        outcome.skip(public_id, _("It is too late to take that back. Use the actions to put it right."), "too-late")
    return outcome


def _without_step(session: Session, actor: Account, decisions: set[int]) -> list[str]:
    """The public ids to decisions that have no step (any more), in their order; "" to what *actor* did not decide."""
    mine = select(Decision.id, Report.public_id).join(Report, Report.id == Decision.report_id)
    mine = mine.where(Decision.id.in_(decisions), Decision.account_id == actor.id)
    known = dict(session.execute(mine).all()) if decisions else {}
    return [known.get(number, "") for number in sorted(decisions)]
