"""How a subscription stands, for people and for programs."""

from flask_babel import gettext as _

from crowdmap.alerts.models import Attempt, Outcome, Pause, State, Subscription
from crowdmap.alerts.transports import TRANSPORTS
from crowdmap.publishing.project import timestamp


def outcome_words(attempt: Attempt) -> str:
    """One attempt in one sentence."""
    words = {
        Outcome.OK: _("Taken."),
        Outcome.STATUS: _("The receiver answered %(status)s.", status=attempt.status),
        Outcome.GONE: _("The receiver answered 410: it wants nothing more."),
        Outcome.REDIRECT: _("The receiver answered %(status)s; redirects are not followed.", status=attempt.status),
        Outcome.NOT_ECHOED: _("The receiver answered, but did not send the challenge back."),
        Outcome.NO_ADDRESS: _("The name of the receiver leads nowhere."),
        Outcome.NOT_PUBLIC: _("The receiver is not on the public internet, and nothing was sent."),
        Outcome.UNREACHABLE: _("No connection to the receiver."),
        Outcome.CERTIFICATE: _("The receiver's certificate is not in order."),
        Outcome.TIMEOUT: _("The receiver took longer than 5 seconds."),
        Outcome.NO_HTTP: _("The receiver's answer could not be read."),
    }
    return words[attempt.outcome]


def state_words(found: Subscription) -> str:
    """Whether and why something is sent or not, in one sentence."""
    if found.state is State.PAUSED:
        return {
            Pause.ASKED: _("Paused by the team."),
            Pause.GONE: _("Paused: the receiver wants nothing more (410)."),
            Pause.FAILING: _("Paused: nothing arrived for 24 hours."),
            Pause.NOT_ALLOWED: _("Paused: the account it belongs to may not have one any more."),
        }[found.paused_because]
    if found.state is State.UNVERIFIED:
        asked = _("The receiver is being asked.")
        return asked if found.challenge_due else _("The receiver has not shown that it wants this. Nothing is sent.")
    if found.failures:
        return _("The last message was not taken. It is sent again by itself.")
    return _("Changes are sent as they happen.")


def as_json(found: Subscription, attempts: list[Attempt]) -> dict:
    """What the API answers; times are RFC 3339 in UTC."""
    failing = found.failures > 0 and found.state is State.ACTIVE
    return {
        "id": found.public_id, TRANSPORTS[found.transport].FIELD: found.address, "filter": found.filter,
        "sentence": found.chosen.sentence(), "audience": found.audience.value, "state": found.state.value,
        "paused_because": found.paused_because.value if found.paused_because else None, "message": state_words(found),
        "seq": found.seq, "failures": found.failures, "failing_since": timestamp(found.failing_since),
        "next_attempt_at": timestamp(found.due_at) if failing else None, "created_at": timestamp(found.created_at),
        "delivered_at": timestamp(found.delivered_at), "attempts": [_attempt_as_json(attempt) for attempt in attempts],
    }  # fmt: skip


def _attempt_as_json(attempt: Attempt) -> dict:
    return {
        "at": timestamp(attempt.at), "what": "challenge" if attempt.challenge else "changes", "reports": attempt.reports,
        "outcome": attempt.outcome.value, "status": attempt.status, "ms": attempt.ms, "message": outcome_words(attempt),
    }  # fmt: skip
