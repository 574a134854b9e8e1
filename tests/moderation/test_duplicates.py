"""Suspected duplicates, settled: one decision for a group, remembered, undone, and never half done."""

import itertools
import re

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import inspect, select

from crowdmap.db import utcnow
from crowdmap.dedupe import groups
from crowdmap.dedupe.models import Suspicion
from crowdmap.errors import DomainError, IllegalState, NotAllowed, NotFound, StaleRevision, ValidationFailed
from crowdmap.moderation import duplicates
from crowdmap.moderation.actions import perform
from crowdmap.moderation.models import Decision
from crowdmap.publishing.models import Publication
from crowdmap.reports.models import Report, ReportPrivate, Submission
from tests.builders import JACMEL, LEOGANE, make_account, make_report, make_suspicion, sign_in
from tests.moderation.test_together import at_once


@pytest.fixture
def moderator(session):
    account = make_account(name="Marie Vincent")
    session.expunge(account)  # several threads act for her at once, and only one may load her anew
    return account


@pytest.fixture
def desk(client, moderator):
    return sign_in(client, moderator)


def seen(*reports) -> dict[str, int]:
    return {report.public_id: report.revision for report in reports}


def merge(session, actor, root, *children, **fields) -> Decision:
    decision = duplicates.merge_many(session, root.public_id, seen(root, *children), actor, **fields)
    session.commit()
    return decision


def apart(session, actor, root, *others) -> Decision:
    decision = duplicates.distinct_many(session, root.public_id, seen(root, *others), actor)
    session.commit()
    return decision


def undo(session, actor, decision):
    duplicates.undo(session, decision.id, actor)
    session.commit()


def rows_of(session, model, without=()) -> dict:
    """Every row of a table as plain values, by primary key."""
    names = [c.key for c in inspect(model).column_attrs if c.key not in without]
    found = {}
    for row in session.scalars(select(model).execution_options(populate_existing=True)):
        found[inspect(row).identity] = {name: getattr(row, name) for name in names}
    return found


def everything(session) -> tuple:
    """Reports, private rows, submissions and publications, without revision, seq, updated_at and what is made of them."""
    publications = rows_of(session, Publication, ("seq", "first_seq", "updated_at", "geom", "digest"))
    for row in publications.values():
        if row["feature"]:
            feature = orjson.loads(row["feature"])
            for stamp in ("seq", "updated_at", "revision"):
                feature["properties"].pop(stamp, None)
            row["feature"] = feature
    parts = (rows_of(session, Report, ("revision",)), rows_of(session, ReportPrivate), rows_of(session, Submission), publications)
    session.rollback()  # or SQLite's one place to write would stay taken
    return parts


def pointers(session) -> dict[str, str | None]:
    session.rollback()
    rows = session.execute(select(Report.id, Report.public_id, Report.merged_into_id)).all()
    names = {row.id: row.public_id for row in rows}
    session.rollback()
    return {row.public_id: names.get(row.merged_into_id) for row in rows}


def open_sets(session) -> list[set[str]]:
    found = [set(group.members) for group in groups.open_groups(session)]
    session.rollback()
    return found


def voices(session, report) -> int:
    row = session.scalar(select(Publication.feature).where(Publication.report_id == report.id, Publication.audience == "staff"))
    return orjson.loads(row)["properties"]["voices"]


# ---- merging a group


def test_a_group_is_merged_by_one_decision_and_all_of_it_is_undone(session, moderator):
    root, b, c = make_report(at=LEOGANE, accuracy_m=900), make_report(accuracy_m=5), make_report(status="pending")
    before = everything(session)
    decision = merge(session, moderator, root, b, c, reason="one camp")
    assert pointers(session) == {root.public_id: None, b.public_id: root.public_id, c.public_id: root.public_id}
    assert voices(session, root) == 3
    assert (decision.report_id, decision.reason, decision.change) == (
        root.id, "one camp", {"taken_in": [None, [b.public_id, c.public_id]]},
    )  # fmt: skip
    for child in (b, c):
        kept = session.scalars(select(Decision).where(Decision.report_id == child.id, Decision.action == "merge")).one()
        assert kept.change == {"merged_into": [None, root.public_id]} and child.revision == 2
    undo(session, moderator, decision)
    assert everything(session) == before


