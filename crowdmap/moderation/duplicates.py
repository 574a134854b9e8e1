"""Settling suspected duplicates: not the same, ask again, and one decision for a whole group.

"Not the same" is kept of two roots, as they stand when somebody looks at them, and holds for their trees. It changes
nothing of either report: no revision moves, so that nobody who edits one of them at that moment is told that he came
too late. Whoever decides on a group must have seen every member as it is, for the answer is never asked again.
"""

from datetime import datetime
from itertools import combinations

from flask_babel import gettext as _
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from crowdmap.accounts.models import Account
from crowdmap.db import in_chunks, upsert, utcnow
from crowdmap.dedupe.models import Suspicion
from crowdmap.errors import FieldError, IllegalState, NotAllowed, NotFound, StaleRevision, ValidationFailed
from crowdmap.moderation import merging
from crowdmap.moderation.doing import Doing, keep, stale
from crowdmap.moderation.models import Decision
from crowdmap.reports.models import Report, Status
from crowdmap.web import Permission

MOST_TOGETHER = 200  # reports of one decision


# ---- one pair: actions like all others


def distinct(doing: Doing) -> None:
    """The report and the root of ``fields["other"]`` are not the same. Raises ValidationFailed, IllegalState."""
    report, other = doing.report, _other(doing)
    if _refused(doing.session, [report, other]):
        raise IllegalState(_("That they are not the same is known already."), code="already-so")
    _refuse(doing.session, [report, other], doing.actor, utcnow())
    doing.change["distinct_from"] = [None, other.public_id]
    keep(
        doing.session, other, doing.actor, "distinct", doing.reason, {"distinct_from": [None, report.public_id]}, bump=False
    )


def ask_again(doing: Doing) -> None:
    """Forget what was refused between the trees of the two: a mistake, or somebody knows more now."""
    report, other = doing.report, _other(doing)
    root = merging.above(doing.session, report)[-1]
    if not _forget(doing.session, [root, other]):
        raise IllegalState(_("Nobody said that these two are not the same."), code="not-refused")
    doing.change["distinct_from"] = [other.public_id, None]
    change = {"distinct_from": [report.public_id, None]}
    keep(doing.session, other, doing.actor, "ask-again", doing.reason, change, bump=False)


def _other(doing: Doing) -> Report:
    """The root that ``fields["other"]`` belongs to, which must not be the report's own."""
    named = merging.by_public_id(doing.session, doing.fields["other"])
    if named is None:
        raise ValidationFailed([FieldError("other", "not-found", _("There is no such report."))])
    if named.id == doing.report.id:
        raise ValidationFailed([FieldError("other", "itself", _("These are one and the same report."))])
    root = merging.above(doing.session, named)[-1]
    if root.id == merging.above(doing.session, doing.report)[-1].id:
        raise IllegalState(_("They were merged. Take one out of the other first."), code="merged")
    return root


# ---- a group: all of it or nothing


def merge_many(session: Session, root: str, members: dict[str, int], actor: Account, reason: str = "") -> Decision:
    """Merge *members* (public id → revision that the person saw; the root may be among them) into *root*.

    Returns the root's decision, by which all of it can be undone; the caller commits. Raises NotAllowed, NotFound,
    ValidationFailed, IllegalState, and StaleRevision naming the report that is not as it was seen.
    """
    rows = _lock(session, actor, {root: None, **members})
    top = rows[root]
    children = [row for row in rows.values() if row is not top]
    if not children:
        raise ValidationFailed([FieldError("members", "required", _("Choose what is to be merged into it."))])
    _check_as_seen(session, rows.values(), members, optional=root)
    _check_told(session, rows.values())
    if top.erased_at is not None:
        raise IllegalState(_("The report to merge into was erased."), code="erased", id=root)
    merging.check_stays_on_the_map(session, top, children, field="root")
    refused = _refused(session, list(rows.values()))
    if refused:
        one, other = (session.get_one(Report, key) for key in refused[0])
        words = _("Somebody said that %(one)s and %(other)s are not the same.", one=one.public_id, other=other.public_id)
        raise IllegalState(words, code="distinct", id=one.public_id)
    now = utcnow()
    for child in children:
        child.merged_into_id = top.id
        keep(session, child, actor, "merge", reason, {"merged_into": [None, root]}, at=now)
    decision = keep(session, top, actor, "merge", reason, {"taken_in": [None, _named(children)]}, at=now)
    session.flush()
    return decision


