"""The desk's stream: for staff, and only as long as they are."""

import pytest

from crowdmap.accounts.models import LoginSession
from crowdmap.feeds import stream
from crowdmap.reports.models import Status
from tests.builders import make_account, make_report, sign_in


def lines(answer, most=20):
    """Chunks until something was told, or the stream ended."""
    told = []
    for chunk in answer.response:
        told.append(chunk)
        if b"event:" in chunk or len(told) > most:
            break
    return b"".join(told)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(stream, "CHECK_S", 0.2)


def test_staff_hear_of_what_is_not_public(session, app):
    report = make_report(status="pending")
    client = sign_in(app.test_client(), make_account())
    with client.get("/moderate/stream?status=all&since=0") as answer:
        assert answer.mimetype == "text/event-stream"
        told = lines(answer)
    assert report.public_id.encode() in told and b"pending" in told


def test_others_are_refused(session, app):
    assert app.test_client().get("/moderate/stream", headers={"Accept": "text/event-stream"}).status_code in (303, 401)
    assert sign_in(app.test_client(), make_account("volunteer")).get("/moderate/stream").status_code == 403


def test_the_stream_ends_with_the_sign_in(session, app):
    account = make_account()
    client = sign_in(app.test_client(), account)
    with client.get("/moderate/stream?status=all") as answer:
        session.query(LoginSession).delete()
        session.commit()
        make_report(status=Status.PENDING)
        told = b"".join(answer.response)  # ends, or this test hangs
    assert b"event:" not in told
