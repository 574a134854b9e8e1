"""/api/v1/subscriptions: have changes sent to a machine, instead of asking for them."""

from typing import Annotated, Any

from flask import Blueprint, Response, jsonify
from pydantic import BaseModel, ConfigDict, Field

from crowdmap.alerts import queries, verbs
from crowdmap.alerts.models import Subscription
from crowdmap.alerts.verbs import Owner
from crowdmap.alerts.words import as_json
from crowdmap.db import db
from crowdmap.feeds.reader import reader
from crowdmap.web import Permission, actor, limited, permits, read_json

blueprint = Blueprint("subscriptions", __name__, url_prefix="/api/v1/subscriptions")


class NewSubscription(BaseModel):
    """Who is to be told of what. One of the addresses is given."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str | None, Field(max_length=2000, description="https address of the receiver")] = None
    email: Annotated[str | None, Field(max_length=254, description="not offered yet")] = None
    filter: Annotated[
        dict[str, Any], Field(max_length=20, description="parameter of a feed → text, number or list; no relative times")
    ] = {}  # fmt: skip
    since: Annotated[
        int | None,
        Field(ge=0, le=2**62, description="begin after this seq; 0: with all there is; absent: with what comes now"),
    ] = None


def owner() -> Owner:
    """Whoever asks: the one place that knows how a subscription gets its owner and what it may read."""
    return Owner(actor(), reader())


@blueprint.get("")
@permits(Permission.SUBSCRIBE)
def listing():
    found = queries.subscriptions(owner().account)
    kept = queries.attempts([one.id for one in found])
    return jsonify(subscriptions=[as_json(one, kept[one.id]) for one in found])


@blueprint.post("")
@permits(Permission.SUBSCRIBE)
@limited("subscriptions")
def create():
    asked = read_json(NewSubscription)
    addresses = {"url": asked.url, "email": asked.email}
    made, secret = verbs.create(owner(), addresses, verbs.filter_of(asked.filter), asked.since)
    answer = {**as_json(made, []), "secret": secret}
    db.session.commit()
    return jsonify(answer), 201


@blueprint.get("/<subscription_id>")
@permits(Permission.SUBSCRIBE)
def one(subscription_id: str):
    return jsonify(_told(queries.subscription(subscription_id, owner().account)))


@blueprint.delete("/<subscription_id>")
@permits(Permission.SUBSCRIBE)
def remove(subscription_id: str):
    account = owner().account
    verbs.remove(queries.subscription(subscription_id, account), account)
    db.session.commit()
    return Response(status=204)


@blueprint.post("/<subscription_id>/test")
@permits(Permission.SUBSCRIBE)
@limited("subscriptions")
def test(subscription_id: str):
    return _change(verbs.ask_again, subscription_id, 202)


@blueprint.post("/<subscription_id>/resume")
@permits(Permission.SUBSCRIBE)
@limited("subscriptions")
def resume(subscription_id: str):
    return _change(verbs.resume, subscription_id)


@blueprint.post("/<subscription_id>/pause")
@permits(Permission.SUBSCRIBE)
def pause(subscription_id: str):
    return _change(verbs.pause, subscription_id)


def _change(verb, subscription_id: str, status: int = 200):
    account = owner().account
    found = queries.subscription(subscription_id, account)
    verb(found, account)
    answer = _told(found)
    db.session.commit()
    return jsonify(answer), status


def _told(found: Subscription) -> dict:
    return as_json(found, queries.attempts([found.id])[found.id])
