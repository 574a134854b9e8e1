"""Taking an action back: for some seconds after it, by whoever did it, while nobody has changed the report since.

Most actions change columns of the report, and what they were is kept for a minute; the action ``undo`` writes them back.
Actions that join or part reports are taken back by their opposite. Either way it is an action through `actions.perform`,
locked, at the revision that was made, and kept in the log like all others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import bindparam, delete, func, insert, inspect, select
from sqlalchemy.orm import Session, object_session

from crowdmap import jobs
from crowdmap.accounts.models import Account
from crowdmap.db import UtcDateTime, utcnow
from crowdmap.db.json import dumps, loads
from crowdmap.errors import IllegalState
from crowdmap.moderation import evidence
from crowdmap.moderation.desk_models import UndoStep
from crowdmap.moderation.models import Decision
from crowdmap.reports.models import Report, ReportPrivate

OFFERED = timedelta(seconds=10)
KEPT = timedelta(minutes=1)  # a slow line may take the rest
TITLE = 60  # characters of a report by which one knows it again
PLAIN = ("status", "verification", "kind", "category", "more_categories", "people", "quantity", "occurred_at", "out_of_area")
TEXTS = ("title", "description", "place", "unit")
# follow from the status and the words, and are not named in a decision; written back after the words, which take the
# translation along
SILENT = ("closed_at", "translation")
POINT = ("lon", "lat", "accuracy_m", "located_by")
_KNOWN = frozenset({*PLAIN, *TEXTS, "point"})


@dataclass(frozen=True)
class Offer:
    """A decision that can be taken back, and its report: the title, or how its words begin."""

    public_id: str
    decision: int
    action: str = ""
    title: str = ""


# action → how a decision of it is taken back: the opposite action and its fields
OPPOSITES: dict[str, Callable[[Decision], tuple[str, dict]]] = {
    "merge": lambda decision: ("unmerge", {}),
    "unmerge": lambda decision: ("merge", {"into": decision.change["merged_into"][0]}),
    "distinct": lambda decision: ("ask-again", {"other": decision.change["distinct_from"][1]}),
    "ask-again": lambda decision: ("distinct", {"other": decision.change["distinct_from"][0]}),
    **dict.fromkeys(evidence.ACTIONS, evidence.opposite),
    "keep-mark": lambda decision: ("mask-mark", {"mark": next(iter(decision.change))}),
    "mask-mark": lambda decision: ("keep-mark", {"mark": next(iter(decision.change))}),
}


def opposite(action: str):
    """Register how a decision of *action* is taken back, for actions that change more than the report's own columns."""

    def register(function):
        OPPOSITES[action] = function
        return function

    return register


def can_be_taken_back(decision: Decision) -> bool:
    if decision.action in OPPOSITES:
        return True
    return bool(decision.change) and decision.change.keys() <= _KNOWN and decision.action != "undo"


def state(report: Report) -> dict:
    """Everything that an action may change, as it is."""
    own = {name: getattr(report, name) for name in (*PLAIN, *TEXTS, *SILENT)}
    if report.private is None:  # nobody ever told a place or a contact
        return own
    return {**own, **{name: getattr(report.private, name) for name in POINT}}


_INSERT = insert(UndoStep.__table__)


def remember(session: Session, decision: Decision, report: Report, before: dict) -> None:
    """Keep how to take back *decision*, where that can be done; *before*: `state` before it. The caller flushed."""
    now = _moment(session, decision)
    if not can_be_taken_back(decision):
        return
    after = state(report)
    changed = {} if decision.action in OPPOSITES else {k: v for k, v in before.items() if v != after[k]}
    session.execute(_INSERT, {
        "decision_id": decision.id, "report_id": report.id, "account_id": decision.account_id, "revision": report.revision,
        "before": loads(dumps(changed)), "at": now,
    })  # fmt: skip


def _moment(session: Session, decision: Decision) -> datetime:
    """One for all that is done in a transaction: what was done at once is taken back at once."""
    root = object_session(decision).get_transaction()
    known = session.info.get("undo_moment")
    if known is None or known[0] is not root:
        known = session.info["undo_moment"] = (root, utcnow())
    return known[1]


