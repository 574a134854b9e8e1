"""Reading subscriptions: each for its owner; coordinators see all."""

from sqlalchemy import func, or_, select
from sqlalchemy.orm import joinedload

from crowdmap.accounts.models import Account
from crowdmap.alerts.models import Attempt, Pause, State, Subscription
from crowdmap.db import db
from crowdmap.errors import NotFound
from crowdmap.web import Permission


def subscriptions(account: Account) -> list[Subscription]:
    """Those that the account may see, the newest first."""
    query = select(Subscription).options(joinedload(Subscription.account)).order_by(Subscription.id.desc())
    return list(db.session.scalars(query.where(*_seen_by(account))))


def subscription(public_id: str, account: Account) -> Subscription:
    """Raises NotFound also for another's: nobody learns that it is there."""
    query = select(Subscription).options(joinedload(Subscription.account))
    found = db.session.scalar(query.where(Subscription.public_id == public_id, *_seen_by(account)))
    if found is None:
        raise NotFound()
    return found


def _seen_by(account: Account) -> list:
    return [] if account.can(Permission.ADMINISTER) else [Subscription.account_id == account.id]


def attempts(ids: list[int]) -> dict[int, list[Attempt]]:
    """The kept attempts of these subscriptions, the newest first."""
    found: dict[int, list[Attempt]] = {one: [] for one in ids}
    query = select(Attempt).where(Attempt.subscription_id.in_(ids)).order_by(Attempt.id.desc())
    for attempt in db.session.scalars(query) if ids else ():
        found[attempt.subscription_id].append(attempt)
    return found


def count_of(account_id: int) -> int:
    query = select(func.count()).select_from(Subscription).where(Subscription.account_id == account_id)
    return db.session.scalar(query)


def to_serve() -> list[Subscription]:
    """All that may have something to be sent, now or later; due ones first."""
    wanted = or_(Subscription.challenge_due, Subscription.state == State.ACTIVE)
    query = select(Subscription).where(wanted).options(joinedload(Subscription.account))
    return list(db.session.scalars(query.order_by(Subscription.due_at, Subscription.id)))


def paused_by_us() -> int:
    """How many nobody asked to pause."""
    query = select(func.count()).select_from(Subscription)
    return db.session.scalar(query.where(Subscription.state == State.PAUSED, Subscription.paused_because != Pause.ASKED))