def test_undo_takes_back_no_newer_decision_of_somebody_else(session, moderator):
    root, b, c = (make_report() for _ in range(3))
    decision, other = merge(session, moderator, root, b, c), make_account(name="Jean Baptiste")
    perform(session, b.public_id, "unmerge", other, b.revision)
    session.commit()
    perform(session, b.public_id, "merge", other, b.revision, into=root.public_id)  # looked again, and was sure
    session.commit()
    again = session.scalars(select(Decision).where(Decision.report_id == root.id).order_by(Decision.id.desc())).first()
    with pytest.raises(StaleRevision) as refused:
        duplicates.undo(session, decision.id, moderator)
    session.rollback()
    assert refused.value.extra["id"] == b.public_id and refused.value.extra["by"] == "Jean Baptiste"
    assert pointers(session)[b.public_id] == pointers(session)[c.public_id] == root.public_id
    undo(session, other, again)  # that one can be
    assert pointers(session)[b.public_id] is None and pointers(session)[c.public_id] == root.public_id


def test_later_edits_stay_where_they_were_made(session, moderator):
    root, child = make_report(), make_report()
    decision = merge(session, moderator, root, child)
    perform(session, child.public_id, "edit", moderator, child.revision, title="Corrected")
    perform(session, root.public_id, "verify", moderator, root.revision, evidence="called")
    session.commit()
    undo(session, moderator, decision)
    assert (child.title, child.verification) == ("Corrected", "unverified") and root.verification == "verified"


def test_children_of_what_is_merged_come_along_and_go_with_it_again(session, moderator):
    a, b, c, d = (make_report() for _ in range(4))
    merge(session, moderator, b, c)
    decision = merge(session, moderator, a, b, d)
    assert pointers(session)[c.public_id] == b.public_id and voices(session, a) == 4
    undo(session, moderator, decision)
    assert pointers(session) == {a.public_id: None, b.public_id: None, c.public_id: b.public_id, d.public_id: None}
    assert voices(session, b) == 2


def test_only_those_who_moderate(session):
    a, b = make_report(), make_report()
    for verb in (duplicates.merge_many, duplicates.distinct_many):
        with pytest.raises(NotAllowed):
            verb(session, a.public_id, seen(a, b), make_account("volunteer"))
        session.rollback()


def test_all_or_nothing_and_the_one_in_the_way_is_named(session, moderator):
    root, fine, changed = make_report(), make_report(), make_report()
    was = seen(root, fine, changed)
    perform(session, changed.public_id, "edit", make_account(name="Paul Other"), 1, title="New")
    session.commit()
    for verb in (duplicates.merge_many, duplicates.distinct_many):
        with pytest.raises(StaleRevision) as refused:
            verb(session, root.public_id, was, moderator)
        assert (refused.value.extra["id"], refused.value.extra["by"]) == (changed.public_id, "Paul Other")
        session.rollback()
    assert set(pointers(session).values()) == {None} and session.query(Suspicion).count() == 0
    session.rollback()
    merge(session, moderator, make_report(), fine)
    with pytest.raises(StaleRevision) as refused:
        duplicates.merge_many(session, root.public_id, seen(root, fine), moderator)
    assert refused.value.extra["id"] == fine.public_id


def test_a_root_may_be_given_without_its_revision_but_not_merged(session, moderator):
    root, child, elsewhere = make_report(), make_report(), make_report()
    merge(session, moderator, elsewhere, root)
    with pytest.raises(StaleRevision):
        duplicates.merge_many(session, root.public_id, seen(child), moderator)
    session.rollback()
    duplicates.merge_many(session, elsewhere.public_id, seen(child), moderator)


def test_what_is_on_the_map_is_not_merged_into_what_waits(session, moderator):
    waiting, public, closed = make_report(status="pending"), make_report(), make_report()
    closed.status = "closed"
    session.commit()
    for root, child in ((waiting, public), (waiting, closed), (closed, public)):
        with pytest.raises(ValidationFailed) as refused:
            duplicates.merge_many(session, root.public_id, seen(root, child), moderator)
        assert refused.value.errors[0].field == "root" and child.public_id in refused.value.message
        session.rollback()
    merge(session, moderator, public, waiting, closed)


