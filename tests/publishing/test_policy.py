"""Categories by a coordinator's hand: a stricter policy leaves nothing public behind, and followers hear of each."""

import threading

import pytest
from sqlalchemy import select

from crowdmap.db import db
from crowdmap.jobs import work_once
from crowdmap.publishing import hook, policy
from crowdmap.publishing.cli import republish
from crowdmap.publishing.models import Publication
from crowdmap.reports.models import Category, Kind, Policy
from tests.builders import ids, make_account, make_report, sign_in
from tests.moderation.test_together import at_once, met


def work(session):
    while work_once(session):
        pass


def change(session, client, code, **values):
    category = session.get(Category, code)
    form = {"name": category.name, "kind": category.kind.value, "sector": category.sector,
            "policy": category.policy.value,
            "parent": category.parent or "", "active": "yes"}  # fmt: skip
    session.rollback()
    return client.post(f"/admin/categories/{code}", data={**form, **values})


def features(client, address="/feeds/all.geojson"):
    return client.get(address).get_json(force=True)


@pytest.fixture
def coordinator(session, client):
    return sign_in(client, make_account("coordinator"))


def test_a_stricter_policy_takes_everything_public_away_at_once_and_then_shows_what_may_be_shown(session, coordinator):
    road, other = make_report(category="ROAD", kind="damage"), make_report(category="BRID", kind="damage")
    exact = features(coordinator)
    before = {f["id"]: f["geometry"]["coordinates"] for f in exact["features"]}
    assert change(session, coordinator, "ROAD", policy="tile").status_code == 303
    assert ids(features(coordinator)) == [other.public_id]
    gone = features(coordinator, f"/feeds/changes?since={exact['seq']}")
    assert [(f["id"], f["properties"]["reason"]) for f in gone["features"]] == [(road.public_id, "removed")]
    assert gone["features"][0]["geometry"] is None

    work(session)
    after = {f["id"]: f["geometry"]["coordinates"] for f in features(coordinator)["features"]}
    assert after.keys() == before.keys()
    assert after[road.public_id] != before[road.public_id] and after[other.public_id] == before[other.public_id]
    assert features(coordinator, "/feeds/all.geojson?category=ROAD")["numberMatched"] == 1
    row = session.scalar(
        select(Publication).where(Publication.public_id == road.public_id, Publication.audience == "public")
    )
    assert row.precision_m > 400


def test_a_category_that_is_for_offers_no_more_shows_no_exact_offer_meanwhile(session, coordinator):
    category = session.get(Category, "ROAD")
    category.kind, category.policy = Kind.OFFER, Policy.EXACT
    session.commit()
    clinic, other = make_report(category="ROAD", kind="offer"), make_report(category="BRID", kind="damage")
    exact = {f["id"]: f["geometry"]["coordinates"] for f in features(coordinator)["features"]}
    assert "left the public map at once" in coordinator.get(change(session, coordinator, "ROAD", kind="need").location).text
    assert ids(features(coordinator)) == [other.public_id]
    work(session)
    after = {f["id"]: f["geometry"]["coordinates"] for f in features(coordinator)["features"]}
    assert after.keys() == exact.keys() and after[clinic.public_id] != exact[clinic.public_id]
    change(session, coordinator, "ROAD", kind="offer")  # the other way round nothing has to go first
    assert len(ids(features(coordinator))) == 2


def test_restricting_leaves_no_word_place_or_count(session, coordinator):
    report = make_report(category="LOOT", kind="damage", description="Sacks of maize taken from the depot")
    assert features(coordinator, "/feeds/all.geojson?q=maize")["numberMatched"] == 1
    change(session, coordinator, "LOOT", policy="restricted")
    work(session)
    for address in ("/feeds/all.geojson", "/feeds/all.geojson?q=maize", "/feeds/all.geojson?bbox=-73,18,-72,19"):
        assert features(coordinator, address)["numberMatched"] == 0
    row = session.scalar(
        select(Publication).where(Publication.public_id == report.public_id, Publication.audience == "public")
    )
    assert (row.removed, row.lon, row.geom, row.feature, row.search_text, row.cell) == (
        "removed",
        None,
        None,
        None,
        "",
        None,
    )


def test_a_merged_tree_goes_with_a_child_of_the_category(session, coordinator):
    root, child = make_report(category="WDP"), make_report(category="ROAD", kind="damage")
    child.merged_into_id = root.id
    session.commit()
    assert ids(features(coordinator)) == [root.public_id]
    change(session, coordinator, "ROAD", policy="restricted")
    assert ids(features(coordinator)) == []
    work(session)
    assert ids(features(coordinator)) == []


