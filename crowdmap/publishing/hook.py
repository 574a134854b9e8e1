"""One hook before each commit projects every touched report for every audience. No verb calls it by hand.

Order (DESIGN §3.3): the verb's work is flushed; the log's lock is taken; trees are read again under the lock; what an
audience sees is compared with what it saw; events are written for what happened or changed; publications follow.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable

from flask import current_app
from sqlalchemy import delete, event, func, insert, inspect, select, update
from sqlalchemy.orm import Session

from crowdmap import events, jobs
from crowdmap.db import db, in_chunks, upsert, utcnow
from crowdmap.db.wake import notify
from crowdmap.publishing import counts, marks
from crowdmap.publishing.finders.rules import rules_of
from crowdmap.publishing.models import Audience, Head, Publication, PublicationCategory
from crowdmap.publishing.project import AUDIENCES, Crisis, Town, Tree, View, strictest
from crowdmap.reports.models import Area, Category, Report, ReportPrivate, Submission

# what further features keep in step with publications: called under the log's lock with all trees that were touched,
# (report id, audience) → view or tombstone, and the crisis
KEEPERS: list[Callable[[Session, list[Tree], dict, Crisis], None]] = []


def init_app(app) -> None:
    if not event.contains(db.session.session_factory, "before_flush", _note_touched):
        event.listen(db.session.session_factory, "before_flush", _note_touched)
        event.listen(db.session.session_factory, "after_flush", _note_new)
        event.listen(db.session.session_factory, "before_commit", _before_commit)
        event.listen(db.session.session_factory, "after_rollback", _forget)


def touch(session: Session, report_ids) -> None:
    """Have these reports projected at the next commit, though no column of theirs changes (a policy, a rebuild)."""
    session.info.setdefault("touched", set()).update(report_ids)


def _note_touched(session, *_):
    touched = session.info.setdefault("touched", set())
    for obj in (*session.dirty, *session.deleted):
        if hasattr(obj, "touches"):
            touched |= obj.touches()
            # a pointer that moves touches the tree it leaves as well
            for name in ("merged_into_id", "report_id"):
                if name in inspect(obj).attrs:
                    touched.update(old for old in inspect(obj).attrs[name].history.deleted or () if old)


def _note_new(session, *_):
    touched = session.info.setdefault("touched", set())
    for obj in session.new:  # still listed in after_flush, now with primary keys
        if hasattr(obj, "touches"):
            touched |= obj.touches()


def _forget(session):
    session.info.pop("touched", None)
    session.info.pop("events", None)


def _before_commit(session):
    if session.in_nested_transaction():
        return
    session.flush()
    touched = session.info.pop("touched", set())
    happened = session.info.pop("events", [])
    if touched or happened:
        events.lock(session)
        publish(session, touched - {None}, happened)


def crisis(session: Session) -> Crisis:
    """Read as plain rows each time: a policy made stricter since this session looked must count, and the session's own
    objects cost three times as much."""
    categories = session.execute(select(Category.__table__))
    return Crisis(
        categories={row.code: row for row in categories},
        areas=[Town.of(row) for row in session.execute(select(Area.__table__))],
        public_url=current_app.config["CROWDMAP"].PUBLIC_URL,
        rules=rules_of(current_app.config["CROWDMAP"]),
    )


def publish(session: Session, report_ids: set[int], happened: list) -> None:
    """Bring the publications of these reports' trees up to date, under the lock."""
    trees, children = trees_of(session, report_ids)
    setting = crisis(session) if trees else None
    want: dict[tuple[int, Audience], View | tuple[str, str | None]] = {}
    public_ids = {}
    for tree in trees:
        tree.policy = strictest(tree, setting)
        for audience, view_of in AUDIENCES.items():
            view = view_of(tree, setting)
            want[tree.root.id, audience] = view or ("removed", None)
            for child in children[tree.root.id]:
                want[child.id, audience] = ("merged", tree.root.public_id if view else None)
        public_ids.update((member.id, member.public_id) for member in tree.members)
    marks.keep(session, {m.id: marks.of_report(m, tree.private.get(m.id)) for tree in trees for m in tree.members})
    have = _existing(session, public_ids)
    changes = [(key, view) for key, view in want.items() if _differs(have.get(key), view)]

    last = {e.report_id: e for e in happened if hasattr(e, "report_id")}
    extra = sorted({report_id for (report_id, _), _ in changes} - last.keys())
    happened = [*happened, *(events.ReportChanged(report_id=report_id) for report_id in extra)]
    seqs = events.write(session, happened)
    jobs.enqueue_handlers(session, happened, seqs)
    seq_of = {e.report_id: seq for e, seq in zip(happened, seqs) if hasattr(e, "report_id")}
    _write(session, changes, have, public_ids, seq_of, setting)
    for keep in KEEPERS if trees else ():
        keep(session, trees, want, setting)
    if seqs:
        notify(session, seqs[-1])


