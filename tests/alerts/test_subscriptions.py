"""Subscriptions by the API and on the page: whose they are, what is refused, and the secret that is shown once."""

import re

import pytest
from flask.cli import ScriptInfo

from crowdmap.alerts import verbs
from crowdmap.alerts.models import Attempt, Subscription
from crowdmap.cli import cli
from crowdmap.events import Event
from tests.builders import make_account, make_report, sign_in
from tests.contracts.test_openapi import check, described  # noqa: F401
from tests.test_docs import AGENCIES, blocks

API = "/api/v1/subscriptions"


@pytest.fixture
def others(session, app):
    """Clients of another moderator, a coordinator and a volunteer."""
    return {role: sign_in(app.test_client(), make_account(role)) for role in ("moderator", "coordinator", "volunteer")}


BAD = (
    ({}, 422, "url"), ({"url": ""}, 422, "url"), ({"url": 5}, 422, "url"), ({"url": "http://example.org/"}, 422, "url"),
    ({"url": "https://127.0.0.1/"}, 422, "url"), ({"url": "https://example.org/", "colour": "red"}, 422, "colour"),
    ({"email": "me@example.org"}, 422, "email"), ({"url": "https://example.org/", "email": "me@example.org"}, 422, "email"),
    ({"url": "https://example.org/", "filter": []}, 422, "filter"), ({"url": "https://example.org/", "filter": "kind=need"}, 422, "filter"),
    ({"url": "https://example.org/", "filter": {"kind": "wish"}}, 400, "kind"),
    ({"url": "https://example.org/", "filter": {"kind": {"a": 1}}}, 400, "kind"),
    ({"url": "https://example.org/", "filter": {"placed": True}}, 400, "placed"),
    ({"url": "https://example.org/", "filter": {"colour": "red"}}, 400, "colour"),
    ({"url": "https://example.org/", "filter": {"status": "pending"}}, 400, "status"),
    ({"url": "https://example.org/", "filter": {"bbox": "1,2,3"}}, 400, "bbox"),
    ({"url": "https://example.org/", "filter": {"from": "-24h"}}, 400, "from"),
    ({"url": "https://example.org/", "filter": {"until": "-1d"}}, 400, "until"),
    ({"url": "https://example.org/", "since": -1}, 422, "since"), ({"url": "https://example.org/", "since": "0"}, 422, "since"),
    ({"url": "https://example.org/", "since": 10**9}, 410, "since"),
)  # fmt: skip


def test_what_cannot_be_a_subscription_is_refused_by_name(session, moderator):
    for body, status, field in BAD:
        answer = moderator.post(API, json=body)
        assert answer.status_code == status, (body, answer.text)
        assert answer.mimetype == "application/problem+json" and answer.get_json()["errors"][0]["field"] == field, body
    assert session.query(Subscription).count() == 0
    session.rollback()


def test_each_sees_their_own_and_coordinators_all(session, subscribe, others, moderator):
    mine, theirs = subscribe(), subscribe(others["moderator"])
    for client, seen in ((moderator, [mine]), (others["moderator"], [theirs]), (others["coordinator"], [theirs, mine])):
        assert [one["id"] for one in client.get(API).get_json()["subscriptions"]] == [one["id"] for one in seen]
    for verb in ("test", "resume", "pause"):
        assert others["moderator"].post(f"{API}/{mine['id']}/{verb}").status_code == 404
        assert others["moderator"].post(f"/admin/webhooks/{mine['id']}/{verb}").status_code == 404
    assert others["moderator"].get(f"{API}/{mine['id']}").status_code == 404
    assert others["moderator"].delete(f"{API}/{mine['id']}").status_code == 404
    assert others["volunteer"].get(API).status_code == 403
    assert others["coordinator"].delete(f"{API}/{mine['id']}").status_code == 204
    assert moderator.get(f"{API}/{mine['id']}").status_code == 404


def test_the_secret_is_told_once_and_kept_nowhere(session, subscribe, moderator):
    made = subscribe()
    for path in (API, f"{API}/{made['id']}", "/admin/webhooks"):
        assert made["secret"] not in moderator.get(path).get_data(as_text=True)
    row = session.query(Subscription).one()
    assert made["secret"] not in str(vars(row)) and len(set(made["id"])) > 6
    session.rollback()
    assert subscribe()["secret"] != made["secret"]


def test_an_account_has_twenty_at_most(session, subscribe, moderator, monkeypatch):
    monkeypatch.setattr(verbs, "MOST", 2)
    subscribe(), subscribe()
    answer = moderator.post(API, json={"url": "https://example.org/"})
    assert answer.status_code == 409 and answer.get_json()["code"] == "too-many-subscriptions"
    page = moderator.post("/admin/webhooks", data={"url": "https://example.org/"})
    assert page.status_code == 409 and "2 subscriptions already" in page.text


def test_a_filter_may_be_lists_and_numbers(session, subscribe):
    made = subscribe(filter={"kind": ["need", "offer"], "bbox": [-73, 18, -72, 19], "near": "-72.3,18.5", "radius": 500})
    assert made["filter"] == {"kind": "need,offer", "bbox": "-73,18,-72,19", "near": "-72.3,18.5", "radius": "500"}