def test_a_copy_with_a_category_for_the_team_alone_does_not_take_the_report_off_the_map(session, moderator):
    public, waiting = make_report(category="ROAD", kind="damage"), make_report(status="pending", category="ROAD", kind="damage")
    copy = make_report(status="pending", category="ROAD", kind="damage", categories=["MISS"])
    inner = make_report(status="pending", category="ROAD", kind="damage")
    merge(session, moderator, inner, copy)  # also where it is not the root of what comes in
    before = everything(session)
    with pytest.raises(ValidationFailed) as refused:
        duplicates.merge_many(session, public.public_id, seen(public, waiting, inner), moderator)
    session.rollback()
    (error,) = refused.value.errors
    assert (error.field, error.code) == ("root", "leaves-the-map")
    assert copy.public_id in error.message and "issing" in error.message and public.public_id in error.message
    with pytest.raises(ValidationFailed):
        perform(session, inner.public_id, "merge", moderator, inner.revision, into=public.public_id)
    session.rollback()
    assert everything(session) == before
    fields = {"category": "ROAD", "categories": [], "kind": "damage", "title": "", "description": copy.description}
    perform(session, copy.public_id, "edit", moderator, copy.revision, **fields)
    session.commit()
    merge(session, moderator, public, waiting, inner)
    assert session.query(Publication).filter_by(report_id=public.id, audience="public").one().removed is None
    session.rollback()


def test_the_other_way_a_person_may_keep_it_for_the_team(session, moderator):
    public, person = make_report(), make_report(category="MISS")
    make_suspicion(public, person)
    (group,) = groups.open_groups(session)
    assert groups.members(session, group.members)[0].public_id == public.public_id  # not proposed, but possible
    session.rollback()
    merge(session, moderator, person, public)
    assert session.query(Publication).filter_by(report_id=public.id, audience="public").one().removed == "merged"
    session.rollback()


def test_a_large_group_says_category_and_status_of_each_and_chooses_only_true_copies(session, desk):
    root = make_report(category="ROAD", kind="damage", description="Bridge is down")
    copies = [make_report(status="pending", category="ROAD", kind="damage", description="Bridge is down") for _ in range(4)]
    other = make_report(status="pending", category="ROAD", kind="damage", categories=["MISS"], description="Bridge is down")
    for copy in (*copies, other):
        make_suspicion(root, copy, 0.99, exact=True)
    page = desk.get(f"/moderate/duplicates/{root.public_id}").text
    members = page[page.index('class="members"') : page.index("</fieldset>")]
    lines = {name: part for part in members.split("<li")[1:] for name in re.findall(r'name="member" value="([^:]+):', part)}
    assert all('" checked data-member' in lines[copy.public_id] for copy in copies)
    assert '" checked data-member' not in lines[other.public_id]
    assert "issing" in lines[other.public_id] and "waiting for a check" in lines[other.public_id]


def test_times_that_differ_are_told_exactly(session, desk):
    """ "3 days ago" beside "3 days ago" would not say in what they differ."""
    a, b = (make_report(occurred_at=f"2010-01-13T{hour}:30:00Z") for hour in ("09", "14"))
    page = desk.get(f"/moderate/duplicates/{a.public_id}?with={b.public_id}").text
    (row,) = re.findall(r'<tr role="row" class="row-happened differs">.*?</tr>', page, re.DOTALL)
    assert row.count("<time") == 2 and "data-ago" not in row and "2010" in row


def test_merges_that_make_no_sense(session, moderator):
    a, b, hidden, gone = make_report(), make_report(), make_report(), make_report()
    hidden.status, gone.withdrawn_at = "hidden", utcnow()
    session.commit()
    for members, error in (
        (seen(a), ValidationFailed), ({a.public_id: 1, "nothere": 1}, NotFound), (seen(a, hidden), IllegalState),
        (seen(a, gone), IllegalState), ({a.public_id: 1, b.public_id: None}, ValidationFailed),
    ):  # fmt: skip
        with pytest.raises(error):
            duplicates.merge_many(session, a.public_id, members, moderator)
        session.rollback()
    with pytest.raises(ValidationFailed):
        duplicates.merge_many(session, a.public_id, {f"r{n}": 1 for n in range(300)}, moderator)
    with pytest.raises(NotFound):
        duplicates.undo(session, 999_999, moderator)


def test_a_decision_is_undone_once_and_only_as_a_whole(session, moderator):
    a, b, c = (make_report() for _ in range(3))
    decision = merge(session, moderator, a, b, c)
    perform(session, c.public_id, "unmerge", moderator, c.revision)
    session.commit()
    with pytest.raises(StaleRevision) as refused:
        duplicates.undo(session, decision.id, moderator)
    assert refused.value.extra["id"] == c.public_id
    session.rollback()
    assert pointers(session)[b.public_id] == a.public_id
    other = apart(session, moderator, a, c)
    undo(session, moderator, other)
    with pytest.raises(StaleRevision):
        duplicates.undo(session, other.id, moderator)


