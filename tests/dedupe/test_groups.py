"""Groups of suspected pairs: the same whatever came first, never across a "not the same"; and what is left to settle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crowdmap.db import utcnow
from crowdmap.dedupe import groups
from crowdmap.dedupe.groups import Pair, grouped
from crowdmap.dedupe.reasons import in_words
from tests.builders import make_account, make_report, make_suspicion

NAMES = list("abcdefgh")
ENDS = st.lists(st.sampled_from(NAMES), min_size=2, max_size=2, unique=True)
PAIRS = st.lists(st.builds(lambda ends, score, exact: Pair.of(*ends, score, exact), ENDS, st.sampled_from([0.5, 0.7, 0.9]), st.booleans()))
REFUSED = st.lists(ENDS.map(tuple), max_size=6)


def sets(found) -> list[set[str]]:
    return [set(group.members) for group in found]


def opened(session) -> list[set[str]]:
    return sets(groups.open_groups(session))


# ---- pure


def test_what_pairs_connect_is_one_group_and_the_best_comes_first():
    found = grouped([Pair("a", "b", 0.6), Pair("c", "d", 0.9), Pair("b", "e", 0.7)])
    assert sets(found) == [{"c", "d"}, {"a", "b", "e"}]
    assert [(pair.a, pair.b) for pair in found[1].pairs] == [("b", "e"), ("a", "b")]


def test_a_flood_comes_before_all_and_the_larger_first():
    three = [Pair("a", "b", 0.8, True), Pair("b", "c", 0.8, True)]
    found = grouped([Pair("x", "y", 0.99), Pair("d", "e", 0.97, True), *three])
    assert sets(found) == [{"a", "b", "c"}, {"d", "e"}, {"x", "y"}] and [g.copies for g in found] == [3, 2, 0]


def test_the_weaker_bond_gives_way_where_two_are_not_the_same():
    pairs = [Pair("a", "b", 0.9), Pair("b", "c", 0.6)]
    assert sets(grouped(pairs, [("a", "c")])) == [{"a", "b"}]
    assert sets(grouped(pairs, [("a", "b")])) == [{"b", "c"}]
    assert sets(grouped(pairs, [("c", "z")])) == [{"a", "b", "c"}]


@given(PAIRS, REFUSED, st.randoms())
def test_the_order_of_arrival_changes_nothing(pairs, refused, random):
    mixed, said = [Pair.of(pair.b, pair.a, pair.score, pair.exact) for pair in pairs], [pair[::-1] for pair in refused]
    random.shuffle(mixed)
    random.shuffle(said)
    assert grouped(mixed, said) == grouped(pairs, refused)


@given(PAIRS, REFUSED)
def test_no_group_holds_two_that_are_not_the_same_and_nobody_is_in_two(pairs, refused):
    found = grouped(pairs, refused)
    assert not [(group, pair) for group in found for pair in refused if set(pair) <= set(group.members)]
    everyone = [name for group in found for name in group.members]
    assert len(everyone) == len(set(everyone))
    assert all(len(group.members) > 1 for group in found)
    for group in found:  # and what is in one is connected
        reached, pairs_left = {group.members[0]}, list(group.pairs)
        while inside := [pair for pair in pairs_left if {pair.a, pair.b} & reached]:
            reached |= {name for pair in inside for name in (pair.a, pair.b)}
            pairs_left = [pair for pair in pairs_left if pair not in inside]
        assert reached == set(group.members)


@given(PAIRS)
def test_without_refusals_groups_are_the_connected_components(pairs):
    home = {name: {name} for name in NAMES}
    for pair in pairs:
        joined = home[pair.a] | home[pair.b]
        home.update((name, joined) for name in joined)
    expected = {frozenset(group) for group in home.values() if len(group) > 1}
    assert {frozenset(group) for group in sets(grouped(pairs))} == expected


# ---- from the database


def test_only_what_is_open_is_asked(session):
    reports = [make_report(status="pending") for _ in range(10)]
    pairs = [make_suspicion(a, b) for a, b in zip(reports[::2], reports[1::2])]
    weak = [make_report(status="pending") for _ in range(2)]
    make_suspicion(*weak, score=0.3)
    assert len(opened(session)) == 5
    pairs[0].refused_at = utcnow()
    reports[2].withdrawn_at = utcnow()
    reports[4].status = "hidden"
    reports[7].merged_into_id = reports[6].id
    session.commit()
    assert opened(session) == [{reports[8].public_id, reports[9].public_id}]


def test_groups_are_of_roots_and_a_refusal_holds_for_whole_trees(session):
    a, b, c, d, e = (make_report() for _ in range(5))
    for one, other in ((a, b), (b, c), (d, e)):
        make_suspicion(one, other)
    b.merged_into_id = a.id
    session.commit()
    assert {a.public_id, c.public_id} in opened(session)  # b stands in a
    make_suspicion(a, c, score=0.2).refused_at = utcnow()
    session.commit()
    assert opened(session) == [{d.public_id, e.public_id}]
    b.merged_into_id = None  # and by itself it was never refused
    session.commit()
    # a and c are not the same: b can be either, and is asked about one of them
    found = opened(session)
    assert len(found) == 2 and not any({a.public_id, c.public_id} <= one for one in found)


def test_a_chain_of_merges_is_settled_also_far_down(session):
    a, b, c = (make_report() for _ in range(3))
    make_suspicion(a, c)
    b.merged_into_id, c.merged_into_id = a.id, b.id
    session.commit()
    assert opened(session) == []
    b.merged_into_id = None
    session.commit()
    assert opened(session) == [{a.public_id, b.public_id}]  # c is a part of b


def test_a_root_that_is_hidden_is_not_asked_about(session):
    root, child, other = (make_report(status="pending") for _ in range(3))
    make_suspicion(child, other)
    child.merged_into_id = root.id
    root.status = "hidden"
    session.commit()
    assert opened(session) == []


def test_the_proposed_root_is_on_the_map_then_checked_then_the_oldest(session):
    old = make_report(status="pending")
    sure = make_report(status="pending", verification="verified")
    first, second = make_report(), make_report()
    ids = [r.public_id for r in (second, old, sure, first)]
    assert [m.public_id for m in groups.members(session, ids)] == [r.public_id for r in (first, second, sure, old)]
    assert groups.members(session, ids[1:3])[0].public_id == sure.public_id


def test_a_flood_is_proposed_before_what_only_resembles_it(session):
    public = make_report(description="Orphanage needs food")
    copies = [make_report(status="pending", description="PLEASE send food, 120 children") for _ in range(4)]
    found = groups.members(session, [r.public_id for r in (public, *copies)])
    assert found[0].public_id == copies[0].public_id
    flagged = groups.with_copies(found, [], found[0].public_id)
    assert [m.copy for m in flagged if m.public_id != found[0].public_id].count(True) == 3
    assert not next(m for m in flagged if m.public_id == public.public_id).copy


def test_copies_are_of_one_kind_and_category_and_the_same_words_however_written(session):
    a = make_report(description="No water!", kind="need")
    b = make_report(description="no  WATER", kind="need")
    c = make_report(description="No water!", kind="offer")
    d = make_report(description="Water for the camp", kind="need")
    e = make_report(description="No water!", kind="need", categories=["MISS"])
    pairs = [Pair.of(a.public_id, one.public_id, 0.9, exact=True) for one in (d, e)]
    found = groups.with_copies(groups.members(session, [r.public_id for r in (a, b, c, d, e)]), pairs, a.public_id)
    assert {m.public_id for m in found if m.copy} == {b.public_id, d.public_id}


def test_fifty_copies_are_one_group(session):
    reports = [make_report(status="pending", description="HELP at the orphanage") for _ in range(50)]
    for number, report in enumerate(reports[1:], 1):
        make_suspicion(reports[number // 2], report, 0.99, exact=True)
    (found,) = groups.open_groups(session)
    assert len(found.members) == found.copies == 50


def test_the_figure_counts_answers_not_pairs(session):
    assert groups.precision(session) == groups.Figure(0, 0) and groups.precision(session).percent is None
    actor = make_account()
    same = [make_report() for _ in range(4)]
    for n, one in enumerate(same):
        for other in same[n + 1 :]:
            make_suspicion(one, other, 0.99, exact=True)
    for child in same[1:]:
        child.merged_into_id = same[0].id
    a, b, c, d = (make_report() for _ in range(4))
    make_suspicion(a, b).refused_at = utcnow()
    make_suspicion(c, d)  # open
    by_hand = make_suspicion(a, c, score=0.0)
    by_hand.refused_at, by_hand.refused_by_id = utcnow(), actor.id
    session.commit()
    figure = groups.precision(session)
    assert (figure.decided, figure.same, figure.percent) == (4, 3, 75)
    assert groups.precision(session, most=1) == groups.Figure(1, 0)  # the latest


# ---- in words


@pytest.mark.parametrize("told, words", [
    ({"metres": 180.2, "hours": 0.667, "words": 0.61, "same_numbers": ["27"]}, ["180 m", "40 min", "61 % of the words", "same number 27"]),
    ({"metres": 1400, "hours": 5.2, "vague": True}, ["1.4 km (place only roughly known)", "5 h"]),
    ({"hours": 72, "same_text": True, "words": 1.0, "same_phone": True}, ["3 days", "the same words", "same telephone"]),
    ({"other_numbers": [["31", "33"]], "translated": True}, ["numbers differ: 31 and 33", "the same in another language"]),
    ({"same_email": True, "same_message": True, "same_numbers": ["2", "40"]}, ["same numbers 2, 40", "same e-mail", "same message quoted"]),
    ({"vague": True}, ["place only roughly known"]),
    ({"metres": 9_940.0}, ["9.9 km"]), ({"metres": 7_362_040.0}, ["7,362 km"]),
    ({"words": 0.001, "same_phone": False}, []),
    ({"metres": "far", "hours": None, "words": [1], "same_numbers": 27, "other_numbers": ["31"], "same_text": "yes", "new": 1}, []),
    ({}, []),
])  # fmt: skip
def test_reasons_in_words(session, told, words):
    assert in_words(told) == in_words({"signals": {"place": 0.9}, "told": told}) == words


@pytest.mark.parametrize("evidence", [None, [], "x", {"signals": {"words": 0.9}}, {"told": None}, {"told": [1]}])
def test_what_is_not_told_is_passed_over(session, evidence):
    assert in_words(evidence) == []
