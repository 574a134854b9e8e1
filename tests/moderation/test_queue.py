"""The queue's own table: in step with every change, in the order of urgency, seen and counted; on both databases."""

import re
import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update

from crowdmap.db import db, reading, utcnow
from crowdmap.moderation import listing, looking, queueing, undoing, views
from crowdmap.moderation.actions import perform
from crowdmap.moderation.desk_models import Look, QueueCount, QueueItem
from crowdmap.moderation.models import Decision
from crowdmap.moderation.taking_back import take_back
from crowdmap.publishing import hook, policy
from crowdmap.publishing.models import Audience, Publication
from crowdmap.reports.models import Kind, Report, Risk, Status, Submission
from tests.builders import make_account, make_report, sign_in


@pytest.fixture
def desk(session, client):
    client.moderator = make_account("moderator", name="Marie Vincent")
    return sign_in(client, client.moderator)


def rows(page):
    return re.findall(r'id="row-([a-z0-9]+)"', page.text)


def item(session, report) -> QueueItem | None:
    """Read aside: a transaction left open here would keep the application from writing."""
    key = report.id
    with reading(), db.session.session_factory() as own:
        found = own.get(QueueItem, key)
        own.expunge_all()
        return found


def check(session):
    """One item for each report that the team sees, as it is, and the counts right."""
    seen = select(Publication.report_id, Publication.status, Report.revision).join(Report, Report.id == Publication.report_id)
    seen = seen.where(Publication.audience == Audience.STAFF, Publication.status.is_not(None))
    kept = select(QueueItem.report_id, QueueItem.status, QueueItem.revision)
    assert sorted(session.execute(seen).all()) == sorted(session.execute(kept).all())
    counted = dict(session.execute(select(QueueItem.status, func.count()).group_by(QueueItem.status)).all())
    assert {s: n for s, n in session.execute(select(QueueCount.status, QueueCount.n)).all() if n} == counted
    session.rollback()


def test_it_follows_every_change(session):
    marie = make_account()
    a, b, c = (make_report(status="pending", people=n) for n in (1, 60, 1))
    check(session)
    for report, action, fields in (
        (a, "publish", {}), (b, "merge", {"into": a.public_id}), (b, "unmerge", {}), (c, "reject", {"reason": "spam"}),
        (c, "restore", {}), (a, "close", {}), (b, "edit", {"people": 7}), (b, "move", {"unplaced": True}),
    ):  # fmt: skip
        revision = session.get(Report, report.id, populate_existing=True).revision
        perform(session, report.public_id, action, marie, revision, **fields)
        session.commit()
        check(session)
    assert item(session, b).reasons == [["people", 7]]
    c.withdrawn_at = utcnow()
    session.commit()
    check(session)
    assert item(session, c) is None


def test_a_rolled_back_change_leaves_it_alone(session):
    report = make_report(status="pending")
    report.status = Status.PUBLISHED
    session.flush()
    session.rollback()
    assert item(session, report).status == "pending"
    check(session)


def test_reasons_stand_in_the_row(session, desk):
    report = make_report(status="pending", category="TRAP", people=60, description="Bleeding, under the rubble")
    make_report(status="pending", source_key="another")
    page = desk.get("/moderate").text
    row = page.split(f'id="row-{report.public_id}"')[1].split("</li>")[0]
    for words in ("life at risk: People trapped", "says “bleeding”", "60 people", "waits", "nobody looked"):
        assert words in row, words


def test_escalated_is_one_more_reason(session, desk, monkeypatch):
    a, b = make_report(status="pending", category="MED"), make_report(status="pending")
    b_id = b.id
    monkeypatch.setattr(queueing, "ESCALATIONS", [lambda session, ids: {b_id: "called us twice"} if b_id in ids else {}])
    hook.touch(session, [b.id])
    session.commit()
    page = desk.get("/moderate")
    assert rows(page) == [b.public_id, a.public_id] and "escalated: called us twice" in page.text


def test_a_category_that_becomes_risky_moves_its_reports(session, desk, app):
    from crowdmap.jobs import work_once

    old, new = make_report(status="pending", category="FOOD"), make_report(status="pending", category="WAT")
    assert rows(desk.get("/moderate")) == [old.public_id, new.public_id]
    policy.change(session, make_account("coordinator"), "WAT", risk=Risk.LIFE)
    session.commit()
    while work_once(session):
        pass
    assert rows(desk.get("/moderate")) == [new.public_id, old.public_id]


