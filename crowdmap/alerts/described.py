"""The subscriptions' part of /openapi.json, in the terms that ``crowdmap.openapi`` hands in."""

from crowdmap.alerts.models import Outcome, Pause, State
from crowdmap.alerts.views import NewSubscription

JSON, PATH = "application/json", "/api/v1/subscriptions"
ONE = PATH + "/{subscription_id}"
WHO = (401, 403)


def operations(Operation, ref) -> tuple:
    def told(words: str) -> tuple:
        return (words, JSON, ref("Subscription"))

    def change(verb: str, summary: str, status: int, words: str, errors: tuple):
        return Operation(
            "post", f"{ONE}/{verb}", summary, "subscriptions", {status: told(words)}, signed_in=True, errors=errors
        )  # fmt: skip

    return (
        Operation(
            "get", PATH, "Your subscriptions, and how they go", "subscriptions",
            {200: ("coordinators: everybody's", JSON, ref("Subscriptions"))}, signed_in=True, errors=WHO,
        ),
        Operation(
            "post", PATH, "Have changes sent to a machine (webhook)", "subscriptions",
            {201: ("made; its receiver is asked next. The secret is told only here", JSON, ref("SubscriptionMade"))},
            body=NewSubscription, signed_in=True, errors=(400, *WHO, 409, 410, 413, 415, 422, 429),
        ),
        Operation(
            "get", ONE, "One subscription", "subscriptions", {200: told("how it goes")}, signed_in=True, errors=(*WHO, 404),
        ),
        Operation(
            "delete", ONE, "Remove a subscription", "subscriptions", {204: ("removed", None, None)}, signed_in=True,
            errors=(*WHO, 404),
        ),
        change("test", "Send the challenge again", 202, "the receiver is asked next", (*WHO, 404, 429)),
        change("resume", "Go on from where it stopped, at once", 200, "its state", (*WHO, 404, 409, 429)),
        change("pause", "Send nothing until it is resumed", 200, "its state", (*WHO, 404, 409)),
    )  # fmt: skip


def schemas(obj, nullable, ref) -> dict:
    text, whole = {"type": "string"}, {"type": "integer"}
    moment = {"type": "string", "format": "date-time"}
    attempt = {
        "at": moment, "what": {**text, "enum": ["challenge", "changes"]}, "reports": whole,
        "outcome": {**text, "enum": list(Outcome)}, "status": nullable(whole), "ms": whole, "message": text,
    }  # fmt: skip
    subscription = {
        "id": text, "url": {**text, "format": "uri"}, "filter": {"type": "object", "additionalProperties": text},
        "sentence": text, "audience": text, "state": {**text, "enum": list(State)},
        "paused_because": nullable({**text, "enum": list(Pause)}), "message": text, "seq": whole, "failures": whole,
        "failing_since": nullable(moment), "next_attempt_at": nullable(moment), "created_at": moment,
        "delivered_at": nullable(moment), "attempts": {"type": "array", "items": obj(attempt)},
    }  # fmt: skip
    return {
        "Subscription": obj(subscription),
        "SubscriptionMade": obj({**subscription, "secret": text}),
        "Subscriptions": obj({"subscriptions": {"type": "array", "items": ref("Subscription")}}),
    }
