"""The desk on many reports at once, and named views."""

import re

import pytest
from sqlalchemy import select

from crowdmap.filters import ReportFilter
from crowdmap.moderation import saved
from crowdmap.moderation.actions import ACTIONS, REJECTIONS
from crowdmap.moderation.desk_models import DeskView
from crowdmap.moderation.desk_views import AT_ONCE, REJECTED_AS
from crowdmap.reports.models import Report
from tests.builders import make_account, make_report, sign_in
from tests.moderation.test_together import at_once, met

SCRIPT = {"X-Desk": "act"}


@pytest.fixture
def desk(session, client):
    client.moderator = make_account("moderator", name="Marie Vincent")
    return sign_in(client, client.moderator)


def seen(*reports, revision=1):
    return [f"{report.public_id}:{revision}" for report in reports]


def statuses(session, *reports):
    found = [session.get(Report, report.id, populate_existing=True).status.value for report in reports]
    session.rollback()
    return found


def test_one_action_with_one_reason_for_all_and_all_of_it_taken_back(session, desk):
    made = [make_report(status="pending") for _ in range(4)]
    told = desk.post("/moderate/bulk", data={"do": "reject:spam", "seen": seen(*made)}, headers=SCRIPT).get_json()
    assert told["done"] == told["left"] == [report.public_id for report in made] and told["skipped"] == []
    assert told["said"] == "Reject: spam: 4 reports."
    assert statuses(session, *made) == ["hidden"] * 4
    decisions = re.findall(r'name="decision" value="(\d+)"', told["html"])
    back = desk.post("/moderate/undo", data={"decision": decisions}, headers=SCRIPT).get_json()
    assert set(back["done"]) == {report.public_id for report in made} and statuses(session, *made) == ["pending"] * 4


def test_what_was_taken_back_already_is_told_and_the_others_are_taken_back(session, desk, app):
    a, b, c = (make_report(status="pending") for _ in range(3))
    colleague = sign_in(app.test_client(), make_account())
    theirs = colleague.post(f"/moderate/{c.public_id}/publish", data={"revision": 1}, headers=SCRIPT).get_json()
    told = desk.post("/moderate/bulk", data={"do": "reject:spam", "seen": seen(a, b)}, headers=SCRIPT).get_json()
    pattern = r'name="decision" value="(\d+)"'
    mine, foreign = re.findall(pattern, told["html"]), re.findall(pattern, theirs["html"])
    assert desk.post("/moderate/undo", data={"decision": mine[:1]}, headers=SCRIPT).status_code == 200  # in another tab
    first = desk.post("/moderate/undo", data={"decision": mine[:1]}, headers={**SCRIPT, "Accept": "application/json"})
    assert first.status_code == 409 and first.get_json(force=True)["id"] in (a.public_id, b.public_id)
    back = desk.post("/moderate/undo", data={"decision": [*mine, *foreign]}, headers=SCRIPT).get_json()
    assert len(back["done"]) == 1 and back["said"] == "Taken back. 2 were left as they are."
    done = set(back["done"])
    assert {(one["id"], one["code"]) for one in back["skipped"]} == {
        ({a.public_id, b.public_id}.difference(done).pop(), "too-late"), ("", "too-late"),
    }  # fmt: skip
    assert back["html"].count("It is too late") == 2
    assert statuses(session, a, b, c) == ["pending", "pending", "published"]


def test_what_cannot_be_done_is_told_by_row(session, desk):
    fresh, changed, public = make_report(status="pending"), make_report(status="pending"), make_report()
    pairs = [*seen(fresh), *seen(changed, revision=7), *seen(public), "nothere:1"]
    told = desk.post("/moderate/bulk", data={"do": "publish", "seen": pairs}, headers=SCRIPT).get_json()
    assert told["done"] == [fresh.public_id]
    assert {one["id"]: one["code"] for one in told["skipped"]} == {
        changed.public_id: "stale-revision", public.public_id: "illegal-state", "nothere": "not-found",
    }  # fmt: skip
    assert changed.public_id in told["html"] and "3 were left as they are" in told["said"]