def distinct_many(session: Session, root: str, members: dict[str, int], actor: Account, reason: str = "") -> Decision:
    """Each of them tells of something else than each other one; otherwise as merge_many. No revision moves."""
    rows = _lock(session, actor, {root: None, **members})
    if len(rows) < 2:
        raise ValidationFailed([FieldError("members", "required", _("Choose at least two reports."))])
    _check_as_seen(session, rows.values(), members, optional=root)
    now, decision = utcnow(), None
    if not _refuse(session, list(rows.values()), actor, now):
        raise IllegalState(_("That they are not the same is known already."), code="already-so")
    for row in rows.values():
        others = _named([other for other in rows.values() if other is not row])
        kept = keep(session, row, actor, "distinct", reason, {"distinct_from": [None, others]}, bump=False, at=now)
        decision = kept if row.public_id == root else decision
    session.flush()
    return decision


def undo(session: Session, decision_id: int, actor: Account) -> Decision:
    """Take back a decision on a group: unmerge what it merged, or ask again what it refused; nothing else moves.

    Returns the decision taken back. Raises NotFound, StaleRevision where a part of it was taken back or merged
    elsewhere since.
    """
    decision = session.get(Decision, decision_id)
    asked = decision.change if decision is not None else {}
    names = asked.get("taken_in") or asked.get("distinct_from")
    if not names or names[0] is not None or decision.action not in ("merge", "distinct"):
        raise NotFound(_("There is nothing to undo."))
    root = session.get_one(Report, decision.report_id)
    others = [names[1]] if isinstance(names[1], str) else names[1]
    rows = _lock(session, actor, {root.public_id: None, **dict.fromkeys(others)}, most=None)
    others = [row for row in rows.values() if row.id != root.id]
    if decision.action == "merge":
        _unmerge(session, decision, root, others, actor)
    else:
        forgotten = _forget(session, [root, *others], only_at=decision.at)
        if not forgotten:
            raise StaleRevision(_("Somebody has taken this back already."), id=root.public_id)
        for row in rows.values():
            change = {"distinct_from": [_named([other for other in rows.values() if other is not row]), None]}
            keep(session, row, actor, "ask-again", change=change, bump=False)
    session.flush()
    return decision


def _unmerge(session: Session, decision: Decision, root: Report, children: list[Report], actor: Account) -> None:
    query = select(Decision.report_id, Decision.at, Decision.change).where(
        Decision.report_id.in_([child.id for child in children]), Decision.action.in_(("merge", "unmerge"))
    )  # fmt: skip
    # of each child the last that moved its pointer: somebody may have taken it out and merged it again since
    moved = {row.report_id: row.at for row in session.execute(query.order_by(Decision.id)) if "merged_into" in row.change}
    for child in children:
        if child.merged_into_id != root.id or moved.get(child.id) != decision.at:
            raise stale(session, child, _("%(id)s was taken out or merged elsewhere since.", id=child.public_id))
    for child in children:
        child.merged_into_id = None
        keep(session, child, actor, "unmerge", change={"merged_into": [root.public_id, None]})
    keep(session, root, actor, "unmerge", change={"taken_in": [_named(children), None]})


def _named(rows: list[Report]) -> str | list[str]:
    """As a decision's change has it: one as a text, several as a list."""
    return rows[0].public_id if len(rows) == 1 else [row.public_id for row in rows]


def _lock(session: Session, actor: Account, wanted: dict, most: int | None = MOST_TOGETHER) -> dict[str, Report]:
    """The named reports, by id, locked in one statement with their ways up."""
    if not actor.can(Permission.MODERATE):
        raise NotAllowed()
    if most is not None and len(wanted) > most:
        words = _("At most %(n)s reports at once.", n=most)
        raise ValidationFailed([FieldError("members", "too-long", words)])
    rows = merging.lock_with_ways_up(session, *wanted)
    for name in wanted:
        if name not in rows:
            raise NotFound(_("There is no report %(id)s.", id=name[:40]))
    return {name: row for name, row in rows.items() if name in wanted}


