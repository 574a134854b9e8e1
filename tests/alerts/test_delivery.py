"""What a receiver gets: asked first, signed, each change at least once and in order, and never what was erased."""

import time
from datetime import timedelta

import pytest
import standardwebhooks
from sqlalchemy import update

from crowdmap import jobs
from crowdmap.alerts import delivery, outbound
from crowdmap.alerts.models import Attempt, Subscription
from crowdmap.db import db, utcnow
from crowdmap.reports.models import Status
from tests.alerts.receiver import say
from tests.builders import make_account, make_report, sign_in


def due_now(session, **columns):
    """Time goes by: what waits for its next attempt waits no longer."""
    session.execute(update(Subscription).values(due_at=utcnow(), **columns))
    session.commit()


def hide(session, report):
    report.status = Status.HIDDEN
    session.commit()


def test_asked_first_then_told_and_signed_by_the_convention(session, client, receiver, subscribe, carry, state):
    made = subscribe(filter={"kind": "need"})
    assert made["state"] == "unverified" and made["secret"].startswith("whsec_") and made["sentence"] == "needs"
    report = make_report(kind="need")
    carry()
    (asked,), (told,) = receiver.challenges, receiver.messages
    now = state(made)
    assert now["state"] == "active" and now["seq"] == told.data["seq"] and now["delivered_at"] and "secret" not in now
    for came in (asked, told):
        standardwebhooks.Webhook(made["secret"]).verify(came.raw, came.headers)
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            standardwebhooks.Webhook(made["secret"]).verify(came.raw + b" ", came.headers)
        assert "cookie" not in came.headers and came.headers["content-type"] == "application/json"
    assert told.body["type"] == "reports.changed" and told.data["more"] is False and told.ids == [report.public_id]
    assert told.data["subscription"] == made["id"]
    changes = client.get(f"/feeds/changes?since={made['seq']}&kind=need").get_json()
    assert told.data["features"] == changes["features"] and told.data["seq"] == changes["seq"]
    assert carry() == 0


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("echo", [
    False, lambda handler: say(handler, 200), lambda handler: say(handler, 404), lambda handler: say(handler, 200, b"[" * 70_000),
    lambda handler: say(handler, 302, Location="http://127.0.0.1/"),
])  # fmt: skip
def test_who_does_not_send_the_challenge_back_is_told_nothing(session, receiver, subscribe, carry, state, moderator, echo):
    receiver.echo = echo
    made = subscribe()
    make_report()
    carry()
    now = state(made)
    assert (now["state"], receiver.messages, len(receiver.challenges)) == ("unverified", [], 1)
    assert now["attempts"][0]["what"] == "challenge" and now["attempts"][0]["outcome"] != "ok" and now["attempts"][0]["message"]
    assert moderator.post(f"/api/v1/subscriptions/{made['id']}/resume").status_code == 409
    receiver.echo = lambda handler: say(handler, 200, receiver.challenges[-1].body["challenge"].encode())  # as plain text
    assert moderator.post(f"/api/v1/subscriptions/{made['id']}/test").status_code == 202
    carry()
    assert state(made)["state"] == "active" and len(receiver.messages) == 1


def test_only_what_the_filter_finds_and_removals_as_in_the_changes(session, receiver, subscribe, carry):
    subscribe(filter={"kind": ["need"]})
    need = make_report(kind="need")
    make_report(kind="offer")
    carry()
    need.kind = "offer"
    session.commit()
    carry()
    second = make_report(kind="need")
    carry()
    hide(session, second)
    carry()
    told = [(one["id"], one["properties"].get("reason")) for message in receiver.messages for one in message.data["features"]]
    assert told == [
        (need.public_id, None), (need.public_id, "no-match"), (second.public_id, None), (second.public_id, "removed"),
    ]  # fmt: skip