def trees_of(session: Session, report_ids: set[int]) -> tuple[list[Tree], dict[int, list[Report]]]:
    """The whole tree of each report: climb to the roots, then collect the branches, a generation a query."""
    found: dict[int, Report] = {}
    frontier = set(report_ids)
    while frontier:
        rows = _reports(session, Report.id, frontier)
        found.update((r.id, r) for r in rows)
        frontier = {r.merged_into_id for r in rows if r.merged_into_id and r.merged_into_id not in found}
    roots = {r.id: r for r in found.values() if r.merged_into_id is None}
    root_of = {root: root for root in roots}
    frontier = set(roots)
    members = defaultdict(list, {root: [report] for root, report in roots.items()})
    while frontier:
        rows = _reports(session, Report.merged_into_id, frontier)
        for r in rows:
            root_of[r.id] = root_of[r.merged_into_id]
            members[root_of[r.id]].append(r)
        frontier = {r.id for r in rows}
    everyone = set(root_of)
    private = {p.report_id: p for p in _by_ids(session, select(ReportPrivate), ReportPrivate.report_id, everyone)}
    voices = _voices(session, root_of, {r.id for rs in members.values() for r in rs if r.withdrawn_at or r.erased_at})
    trees = [
        Tree(roots[root], members[root], {m.id: private[m.id] for m in members[root] if m.id in private}, voices[root])
        for root in sorted(roots)
    ]
    return trees, {tree.root.id: tree.members[1:] for tree in trees}


def _reports(session, column, ids):
    # populate_existing: under the lock others' commits count, not what this session happened to load before
    query = select(Report).order_by(Report.id).execution_options(populate_existing=True)
    return _by_ids(session, query, column, ids)


def _by_ids(session, query, column, ids):
    ids = sorted(ids)
    rows = []
    for some in in_chunks(ids):
        rows += session.scalars(query.where(column.in_(some)))
    return rows


def _voices(session, root_of: dict[int, int], silent: set[int]) -> dict[int, int]:
    """Distinct sources a tree."""
    ids, told = sorted(root_of), defaultdict(list)
    for some in in_chunks(ids):
        query = select(Submission.report_id, Submission.id, Submission.source_hash, Submission.device_hash)
        for report_id, *sent in session.execute(
            query.where(Submission.report_id.in_(some), Submission.withdrawn_at.is_(None))
        ):
            if report_id not in silent:
                told[root_of[report_id]].append(sent)
    return {root: max(1, distinct_sources(told[root])) for root in root_of.values()}


def distinct_sources(sent: Iterable[tuple]) -> int:
    """How many sources these submissions have, each (id, source, device).

    A device that gave a contact in one of them is no source of its own in another: the reporter who says "me too"
    without a number is the reporter still. Two numbers from one device are two people who share a network. A
    submission without a known source counts by itself.
    """
    sent = list(sent)
    named = {device for _id, source, device in sent if source != device}
    return len({source or key for key, source, device in sent if source is None or source != device or device not in named})


