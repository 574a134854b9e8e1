"""Categories by a coordinator's hand, and what follows for what is public already.

A stricter policy takes effect at once: in the same transaction everything public of that category becomes a tombstone
(one statement), and a job projects it again, a few at a time, as the new policy allows. What was public before cannot
be recalled from those who read it.
"""

import re
from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import delete, func, insert, literal, select, update
from sqlalchemy.orm import Session

from crowdmap import events, jobs
from crowdmap.db import Json, insert_if_absent, upsert, utcnow
from crowdmap.db.wake import notify
from crowdmap.errors import FieldError, NotFound, ValidationFailed
from crowdmap.events import CategoryChanged, Event, ReportChanged, record
from crowdmap.publishing import counts, hook
from crowdmap.publishing.models import OUTSIDE, Audience, Head, Publication, PublicationCategory
from crowdmap.reports.models import Category, Kind, Policy, Report, Risk

BATCH = 200
CODE = re.compile(r"[A-Z][A-Z0-9_]{1,11}\Z")


@dataclass(frozen=True)
class Changed:
    """*removed*: how many public rows became tombstones; *again*: whether a job projects its reports anew."""

    category: Category
    removed: int = 0
    again: bool = False


def add(
    session: Session, actor, *, code: str, name: str, kind: Kind, sector: str, policy: Policy, parent: str | None,
    risk: Risk = Risk.NONE, two_people: bool = False,
) -> Category:  # fmt: skip
    """A new category; the caller commits. Raises ValidationFailed."""
    if not CODE.match(code):
        _refuse("code", "code", _("A code has 2 to 12 capital letters, digits or _, a letter first."))
    if session.get(Category, code) is not None:
        _refuse_taken(code)
    _check_parent(session, code, parent)
    last = session.scalar(select(func.max(Category.position))) or 0
    values = {
        "code": code, "name": name, "names": {}, "kind": kind, "sector": sector, "policy": policy, "risk": risk,
        "parent": parent, "position": last + 1, "two_people": two_people,
    }  # fmt: skip
    if not insert_if_absent(session, Category, [values], conflict=("code",)):
        _refuse_taken(code)  # by somebody else, at this very moment
    change = {"policy": [None, policy.value], **({"two_people": [None, True]} if two_people else {})}
    record(session, CategoryChanged(account_id=actor.id, code=code, change=change))
    return session.get_one(Category, code)


def _refuse_taken(code: str):
    _refuse("code", "taken", _("There is a category %(code)s already.", code=code))


def change(session: Session, actor, code: str, **values) -> Changed:
    """Set *values* of a category (name, kind, sector, policy, risk, parent, active, two_people); the caller commits.

    Raises NotFound, ValidationFailed.
    """
    category = session.get(Category, code, with_for_update=True)
    if category is None:
        raise NotFound(_("There is no category %(code)s.", code=code[:20]))
    _check_parent(session, code, values.get("parent"))
    old = {name: getattr(category, name) for name in values}
    changed = {name: [_plain(old[name]), _plain(value)] for name, value in values.items() if old[name] != value}
    if not changed:
        return Changed(category)
    for name in changed:
        setattr(category, name, values[name])
    session.flush()
    removed = 0
    was = old.get("policy", category.policy)
    stricter = category.policy.rank > was.rank
    # what one offers is shown exactly only in a category made for offers (project.strictest)
    stricter |= was is Policy.EXACT and "kind" in changed and old["kind"] is Kind.OFFER
    if stricter:
        removed = tombstone(session, code)
    # each of them shows in a publication, or in the order of the desk's queue
    again = bool({"kind", "policy", "risk", "sector"} & changed.keys())
    if again:
        jobs.enqueue(session, "project_category", code=code, after=0)
    record(session, CategoryChanged(account_id=actor.id, code=code, change=changed))
    return Changed(category, removed, again)


def _plain(value):
    return value.value if isinstance(value, (Kind, Policy, Risk)) else value


def _refuse(field: str, code: str, message: str):
    raise ValidationFailed([FieldError(field, code, message)])


def _check_parent(session, code: str, parent: str | None) -> None:
    """Two levels and no more: a parent stands at the top, and a category with children stays there."""
    if parent is None:
        return
    found = session.get(Category, parent)
    if found is None or found.parent is not None or parent == code:
        _refuse("parent", "unknown-parent", _("Choose a category of the top as its parent."))
    if session.scalar(select(Category.code).where(Category.parent == code).limit(1)):
        _refuse("parent", "has-children", _("A category with others below it stays at the top."))