def test_what_is_done_stands_in_the_log(session, subscribe, carry, moderator):
    made = subscribe()
    carry()
    for verb in ("test", "pause", "resume"):
        moderator.post(f"{API}/{made['id']}/{verb}")
    moderator.delete(f"{API}/{made['id']}")
    rows = session.query(Event).filter_by(name="SubscriptionChanged").order_by(Event.seq).all()
    assert [row.data["action"] for row in rows] == ["created", "asked-again", "paused", "resumed", "removed"]
    assert all(row.account_id for row in rows) and session.query(Attempt).count() == 0
    session.rollback()


def test_answers_are_as_described(session, client, described, subscribe, carry, receiver, moderator):  # noqa: F811
    body = {"url": receiver.url, "filter": {"kind": "need"}, "since": 0}
    check(described, "NewSubscription", body)
    made = subscribe(filter={"kind": "need"}, since=0)
    check(described, "SubscriptionMade", made)
    carry()
    receiver.answer = 410
    make_report(kind="need")
    carry()
    for verb, status in (("test", 202), ("resume", 200), ("pause", 200)):
        answer = moderator.post(f"{API}/{made['id']}/{verb}")
        assert answer.status_code == status
        check(described, "Subscription", answer.get_json())
    found = moderator.get(API).get_json()
    check(described, "Subscriptions", found)
    assert found["subscriptions"][0]["paused_because"] == "asked" and len(found["subscriptions"][0]["attempts"]) == 2


@pytest.mark.databases("sqlite")
def test_the_example_of_the_docs_tells_what_is_genuine(session, subscribe, carry, receiver):
    (code,) = [code for kind, code in blocks(AGENCIES.read_text(encoding="utf-8")) if kind == "py" and "is_genuine" in code]
    names: dict = {}
    exec(code, names)  # noqa: S102
    made = subscribe(since=0)
    make_report()
    carry()
    (came,) = receiver.messages
    assert names["is_genuine"](made["secret"], came.headers, came.raw)
    assert not names["is_genuine"](made["secret"], came.headers, came.raw + b" ")
    assert not names["is_genuine"](made["secret"], {**came.headers, "webhook-timestamp": "1263315180"}, came.raw)


# ---- the page


def test_a_webhook_from_the_page(session, moderator, receiver, carry):
    assert "kind=need&amp;sector=wash" in moderator.get("/admin/webhooks?kind=need&sector=wash&dir=ltr").text
    feed = "https://map.example.org/feeds/needs.geojson?sector=wash&limit=all"
    page = moderator.post("/admin/webhooks", data={"url": receiver.url, "filter": feed, "begin": "all"})
    assert page.status_code == 200 and re.search(r'value="whsec_[A-Za-z0-9+/=]{44}"', page.text)
    row = session.query(Subscription).one()
    assert row.filter == {"kind": "need", "sector": "wash"} and row.seq == 0
    key = row.public_id
    session.rollback()
    report = make_report(kind="need", category="WAT")
    carry()
    assert receiver.messages[0].ids == [report.public_id]
    page = moderator.get("/admin/webhooks").text
    assert "Changes are sent as they happen." in page and "whsec_" not in page and "1 report" in page
    receiver.answer = 503
    make_report(kind="need", category="WAT")
    carry()
    page = moderator.get("/admin/webhooks").text
    assert "The receiver answered 503." in page and "Send again now" in page
    for action, said in (("pause", "Paused by the team."), ("resume", "Changes are sent"), ("test", "is asked now")):
        answer = moderator.post(f"/admin/webhooks/{key}/{action}", follow_redirects=True)
        assert answer.status_code == 200 and said in answer.text
    moderator.post(f"/admin/webhooks/{key}/remove")
    assert "None yet" in moderator.get("/admin/webhooks").text


@pytest.mark.parametrize(("form", "said"), [
    ({"url": "http://example.org/"}, "Only https"), ({"url": ""}, "This is needed."),
    ({"url": "https://example.org/", "filter": "kind=wish"}, "kind: "), ({"url": "https://example.org/", "filter": "water"}, "kind=need"),
    ({"url": "https://example.org/", "filter": "from=-24h"}, "from: "), ({"url": "https://example.org/", "filter": "https://[x"}, "kind=need"),
    ({"url": "https://example.org/", "filter": "/feeds/needs.geojson?kind=offer"}, "kind: "),
])  # fmt: skip
def test_the_form_comes_back_with_what_is_wrong(session, moderator, form, said):
    page = moderator.post("/admin/webhooks", data=form)
    assert page.status_code == 422 and said in page.text
    assert f'value="{form["url"]}"' in page.text and form.get("filter", "") in page.text
    assert session.query(Subscription).count() == 0
    session.rollback()


def test_operators_hear_of_what_was_paused(session, client, app, subscribe, carry, receiver):
    subscribe()
    carry()
    receiver.answer = 410
    make_report()
    carry()
    told = app.test_cli_runner().invoke(cli, ["doctor"], obj=ScriptInfo(create_app=lambda: app)).output
    assert "1 webhooks were paused" in told
    assert 'crowdmap_subscriptions{state="paused"} 1' in client.get("/metrics").text


def test_who_sees_the_way_to_the_page(session, app, others):
    assert 'href="/admin/webhooks"' in others["moderator"].get("/").text
    assert 'href="/admin/webhooks"' not in others["volunteer"].get("/").text