# ---- not the same


def test_not_the_same_is_remembered_moves_no_revision_and_changes_no_face(session, moderator):
    a, b, c = (make_report() for _ in range(3))
    make_suspicion(a, b), make_suspicion(b, c)
    before = everything(session)
    decision = apart(session, moderator, a, b, c)
    assert open_sets(session) == [] and everything(session) == before
    assert (a.revision, b.revision, c.revision) == (1, 1, 1)
    assert session.query(Suspicion).filter(Suspicion.refused_by_id == moderator.id).count() == 3  # each with each other
    assert session.query(Decision).filter_by(action="distinct").count() == 3
    undo(session, moderator, decision)
    assert open_sets(session) == [{a.public_id, b.public_id, c.public_id}]
    assert session.query(Suspicion).count() == 2  # what nobody had suspected is gone again


def test_not_the_same_of_one_pair_and_ask_again(session, moderator):
    a, b, child = (make_report() for _ in range(3))
    merge(session, moderator, b, child)
    make_suspicion(a, child)
    perform(session, a.public_id, "distinct", moderator, other=child.public_id, reason="other street")
    session.commit()
    kept = {d.report_id: d for d in session.query(Decision).filter_by(action="distinct")}
    assert kept[a.id].change == {"distinct_from": [None, b.public_id]}
    assert kept[b.id].change == {"distinct_from": [None, a.public_id]} and kept[b.id].reason == "other street"
    assert open_sets(session) == []
    with pytest.raises(IllegalState):
        perform(session, b.public_id, "distinct", moderator, other=a.public_id)
    session.rollback()
    perform(session, child.public_id, "ask-again", moderator, other=a.public_id)  # from any report of the tree
    session.commit()
    assert open_sets(session) == [{a.public_id, b.public_id}]
    with pytest.raises(IllegalState):
        perform(session, a.public_id, "ask-again", moderator, other=b.public_id)


def test_a_child_taken_out_again_is_asked_about_by_itself(session, moderator):
    a, b, child = (make_report() for _ in range(3))
    merge(session, moderator, a, child)
    make_suspicion(child, b)
    apart(session, moderator, a, b)
    assert open_sets(session) == []
    perform(session, child.public_id, "unmerge", moderator, child.revision)
    session.commit()
    assert open_sets(session) == [{b.public_id, child.public_id}]


def test_a_group_is_not_merged_against_what_somebody_said_meanwhile(session, moderator):
    a, b, c, child = (make_report() for _ in range(4))
    merge(session, moderator, a, child)
    make_suspicion(child, c, score=0.1).refused_at = utcnow()
    session.commit()
    with pytest.raises(IllegalState) as refused:
        duplicates.merge_many(session, a.public_id, seen(a, b, c), moderator)
    assert refused.value.code == "distinct"
    session.rollback()
    perform(session, c.public_id, "merge", moderator, c.revision, into=a.public_id)  # by its number, on purpose
    session.commit()


def test_one_tree_cannot_be_told_apart(session, moderator):
    a, b = make_report(), make_report()
    merge(session, moderator, a, b)
    for other, error in ((b, IllegalState), (a, ValidationFailed)):
        with pytest.raises(error):
            perform(session, a.public_id, "distinct", moderator, other=other.public_id)
        session.rollback()
    with pytest.raises(StaleRevision):
        duplicates.distinct_many(session, a.public_id, seen(a, b), moderator)


# ---- properties

MOVES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=6)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=MOVES, random=st.randoms(use_true_random=False))
def test_whatever_is_merged_and_undone_in_any_order_leaves_all_as_it_was(session, moderator, moves, random):
    kinds = (
        {"at": LEOGANE, "accuracy_m": 300}, {"category": "ROAD", "kind": "damage", "accuracy_m": 5}, {"status": "pending"},
        {"category": "MISS", "status": "pending"}, {"at": JACMEL, "people": 7}, {"at": None, "place": "Jacmel"},
    )  # fmt: skip
    reports = [make_report(**fields) for fields in kinds]
    session.commit()
    before, done = everything(session), []
    for one, other in moves:
        try:
            done.append(merge(session, moderator, reports[one], reports[other]))
        except DomainError:  # merged already, itself, or it would leave the map
            session.rollback()
    random.shuffle(done)
    for decision in done:
        undo(session, moderator, decision)
    assert everything(session) == before
    session.rollback()


