"""Signing in: the same words and the same time whether the address is known or not, and a brake on guessing."""

import logging
import time
from dataclasses import dataclass
from datetime import timedelta

from flask_babel import gettext as _
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from crowdmap.accounts.models import Account, LoginAttempt
from crowdmap.accounts.passwords import hash_password, normal_email, outdated, verify, weakness
from crowdmap.accounts.verbs import change_password
from crowdmap.db import db, reading, utcnow, writing_session
from crowdmap.errors import FieldError, ValidationFailed
from crowdmap.web import keyed_hash

log = logging.getLogger(__name__)

WINDOW = timedelta(minutes=15)
MOST_PER_SOURCE = 5
SLOW_AFTER = 10  # per account from anywhere: slower, never locked, or a stranger could keep a moderator out
DELAY_S = 1.5
KEEP = timedelta(hours=24)


@dataclass(frozen=True)
class Outcome:
    """Whom the address and password belong to, or what to tell; *wait_s* when it was tried too often."""

    account: Account | None = None
    message: str = ""
    wait_s: int = 0


def sign_in_with_password(email: str, password: str, source: str) -> Outcome:
    """Check an address and password. *source* is `client_source()`; the caller commits and opens the session.

    The try is written down, in a transaction of its own, before the password is looked at: many at once count too,
    and the mark stays when the answer is no.
    """
    account_key = keyed_hash("login", normal_email(email))[:32]
    with writing_session() as own:
        from_source, from_anywhere = _tries(own, account_key, source)
        if from_source >= MOST_PER_SOURCE:
            log.warning("sign-in refused after %s tries from one source", from_source)
            return Outcome(
                message=_("That was tried too often. Please wait 15 minutes."), wait_s=int(WINDOW.total_seconds())
            )
        attempt = LoginAttempt(account_key=account_key, source_key=source, at=utcnow())
        own.add(attempt)
        own.execute(delete(LoginAttempt).where(LoginAttempt.at < utcnow() - KEEP))
    if from_anywhere >= SLOW_AFTER:
        time.sleep(DELAY_S)
    with reading(), db.session.session_factory() as own:
        found = own.scalar(select(Account).where(Account.email == normal_email(email)))
    right = verify(found.password_hash if found else None, password)
    if not right or not found.is_active:
        log.warning("sign-in failed")
        return Outcome(message=_wrong())
    fresh_hash = hash_password(password) if outdated(found.password_hash) else None
    account = db.session.get(Account, found.id, populate_existing=True)
    if not account.is_active or account.password_hash != found.password_hash:
        return Outcome(message=_wrong())  # disabled or changed while we were hashing
    db.session.execute(
        delete(LoginAttempt).where(LoginAttempt.account_key == account_key, LoginAttempt.source_key == source)
    )
    account.password_hash = fresh_hash or account.password_hash
    return Outcome(account)


def _wrong() -> str:
    return _("The address and the password do not belong together.")


def change_own_password(account: Account, current: str, new: str, source: str) -> Account:
    """Change the password of whoever is signed in; their sessions end, this one too. Raises ValidationFailed.

    Both hashes are made before the transaction; wrong guesses of the current password count as failed sign-ins.
    """
    weak = weakness(new, email=account.email, name=account.name)
    if weak:
        raise ValidationFailed([weak])
    new_hash = hash_password(new)
    confirm_password(account, current, source)
    return change_password(account.id, new_hash)


def confirm_password(account: Account, current: str, source: str) -> Account:
    """Check the password of whoever is signed in; a wrong one counts as a failed sign-in. Raises ValidationFailed."""
    outcome = sign_in_with_password(account.email, current, source)
    if outcome.account is None:
        message = outcome.message if outcome.wait_s else _("This is not your present password.")
        raise ValidationFailed([FieldError("current", "wrong", message)])
    return outcome.account


def _tries(own: Session, account_key: str, source: str) -> tuple[int, int]:
    recent = select(func.count()).where(LoginAttempt.account_key == account_key, LoginAttempt.at > utcnow() - WINDOW)
    return own.scalar(recent.where(LoginAttempt.source_key == source)), own.scalar(recent)