def test_a_change_of_no_concern_costs_no_writing(session, receiver, subscribe, carry, state, app):
    made = subscribe(filter={"kind": "need"})
    carry()
    postman = delivery.Postman(app)
    before = state(made)["seq"]
    for _ in range(3):
        make_report(kind="offer")
        for future in postman.round()[0]:
            future.result()
    assert postman.round()[0] == [] and state(made)["seq"] == before
    report = make_report(kind="need")
    for future in postman.round()[0]:
        future.result()
    postman.close()
    assert receiver.messages[-1].ids == [report.public_id] and state(made)["seq"] == receiver.messages[-1].data["seq"]


def test_a_retry_after_changes_of_no_concern_loses_nothing(session, receiver, subscribe, carry, monkeypatch, app):
    """The range that is tried begins after what was passed over, or it would not hold the report."""
    monkeypatch.setattr(delivery, "FEATURES", 3)
    subscribe(filter={"kind": "need"})
    carry()
    postman = delivery.Postman(app)
    for _ in range(10):
        make_report(kind="offer")
    while sent := postman.round()[0]:
        for future in sent:
            future.result()
    receiver.answer = 500
    report = make_report(kind="need")
    for future in postman.round()[0]:
        future.result()
    postman.close()
    receiver.answer = 200
    due_now(session)
    carry()
    assert [message.ids for message in receiver.messages] == [[report.public_id]] * 2
    assert receiver.messages[0].id == receiver.messages[1].id


def test_many_come_in_order_a_few_at_a_time(session, receiver, subscribe, carry, monkeypatch):
    monkeypatch.setattr(delivery, "FEATURES", 3)
    made = [make_report().public_id for _ in range(8)]
    subscribe(since=0)
    carry()
    assert [message.ids for message in receiver.messages] == [made[:3], made[3:6], made[6:]]
    assert [message.data["more"] for message in receiver.messages] == [True, True, False]
    assert len({message.id for message in receiver.messages}) == 3


@pytest.mark.databases("sqlite")
def test_a_message_stays_within_half_a_megabyte(session, receiver, subscribe, carry, monkeypatch):
    monkeypatch.setattr(delivery, "MOST_BYTES", 3000)
    made = [make_report(description="x" * 1000).public_id for _ in range(5)]
    subscribe(since=0)
    carry()
    assert [one for message in receiver.messages for one in message.ids] == made
    assert len(receiver.messages) > 2 and all(len(message.raw) < 3600 for message in receiver.messages)


def test_a_retry_has_the_same_id_and_nothing_that_was_erased(session, client, receiver, subscribe, carry, state, moderator):
    made = subscribe()
    carry()
    receiver.answer = 500
    kept, erased = make_report(description="Water for all"), make_report(description="Marker of somebody")
    carry()
    now = state(made)
    assert now["state"] == "active" and now["failures"] == 1 and now["next_attempt_at"] and "500" in now["attempts"][0]["message"]
    assert carry() == 0  # not before its time
    hide(session, erased)
    receiver.answer = 200
    due_now(session)
    carry()
    first, again, after = receiver.messages
    assert first.id == again.id != after.id
    assert first.ids == [kept.public_id, erased.public_id] and again.ids == [kept.public_id]
    assert b"Marker" not in again.raw + after.raw
    assert [one["properties"]["reason"] for one in after.data["features"]] == ["removed"]
    assert state(made)["failures"] == 0


def test_what_seemed_refused_is_removed_all_the_same(session, receiver, subscribe, carry):
    """The receiver kept the message and its answer was lost; then the report leaves the filter."""
    subscribe(filter={"kind": "need"})
    carry()
    receiver.answer = 500
    report = make_report(kind="need")
    carry()
    report.kind = "offer"
    session.commit()
    receiver.answer = 200
    due_now(session)
    carry()
    (gone,) = receiver.messages[-1].data["features"]
    assert (gone["id"], gone["properties"]["reason"]) == (report.public_id, "no-match")


