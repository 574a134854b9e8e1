"""What can be done with a subscription. The caller commits."""

import base64
import secrets
from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import delete

from crowdmap.accounts.models import Account
from crowdmap.alerts import queries, signing
from crowdmap.alerts.models import Pause, State, Subscription
from crowdmap.alerts.transports import PLANNED, TRANSPORTS
from crowdmap.db import db, utcnow
from crowdmap.errors import FieldError, IllegalState, InvalidParameter, ValidationFailed
from crowdmap.events import SubscriptionChanged, record
from crowdmap.feeds.changes import check_since, refuse_relative
from crowdmap.feeds.heads import head_seq
from crowdmap.feeds.reader import Reader
from crowdmap.filters import ReportFilter

MOST = 20  # of one account


@dataclass(frozen=True)
class Owner:
    """Whose a subscription is, and as whom it reads."""

    account: Account
    reader: Reader


def create(
    owner: Owner, addresses: dict[str, str | None], chosen: ReportFilter, since: int | None = None
) -> tuple[Subscription, str]:
    """A subscription that asks its receiver first, and its secret, which is told only here.

    *addresses*: field → address, of which one is given. *since*: the seq to begin after; None: from now on. Raises
    ValidationFailed, InvalidParameter, CursorExpired, IllegalState.
    """
    transport, address = _transport(addresses)
    refuse_relative(chosen)
    head = head_seq(owner.reader.audience)
    if since is not None:
        check_since(since, owner.reader)
    if queries.count_of(owner.account.id) >= MOST:
        words = _("You have %(n)s subscriptions already. Remove one that is not needed any more.", n=MOST)
        raise IllegalState(words, code="too-many-subscriptions")
    made = Subscription(
        public_id="sub" + base64.b32encode(secrets.token_bytes(13)).decode()[:21].lower(), account_id=owner.account.id,
        transport=transport.NAME, address=address, filter=chosen.to_json(), audience=owner.reader.audience,
        scope=owner.reader.scope.to_json(), seq=head if since is None else since,
    )  # fmt: skip
    db.session.add(made)
    db.session.flush()
    _note(made, "created", owner.account)
    return made, signing.secret_of(made.public_id)


def _transport(given: dict[str, str | None]):
    """The transport that was chosen by giving its field, and the address in its one spelling."""
    chosen = [field for field, address in given.items() if address]
    known = {transport.FIELD: transport for transport in TRANSPORTS.values()}
    for field in chosen:
        if field in PLANNED and field not in known:
            raise ValidationFailed([FieldError(field, "not-offered", _("This way is not offered yet. Give a url instead."))])
    if not chosen:
        raise ValidationFailed([FieldError("url", "missing", _("This is needed."))])
    if len(chosen) > 1:
        raise ValidationFailed([FieldError(chosen[1], "one-address", _("Give one address for each subscription."))])
    transport = known[chosen[0]]
    return transport, transport.check(given[chosen[0]].strip())


def filter_of(given: dict) -> ReportFilter:
    """A filter from JSON: parameter → text, number, or a list of them. Raises InvalidParameter, UnknownParameter."""
    return ReportFilter.parse({name: _as_text(value, name) for name, value in given.items()})


def _as_text(value, name: str) -> str:
    if isinstance(value, list) and all(isinstance(item, (str, int, float)) and not isinstance(item, bool) for item in value):
        return ",".join(str(item) for item in value)
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return str(value)
    raise InvalidParameter(_("This must be text, a number, or a list of them."), field=name[:40])


def ask_again(found: Subscription, by: Account) -> None:
    """Send the challenge (again). An unverified subscription becomes active when it comes back."""
    found.challenge_due = True
    found.due_at = utcnow()
    _note(found, "asked-again", by)


def resume(found: Subscription, by: Account) -> None:
    """Go on from where it stopped, now; one that is being tried is tried at once. Raises IllegalState before the
    receiver has shown that it wants this."""
    if found.state is State.UNVERIFIED:
        words = _("The receiver has not answered the challenge yet. Ask it again first.")
        raise IllegalState(words, code="unverified")
    found.state, found.paused_because = State.ACTIVE, None
    found.failures, found.failing_since, found.due_at = 0, None, utcnow()
    _note(found, "resumed", by)


def pause(found: Subscription, by: Account | None, why: Pause = Pause.ASKED) -> None:
    """Send nothing until somebody resumes. Raises IllegalState for one that has never begun."""
    if found.state is State.UNVERIFIED:
        raise IllegalState(_("Nothing is sent to it yet."), code="unverified")
    found.state, found.paused_because = State.PAUSED, why
    _note(found, "paused", by)


def remove(found: Subscription, by: Account) -> None:
    _note(found, "removed", by)
    db.session.execute(delete(Subscription).where(Subscription.id == found.id))


def _note(found: Subscription, action: str, by: Account | None) -> None:
    """In the log, which also wakes the postman."""
    record(db.session, SubscriptionChanged(subscription_id=found.id, action=action, account_id=by.id if by else None))
