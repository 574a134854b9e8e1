"""Merging is one pointer. Children keep their rows, status and submissions; a tree's face is made by publishing."""

from collections.abc import Iterable

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from crowdmap.db import IDS, seldom
from crowdmap.errors import FieldError, IllegalState, StaleRevision, ValidationFailed
from crowdmap.moderation.doing import keep
from crowdmap.publishing.preview import withheld_by
from crowdmap.reports.models import VISIBLE, Report, Status


def merge(doing) -> None:
    """Point the report at the root of ``fields["into"]``. Raises ValidationFailed for itself or an unknown one."""
    report = doing.report
    target = by_public_id(doing.session, doing.fields["into"])
    if target is None:
        raise ValidationFailed([FieldError("into", "not-found", _("There is no such report."))])
    root = above(doing.session, target)[-1]
    if root.id == report.id:
        raise ValidationFailed([FieldError("into", "itself", _("A report cannot be merged into itself."))])
    if root.erased_at is not None:
        raise IllegalState(_("That report was erased."), code="erased")
    check_stays_on_the_map(doing.session, root, [report], field="into")
    report.merged_into_id = root.id
    doing.change["merged_into"] = [None, root.public_id]
    keep(doing.session, root, doing.actor, "merge", doing.reason, {"taken_in": [None, report.public_id]}, at=doing.at)


def check_stays_on_the_map(session: Session, top: Report, children: list[Report], field: str) -> None:
    """What everybody sees must not vanish by merging it into what they do not, nor by taking in what only the team may
    read: the strictest category of a tree holds for all of it. Raises ValidationFailed naming *field*."""
    wider = {Status.PENDING: VISIBLE, Status.HIDDEN: VISIBLE, Status.CLOSED: {Status.PUBLISHED}}.get(top.status, ())
    lost = [child for child in children if child.status in wider]
    if lost:
        words = _(
            "%(id)s is on the map and would leave it, since %(root)s is not. Choose it to take the others in.",
            id=lost[0].public_id, root=top.public_id,
        )  # fmt: skip
        raise ValidationFailed([FieldError(field, "leaves-the-map", words)])
    withheld = withheld_by(session, top, children)
    if withheld:
        words = _(
            "%(id)s has the category “%(category)s”, which only the team may see: with it, %(root)s would leave the map. "
            "Edit its categories first, or let it take the others in.",
            id=withheld[0].public_id, category=withheld[1], root=top.public_id,
        )  # fmt: skip
        raise ValidationFailed([FieldError(field, "leaves-the-map", words)])


def unmerge(doing) -> None:
    """Clear the pointer; the report has its own face again, in the status it kept."""
    report = doing.report
    if report.merged_into_id is None:
        raise IllegalState(_("It is not merged into another report."), code="not-merged")
    parent = doing.session.get(Report, report.merged_into_id)
    report.merged_into_id = None
    doing.change["merged_into"] = [parent.public_id, None]
    keep(doing.session, parent, doing.actor, "unmerge", doing.reason, {"taken_in": [report.public_id, None]}, at=doing.at)


def by_public_id(session: Session, public_id: str | None) -> Report | None:
    return session.scalar(select(Report).where(Report.public_id == public_id)) if public_id else None


def above(session: Session, report: Report) -> list[Report]:
    """The report and what it was merged into, up to the root."""
    chain = [report]
    while chain[-1].merged_into_id is not None:
        chain.append(session.get(Report, chain[-1].merged_into_id))
    return chain


_MERGED_INTO = select(Report).where(seldom(Report.merged_into_id.in_(IDS))).order_by(Report.id)


def below(session: Session, report_id: int) -> list[Report]:
    """Everything merged into the report, also through others."""
    return trees_below(session, [report_id])[report_id]


def with_ways_up(session: Session, report_ids: Iterable[int]) -> dict[int, Report]:
    """These reports and all that they were merged into, by id, a generation a query: `above` finds them loaded."""
    found, frontier = {}, set(report_ids)
    while frontier:
        found |= {row.id: row for row in session.scalars(select(Report).where(Report.id.in_(sorted(frontier))))}
        frontier = {row.merged_into_id for row in found.values()} - found.keys() - {None}
    return found


def ids_below(session: Session, report_id: int) -> list[int]:
    """As `below`, where their ids are enough."""
    found, frontier = [], [report_id]
    while frontier:
        frontier = list(session.scalars(_MERGED_INTO.with_only_columns(Report.id), {"ids": frontier}))
        found += frontier
    return found


def trees_below(session: Session, report_ids: Iterable[int]) -> dict[int, list[Report]]:
    """Each report with everything merged into it, a generation a query."""
    home = {report_id: report_id for report_id in report_ids}
    found: dict[int, list[Report]] = {report_id: [] for report_id in home}
    frontier = sorted(home)
    while frontier:
        rows = list(session.scalars(_MERGED_INTO, {"ids": frontier}))
        for row in rows:
            home[row.id] = home[row.merged_into_id]
            found[home[row.id]].append(row)
        frontier = [row.id for row in rows]
    return found


def concerned(session: Session, *public_ids: str | None) -> list[int]:
    """Ids of every report whose pointer a merge relies on: those named, and their ways up to the roots."""
    ids: set[int] = set()
    columns = select(Report.id, Report.merged_into_id)
    rows = session.execute(columns.where(Report.public_id.in_([name for name in public_ids if name]))).all()
    while rows:
        ids |= {row.id for row in rows}
        further = {row.merged_into_id for row in rows} - ids - {None}
        rows = session.execute(columns.where(Report.id.in_(further))).all() if further else []
    return sorted(ids)


def lock_reports(session: Session, where) -> list[Report]:
    """Rows for update in the order of their ids, so that two who lock several never wait for each other.

    FOR NO KEY UPDATE: a publication inserted under the log's lock refers to the report and must not wait for it.
    """
    query = select(Report).where(where).order_by(Report.id).with_for_update(key_share=True)
    return list(session.scalars(query.execution_options(populate_existing=True)))


def lock_with_ways_up(session: Session, *public_ids: str | None) -> dict[str, Report]:
    """The named reports and their ways up to the roots, locked in one statement; by public id. Raises StaleRevision."""
    rows = lock_reports(session, Report.id.in_(concerned(session, *public_ids)))
    check_unmoved(rows)
    return {row.public_id: row for row in rows}


def check_unmoved(locked: list[Report]) -> None:
    """Now that the rows are locked: every pointer must lead to a locked row still. Raises StaleRevision.

    Between reading the way up and locking it somebody may have merged one of them elsewhere; with all pointers held
    no cycle can come about.
    """
    ids = {report.id for report in locked}
    for report in locked:
        if report.merged_into_id is not None and report.merged_into_id not in ids:
            raise StaleRevision(_("One of the reports was merged elsewhere just now. Look at it again."), id=report.public_id)