# ---- at the same moment


def check_no_circles(session, names) -> dict[str, str | None]:
    """The pointers of these reports; each leads to a root."""
    found = {name: parent for name, parent in pointers(session).items() if name in names}
    for start in names:
        way = [start]
        while found[way[-1]] is not None:
            way.append(found[way[-1]])
            assert len(set(way)) == len(way), found
    return found


@pytest.mark.parametrize("shape", [
    [(0, (1, 2)), (1, (2, 3)), (2, (3, 0))],  # round in a circle
    [(0, (1, 2, 3)), (3, (2, 1, 0))],  # the same group, the other way round
    [(0, (1,)), (1, (2,)), (2, (3,)), (3, (0,))],
    [(0, (1, 2)), (0, (2, 3)), (0, (1, 3)), (4, (0, 5))],
])  # fmt: skip
def test_overlapping_groups_merged_at_once_end_consistent_or_refused(session, app, moderator, shape):
    for _ in range(4):
        names = [make_report().public_id for _ in range(6)]
        attempts = [(names[root], [names[child] for child in children]) for root, children in shape]

        def work(root, children):
            return lambda s: duplicates.merge_many(s, root, dict.fromkeys([root, *children], 1), moderator)

        session.rollback()
        outcome = at_once(app, *itertools.starmap(work, attempts))
        assert all(isinstance(one, (Decision, StaleRevision)) for one in outcome), outcome
        assert any(isinstance(one, Decision) for one in outcome)
        won = {
            child: root
            for (root, children), one in zip(attempts, outcome)
            if isinstance(one, Decision)
            for child in children
        }
        found = check_no_circles(session, names)
        assert {child: parent for child, parent in found.items() if parent} == won, (attempts, outcome)


def test_merging_and_telling_apart_at_once_is_one_or_the_other(session, app, moderator):
    for _ in range(6):
        a, b = make_report().public_id, make_report().public_id
        members = {a: 1, b: 1}
        session.rollback()
        outcome = at_once(
            app,
            lambda s, m=members, r=a: duplicates.merge_many(s, r, m, moderator),
            lambda s, m=members, r=b: duplicates.distinct_many(s, r, m, moderator),
        )
        won = [one for one in outcome if isinstance(one, Decision)]
        assert len(won) == 1 and all(isinstance(one, (Decision, StaleRevision, IllegalState)) for one in outcome), outcome
        assert (pointers(session)[b] == a) == (won[0].action == "merge")


def test_single_merges_and_groups_at_once(session, app, moderator):
    for _ in range(4):
        names = [make_report().public_id for _ in range(4)]
        a, b, c, d = names
        session.rollback()
        outcome = at_once(
            app,
            lambda s: duplicates.merge_many(s, a, dict.fromkeys((a, b, c), 1), moderator),
            lambda s: perform(s, a, "merge", moderator, 1, into=b),
            lambda s: perform(s, c, "merge", moderator, 1, into=d),
        )
        assert all(isinstance(one, (Decision, Report, DomainError)) for one in outcome), outcome
        check_no_circles(session, names)


# ---- a flood


def test_a_flood_is_one_group_and_one_decision(session, desk):
    flood = [
        make_report(status="pending", description="HELP at the orphanage, 120 children", source_key=f"phone-{n % 30}")
        for n in range(50)
    ]
    for report in flood[1:]:
        make_suspicion(flood[0], report, 0.99, exact=True, same_text=True)
    page = desk.get("/moderate/duplicates").text
    assert "50 reports" in page and "50 with the same words" in page
    address = re.search(r'href="(/moderate/duplicates/[a-z0-9]{12})"', page)[1]
    page = desk.get(address).text
    chosen = re.findall(r'name="member" value="([^"]+)" checked', page)
    assert len(chosen) == 50
    root = re.search(r'name="root" value="([^"]+)"[^>]* checked', page)[1]
    answer = desk.post(address, data={"decision": "merge", "root": root, "member": chosen, "next": ""})
    assert answer.status_code == 303 and answer.location.startswith("/moderate/duplicates?done=")
    top = session.query(Report).filter(Report.merged_into_id.is_(None)).one()
    assert top.public_id == root.partition(":")[0] and voices(session, top) == 30
    assert session.query(Decision).filter(Decision.report_id == top.id, Decision.action == "merge").count() == 1
    assert session.query(Submission).count() == 50 and open_sets(session) == []
    done = desk.get(answer.location).text
    assert "49 reports were merged" in done and "No suspected duplicates" in done
    assert desk.post("/moderate/duplicates/undo", data={"decision": re.search(r"done=(\d+)", answer.location)[1]}).status_code == 303
    assert set(pointers(session).values()) == {None} and len(open_sets(session)) == 1