def test_a_more_open_policy_shows_in_batches_what_was_kept_back(session, coordinator, monkeypatch):
    monkeypatch.setattr(policy, "BATCH", 2)
    reports = [make_report(category="SECC", kind="damage") for _ in range(5)]
    blurred = {f["id"]: f["geometry"] for f in features(coordinator)["features"]}
    change(session, coordinator, "SECC", policy="exact")
    work(session)
    exact = {f["id"]: f["geometry"] for f in features(coordinator)["features"]}
    assert all(exact[r.public_id] != blurred[r.public_id] for r in reports)


def test_a_change_of_sector_reaches_the_feeds(session, coordinator):
    make_report(category="LOOT", kind="damage")
    change(session, coordinator, "LOOT", sector="logistics")
    work(session)
    assert (
        features(coordinator, "/feeds/all.geojson?sector=logistics")["features"][0]["properties"]["sector"]
        == "logistics"
    )
    assert features(coordinator, "/feeds/all.geojson?sector=protection")["numberMatched"] == 0


@pytest.mark.databases("postgis")  # SQLite has one writer: there the two cannot meet
def test_who_read_the_old_policy_before_still_publishes_by_the_new_one(session, app):
    report, coordinator = make_report(category="LOOT", kind="damage", status="pending"), make_account("coordinator")
    assert session.get(Category, "LOOT", populate_existing=True).policy == "tile"  # in a transaction that goes on

    def make_stricter():
        with app.app_context():
            policy.change(db.session, coordinator, "LOOT", policy=Policy.RESTRICTED)
            db.session.commit()
            db.session.remove()

    other = threading.Thread(target=make_stricter)
    other.start()
    other.join(20)
    report.status = "published"
    session.commit()
    query = select(Publication).where(Publication.report_id == report.id, Publication.audience == "public")
    assert session.scalar(query) is None


def test_switching_off_keeps_reports_and_stops_new_ones(session, coordinator):
    report = make_report(category="LOOT", kind="damage")
    assert change(session, coordinator, "LOOT", active="").status_code == 303
    assert ids(features(coordinator)) == [report.public_id]
    assert not session.get(Category, "LOOT", populate_existing=True).active


def test_adding_and_refusing_in_words(session, coordinator):
    form = {"code": "BOAT", "name": "Boats", "kind": "offer", "sector": "logistics", "policy": "tile", "parent": "SVC"}
    assert coordinator.post("/admin/categories", data=form).status_code == 303
    assert session.get(Category, "BOAT").parent == "SVC"
    session.rollback()
    again = coordinator.post("/admin/categories", data=form)
    assert again.status_code == 422 and "already" in again.text and 'value="Boats"' in again.text
    assert coordinator.post("/admin/categories", data={**form, "code": "x y"}).status_code == 422
    assert coordinator.post("/admin/categories", data={**form, "code": "BOAT2", "parent": "BOAT"}).status_code == 422
    assert coordinator.post("/admin/categories", data={**form, "code": "BOAT2", "policy": "open"}).status_code == 422
    page = coordinator.get("/admin/categories/BOAT")
    assert "cannot be recalled" in page.text
    assert coordinator.get("/admin/categories/NONE").status_code == 404


def test_a_category_added_twice_at_once_is_added_once(session, app, monkeypatch):
    actor, check, meet = make_account("coordinator"), policy._check_parent, met()
    monkeypatch.setattr(policy, "_check_parent", lambda *of: (meet(), check(*of)))
    told = {"code": "BOAT", "name": "Boats", "kind": Kind.OFFER, "sector": "logistics", "policy": Policy.TILE, "parent": "SVC"}
    session.rollback()
    outcome = at_once(app, *[lambda s: policy.add(s, actor, **told)] * 2)
    assert sorted(type(one).__name__ for one in outcome) == ["Category", "ValidationFailed"], outcome
    assert session.get(Category, "BOAT").active
    session.rollback()


def test_republish_changes_no_byte_and_mends_what_is_wrong(session, app):
    reports = [make_report(category=c) for c in ("WAT", "ROAD", "MISS", "WAT")]
    reports[3].merged_into_id = reports[0].id
    session.commit()
    before = hook.fingerprint(session)
    assert app.test_cli_runner().invoke(republish).output == "3 reports projected, 0 changed\n"
    assert policy.republish(session) == (3, 0)
    assert hook.fingerprint(session) == before
    row = session.scalar(
        select(Publication).where(Publication.public_id == reports[1].public_id, Publication.audience == "public")
    )
    row.digest, row.feature = b"", b"{}"
    session.commit()
    assert policy.republish(session) == (3, 1)
    assert policy.republish(session) == (3, 0)