def test_what_was_so_already_is_told_and_nothing_else_is_taken_back(session, desk):
    food, water = make_report(status="pending", category="FOOD"), make_report(status="pending", category="WAT")
    form = {"do": "category", "category": "FOOD", "seen": seen(food)}
    assert desk.post(f"/moderate/{water.public_id}/publish", data={"revision": 1}, headers=SCRIPT).status_code == 200
    told = desk.post("/moderate/bulk", data=form, headers=SCRIPT).get_json()
    assert (told["done"], [one["code"] for one in told["skipped"]]) == ([], ["unchanged"])
    assert told["said"].startswith("Nothing was changed.") and "undo-form" not in told["html"]
    told = desk.post("/moderate/bulk", data={**form, "seen": [*seen(food), *seen(water, revision=2)]}, headers=SCRIPT).get_json()
    assert told["done"] == [water.public_id] and told["html"].count('name="decision"') == 1


def test_plain_forms_do_the_same(session, desk):
    a, b = make_report(status="pending"), make_report(status="pending")
    page = desk.get("/moderate").text
    boxes = re.findall(r'type="checkbox" name="seen" value="([^"]+)" form="bulk-form"', page)
    assert boxes == seen(a, b)
    done = desk.post("/moderate/bulk", data={"do": "category", "category": "FOOD", "seen": boxes}, follow_redirects=True)
    assert "Edit: 2 reports." in done.text and "Undo all 2" in done.text
    assert [session.get(Report, r.id, populate_existing=True).category for r in (a, b)] == ["FOOD", "FOOD"]
    session.rollback()


@pytest.mark.databases("sqlite")
def test_the_list_offers_what_can_be_done_to_many_with_its_keys(desk):
    offered = desk.get("/moderate").text.split('id="bulk-do"')[1].split("</select>")[0]
    options = re.findall(r'<option value="([^"]+)"(?: data-bulk-key="(.)")?>', offered)
    several = {f"reject:{reason}" for reason in REJECTIONS}
    assert {value for value, _key in options} == {*AT_ONCE, "category"} | several and set(REJECTED_AS) == set(REJECTIONS)
    for value, key in options:
        action = ACTIONS[{"category": "edit"}.get(value, value.partition(":")[0])]
        assert key == action.key or value in several, value
    assert not [key for value, key in options if value in several and key]  # a key chooses no reason


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"do": "publish"}, "seen"),
        ({"do": "publish", "seen": ["x"]}, "seen.0"),
        ({"do": "publish", "seen": [f"a{n}:1" for n in range(201)]}, "seen"),
        ({"do": "", "seen": ["a:1"]}, "do"),
        ({"do": "merge", "seen": ["a:1"]}, "do"),
        ({"do": "reject:dislike", "seen": ["a:1"]}, "do"),
        ({"do": "hide", "seen": ["a:1"]}, "reason"),
        ({"do": "reject", "seen": ["a:1"]}, "reason"),
        ({"do": "reject", "seen": ["a:1"], "reason": "I do not like it"}, "reason"),
        ({"do": "category", "seen": ["a:1"]}, "category"),
        ({"do": "publish", "seen": ["a:1"], "colour": "red"}, "colour"),
        ({"do": "hide", "seen": ["a:1"], "reason": "x" * 1001}, "reason"),
    ],
    ids=str,
)
def test_rubbish_is_refused_by_name(desk, form, field):
    answer = desk.post("/moderate/bulk", data=form, headers=SCRIPT)
    assert answer.status_code == 422 and answer.get_json(force=True)["errors"][0]["field"] == field
    assert desk.post("/moderate/bulk", data=form).status_code == 422


