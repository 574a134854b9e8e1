"""The ways in which a subscriber can be told. Adding one is a class here (or in a file of its own) and one line in
TRANSPORTS.

A transport has: NAME, and FIELD, the field of a subscription that holds its address; ``check(address)`` → its one
spelling, or ValidationFailed naming the field; ``challenge(subscription)`` → whether the recipient wants this; and
``deliver(subscription, message)``. The last two run in threads of the worker, hold no connection to the database, take
5 seconds at most and raise nothing.
"""

import secrets
import time
from dataclasses import dataclass
from typing import Protocol

import orjson

from crowdmap import __version__
from crowdmap.alerts import addresses, outbound, signing
from crowdmap.alerts.models import Outcome, Subscription
from crowdmap.alerts.outbound import Answer
from crowdmap.config import settings
from crowdmap.db import utcnow
from crowdmap.errors import ValidationFailed
from crowdmap.publishing.project import timestamp


@dataclass(frozen=True)
class Message:
    """A range of changes: all after *since* up to *until*. *more*: others are there already."""

    since: int
    until: int
    more: bool
    features: list[bytes]

    def id_for(self, subscription: Subscription) -> str:
        """The same for each try of the same range, whatever is left in it."""
        return f"msg_{subscription.public_id}_{self.since}_{self.until}"

    def encode(self, subscription: Subscription) -> bytes:
        around = {
            "type": "reports.changed", "timestamp": timestamp(utcnow()),
            "data": {
                "subscription": subscription.public_id, "since": self.since, "seq": self.until, "more": self.more,
                "license": settings().DATA_LICENSE, "features": [orjson.Fragment(one) for one in self.features],
            },
        }  # fmt: skip
        return orjson.dumps(around)


class Transport(Protocol):
    NAME: str
    FIELD: str

    def check(self, address: str) -> str: ...

    def challenge(self, subscription: Subscription) -> Answer: ...

    def deliver(self, subscription: Subscription, message: Message) -> Answer: ...


class Webhook:
    """JSON by https, signed (``signing``); the receiver shows that it wants it by sending a challenge back."""

    NAME, FIELD = "webhook", "url"

    def check(self, address: str) -> str:
        return addresses.parse(address, settings().WEBHOOK_ALLOW).url

    def challenge(self, subscription: Subscription) -> Answer:
        word = secrets.token_urlsafe(24)
        body = orjson.dumps({"type": "subscription.challenge", "timestamp": timestamp(utcnow()), "challenge": word})
        answer = self._post(subscription, f"msg_{subscription.public_id}_{secrets.token_hex(8)}", body, read=True)
        if answer.outcome is Outcome.OK and not _echoes(answer.body, word):
            return Answer(Outcome.NOT_ECHOED, answer.ms, answer.status)
        return answer

    def deliver(self, subscription: Subscription, message: Message) -> Answer:
        return self._post(subscription, message.id_for(subscription), message.encode(subscription))

    def _post(self, subscription, message_id, body, *, read=False) -> Answer:
        try:
            target = addresses.parse(subscription.address, settings().WEBHOOK_ALLOW)
        except ValidationFailed:  # it was let in by WEBHOOK_ALLOW, and is not any more
            return Answer(Outcome.NOT_PUBLIC, 0)
        secret = signing.secret_of(subscription.public_id)
        headers = {
            "Content-Type": "application/json", "Accept": "application/json, text/plain",
            "User-Agent": f"crowdmap/{__version__}", **signing.headers(secret, message_id, int(time.time()), body),
        }  # fmt: skip
        return outbound.post(target, headers, body, read=read)


def _echoes(body: bytes, word: str) -> bool:
    """The challenge as it is, or as JSON: ``{"challenge": "…"}``."""
    if body.strip() == word.encode():
        return True
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return told == word or isinstance(told, dict) and told.get("challenge") == word


TRANSPORTS: dict[str, Transport] = {transport.NAME: transport for transport in (Webhook(),)}
PLANNED = ("email",)  # fields that are asked for, and refused by name until there is a transport for them