# ---- the pages


def test_two_side_by_side(session, desk):
    a = make_report(title="Water at Delmas 31", description="Sixty <b>people</b>, Delmas 31", people=60, accuracy_m=40)
    b = make_report(title="", description="sixty people, Delmas 33!", status="pending", channel="sms", people=80)
    make_suspicion(a, b, 0.8, metres=190, hours=0.67, words=0.61, same_numbers=["60"])
    for one in (a, b):
        page = desk.get(f"/moderate/duplicates/{one.public_id}")
        assert page.status_code == 200
    text = page.text
    assert "190 m · 40 min · 61 % of the words · same number 60" in text
    assert "Sixty &lt;b&gt;people&lt;/b&gt;" in text or "&lt;b&gt;people&lt;/b&gt;," in text
    words = text.split('class="row-description')[1].split("</tr>")[0]
    assert "<mark>33!</mark>" in words and "<mark>31</mark>" in words and "<mark>Sixty" not in words
    rows = dict(re.findall(r'<tr role="row" class="row-(\w+)( differs)?"', text))
    assert rows["people"] and rows["source"] and rows["status"] and not rows["kind"] and not rows["category"]
    assert text.index(f'name="root" value="{a.public_id}:1"') < text.index(f'name="root" value="{b.public_id}:1"')
    assert re.search(rf'name="root" value="{a.public_id}:1" data-root="1" checked', text)  # it is on the map
    assert text.count("<h1") == 1


def test_words_that_stand_in_one_report_only_are_marked_and_the_text_stays_whole():
    from crowdmap.moderation.comparing import marked

    for text, elsewhere, only in (
        ("Água at Delmas 31, now", {"agua", "at", "delmas"}, ["31, now"]),
        ("  two  spaces ", {"two"}, ["spaces"]), ("all the same", {"all", "the", "same"}, []), ("…!", set(), []), ("", set(), []),
        ("31/33", {"31"}, ["31/33"]), ("new words - here", {"here"}, ["new words"]),
    ):  # fmt: skip
        pieces = marked(text, elsewhere)
        assert "".join(piece.text for piece in pieces) == text
        assert [piece.text for piece in pieces if piece.only] == only, text


def test_the_rest_of_a_group_comes_next_then_the_following_group(session, desk):
    a, b, c = (make_report(status="pending") for _ in range(3))
    d, e = (make_report(status="pending") for _ in range(2))
    make_suspicion(a, b, 0.95), make_suspicion(a, c, 0.9), make_suspicion(d, e, 0.7)
    address = f"/moderate/duplicates/{a.public_id}"
    form = {"root": f"{a.public_id}:1", "member": [f"{b.public_id}:1"], "decision": "merge", "next": d.public_id}
    answer = desk.post(address, data=form)
    assert answer.location.partition("?")[0] == address
    page = desk.get(answer.location).text
    assert "1 report was merged" in page and 'role="status"' in page and "Undo" in page
    form = {"root": f"{a.public_id}:2", "member": [f"{a.public_id}:2", f"{c.public_id}:1"], "decision": "distinct", "next": d.public_id}
    answer = desk.post(address, data=form)
    assert answer.location.partition("?")[0] == f"/moderate/duplicates/{d.public_id}"
    assert "Not the same. It is not asked again." in desk.get(answer.location).text
    undone = desk.post("/moderate/duplicates/undo", data={"decision": answer.location.rpartition("=")[2]}, follow_redirects=True)
    assert "it is asked again" in undone.text and 'id="group-form"' in undone.text


