"""One hook before each commit projects every touched report for every audience. No verb calls it by hand.

Order (DESIGN §3.3): the verb's work is flushed; the log's lock is taken; trees are read again under the lock; what an
audience sees is compared with what it saw; events are written for what happened or changed; publications follow.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import lru_cache

from flask import current_app
from sqlalchemy import bindparam, delete, event, func, insert, inspect, select, update
from sqlalchemy.orm import Session, joinedload

from crowdmap import events, jobs
from crowdmap.db import IDS, by_ids, db, in_chunks, seldom, upsert, utcnow
from crowdmap.db.wake import notify
from crowdmap.publishing import counts, marks
from crowdmap.publishing.finders.rules import rules_of
from crowdmap.publishing.models import Audience, Head, Publication, PublicationCategory
from crowdmap.publishing.project import AUDIENCES, OF_CATEGORIES, Crisis, Town, Tree, View, strictest
from crowdmap.reports.models import Area, Category, Report, Submission

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
    for name in ("touched", "worded"):
        session.info.setdefault(name, set()).update(report_ids)


def _note_touched(session, *_):
    touched, worded = (session.info.setdefault(name, set()) for name in ("touched", "worded"))
    deleted = session.deleted
    for obj in (*session.dirty, *deleted):
        if hasattr(obj, "touches"):
            touched |= obj.touches()
            if obj in deleted or marks.may_differ(obj):
                worded |= obj.touches()
            # a pointer that moves touches the tree it leaves as well
            for name in ("merged_into_id", "report_id"):
                if name in inspect(obj).attrs:
                    touched.update(old for old in inspect(obj).attrs[name].history.deleted or () if old)


def _note_new(session, *_):
    for obj in session.new:  # still listed in after_flush, now with primary keys
        if hasattr(obj, "touches"):
            touch(session, obj.touches())


def _forget(session):
    # "worded" stays: after a savepoint more are looked through than need be, and none is left out
    session.info.pop("touched", None)
    session.info.pop("events", None)


def _before_commit(session):
    if session.in_nested_transaction():
        return
    session.flush()
    touched = session.info.pop("touched", set())
    happened, worded = session.info.pop("events", []), session.info.pop("worded", set())
    if touched or happened:
        events.lock(session)
        publish(session, touched - {None}, happened, worded)


_CATEGORIES = select(*(Category.__table__.c[name] for name in OF_CATEGORIES))


_OF_CODES = _CATEGORIES.where(Category.__table__.c.code.in_(IDS))
_AREAS = select(*(Area.__table__.c[name] for name in Town._fields))


def crisis(session: Session, codes: Iterable[str] | None = None) -> Crisis:
    """Read as plain rows each time: a policy made stricter since this session looked must count, and the session's own
    objects cost three times as much. *codes*: only these categories, for reports that have no others."""
    rows = session.execute(_CATEGORIES) if codes is None else by_ids(session, _OF_CODES, set(codes))
    return Crisis(
        categories={row.code: row for row in rows},
        areas=[Town._make(row) for row in session.execute(_AREAS)],
        public_url=current_app.config["CROWDMAP"].PUBLIC_URL,
        rules=rules_of(current_app.config["CROWDMAP"]),
    )


def publish(session: Session, report_ids: set[int], happened: list, worded: set[int]) -> None:
    """Bring the publications of these reports' trees up to date, under the lock. *worded*: those of them whose words or
    contact may have changed."""
    trees, children = trees_of(session, report_ids)
    setting = crisis(session, codes_of(trees)) if trees else None
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
    anew = [tree for tree in trees if any(member.id in worded for member in tree.members)]
    marks.keep(session, {m.id: marks.of_report(m, tree.private.get(m.id)) for tree in anew for m in tree.members})
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
        rows = _reports(session, _THESE, frontier)
        found.update((r.id, r) for r in rows)
        frontier = {r.merged_into_id for r in rows if r.merged_into_id and r.merged_into_id not in found}
    roots = {r.id: r for r in found.values() if r.merged_into_id is None}
    root_of = {root: root for root in roots}
    frontier = set(roots)
    members = defaultdict(list, {root: [report] for root, report in roots.items()})
    while frontier:
        rows = _reports(session, _BELOW, frontier)
        for r in rows:
            root_of[r.id] = root_of[r.merged_into_id]
            members[root_of[r.id]].append(r)
        frontier = {r.id for r in rows}
    voices = _voices(session, root_of, {r.id for rs in members.values() for r in rs if r.withdrawn_at or r.erased_at})
    trees = [
        Tree(roots[root], members[root], {m.id: m.private for m in members[root] if m.private is not None}, *voices[root])
        for root in sorted(roots)
    ]
    return trees, {tree.root.id: tree.members[1:] for tree in trees}


# populate_existing: under the lock others' commits count, not what this session happened to load before
_REPORTS = select(Report).options(joinedload(Report.private)).order_by(Report.id).execution_options(populate_existing=True)
_THESE, _BELOW = _REPORTS.where(Report.id.in_(IDS)), _REPORTS.where(seldom(Report.merged_into_id.in_(IDS)))


def codes_of(trees: Iterable[Tree]) -> set[str]:
    """Every category that somebody in these trees has."""
    return {code for tree in trees for code in tree.codes}


def _reports(session, query, ids) -> list[Report]:
    """With their private rows."""
    return [row[0] for row in by_ids(session, query, ids)]


_S = Submission.__table__.c
_SENT = select(_S.report_id, _S.id, _S.source_hash, _S.device_hash).where(_S.report_id.in_(IDS), _S.withdrawn_at.is_(None))


def _voices(session, root_of: dict[int, int], silent: set[int]) -> dict[int, tuple[int, int]]:
    """Distinct sources a tree, for the team and for all others."""
    told = defaultdict(list)
    for report_id, *sent in by_ids(session, _SENT, root_of):
        if report_id not in silent:
            told[root_of[report_id]].append(sent)
    roots = set(root_of.values())
    return {root: tuple(max(1, distinct_sources(told[root], outside)) for outside in (False, True)) for root in roots}


def distinct_sources(sent: Iterable[tuple], by_device: bool = False) -> int:
    """How many sources these submissions have, each (id, source, device).

    A device that gave a contact in one of them is no source of its own in another: the reporter who says "me too"
    without a number is the reporter still. Two numbers from one device are two people who share a network. A
    submission without a known source counts by itself.

    *by_device*: one contact counts once for each device. So it is counted for all but the team: a count that stays where
    somebody types a number would tell that it is the number of who told it.
    """
    sent = list(sent)
    named = {device for _id, source, device in sent if source != device}
    counted = [one for one in sent if one[1] is None or one[1] != one[2] or one[2] not in named]
    if by_device:
        return len({(source or key, device or source) for key, source, device in counted})
    return len({source or key for key, source, _device in counted})


_P = Publication.__table__.c
_EXISTING = select(
    _P.id, _P.report_id, _P.audience, _P.kind, _P.removed, _P.merged_into, _P.digest, _P.category, _P.status, _P.cell,
    _P.lon, _P.lat, _P.public_id,
).where(_P.report_id.in_(IDS))  # fmt: skip


def _existing(session, report_ids) -> dict[tuple[int, Audience], object]:
    return {(row.report_id, row.audience): row for row in by_ids(session, _EXISTING, report_ids)}


def _differs(row, view) -> bool:
    if isinstance(view, View):
        return row is None or row.removed is not None or row.digest != view.digest
    # a tombstone is made only of what this audience has seen
    return row is not None and (row.removed, row.merged_into) != view


TOMBSTONE = dict(
    category=None, status=None, verification=None, happened_at=None, lon=None, lat=None, geom=None, cell=None, tile16=None,
    precision_m=None, area=None, search_text="", digest=None, feature=None, out_of_area=False,
)  # fmt: skip


_INSERT = insert(Publication.__table__).returning(_P.id, _P.report_id, _P.audience)


def _write(session, changes, have, public_ids, seq_of, setting: Crisis | None) -> None:
    now, fresh, heads = utcnow(), [], {}
    links = _links(session, [have[key].id for key, _ in changes if key in have])
    counts.keep(
        session, [(have[key], [code for code, _ in links[have[key].id]]) for key, _ in changes if key in have],
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
            values = _moved(row, values)
            session.execute(_update(tuple(values)), {"_id": row.id, **{f"_{name}": value for name, value in values.items()}})
    ids = {key: row.id for key, row in have.items()}
    if fresh:
        for row_id, report_id, audience in session.execute(_INSERT, fresh):
            ids[report_id, audience] = row_id
    _write_categories(session, {ids[key]: codes.get(key, ()) for key, _ in changes}, links, setting)
    if heads:
        rows = [{"audience": a, "kind": k, "seq": seq} for (a, k), seq in sorted(heads.items())]
        upsert(session, Head, rows, conflict=("audience", "kind"))


@lru_cache(maxsize=64)
def _update(names: tuple[str, ...]):
    values = {name: bindparam(f"_{name}", type_=_P[name].type) for name in names}
    return update(Publication.__table__).where(_P.id == bindparam("_id")).values(values)


def _moved(row, values: dict) -> dict:
    """Without what stands in *row* already: a point that is written again is taken out of the index of places and put back."""
    same = {name for name in row._fields if name in values and values[name] == getattr(row, name)}
    if {"lon", "lat", "cell"} <= same:  # the others are made of these
        same |= {"geom", "tile16"}
    return {name: value for name, value in values.items() if name not in same}


_L = PublicationCategory.__table__.c
_LINKS = select(_L.publication_id, _L.code, _L.sector).where(_L.publication_id.in_(IDS))


def _links(session, publication_ids) -> dict[int, set[tuple[str, str]]]:
    """Publication → its (code, sector) as they stand."""
    found = {one: set() for one in publication_ids}
    for publication_id, code, sector in by_ids(session, _LINKS, found):
        found[publication_id].add((code, sector))
    return found


def _write_categories(session, codes: dict[int, list[str]], links, setting) -> None:
    """*codes*: publication → its categories; *links*: as they stand. What is the same is left as it is."""
    known = setting.categories if setting is not None else {}
    want = {
        one: {(code, known[code].sector if code in known else "multi") for code in some} for one, some in codes.items()
    }
    changed = [one for one, pairs in want.items() if pairs != links.get(one, set())]
    for some in in_chunks([one for one in changed if links.get(one)]):
        session.execute(delete(PublicationCategory.__table__).where(_L.publication_id.in_(some)))
    rows = [{"publication_id": one, "code": code, "sector": sector} for one in changed for code, sector in sorted(want[one])]
    if rows:
        session.execute(insert(PublicationCategory.__table__), rows)


def fingerprint(session: Session) -> str:
    """A hash over all publications, in order: what ``republish`` must not change."""
    total = hashlib.sha256()
    query = select(Publication.report_id, Publication.audience, Publication.seq, Publication.feature, Publication.removed)
    for row in session.execute(query.order_by(Publication.id).execution_options(yield_per=1000)):
        total.update(repr(tuple(row)).encode())
    return total.hexdigest()


def count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Publication))
