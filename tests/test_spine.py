"""The walking skeleton: submitted → pending → published → publication and event → feed, changes, removal."""

from crowdmap.reports.models import Status
from tests.builders import ids, make_report


def feed(client, address):
    answer = client.get(address)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_json(force=True)


def test_a_report_travels_from_the_door_to_the_feed_and_leaves_it(session, client):
    report = make_report(status="pending", category="WAT", description="No water since Tuesday")
    assert ids(feed(client, "/feeds/needs.geojson")) == []
    assert feed(client, "/feeds/changes?since=0")["features"] == []

    report.status = Status.PUBLISHED
    session.commit()
    page = feed(client, "/feeds/needs.geojson?q=water")
    assert ids(page) == [report.public_id]
    assert page["numberMatched"] == page["numberReturned"] == 1
    assert page["features"][0]["properties"]["seq"] == page["seq"]

    report.status = Status.HIDDEN
    session.commit()
    after = feed(client, f"/feeds/changes?since={page['seq']}")
    assert [f["properties"] for f in after["features"]] == [
        {"id": report.public_id, "seq": after["seq"], "removed": True, "reason": "removed"}
    ]
    assert after["seq"] > page["seq"]


def test_a_change_that_nobody_sees_stirs_nothing(session, client):
    report = make_report()
    seq = feed(client, "/feeds/all.geojson")["seq"]
    report.private.contact_phone = "+509 3456 7890"
    session.commit()
    assert feed(client, f"/feeds/changes?since={seq}")["features"] == []


def test_merging_moves_voices_and_unmerging_brings_all_back(session, client):
    root, child = make_report(), make_report()
    before = {f["id"]: f for f in feed(client, "/feeds/all.geojson")["features"]}
    child.merged_into_id = root.id
    session.commit()
    merged = feed(client, "/feeds/all.geojson")
    assert ids(merged) == [root.public_id]
    assert merged["features"][0]["properties"]["voices"] == 2
    child.merged_into_id = None
    session.commit()
    after = {f["id"]: f for f in feed(client, "/feeds/all.geojson")["features"]}

    def lasting(features):
        return {
            key: {n: v for n, v in f["properties"].items() if n not in ("seq", "updated_at")}
            for key, f in features.items()
        }

    assert lasting(after) == lasting(before)