def test_a_coordinator_sets_the_risk(session, client):
    sign_in(client, make_account("coordinator"))
    form = {"name": "Water", "kind": "need", "sector": "wash", "policy": "tile", "active": "yes"}
    assert client.post("/admin/categories/WAT", data={**form, "risk": "harm"}).status_code == 303
    assert 'value="harm" selected' in client.get("/admin/categories/WAT").text
    assert client.post("/admin/categories/WAT", data={**form}).status_code == 303  # not said: as it is
    assert 'value="harm" selected' in client.get("/admin/categories/WAT").text
    assert client.post("/admin/categories/WAT", data={**form, "risk": "deadly"}).status_code == 422


def test_opening_a_report_puts_it_back_and_says_so(session, desk):
    first, second = make_report(status="pending"), make_report(status="pending")
    first.created_at -= timedelta(minutes=30)
    session.commit()
    desk.get(f"/moderate/{first.public_id}", headers={"X-Desk": "ahead"})  # fetched ahead: nobody looked
    assert item(session, first).looked_at is None
    assert rows(desk.get("/moderate")) == [first.public_id, second.public_id]
    desk.get(f"/moderate/{first.public_id}")
    assert item(session, first).looked_at is not None
    page = desk.get("/moderate")
    assert rows(page) == [second.public_id, first.public_id] and page.text.count("nobody looked") == 1
    due = item(session, first).due_at
    desk.post(f"/moderate/{first.public_id}/look")  # still the same look
    assert item(session, first).due_at == due
    hook.touch(session, [first.id])
    session.commit()
    assert item(session, first).due_at == due


def test_a_filter_that_finds_few_far_down_the_queue(session, desk, monkeypatch):
    monkeypatch.setattr(listing, "WALKED", 3)
    made = [make_report(status="pending") for _ in range(8)]
    rare = make_report(status="pending", category="ROAD", kind="damage")
    assert rows(desk.get("/moderate?kind=damage")) == [rare.public_id]
    assert rows(desk.get("/moderate?kind=need")) == [report.public_id for report in made]
    found = listing.queue(session, listing.parse_filter({"kind": "need"}), "urgent", limit=5)
    assert found.matched == 8 and found.after
    rest = listing.queue(session, listing.parse_filter({"kind": "need"}), "urgent", found.after, 5)
    assert [row.feature["id"] for row in rest.rows] == [report.public_id for report in made[5:]] and rest.after is None


def test_bad_orders_and_cursors_are_refused_by_name(desk):
    for query in ("order=best", "after=5", "after=5_", "after=_5", "after=a_5", "after=5_-1", "after=5_5_5", "after=9999999999999999999_1",
                  "order=newest&after=1_1", f"after=1_{2**31}", "after=٣_1"):  # fmt: skip
        answer = desk.get(f"/moderate?{query}")
        assert answer.status_code == 400, query
    assert desk.get("/moderate?after=-5_5").status_code == 200  # before 1970 is a moment too


def test_figures_above_the_list(session, desk):
    a = make_report(status="pending")
    came = session.get(QueueItem, a.id)
    came.came_at = utcnow() - timedelta(minutes=12)
    session.commit()
    perform(session, a.public_id, "publish", desk.moderator, revision=1)
    session.commit()
    b = make_report(status="pending")
    news = desk.get("/moderate/new.json?since=0&views=yes").get_json()
    assert 11.5 < news["median"] < 13 and news["counts"]["published"] == 1
    assert news["oldest"].startswith(b.created_at.strftime("%Y-%m-%dT%H:%M"))
    assert listing.median_minutes(session, utcnow() + timedelta(hours=1)) is None


def test_the_median_is_that_of_first_decisions(session):
    marie = make_account()
    report, by_a_rule = make_report(status="pending"), make_report(status="pending")
    session.get(QueueItem, report.id).came_at = utcnow() - timedelta(days=7)
    session.commit()
    perform(session, report.public_id, "publish", marie, revision=1)
    session.execute(update(Report).where(Report.id == by_a_rule.id).values(status=Status.PUBLISHED))
    session.add(Decision(report_id=by_a_rule.id, action="publish", at=utcnow()))
    session.commit()
    later = utcnow()
    for one, revision in ((report, 2), (by_a_rule, 1)):
        perform(session, one.public_id, "hide", marie, revision, reason="names a person")
    session.commit()
    assert listing.median_minutes(session, later) is None
    assert listing.median_minutes(session, later - timedelta(minutes=1)) == pytest.approx(7 * 24 * 60, abs=1)
    session.rollback()


