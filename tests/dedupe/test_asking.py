"""/api/v1/duplicates before anything is sent: the same by GET and POST, from public rows, changing nothing."""

import pytest

from crowdmap.events import Event
from crowdmap.reports.models import Submission
from tests.builders import PORT_AU_PRINCE, make_account, make_report, sign_in

URL = "/api/v1/duplicates"
WATER = "No water at the camp behind the stadium, children are ill"
LON, LAT = PORT_AU_PRINCE
ASKED = {"kind": "need", "category": "WAT", "lat": LAT, "lon": LON, "text": WATER}


def test_by_post_it_is_the_same_and_changes_nothing(client, session):
    twin = make_report(description=WATER)
    make_report(description=WATER, status="pending", contact_phone="+509 3712 3456")
    counts = [session.query(model).count() for model in (Event, Submission)]
    session.rollback()
    by_get, by_post = client.get(URL, query_string=ASKED), client.post(URL, json={**ASKED, "place": None})
    assert by_get.get_json() == by_post.get_json()
    assert [one["id"] for one in by_post.get_json()["candidates"]] == [twin.public_id]
    assert "Set-Cookie" not in by_post.headers and "3712" not in by_post.text
    assert [session.query(model).count() for model in (Event, Submission)] == counts
    session.rollback()


def test_the_team_sees_what_waits_only_when_it_says_who_it_is(app, client, session):
    make_report(description=WATER, status="pending")
    staff = sign_in(app.test_client(), make_account("moderator"))
    assert staff.post(URL, json=ASKED).get_json()["candidates"][0]["status"] == "pending"
    for visitor in (client, sign_in(app.test_client(), make_account("volunteer"))):
        assert visitor.post(URL, json=ASKED).get_json() == {"candidates": []}


def test_words_of_a_place_are_asked_with(client, session):
    twin = make_report(description="No water for sixty families", at=None, place="behind the stadium of Delmas")
    asked = {"kind": "need", "category": "WAT", "place": "stadium, behind it, Delmas", "text": "no water, sixty families"}
    for answer in (client.get(URL, query_string=asked), client.post(URL, json=asked)):
        assert [one["id"] for one in answer.get_json()["candidates"]] == [twin.public_id]


@pytest.mark.parametrize("wrong, status, field", [
    ({"place": "x" * 301}, 422, "place"), ({"accuracy_m": -1}, 422, "accuracy_m"), ({"occurred_at": "yesterday"}, 422, "occurred_at"),
    ({"occurred_at": "0001-01-01T00:00:00Z"}, 422, "occurred_at"), ({"occurred_at": "9999-12-31T23:59:59"}, 422, "occurred_at"),
    ({"lon": None}, 422, "lon"), ({"colour": "red"}, 422, "colour"), ({"contact_phone": "3712 3456"}, 422, "contact_phone"),
    ({"kind": None, "category": None}, 400, "kind"), ({"category": "NOPE"}, 400, "category"), ({"text": "x" * 10_001}, 422, "text"),
])  # fmt: skip
def test_what_cannot_be_asked_is_refused_by_name(client, session, wrong, status, field):
    body = {**ASKED, **wrong}
    for answer in (client.post(URL, json=body), client.get(URL, query_string={k: v for k, v in body.items() if v is not None})):
        assert answer.status_code == status and answer.get_json()["errors"][0]["field"] == field


@pytest.mark.parametrize("moment", ["2010-01-13T06:00", "2010-01-13T06:00:00Z", "2010-01-13T06:00:00-05:00"])
def test_when_it_happened_may_be_local_time(client, session, moment):
    for answer in (client.post(URL, json={**ASKED, "occurred_at": moment}), client.get(URL, query_string={**ASKED, "occurred_at": moment})):
        assert answer.status_code == 200


def test_a_query_beside_a_body_is_refused(client, session):
    answer = client.post(URL + "?lat=18.5", json=ASKED)
    assert answer.status_code == 400 and answer.get_json()["errors"][0]["field"] == "lat"


@pytest.mark.settings(RATE_LIMITS="on")
@pytest.mark.databases("sqlite")
def test_both_ways_share_one_limit(client, session):
    codes = [client.post(URL, json=ASKED).status_code for _ in range(60)]
    codes += [client.get(URL, query_string=ASKED).status_code for _ in range(60)]
    full = client.post(URL, json=ASKED)
    assert set(codes) == {200} and full.status_code == 429 and int(full.headers["Retry-After"]) > 0
