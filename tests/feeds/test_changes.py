"""Changes: each change once, removals without a why, and nothing lost however many commit at once."""

import threading

import pytest
from sqlalchemy import event

from crowdmap.db import db
from crowdmap.feeds import changes as log
from crowdmap.filters import ReportFilter
from crowdmap.publishing.models import Audience
from crowdmap.reports.models import Report, Status
from tests.builders import make_report


def changes(client, since, query=""):
    answer = client.get(f"/feeds/changes?since={since}{query}")
    assert answer.status_code == 200, answer.data
    return answer.get_json(force=True)


def test_the_latest_state_of_each_once_in_order(session, client):
    first, second = make_report(), make_report()
    first.title = "edited"
    session.commit()
    found = changes(client, 0)
    assert [f["id"] for f in found["features"]] == [second.public_id, first.public_id]
    assert [f["properties"]["seq"] for f in found["features"]] == sorted(f["properties"]["seq"] for f in found["features"])
    assert changes(client, found["seq"])["features"] == []
    assert not found["more"]


def test_pages_of_changes_lead_to_the_end(session, client):
    made = [make_report().public_id for _ in range(5)]
    since, seen, more = 0, [], True
    while more:
        found = changes(client, since, "&limit=2")
        since, more = found["seq"], found["more"]
        seen += [f["id"] for f in found["features"]]
    assert seen == made


def test_what_leaves_the_filter_is_removed_only_for_those_who_knew_it(session, client):
    report = make_report(kind="need")
    since = changes(client, 0)["seq"]
    report.kind = "offer"
    session.commit()
    (gone,) = changes(client, since, "&kind=need")["features"]
    assert gone["geometry"] is None
    assert gone["properties"] == {
        "id": report.public_id, "seq": gone["properties"]["seq"], "removed": True, "reason": "no-match",
    }  # fmt: skip
    assert changes(client, 0, "&kind=need")["features"] == []  # who starts now never knew it


def test_what_the_public_never_saw_is_not_removed_either(session, client):
    report = make_report(status="pending")
    report.status = Status.HIDDEN
    session.commit()
    secret = make_report(category="MISS")
    secret.status = Status.HIDDEN
    session.commit()
    assert changes(client, 0)["features"] == []


def test_a_merged_report_points_to_where_it_went_and_comes_back(session, client):
    root, child = make_report(), make_report()
    since = changes(client, 0)["seq"]
    child.merged_into_id = root.id
    session.commit()
    found = {f["id"]: f["properties"] for f in changes(client, since)["features"]}
    assert found[child.public_id]["reason"] == "merged"
    assert found[child.public_id]["merged_into"] == root.public_id
    assert found[root.public_id]["voices"] == 2
    root.status = Status.HIDDEN  # the target is not seen any more, so nothing points to it
    session.commit()
    found = {f["id"]: f["properties"] for f in changes(client, since)["features"]}
    assert "merged_into" not in found[child.public_id]


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("", 400, "since"), ("since=-1", 400, "since"), ("since=x", 400, "since"), ("since=1e3", 400, "since"),
        ("since=99999", 410, "since"), ("since=0&from=-24h", 400, "from"), ("since=0&until=-1h", 400, "until"),
        ("since=0&cursor=a", 400, "cursor"), ("since=0&limit=0", 400, "limit"),
    ],
)  # fmt: skip
def test_a_bad_cursor_is_refused_with_where_to_restart(session, client, query, status, field):
    answer = client.get(f"/feeds/changes?{query}")
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (status, field)
    if status == 410:
        assert answer.get_json()["restart"] == "/feeds/all.geojson"


def test_a_reader_loses_nothing_while_many_commit_at_once(app, client):
    """Writers publish, edit, hide and merge on their own connections; a reader that follows from seq to seq ends with
    exactly what the feed holds, and never sees a seq appear below one it has passed."""
    from crowdmap.db import db

    writers, rounds = 6, 12
    failures = []

    def write(number):
        try:
            for turn in range(rounds):
                with app.app_context():
                    report = make_report(external_id=f"w{number}-{turn}", description=f"writer {number} turn {turn}")
                    report.title = f"edited {turn}"
                    db.session.commit()
                    if turn % 3 == 1:
                        report.status = Status.HIDDEN
                        db.session.commit()
                    if turn % 3 == 2:
                        other = db.session.query(Report).filter(Report.status == Status.PUBLISHED).first()
                        if other is not None and other.id != report.id and other.merged_into_id is None:
                            report.merged_into_id = other.id
                            db.session.commit()
                    db.session.remove()
        except Exception as error:
            failures.append(error)

    copy, since = {}, 0

    def follow():
        nonlocal since
        found = changes(client, since, "&limit=7")
        for feature in found["features"]:
            seq = feature["properties"]["seq"]
            assert seq > since, "a seq appeared behind the reader"
            if feature["properties"].get("removed"):
                copy.pop(feature["id"], None)
            else:
                copy[feature["id"]] = feature
        assert found["seq"] >= since
        since = found["seq"]
        return found["more"]

    threads = [threading.Thread(target=write, args=(n,)) for n in range(writers)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        follow()
    for thread in threads:
        thread.join()
    while follow():
        pass
    assert not failures
    everything = client.get("/feeds/all.geojson?limit=10000").get_json(force=True)
    assert copy == {feature["id"]: feature for feature in everything["features"]}


@pytest.mark.databases("sqlite")
def test_features_are_asked_for_as_bytes(session):
    """PostgreSQL sends them as hexadecimal text otherwise."""
    make_report()
    asked = []

    def note(_connection, _cursor, statement, _parameters, context, _many):
        if "publication.feature" in statement:
            asked.append(context.execution_options.get("binary_results"))

    event.listen(db.engine, "before_cursor_execute", note)
    assert len(log.changes(ReportFilter(), Audience.PUBLIC, 0, 10).items) == 1
    assert asked == [True]