def test_what_is_taken_out_again_has_its_place_in_the_queue_again(session, desk):
    a, b = make_report(status="pending"), make_report(status="pending")
    early = utcnow() - timedelta(minutes=20)
    for one in (a, b):
        one.created_at = early - timedelta(minutes=10)
    session.execute(update(Submission).values(arrived_at=early))
    session.execute(update(QueueItem).values(came_at=early))
    session.commit()
    assert desk.get(f"/moderate/{a.public_id}").status_code == 200
    before = item(session, a)
    assert before.looked_at is not None and before.came_at == early
    perform(session, a.public_id, "merge", desk.moderator, revision=1, into=b.public_id)
    session.commit()
    assert item(session, a) is None
    taken_back = take_back(session, desk.moderator, [offer.decision for offer in undoing.offered(session, desk.moderator)])
    session.commit()
    assert taken_back.done == [a.public_id]
    after = item(session, a)
    assert (after.due_at, after.came_at, after.looked_at) == (before.due_at, before.came_at, before.looked_at)


@pytest.mark.databases("sqlite")
def test_figures_are_counted_by_one_while_the_others_are_told_what_is_known(session, app, desk, monkeypatch):
    client, other = desk, sign_in(app.test_client(), make_account())
    session.rollback()
    counting, go_on, asked = threading.Event(), threading.Event(), []

    def slow(_session):
        asked.append(1)
        counting.set()
        assert go_on.wait(20)
        return []

    def figures(of):
        return of.get("/moderate/new.json?since=0").get_json()["suspected"]

    assert figures(client) == 0
    monkeypatch.setattr(views, "open_groups", slow)
    monkeypatch.setattr(views, "FRESH_S", -1)
    first = threading.Thread(target=figures, args=(client,))
    first.start()
    try:
        assert counting.wait(20)
        monkeypatch.setattr(views, "open_groups", lambda _session: asked.append(2) or [1])
        assert figures(other) == 0 and asked == [1]
    finally:
        go_on.set()
        first.join(20)
    assert figures(other) == 1 and asked == [1, 2]


@pytest.mark.databases("sqlite")
def test_erased_reports_stand_nowhere(session):
    report = make_report(status="pending")
    report.erased_at = report.withdrawn_at = utcnow()
    session.commit()
    assert item(session, report) is None


def test_who_looks_is_said_renewed_left_and_ends_by_itself(session, app, desk):
    report = make_report(status="pending")
    key = report.public_id
    paul = make_account(name="Paul Other")
    other = sign_in(app.test_client(), paul)
    assert other.post(f"/moderate/{key}/look").get_json() == {"looks": []}
    looks = desk.post(f"/moderate/{key}/look").get_json()["looks"]
    assert [(one["id"], one["name"]) for one in looks] == [(key, "Paul Other")]
    page = desk.get(f"/moderate/{key}").text
    assert "Paul Other looks at it" in page
    assert [one["name"] for one in desk.get("/moderate/new.json?since=0").get_json()["looks"]] == ["Paul Other"]
    assert other.post(f"/moderate/{key}/leave").status_code == 204
    assert looking.others(session, desk.moderator) == []
    due_at = item(session, report).due_at
    session.rollback()
    other.post(f"/moderate/{key}/look")  # a page that is loaded again: left, and there again
    assert [one.name for one in looking.others(session, desk.moderator)] == ["Paul Other"]
    assert item(session, report).due_at == due_at
    session.rollback()
    session.execute(text("UPDATE look SET seen_at = :then"), {"then": (utcnow() - looking.LASTS - timedelta(seconds=1)).replace(tzinfo=None).isoformat(" ")})
    session.commit()
    assert desk.post(f"/moderate/{key}/look").get_json() == {"looks": []}
    assert desk.post("/moderate/nothere/look", headers={"Accept": "application/json"}).status_code == 404
    assert other.post(f"/moderate/{key}/publish", data={"revision": 1}).status_code == 303  # it never blocks


def test_what_a_colleague_has_open_is_not_the_next(session, app, desk):
    a, b, c = (make_report(status="pending") for _ in range(3))
    sign_in(other := app.test_client(), make_account())
    other.post(f"/moderate/{b.public_id}/look")
    assert f'id="next" href="/moderate/{c.public_id}"' in desk.get(f"/moderate/{a.public_id}").text
    desk.post(f"/moderate/{c.public_id}/look")
    assert f'id="next" href="/moderate/{b.public_id}"' in desk.get(f"/moderate/{a.public_id}").text  # nothing else is left
    assert session.scalar(select(func.count()).select_from(Look)) == 3
    session.rollback()


def test_kinds_of_the_models_are_those_of_the_publications(session):
    report = make_report(status="pending", kind="offer", category="MED")
    assert session.get(Report, report.id).kind is Kind.OFFER and item(session, report).reasons == []