def tombstone(session: Session, code: str) -> int:
    """Take everything in this category away from all beyond the team, under the log's lock; returns how many reports
    the public lost.

    Each report gets an event of its own, whose seq its rows take, so that whoever follows the changes hears of each.
    """
    events.lock(session)
    before = session.scalar(select(func.max(Event.seq))) or 0
    p = Publication
    outside = (p.audience.in_(OUTSIDE), p.removed.is_(None))
    in_category = p.id.in_(select(PublicationCategory.publication_id).where(PublicationCategory.code == code))
    lost = dict(session.execute(select(p.audience, func.count()).where(*outside, in_category).group_by(p.audience)).all())
    kinds = list(session.scalars(select(p.kind).where(*outside, in_category).distinct()))
    if not kinds:
        return 0
    now = utcnow()
    reports = select(p.report_id).where(*outside, in_category).distinct().subquery()
    rows = select(literal(ReportChanged.__name__), reports.c.report_id, literal({}, Json), literal(now, Event.at.type))
    session.execute(
        insert(Event).from_select(["name", "report_id", "data", "at"], rows.order_by(reports.c.report_id))
    )
    seq = select(func.max(Event.seq)).where(Event.report_id == p.report_id, Event.seq > before).scalar_subquery()
    counts.take_out(session, *outside, in_category)
    values = {**hook.TOMBSTONE, "removed": "removed", "merged_into": None, "seq": seq, "updated_at": now}
    session.execute(
        update(p).where(*outside, in_category).values(**values), execution_options={"synchronize_session": False}
    )
    removed = select(p.id).where(p.audience.in_(OUTSIDE), p.seq > before)
    session.execute(
        delete(PublicationCategory).where(PublicationCategory.publication_id.in_(removed)),
        execution_options={"synchronize_session": False},
    )
    head = session.scalar(select(func.max(Event.seq)))
    heads = [{"audience": audience, "kind": kind, "seq": head} for audience in sorted(OUTSIDE) for kind in sorted(kinds)]
    upsert(session, Head, heads, conflict=("audience", "kind"))
    notify(session, head)
    return lost.get(Audience.PUBLIC, 0)


@jobs.job
def project_category(session: Session, code: str, after: int) -> None:
    """Project the next reports of a category again, and leave the rest to another job: short transactions."""
    query = (
        select(Publication.report_id)
        .join(PublicationCategory, PublicationCategory.publication_id == Publication.id)
        .where(Publication.audience == Audience.STAFF, PublicationCategory.code == code, Publication.report_id > after)
    )
    ids = list(session.scalars(query.order_by(Publication.report_id).limit(BATCH)))
    hook.touch(session, ids)
    if len(ids) == BATCH:
        jobs.enqueue(session, "project_category", code=code, after=ids[-1])


@jobs.job
def project_all(session: Session, after: int) -> None:
    """Project the next reports of all again, a few at a time: a migration asks for it when more is masked than before."""
    query = select(Report.id).where(Report.merged_into_id.is_(None), Report.id > after).order_by(Report.id)
    ids = list(session.scalars(query.limit(BATCH)))
    hook.touch(session, ids)
    if len(ids) == BATCH:
        jobs.enqueue(session, "project_all", after=ids[-1])


def republish(session: Session, progress=lambda done: None) -> tuple[int, int]:
    """Project every tree again, at most 200 a commit. → (trees, how many changed for somebody)."""
    trees = changed = after = 0
    while True:
        query = select(Report.id).where(Report.merged_into_id.is_(None), Report.id > after).order_by(Report.id)
        ids = list(session.scalars(query.limit(BATCH)))
        if not ids:
            session.commit()
            return trees, changed
        before = session.scalar(select(func.max(Event.seq))) or 0
        hook.touch(session, ids)
        session.commit()
        news = Event.name == ReportChanged.__name__, Event.seq > before, Event.report_id.in_(ids)
        changed += session.scalar(select(func.count(func.distinct(Event.report_id))).where(*news))
        session.commit()
        trees, after = trees + len(ids), ids[-1]
        session.expunge_all()
        progress(len(ids))