def test_the_next_comes_only_after_this_one_was_taken(session, receiver, subscribe, carry):
    subscribe()
    carry()
    receiver.answer = 503
    first = make_report()
    carry()
    second = make_report()
    due_now(session)
    carry()
    assert [message.ids for message in receiver.messages] == [[first.public_id]] * 2
    receiver.answer = 204
    due_now(session)
    carry()
    assert [message.ids for message in receiver.messages[2:]] == [[first.public_id], [second.public_id]]


def test_410_ends_it_and_resuming_sends_from_where_it_stopped(session, receiver, subscribe, carry, state, moderator):
    made = subscribe()
    carry()
    receiver.answer = 410
    first = make_report()
    carry()
    now = state(made)
    assert (now["state"], now["paused_because"]) == ("paused", "gone")
    second = make_report()
    due_now(session)
    assert carry() == 0
    receiver.answer = 200
    assert moderator.post(f"/api/v1/subscriptions/{made['id']}/resume").get_json()["state"] == "active"
    carry()
    assert [message.ids for message in receiver.messages] == [[first.public_id], [first.public_id], [second.public_id]]


def test_it_gives_up_after_a_day(session, receiver, subscribe, carry, state):
    made = subscribe()
    carry()
    receiver.answer = 500
    make_report()
    carry()
    due_now(session, failing_since=utcnow() - timedelta(hours=23))
    carry()
    assert state(made)["state"] == "active"
    due_now(session, failing_since=utcnow() - timedelta(hours=24))
    carry()
    now = state(made)
    assert (now["state"], now["paused_because"], now["failures"]) == ("paused", "failing", 3)


@pytest.mark.databases("sqlite")
def test_the_last_twenty_attempts_are_kept(session, receiver, subscribe, carry, state):
    made = subscribe()
    carry()
    receiver.answer = 500
    make_report()
    for _ in range(25):
        due_now(session)
        carry()
    assert len(state(made)["attempts"]) == session.query(Attempt).count() == 20
    session.rollback()


def test_waits_grow_to_two_hours_and_are_not_all_the_same():
    waits = [delivery.wait_after(n).total_seconds() for n in range(1, 30)]
    assert 4 <= waits[0] <= 6 and 8 <= waits[1] <= 12 and all(wait <= 8640 for wait in waits) and waits[-1] >= 5760
    assert len({delivery.wait_after(3) for _ in range(10)}) > 5
    assert delivery.wait_after(1, 600).total_seconds() == 600


@pytest.mark.databases("sqlite")
def test_it_waits_as_long_as_the_receiver_asks(session, receiver, subscribe, carry):
    subscribe()
    carry()
    receiver.answer = lambda handler: say(handler, 429, Retry_After="300")
    make_report()
    carry()
    wait = session.query(Subscription).one().due_at - utcnow()
    session.rollback()
    assert 290 < wait.total_seconds() <= 300


def test_a_postman_who_dies_in_between_sends_it_again(session, receiver, subscribe, carry, monkeypatch):
    subscribe()
    carry()
    report = make_report()
    with monkeypatch.context() as patched:
        patched.setattr(delivery, "_keep", lambda *_: (_ for _ in ()).throw(RuntimeError("the power went")))
        carry(most=1)
    carry()
    first, again = receiver.messages
    assert first.id == again.id and first.ids == again.ids == [report.public_id]


def test_one_carries_at_a_time_and_the_next_takes_over(session, receiver, subscribe, app, carry, monkeypatch):
    subscribe()
    session.rollback()
    one, two = delivery.Postman(app), delivery.Postman(app)
    assert one.round()[0] and two.round()[0] == []
    one.close()
    make_report()
    for future in two.round()[0]:
        future.result()
    assert len(receiver.messages) == 1
    monkeypatch.setattr(delivery, "HOLD", timedelta(0))  # as if it had been silent for long
    make_report()
    three = delivery.Postman(app)
    for future in three.round()[0]:
        future.result()
    assert len(receiver.messages) == 2
    monkeypatch.undo()
    two._held -= delivery.RENEW  # it looks again, and finds that another has it
    make_report()
    assert two.round()[0] == []
    two.close(), three.close()


