"""A receiver of webhooks, whom this map may reach, and somebody who subscribes."""

from concurrent.futures import wait
from datetime import timedelta

import pytest

from crowdmap.alerts import delivery
from tests.alerts.receiver import Receiver
from tests.builders import make_account, sign_in


@pytest.fixture
def receivers():
    """Two of them."""
    both = [Receiver(), Receiver()]
    yield both
    for one in both:
        one.stop()


@pytest.fixture
def receiver(receivers) -> Receiver:
    return receivers[0]


@pytest.fixture
def app_settings(app_settings, receivers) -> dict:
    return {**app_settings, "WEBHOOK_ALLOW": ",".join(f"127.0.0.1:{one.port}" for one in receivers)}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(delivery, "PAUSE", timedelta(0))


@pytest.fixture
def moderator(session, app):
    return sign_in(app.test_client(), make_account("moderator"))


@pytest.fixture
def subscribe(moderator, receiver):
    """Make a subscription by the API; → its answer, with the secret."""

    def make(client=None, **body):
        answer = (client or moderator).post("/api/v1/subscriptions", json={"url": receiver.url, **body})
        assert answer.status_code == 201, answer.text
        return answer.get_json()

    return make


@pytest.fixture
def carry(app, session):
    """Send all that is due now; → how many requests that took."""

    def go(most: int = 50) -> int:
        session.rollback()
        postman, sent = delivery.Postman(app), 0
        try:
            for _ in range(most):
                under_way, _later = postman.round()
                wait(under_way)
                if not under_way:
                    return sent
                sent += len(under_way)
            return sent
        finally:
            postman.close()

    return go


@pytest.fixture
def state(moderator):
    """How a subscription stands."""
    return lambda made: moderator.get(f"/api/v1/subscriptions/{made['id']}").get_json()
