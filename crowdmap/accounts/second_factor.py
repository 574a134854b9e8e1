"""A second factor: six figures from an app on one's phone (RFC 6238). Optional; for those who can do most, advised."""

import hmac
import time
from datetime import timedelta

import pyotp
import segno
from flask_babel import gettext as _
from sqlalchemy import delete, func, select

from crowdmap.accounts.models import Account, LoginAttempt
from crowdmap.accounts.queries import get_account
from crowdmap.accounts.verbs import note_action
from crowdmap.db import db, utcnow, writing_session
from crowdmap.errors import FieldError, ValidationFailed
from crowdmap.web import keyed_hash

STEP_S = 30
MOST_TRIES = 5  # of one account from anywhere: whoever gets here knows the password, so this locks nobody out
WINDOW = timedelta(minutes=15)


def new_key() -> str:
    """160 random bits in base32, as authenticator apps take them."""
    return pyotp.random_base32()


def picture(key: str, email: str, title: str) -> str:
    """The key as a QR code, a data: address of an SVG."""
    uri = pyotp.TOTP(key).provisioning_uri(name=email, issuer_name=title)
    return segno.make(uri, error="m").svg_data_uri(scale=5, border=4, light="#fff")


def matching_step(key: str, code: str, after: int | None, now: float) -> int | None:
    """The time step that *code* belongs to, if it is the present one or a neighbour (clocks differ) and later than
    *after*, so that each code works once; else None."""
    code = "".join(code.split())
    present = int(now // STEP_S)
    generator = pyotp.TOTP(key)
    for step in (present, present - 1, present + 1):
        right = generator.generate_otp(step)
        if hmac.compare_digest(right.encode(), code.encode("utf-8", "replace")) and (after is None or step > after):
            return step
    return None


def switch_on(account_id: int, key: str, code: str) -> Account:
    """From now on the account needs a code to sign in. Raises ValidationFailed unless *code* shows that the phone
    has the key. The caller commits."""
    step = matching_step(key, code, None, time.time())
    if step is None:
        raise ValidationFailed([wrong_code()])
    account = get_account(account_id)
    account.totp_secret, account.totp_step = key, step
    note_action("second-factor-on", account_id, account_id)
    return account


def switch_off(account_id: int) -> Account:
    """The password alone is enough again. The caller commits."""
    account = get_account(account_id)
    account.totp_secret = account.totp_step = None
    note_action("second-factor-off", account_id, account_id)
    return account


def pass_second(account_id: int, code: str) -> Account:
    """Check the code of somebody whose password was right. Raises ValidationFailed. The caller commits.

    The try is written down first, in a transaction of its own, like that of a password.
    """
    account_key = keyed_hash("code", str(account_id))[:32]
    with writing_session() as own:
        mine = (LoginAttempt.account_key == account_key, LoginAttempt.at > utcnow() - WINDOW)
        if own.scalar(select(func.count()).where(*mine)) >= MOST_TRIES:
            raise ValidationFailed([
                FieldError("code", "too-many", _("That was tried too often. Please wait 15 minutes."))
            ])  # fmt: skip
        own.add(LoginAttempt(account_key=account_key, source_key="", at=utcnow()))
    account = db.session.get(Account, account_id, with_for_update=True)
    usable = account is not None and account.is_active and account.totp_secret
    step = matching_step(account.totp_secret, code, account.totp_step, time.time()) if usable else None
    if step is None:
        raise ValidationFailed([wrong_code()])
    account.totp_step = step
    db.session.execute(delete(LoginAttempt).where(LoginAttempt.account_key == account_key))
    return account


def wrong_code() -> FieldError:
    """What a wrong code is told."""
    return FieldError("code", "wrong-code", _("This code does not fit. Wait for the next one and type it anew."))