def test_what_came_too_late_is_told_and_the_choice_kept(session, desk):
    a, b, c = (make_report() for _ in range(3))
    for other in (b, c):
        make_suspicion(a, other)
    perform(session, b.public_id, "edit", make_account(name="Paul Other"), 1, title="Changed")
    session.commit()
    form = {"root": f"{a.public_id}:1", "member": [f"{b.public_id}:1"], "decision": "merge"}
    page = desk.post(f"/moderate/duplicates/{a.public_id}", data=form)
    assert page.status_code == 409 and "Paul Other did this: Edit." in page.text and 'role="alert"' in page.text
    assert f"{b.public_id} was changed since" in page.text
    assert re.findall(r'name="member" value="(\w+):\d+" checked', page.text) == [b.public_id]
    assert f'value="{b.public_id}:2"' in page.text
    waiting = make_report(status="pending")
    make_suspicion(a, waiting)
    form = {"root": f"{waiting.public_id}:1", "member": [f"{a.public_id}:1"], "decision": "merge"}
    page = desk.post(f"/moderate/duplicates/{a.public_id}", data=form)
    assert page.status_code == 422 and "would leave it" in page.text
    for bad in ({"decision": "burn"}, {"root": "x"}, {"member": ["<i>"]}, {"colour": "red"}, {"root": f"{a.public_id}:"}):
        assert desk.post(f"/moderate/duplicates/{a.public_id}", data={**form, **bad}).status_code == 422, bad


def test_any_two_reports_can_be_compared(session, desk):
    a, b = make_report(description="No water here"), make_report(description="No water at all")
    page = desk.get(f"/moderate/duplicates/{a.public_id}?with={b.public_id}").text
    assert 'id="group-form"' in page and "of the words" in page
    assert "Nothing is suspected of this report" in desk.get(f"/moderate/duplicates/{a.public_id}").text
    assert desk.get("/moderate/duplicates/nothere").status_code == 404
    for odd in ("nothere", a.public_id, "x" * 500, ""):
        assert desk.get(f"/moderate/duplicates/{a.public_id}?with={odd}&done=7").status_code == 200


def test_empty_and_the_figure(session, desk):
    page = desk.get("/moderate/duplicates").text
    assert "No suspected duplicates" in page and "New ones appear by themselves." in page and "suggestion" not in page
    pairs = [(make_report(), make_report()) for _ in range(4)]
    for n, (a, b) in enumerate(pairs):
        row = make_suspicion(a, b)
        if n:
            b.merged_into_id = a.id
        else:
            row.refused_at = utcnow()
        session.commit()
    page = desk.get("/moderate/duplicates").text
    assert "Of the last 4 suggestions that people decided, 3 (75 %) were the same." in page


def test_the_desk_leads_there_and_a_report_tells_what_was_refused(session, desk, moderator):
    words = "No water at the camp behind the stadium, children are ill"
    a, b = make_report(description=words), make_report(description=words)
    make_suspicion(a, b)
    head = desk.get("/moderate").text
    assert re.search(r'id="to-duplicates" href="/moderate/duplicates"[^>]*>Duplicates <span class="tabular">1<', head)
    page = desk.get(f"/moderate/{a.public_id}").text
    assert f'href="/moderate/duplicates/{a.public_id}?with={b.public_id}"' in page and "refused-head" not in page
    assert desk.post(f"/moderate/{a.public_id}/distinct", data={"other": b.public_id}).status_code == 303
    page = desk.get(f"/moderate/{b.public_id}").text
    assert 'id="refused-head"' in page and "Marie Vincent" in page and "Compare" not in page
    assert f'name="other" value="{a.public_id}"' in page.split('id="refused-head"')[1]
    assert "distinct" in page.split('id="history-head"')[1] and "not the same as: – → " + a.public_id in page
    assert desk.post(f"/moderate/{b.public_id}/ask-again", data={"other": a.public_id}).status_code == 303
    assert "refused-head" not in desk.get(f"/moderate/{b.public_id}").text
    assert desk.post(f"/moderate/{b.public_id}/distinct", data={"other": "nothere"}).status_code == 422


def test_only_moderators_see_it(session, app):
    a, b = make_report(), make_report()
    make_suspicion(a, b)
    for role, page_status, api_status in ((None, 303, 401), ("volunteer", 403, 403), ("moderator", 200, 200)):
        client = app.test_client()
        if role:
            sign_in(client, make_account(role))
        for address in ("/moderate/duplicates", f"/moderate/duplicates/{a.public_id}"):
            assert client.get(address).status_code == page_status, (role, address)
        assert client.get("/api/v1/duplicates/groups").status_code == api_status


# ---- for programs

API = "/api/v1/duplicates/groups"


