"""Reads what a report's timeline is made of: a few questions of plain columns, however much was done to it."""

from datetime import datetime

import orjson
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from crowdmap.accounts.models import Account
from crowdmap.errors import NotFound
from crowdmap.events import Event, ReportDecided
from crowdmap.moderation import merging, timeline, timeline_told
from crowdmap.moderation.models import Decision
from crowdmap.moderation.timeline import Asked, Decided, Entry, Received, Rows, Stage
from crowdmap.publishing.models import Audience, Publication
from crowdmap.reports.models import Letter, Policy, Report, Submission
from crowdmap.reports.outbox import Outgoing

# what was done to a report merged into this one belongs to this one's story where it moved the tree
MOVES = ("merge", "unmerge")


def for_team(session: Session, report: Report, below: list[Report] | None = None) -> list[Entry]:
    """The whole log of *report* (``timeline.entries``); *below*: everything merged into it, where it is known."""
    return timeline.entries(read(session, report, below))


def by_public_id(session: Session, public_id: str) -> tuple[Report, list[Entry]]:
    """The same. Raises NotFound."""
    report = merging.by_public_id(session, public_id)
    if report is None:
        raise NotFound()
    return report, for_team(session, report)


def for_public(session: Session, report_id: int, received: datetime) -> tuple[list[Entry], bool]:
    """``timeline_told.public_entries`` of a report that the public sees, and whether a person put it there; *received*: as
    its public feature tells it."""
    public = _public(session, [report_id, *merging.ids_below(session, report_id)])
    rows = Rows(
        report_id, {}, _decisions(session, [report_id], []), stages=_stages(session, public.get(report_id)),
        were_public=frozenset(row.public_id for row in public.values()),
    )  # fmt: skip
    entries = timeline_told.public_entries(rows, received, coarse=_is_personal(session, report_id))
    return entries, timeline_told.put_by_a_person(rows)


def _is_personal(session: Session, report_id: int) -> bool:
    """Whether the report's times are cut to the hour for the public, as the team's publication knows; in doubt they are."""
    query = select(Publication.feature).where(Publication.report_id == report_id, Publication.audience == Audience.STAFF)
    feature = session.scalar(query)
    return feature is None or orjson.loads(feature)["properties"].get("policy") != Policy.EXACT


def read(session: Session, report: Report, below: list[Report] | None = None) -> Rows:
    """Everything that is known of the report, and of the tree below it what moved the tree, what was received and
    what was said."""
    below = merging.below(session, report.id) if below is None else below
    ids = {report.id: report.public_id, **{row.id: row.public_id for row in below}}
    public = _public(session, [report.id])
    return Rows(
        report.id, ids, _decisions(session, [report.id], [row.id for row in below]), _messages(session, ids),
        _letters(session, ids), _questions(session, ids), _stages(session, public.get(report.id)),
        more=[entry for source in timeline.SOURCES for entry in source(session, ids)],
    )  # fmt: skip


def _decisions(session: Session, own: list[int], below: list[int]) -> list[Decided]:
    d = Decision
    columns = (d.id, d.report_id, d.account_id, d.action, d.reason, d.evidence, d.change, d.at)
    query = select(*columns, func.coalesce(Account.name, Account.email)).outerjoin(Account, Account.id == d.account_id)
    mine = d.report_id.in_(own)
    where = or_(mine, d.report_id.in_(below) & d.action.in_(MOVES)) if below else mine
    rows = [Decided(*row) for row in session.execute(query.where(where).order_by(d.id))]
    # the lower end of a pointer that the own report's decision tells already, or that its own report's timeline tells
    return [row for row in rows if row.report_id in own or "taken_in" in row.change]


def _messages(session: Session, ids) -> list[Received]:
    query = select(Submission.report_id, Submission.channel, Submission.received_at).where(Submission.report_id.in_(ids))
    seen, found = set(), []
    for row in session.execute(query.order_by(Submission.id)):
        found.append(Received(row.report_id, row.channel, row.received_at, row.report_id not in seen))
        seen.add(row.report_id)
    return found


def _letters(session: Session, ids) -> list:
    columns = (Letter.report_id, Letter.about, Letter.text, Letter.data, Letter.at)
    return list(session.execute(select(*columns).where(Letter.report_id.in_(ids)).order_by(Letter.id)))


def _questions(session: Session, ids) -> list[Asked]:
    o = Outgoing
    columns = (o.public_id, Submission.report_id, o.kind, o.body, o.state, o.error, o.at)
    query = select(*columns, func.coalesce(Account.name, Account.email)).join(Submission, Submission.id == o.submission_id)
    query = query.outerjoin(Account, Account.id == o.account_id).where(Submission.report_id.in_(ids))
    return [Asked(*row) for row in session.execute(query.order_by(o.id))]


def _public(session: Session, ids) -> dict:
    """The public's row of each of these that it has ever seen."""
    columns = (Publication.report_id, Publication.public_id, Publication.first_seq, Publication.seq, Publication.removed)
    query = select(*columns).where(Publication.report_id.in_(ids), Publication.audience == Audience.PUBLIC)
    return {row.report_id: row for row in session.execute(query)}


def _stages(session: Session, row) -> list[Stage]:
    if row is None:
        return []
    query = select(Event.seq, Event.name, Event.at).where(Event.seq.in_((row.first_seq, row.seq)))
    events, found = {one.seq: one for one in session.execute(query)}, []
    if first := events.get(row.first_seq):
        found.append(Stage("first-public", first.at))
    last = events.get(row.seq)
    if row.removed and last and last.name != ReportDecided.__name__:  # a decision tells it already
        found.append(Stage("left-public", last.at))
    return found