def undo(doing) -> None:
    """Write back what the decision ``fields["decision"]`` changed. Raises IllegalState; perform has locked the report and
    checked that its revision is the one that the person saw."""
    step = doing.session.get(UndoStep, doing.fields["decision"])
    if step is None or step.report_id != doing.report.id or step.account_id != doing.actor.id or step.at < utcnow() - KEPT:
        raise IllegalState(_("It is too late to take that back. Use the actions to put it right."), code="too-late")
    if step.revision != doing.report.revision:
        raise IllegalState(_("The report was changed since. Look at it again."), code="changed-since")
    before = _read(step.before)
    for name in PLAIN:
        if name in before:
            doing.set(name, before[name])
    for name in TEXTS:
        if name in before:
            setattr(doing.report, name, before[name])
            doing.name(name)
    for name in SILENT:
        if name in before:
            setattr(doing.report, name, before[name])
    points = [name for name in POINT if name in before]
    for name in points:
        setattr(doing.report.private, name, before[name])
    if points:
        doing.name("point")
    doing.session.delete(step)


def _read(stored: dict) -> dict:
    """Stored values as the columns have them: words of an enum and times come back as such."""
    columns = {**inspect(Report).columns, **{name: inspect(ReportPrivate).columns[name] for name in POINT}}
    return {name: _typed(columns[name].type, value) for name, value in stored.items()}


def _typed(kind, value):
    if value is None:
        return None
    if hasattr(kind, "enum"):
        return kind.enum(value)
    return datetime.fromisoformat(value) if isinstance(kind, UtcDateTime) else value


def opposite_of(decision: Decision) -> tuple[str, dict]:
    """The action that takes *decision* back, and its own fields."""
    return OPPOSITES.get(decision.action, lambda one: ("undo", {"decision": one.id}))(decision)


def way_back(session: Session, public_id: str, actor: Account, revision: int | None, fields: dict) -> tuple[str, dict]:
    """What ``undo`` with these *fields* comes to: the opposite of an action that has one, else itself, which also says why
    something cannot be taken back."""
    query = (
        select(Decision, UndoStep.revision)
        .join(UndoStep, UndoStep.decision_id == Decision.id)
        .join(Report, Report.id == UndoStep.report_id)
        .where(
            Decision.id == fields.get("decision"), Report.public_id == public_id, UndoStep.account_id == actor.id,
            UndoStep.at >= utcnow() - KEPT,
        )
    )  # fmt: skip
    found = session.execute(query).first()
    if found is None or found.revision != revision:
        return "undo", dict(fields)
    return opposite_of(found.Decision)


_U, _R, _D = UndoStep.__table__.c, Report.__table__.c, Decision.__table__.c
_OFFERED = (
    select(_U.decision_id, _U.at, _R.public_id, _D.action, _R.title, func.substr(_R.description, 1, TITLE).label("words"))
    .join(Report.__table__, _R.id == _U.report_id)
    .join(Decision.__table__, _D.id == _U.decision_id)
    .where(_U.at > bindparam("since"), _U.account_id == bindparam("mine"), _U.revision == _R.revision)
    .order_by(_U.decision_id.desc())
)


def offered(session: Session, actor: Account) -> list[Offer]:
    """What *actor* did just now and can still take back, the last first: as long as nobody changed the report since."""
    rows = session.execute(_OFFERED, {"since": utcnow() - OFFERED, "mine": actor.id}).all()
    if not rows:
        return []
    return [
        Offer(row.public_id, row.decision_id, row.action, (row.title or row.words or "")[:TITLE])
        for row in rows if row.at == rows[0].at
    ]  # fmt: skip


@jobs.swept
def forget_old(session: Session) -> None:
    """What is too late to be taken back goes, whether or not anybody acts again: words that were edited out stand in it."""
    session.execute(delete(UndoStep).where(UndoStep.at < utcnow() - KEPT))


def forget(session: Session, *report_ids: int) -> None:
    """Nothing of these reports is taken back by a step any more, and nothing of their words and places stays here: they
    are being erased, or what was done to them has a way back of its own."""
    session.execute(delete(UndoStep).where(UndoStep.report_id.in_(report_ids)))