def test_the_api_lists_decides_and_undoes(session, desk):
    a, b, c = make_report(description="No water"), make_report(description="no water!"), make_report(status="pending")
    make_suspicion(a, b, 0.9, metres=10), make_suspicion(b, c, 0.6)
    told = desk.get(API).get_json()
    (group,) = told["groups"]
    assert (told["open"], told["suggestions"], group["root"], group["size"]) == (1, {"decided": 0, "same": 0}, a.public_id, 3)
    members = {m["id"]: m for m in group["members"]}
    assert members[b.public_id]["copy"] and members[b.public_id]["reasons"] == ["10 m"] and not members[c.public_id]["copy"]
    assert members[c.public_id]["report"]["properties"]["status"] == "pending"
    assert [(p["score"], p["exact"]) for p in group["pairs"]] == [(0.9, False), (0.6, False)]
    assert desk.get(API + "?limit=0").get_json()["groups"] == [] and desk.get(API + "?limit=x").status_code == 422
    body = {"decision": "merge", "members": {m["id"]: m["revision"] for m in group["members"]}}
    done = desk.post(f"{API}/{a.public_id}", json=body)
    assert done.status_code == 200, done.text
    state = {m["id"]: m for m in done.get_json()["members"]}
    assert state[b.public_id]["merged_into"] == state[c.public_id]["merged_into"] == a.public_id
    assert state[a.public_id]["merged_into"] is None and {m["revision"] for m in state.values()} == {2}
    again = desk.post(f"{API}/{a.public_id}", json=body)
    assert again.status_code == 409 and again.get_json()["code"] == "stale-revision" and again.get_json()["id"] in state
    undo = f"/api/v1/duplicates/decisions/{done.get_json()['decision']}"
    assert desk.delete(undo).status_code == 204 and desk.delete(undo).status_code == 409
    assert desk.delete("/api/v1/duplicates/decisions/99999").status_code == 404
    body = {"decision": "distinct", "root": b.public_id, "members": {a.public_id: 3, b.public_id: 3, c.public_id: 3}}
    assert desk.post(f"{API}/{a.public_id}", json=body).status_code == 200
    assert desk.get(API).get_json()["open"] == 0
    assert desk.post(f"{API}/{a.public_id}", json=body).get_json()["code"] == "already-so"


@pytest.mark.parametrize("change, status, field", [
    ({"decision": "burn"}, 422, "decision"), ({"decision": None}, 422, "decision"), ({"members": {}}, 422, "members"),
    ({"members": {"nothere": 1}}, 422, "members"), ({"members": {"A": "1"}}, 422, "members.A"), ({"colour": 1}, 422, "colour"),
    ({"members": {"A": 0}}, 422, "members.A"), ({"members": {"B": 1}}, 422, "members"), ({"root": 5}, 422, "root"),
    ({"root": "nothere"}, 404, None), ({"members": {"A": 7, "B": 1}}, 409, None),
])  # fmt: skip
def test_bad_decisions_are_refused_by_name(session, desk, change, status, field):
    a, b = make_report(), make_report()
    names = {"A": a.public_id, "B": b.public_id}
    body = {"decision": "merge", "root": b.public_id, "members": {"A": 1, "B": 1}, **change}
    if isinstance(body["members"], dict):
        body["members"] = {names.get(key, key): value for key, value in body["members"].items()}
    answer = desk.post(f"{API}/{a.public_id}", json=body)
    assert answer.status_code == status, answer.text
    if field:
        assert answer.get_json()["errors"][0]["field"].replace(a.public_id, "A") == field
    assert set(pointers(session).values()) == {None}


# ---- what was addressed by the old id


def test_an_old_id_leads_to_the_root_and_comes_back(session, app, desk, moderator):
    root, child = make_report(), make_report()
    public = app.test_client()
    since = public.get("/feeds/changes?since=0").get_json()["seq"]
    decision = merge(session, moderator, root, child)
    for path in ("/reports/", "/api/v1/reports/"):
        answer = public.get(path + child.public_id)
        assert answer.status_code == 301 and answer.location.endswith(path + root.public_id)
    changes = {f["id"]: f["properties"] for f in public.get(f"/feeds/changes?since={since}").get_json()["features"]}
    assert changes[child.public_id] == {
        "id": child.public_id, "seq": changes[child.public_id]["seq"], "removed": True, "reason": "merged",
        "merged_into": root.public_id,
    }  # fmt: skip
    assert changes[root.public_id]["voices"] == 2
    undo(session, moderator, decision)
    assert public.get(f"/reports/{child.public_id}").status_code == 200
    later = public.get(f"/feeds/changes?since={max(c['seq'] for c in changes.values())}").get_json()["features"]
    assert {f["id"]: f["properties"].get("voices") for f in later} == {root.public_id: 1, child.public_id: 1}