def _existing(session, public_ids) -> dict[tuple[int, Audience], object]:
    columns = (
        Publication.id, Publication.report_id, Publication.audience, Publication.kind, Publication.removed,
        Publication.merged_into, Publication.digest, Publication.category, Publication.status, Publication.cell,
        Publication.lon, Publication.lat,
    )  # fmt: skip
    rows, ids = {}, sorted(public_ids)
    for some in in_chunks(ids):
        for row in session.execute(select(*columns).where(Publication.report_id.in_(some))):
            rows[row.report_id, row.audience] = row
    return rows


def _differs(row, view) -> bool:
    if isinstance(view, View):
        return row is None or row.removed is not None or row.digest != view.digest
    # a tombstone is made only of what this audience has seen
    return row is not None and (row.removed, row.merged_into) != view


TOMBSTONE = dict(
    category=None, status=None, verification=None, happened_at=None, lon=None, lat=None, geom=None, cell=None, tile16=None,
    precision_m=None, area=None, search_text="", digest=None, feature=None, out_of_area=False,
)  # fmt: skip


def _write(session, changes, have, public_ids, seq_of, setting: Crisis | None) -> None:
    now, fresh, heads = utcnow(), [], {}
    counts.keep(
        session, [have[key] for key, _ in changes if key in have],
        [(audience, view) for (_, audience), view in changes if isinstance(view, View)],
    )  # fmt: skip
    codes: dict[tuple[int, Audience], list[str]] = {}
    for (report_id, audience), view in changes:
        row, seq = have.get((report_id, audience)), seq_of[report_id]
        kinds = {row.kind} if row is not None else set()
        if isinstance(view, View):
            kinds.add(view.columns["kind"])
            values = {
                **view.columns, "audience": audience, "public_id": public_ids[report_id], "report_id": report_id,
                "seq": seq, "updated_at": now, "digest": view.digest, "feature": view.encode(seq, now),
            }  # fmt: skip
            codes[report_id, audience] = view.codes
        else:
            values = {**TOMBSTONE, "removed": view[0], "merged_into": view[1], "seq": seq, "updated_at": now}
        for kind in kinds:
            heads[audience, kind] = max(seq, heads.get((audience, kind), 0))
        if row is None:
            fresh.append({**values, "first_seq": seq})
        else:
            session.execute(update(Publication).where(Publication.id == row.id).values(**values))
    ids = {key: row.id for key, row in have.items()}
    if fresh:
        returning = insert(Publication).returning(Publication.id, Publication.report_id, Publication.audience)
        # without render_nulls, rows are sent together only while the same columns are null: that is one by one
        for row_id, report_id, audience in session.execute(returning, fresh, execution_options={"render_nulls": True}):
            ids[report_id, audience] = row_id
    _write_categories(session, [key for key, _ in changes], have, ids, codes, setting)
    if heads:
        rows = [{"audience": a, "kind": k, "seq": seq} for (a, k), seq in sorted(heads.items())]
        upsert(session, Head, rows, conflict=("audience", "kind"))


def _write_categories(session, keys, have, ids, codes, setting) -> None:
    stale = [ids[key] for key in keys if key in have]
    for some in in_chunks(stale):
        session.execute(delete(PublicationCategory).where(PublicationCategory.publication_id.in_(some)))
    known = setting.categories if setting else {}
    rows = [
        {"publication_id": ids[key], "code": code, "sector": known[code].sector if code in known else "multi"}
        for key in keys
        for code in codes.get(key, ())
    ]
    if rows:
        session.execute(insert(PublicationCategory), rows)


def fingerprint(session: Session) -> str:
    """A hash over all publications, in order: what ``republish`` must not change."""
    total = hashlib.sha256()
    query = select(Publication.report_id, Publication.audience, Publication.seq, Publication.feature, Publication.removed)
    for row in session.execute(query.order_by(Publication.id).execution_options(yield_per=1000)):
        total.update(repr(tuple(row)).encode())
    return total.hexdigest()


def count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Publication))