def test_a_slow_receiver_holds_up_nobody(session, app, receivers, subscribe, carry, monkeypatch):
    slow, quick = receivers
    monkeypatch.setattr(outbound, "LIMIT_S", 3)
    made = [subscribe() for _ in range(5)] + [subscribe(url=quick.url)]
    carry()
    slow.answer = lambda handler: time.sleep(8)
    make_report()
    session.rollback()
    postman, began = delivery.Postman(app), time.monotonic()
    sent, _later = postman.round()
    assert len(sent) == len(made)
    while not quick.messages:
        assert time.monotonic() - began < 2.5
        time.sleep(0.01)
    jobs.enqueue(session, "look_for_twins")
    session.commit()
    assert jobs.work_once(session) and time.monotonic() - began < 2.9  # the worker's jobs do not wait
    postman.close()
    assert time.monotonic() - began < 7
    assert [attempt.outcome for attempt in session.query(Attempt).filter_by(challenge=False) if attempt.outcome != "ok"] == ["timeout"] * 5
    session.rollback()


@pytest.mark.databases("sqlite")
def test_those_in_trouble_hold_half_of_the_places_only(session, app, receivers, subscribe, carry, monkeypatch):
    slow, quick = receivers
    monkeypatch.setattr(delivery, "PLACES", 4)
    monkeypatch.setattr(outbound, "LIMIT_S", 0.7)
    for _ in range(6):
        subscribe()
    subscribe(url=quick.url)
    carry()
    session.execute(update(Subscription).where(Subscription.address == slow.url).values(failures=1))
    session.commit()
    slow.answer = lambda handler: time.sleep(1)
    make_report()
    session.rollback()
    postman = delivery.Postman(app)
    assert len(postman.round()[0]) == 3  # two of the six, and the one that is well
    postman.close()
    assert len(quick.messages) == 1


def test_who_may_not_any_more_is_told_nothing(session, app, receiver, carry, subscribe, state):
    account = make_account("moderator")
    client = sign_in(app.test_client(), account)
    made = subscribe(client)
    carry()
    account.disabled_at = utcnow()
    session.commit()
    make_report()
    carry()
    assert receiver.messages == []
    row = session.query(Subscription).filter_by(public_id=made["id"]).one()
    assert (row.state, row.paused_because) == ("paused", "not-allowed")
    session.rollback()


def test_pausing_and_removing_while_it_is_sent(session, app, receiver, subscribe, carry, moderator, state):
    made = subscribe()
    carry()

    def pause_meanwhile(handler):
        assert moderator.post(f"/api/v1/subscriptions/{made['id']}/pause").status_code == 200
        say(handler, 200)

    receiver.answer = pause_meanwhile
    make_report()
    carry()
    now = state(made)
    assert now["state"] == "paused" and now["seq"] == receiver.messages[0].data["seq"]
    moderator.post(f"/api/v1/subscriptions/{made['id']}/resume")

    def remove_meanwhile(handler):
        assert moderator.delete(f"/api/v1/subscriptions/{made['id']}").status_code == 204
        say(handler, 500)

    receiver.answer = remove_meanwhile
    make_report()
    carry()
    assert session.query(Subscription).count() == session.query(Attempt).count() == 0
    session.rollback()


def test_the_worker_beside_a_server_carries(session, receiver, subscribe, live_server):
    made = subscribe()
    end = time.monotonic() + 20
    while not receiver.challenges and time.monotonic() < end:
        time.sleep(0.05)
    while db.session.query(Subscription.state).filter_by(public_id=made["id"]).scalar() != "active" and time.monotonic() < end:
        session.rollback()
        time.sleep(0.05)
    session.rollback()
    report = make_report()
    while not receiver.messages and time.monotonic() < end:
        time.sleep(0.05)
    assert receiver.messages[0].ids == [report.public_id]