def _check_as_seen(session: Session, rows, members: dict[str, int], optional: str) -> None:
    for row in rows:
        seen = members.get(row.public_id)
        if seen is None and row.public_id != optional:
            raise ValidationFailed([FieldError("members", "required", _("Say which revision you saw."))])
        if row.merged_into_id is not None:
            raise stale(session, row, _("%(id)s was merged into another report meanwhile.", id=row.public_id))
        if seen is not None and seen != row.revision:
            raise stale(session, row, _("%(id)s was changed since you opened it. Look at it again.", id=row.public_id))


def _check_told(session: Session, rows) -> None:
    below = merging.trees_below(session, [row.id for row in rows])
    for row in rows:
        if row.status is Status.HIDDEN:
            raise IllegalState(_("%(id)s is hidden. Restore it first.", id=row.public_id), id=row.public_id)
        if all(r.withdrawn_at is not None or r.erased_at is not None for r in (row, *below[row.id])):
            words = _("The reporter of %(id)s took it back.", id=row.public_id)
            raise IllegalState(words, code="withdrawn", id=row.public_id)


# ---- what was refused


def _refused(session: Session, rows: list[Report]) -> list[tuple[int, int]]:
    """Pairs of these reports (ids) between whose trees somebody said no."""
    below = merging.trees_below(session, [row.id for row in rows])
    home = {member.id: root for root, tree in below.items() for member in tree} | {row.id: row.id for row in rows}
    found = {}
    for row in _between(session, home, Suspicion.refused_at.is_not(None)):
        one, other = sorted((home[row.a_id], home[row.b_id]))
        if one != other:
            found[one, other] = True
    return list(found)


def _between(session: Session, ids, *where) -> list[Suspicion]:
    """Suspicions with both ends among *ids*."""
    ids, rows = sorted(ids), []
    for some in in_chunks(ids):
        query = select(Suspicion).where(Suspicion.a_id.in_(some), *where)
        rows += session.scalars(query.order_by(Suspicion.id).execution_options(populate_existing=True))
    known = set(ids)
    return [row for row in rows if row.b_id in known]


def _refuse(session: Session, rows: list[Report], actor: Account, now: datetime) -> int:
    """Keep that no two of them are the same; what was refused before stays as it was. → how many are new.

    Only between the roots: were a suspicion about a child refused as well, it would stay so when that child is taken
    out again and nobody has ever looked at it by itself.
    """
    ids = sorted(row.id for row in rows)
    known = {(row.a_id, row.b_id) for row in _between(session, ids, Suspicion.refused_at.is_not(None))}
    fresh = [
        {
            "a_id": a, "b_id": b, "score": 0.0, "evidence": {}, "exact": False, "found_at": now, "refused_at": now,
            "refused_by_id": actor.id,
        }
        for a, b in combinations(ids, 2)
        if (a, b) not in known
    ]  # fmt: skip
    upsert(session, Suspicion, fresh, conflict=("a_id", "b_id"), update=("refused_at", "refused_by_id"))
    return len(fresh)


def _forget(session: Session, rows: list[Report], only_at: datetime | None = None) -> int:
    """Clear what was refused between the trees of *rows*; what the machine never suspected goes altogether. → how many."""
    below = merging.trees_below(session, [row.id for row in rows])
    home = {member.id: root for root, tree in below.items() for member in tree} | {row.id: row.id for row in rows}
    where = [Suspicion.refused_at.is_not(None)] + ([Suspicion.refused_at == only_at] if only_at else [])
    found = [row for row in _between(session, home, *where) if home[row.a_id] != home[row.b_id]]
    suspected = [row.id for row in found if row.evidence]
    by_hand = [row.id for row in found if not row.evidence]
    for some in in_chunks(suspected):
        session.execute(update(Suspicion).where(Suspicion.id.in_(some)).values(refused_at=None, refused_by_id=None))
    for some in in_chunks(by_hand):
        session.execute(delete(Suspicion).where(Suspicion.id.in_(some)))
    return len(found)
