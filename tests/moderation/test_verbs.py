"""What decisions do, and what they leave behind."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError

from crowdmap.errors import IllegalState, NotAllowed, ValidationFailed
from crowdmap.events import Event
from crowdmap.moderation.actions import perform
from crowdmap.moderation.models import Decision
from crowdmap.publishing.models import Publication
from crowdmap.reports.models import Report
from tests.builders import JACMEL, LEOGANE, make_account, make_report


@pytest.fixture
def moderator(session):
    return make_account()


def face(session, report, audience="public"):
    """The publication, or None where this audience sees none."""
    query = select(Publication).where(Publication.report_id == report.id, Publication.audience == audience)
    row = session.scalar(query.execution_options(populate_existing=True))
    return row if row is not None and row.removed is None else None


def faces(session):
    """What everybody sees of everything, without what an unchanged row may not keep."""
    import orjson

    found = {}
    for row in session.scalars(select(Publication).execution_options(populate_existing=True)):
        feature = orjson.loads(row.feature) if row.feature else None
        if feature:
            feature["properties"] = {k: v for k, v in feature["properties"].items() if k not in ("seq", "updated_at", "revision")}
        found[row.report_id, row.audience] = (row.removed, row.lon, row.lat, row.precision_m, feature)
    return found


def act(session, report, action, actor, **fields):
    fields.setdefault("revision", report.revision)
    perform(session, report.public_id, action, actor, **fields)
    session.commit()
    return report


def decisions(session, report):
    query = select(Decision).where(Decision.report_id == report.id, Decision.account_id.is_not(None))
    return list(session.scalars(query.order_by(Decision.id)))


def test_a_decision_says_who_why_and_from_what_to_what(session, moderator):
    report = act(session, make_report(status="pending"), "publish", moderator, reason="  looks right ")
    (kept,) = decisions(session, report)
    assert (kept.account_id, kept.action, kept.reason) == (moderator.id, "publish", "looks right")
    assert kept.change == {"status": ["pending", "published"]}
    event = session.scalar(select(Event).where(Event.report_id == report.id).order_by(Event.seq.desc()).limit(1))
    assert (event.name, event.data, event.account_id) == ("ReportDecided", {"action": "publish"}, moderator.id)


def test_words_places_and_numbers_of_people_never_stand_in_the_log(session, moderator):
    report = make_report(status="pending", description="Ask for Jean", place="Rue Capois 12")
    fields = {"title": "Jean needs water", "description": "Ask for Marie", "place": "Rue Capois 14", "people": 5,
              "unit": "Marie's buckets", "kind": "offer", "occurred_at": datetime(2010, 1, 13, tzinfo=UTC)}  # fmt: skip
    act(session, report, "edit", moderator, **fields)
    act(session, report, "move", moderator, lat=18.51234, lon=-72.31234, accuracy_m=12)
    log = repr([(d.change, d.reason) for d in decisions(session, report)])
    for mark in ("Jean", "Marie", "Capois", "18.5", "72.3"):
        assert mark not in log
    first, second = decisions(session, report)
    assert first.change["kind"] == ["need", "offer"] and first.change["people"] == [None, 5]
    assert first.change["description"] is None and set(first.change) >= {"title", "description", "place", "unit"}
    assert second.change == {"point": None}


def test_decisions_are_only_added(session, moderator):
    report = act(session, make_report(status="pending"), "publish", moderator)
    for statement in (update(Decision).values(reason="x"), delete(Decision)):
        with pytest.raises(DBAPIError):
            session.execute(statement.where(Decision.report_id == report.id))
        session.rollback()


def test_verify_never_publishes_and_shows_only_once_published(session, moderator):
    report = act(session, make_report(status="pending"), "verify", moderator, evidence="called back")
    assert report.status == "pending" and face(session, report) is None
    act(session, report, "publish", moderator)
    assert face(session, report).verification == "verified"
    assert decisions(session, report)[0].evidence == "called back"


def test_a_volunteer_may_do_nothing(session):
    with pytest.raises(NotAllowed):
        perform(session, make_report(status="pending").public_id, "publish", make_account("volunteer"), revision=1)


@pytest.mark.settings(AREA="-74.6,17.9,-71.5,20.2")
def test_outside_the_area_is_published_only_on_purpose(session, moderator):
    report = make_report(status="pending", at=(8.93, 44.41))
    with pytest.raises(ValidationFailed) as refused:
        act(session, report, "publish", moderator)
    assert refused.value.errors[0].field == "confirm"
    session.rollback()
    assert face(session, act(session, report, "publish", moderator, confirm=True)) is not None


@pytest.mark.settings(AREA="-74.6,17.9,-71.5,20.2")
def test_moving_finds_out_again_whether_it_is_inside(session, moderator):
    report = make_report(status="pending", at=(8.93, 44.41))
    act(session, report, "move", moderator, lon=JACMEL[0], lat=JACMEL[1], accuracy_m=30)
    assert not report.out_of_area and report.private.located_by == "pin"
    act(session, report, "move", moderator, unplaced=True)
    row = face(session, report, "staff")
    assert (row.lon, row.geom, row.precision_m, row.cell) == (None, None, None, None)


def test_an_edit_changes_only_what_is_given(session, moderator):
    report = make_report(title="Water", people=60, category="WAT", categories=["FOOD"])
    act(session, report, "edit", moderator, people=80)
    assert (report.title, report.people, report.codes) == ("Water", 80, ["WAT", "FOOD"])
    act(session, report, "edit", moderator, category="FOOD")
    assert report.codes == ["FOOD"]
    act(session, report, "edit", moderator, categories=["SHEL", "FOOD", "SHEL"])
    assert report.codes == ["FOOD", "SHEL"]


def test_an_edit_that_changes_nothing_leaves_no_trace(session, moderator):
    report = make_report(title="Water")
    act(session, report, "edit", moderator, title="Water", people=None)
    assert report.revision == 1 and decisions(session, report) == []


def test_moving_within_the_square_does_not_move_the_public_point(session, moderator):
    report = make_report(category="WAT")
    before = face(session, report)
    place, seq = (before.lon, before.lat), before.seq
    act(session, report, "move", moderator, lon=-72.3352, lat=18.5431)
    after = face(session, report)
    assert (after.lon, after.lat) == place and after.seq == seq


def test_a_note_waits_for_nobody(session, moderator):
    report = make_report(status="pending")
    act(session, report, "note", moderator, revision=None, reason="call again at six")
    assert report.revision == 1 and decisions(session, report)[0].reason == "call again at six"


def test_what_its_reporter_took_back_cannot_be_decided_on(session, moderator):
    report = make_report(status="published")
    report.withdrawn_at = report.created_at
    session.commit()
    for action, fields in (("hide", {"reason": "x"}), ("edit", {"title": "x"}), ("close", {})):
        with pytest.raises(IllegalState):
            act(session, report, action, moderator, **fields)
        session.rollback()
    act(session, report, "note", moderator, reason="the reporter called")


# ---- merging


def test_merge_and_unmerge_leave_everything_as_it_was(session, moderator):
    a, b, c = (
        make_report(at=LEOGANE, accuracy_m=900),
        make_report(at=(LEOGANE[0] + 0.006, LEOGANE[1]), accuracy_m=10, people=7),
        make_report(status="pending"),
    )
    before = faces(session)
    columns = {r.id: (r.status, r.title, r.description, r.people, r.category, r.verification) for r in (a, b, c)}
    act(session, b, "merge", moderator, into=a.public_id)
    act(session, c, "merge", moderator, into=a.public_id)
    assert face(session, b) is None and face(session, a).lon != before[a.id, "public"][1]  # the better point counts
    assert faces(session)[a.id, "public"][4]["properties"]["voices"] == 3
    assert {
        r.id: (r.status, r.title, r.description, r.people, r.category, r.verification) for r in (a, b, c)
    } == columns
    act(session, b, "unmerge", moderator)
    act(session, c, "unmerge", moderator)
    assert faces(session) == before


def test_both_sides_of_a_merge_keep_a_decision_and_a_revision(session, moderator):
    a, b = make_report(), make_report()
    act(session, b, "merge", moderator, into=a.public_id, reason="same street")
    assert (a.revision, b.revision) == (2, 2)
    assert decisions(session, b)[0].change == {"merged_into": [None, a.public_id]}
    assert decisions(session, a)[0].change == {"taken_in": [None, b.public_id]}
    act(session, b, "unmerge", moderator)
    assert decisions(session, a)[-1].change == {"taken_in": [b.public_id, None]} and (a.revision, b.revision) == (3, 3)


def test_a_target_is_always_the_root(session, moderator):
    a, b, c = make_report(), make_report(), make_report()
    act(session, b, "merge", moderator, into=a.public_id)
    act(session, c, "merge", moderator, into=b.public_id)
    assert c.merged_into_id == a.id
    d = make_report()
    act(session, a, "merge", moderator, into=d.public_id)  # a whole tree moves below another root
    assert faces(session)[d.id, "public"][4]["properties"]["voices"] == 4
    session.refresh(b)
    assert b.merged_into_id == a.id


def test_merges_that_make_no_sense(session, moderator):
    a, b = make_report(), make_report()
    with pytest.raises(ValidationFailed):
        act(session, a, "merge", moderator, into=a.public_id)
    session.rollback()
    act(session, b, "merge", moderator, into=a.public_id)
    with pytest.raises(ValidationFailed):  # a's own child resolves to a
        act(session, a, "merge", moderator, into=b.public_id)
    session.rollback()
    with pytest.raises(IllegalState):
        act(session, b, "merge", moderator, into=make_report().public_id)
    session.rollback()
    with pytest.raises(IllegalState):
        act(session, a, "unmerge", moderator)
    session.rollback()
    for action, fields in (("publish", {}), ("hide", {"reason": "x"}), ("verify", {"evidence": "x"})):
        with pytest.raises(IllegalState):
            act(session, b, action, moderator, **fields)
        session.rollback()


def test_a_restricted_child_takes_the_tree_off_the_map_and_back(session, moderator):
    road = make_report(category="ROAD", kind="damage")
    person = make_report(category="MISS", status="pending")
    before = face(session, road).feature
    with pytest.raises(ValidationFailed) as refused:
        act(session, person, "merge", moderator, into=road.public_id)
    session.rollback()
    (error,) = refused.value.errors
    assert (error.field, error.code) == ("into", "leaves-the-map") and person.public_id in error.message
    person.merged_into_id = road.id  # merged before such a thing was refused
    session.commit()
    assert face(session, road) is None
    act(session, person, "unmerge", moderator)
    import orjson

    again = orjson.loads(face(session, road).feature)
    assert again["geometry"] == orjson.loads(before)["geometry"]


@pytest.mark.parametrize("status", ["published", "closed"])
def test_what_is_on_the_map_is_not_merged_into_what_was_hidden(session, moderator, status):
    shown, spam = make_report(status=status), make_report(status="pending")
    act(session, spam, "reject", moderator, reason="spam")
    before = face(session, shown).feature
    with pytest.raises(ValidationFailed) as refused:
        act(session, shown, "merge", moderator, into=spam.public_id)
    session.rollback()
    (error,) = refused.value.errors
    assert (error.field, error.code) == ("into", "leaves-the-map") and shown.public_id in error.message
    assert face(session, shown).feature == before
    waiting = make_report(status="pending")
    act(session, waiting, "merge", moderator, into=spam.public_id)  # nobody loses it
    assert waiting.merged_into_id == spam.id


def test_a_merge_across_policies_is_blurred_like_the_stricter(session, moderator):
    road, need = make_report(category="ROAD", kind="damage", accuracy_m=5), make_report(category="WAT")
    exact = face(session, road)
    assert (exact.lon, exact.lat) == (road.private.lon, road.private.lat)
    act(session, need, "merge", moderator, into=road.public_id)
    blurred = face(session, road)
    assert (blurred.lon, blurred.lat) != (road.private.lon, road.private.lat) and blurred.precision_m > 400
    assert session.get(Report, road.id).status == "published"