def test_a_view_is_a_filter_and_an_order_with_a_name(session, desk, app):
    rare = make_report(status="pending", category="ROAD", kind="damage")
    make_report(status="pending")
    assert desk.post("/moderate/views?kind=damage&order=newest", data={"name": "Roads"}).status_code == 303
    page = desk.get("/moderate").text
    address = re.search(r'href="([^"]+)"[^>]*data-view="5"', page)[1].replace("&amp;", "&")
    assert "Roads" in page and address == "/moderate?kind=damage&order=newest"
    listed = desk.get(address).text
    assert re.findall(r'id="row-([a-z0-9]+)"', listed) == [rare.public_id] and 'aria-current="true" title' in listed
    (view,) = saved.views(session, desk.moderator)
    session.rollback()
    news = desk.get("/moderate/new.json?since=0&views=yes").get_json()
    assert news["views"] == {str(view.id): 1}
    assert desk.get("/moderate/new.json?since=0").get_json()["views"] == {}
    other = sign_in(app.test_client(), make_account())
    assert "Roads" not in other.get("/moderate").text
    assert other.post(f"/moderate/views/{view.id}/remove").status_code == 404
    assert desk.post(f"/moderate/views/{view.id}/remove").status_code == 303 and "Roads" not in desk.get("/moderate").text


def test_coordinators_share_views(session, desk, app):
    boss = sign_in(app.test_client(), make_account("coordinator"))
    assert desk.post("/moderate/views?kind=need", data={"name": "Needs", "shared": "yes"}).status_code == 403
    assert boss.post("/moderate/views?kind=need&status=published", data={"name": "Needs", "shared": "yes"}).status_code == 303
    page = desk.get("/moderate").text
    assert 'href="/moderate?kind=need&amp;status=published"' in page
    view_id = session.scalar(select(DeskView.id))
    session.rollback()
    assert desk.post(f"/moderate/views/{view_id}/remove").status_code == 403
    assert desk.post("/moderate/views", data={"name": "Needs"}).status_code == 422  # its name is taken for all
    assert boss.post(f"/moderate/views/{view_id}/remove").status_code == 303


def test_a_view_kept_twice_at_once_is_kept_once(session, app, desk):
    meet = met()

    class Slow(ReportFilter):
        def to_json(self):
            meet()
            return super().to_json()

    session.rollback()
    made = at_once(app, *[lambda s: saved.keep(s, desk.moderator, "Mine", Slow(), "newest")] * 2)
    assert sorted(type(one).__name__ for one in made) == ["DeskView", "ValidationFailed"], made
    assert session.scalars(select(DeskView.name)).all() == ["Mine"]
    session.rollback()


@pytest.mark.databases("sqlite")
def test_bad_views_are_refused(session, desk, monkeypatch):
    for data, address, status in (
        ({"name": ""}, "", 422), ({"name": "x" * 41}, "", 422), ({"name": "ok", "colour": "red"}, "", 422),
        ({"name": "ok"}, "?kind=wish", 400), ({"name": "ok"}, "?order=best", 400), ({"name": "ok"}, "?colour=red", 400),
    ):  # fmt: skip
        assert desk.post("/moderate/views" + address, data=data).status_code == status, (data, address)
    monkeypatch.setattr(saved, "MOST_OWN", 2)
    for name, status in (("one", 303), ("one", 422), ("two", 303), ("three", 422)):
        assert desk.post("/moderate/views", data={"name": name}).status_code == status, name
    assert "At most 2 views" in desk.post("/moderate/views", data={"name": "three"}).text


@pytest.mark.databases("sqlite")
def test_a_view_whose_category_is_gone_finds_nothing_and_breaks_nothing(session, desk):
    session.add(DeskView(account_id=desk.moderator.id, name="Old", filter={"category": "NOPE", "status": "pending"}, order="urgent"))
    session.commit()
    assert "Old" in desk.get("/moderate").text
    assert desk.get("/moderate/new.json?since=0&views=yes").status_code == 200
