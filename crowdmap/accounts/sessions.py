"""Server-side sessions behind Flask's SessionInterface.

Two cookies, both HttpOnly and SameSite=Lax, ``__Host-`` and Secure when PUBLIC_URL is https:

- *sign-in*: a random key whose SHA-256 names a row of ``session``. The row is read on a connection of its own before
  the view runs, so a POST never holds the database's one writer for it.
- *visit*: a few signed bytes (the form token of a page that asks for one, messages for the next page). Whoever is
  signed in has their form token derived from the sign-in key, so it dies with the session.

``flask.session`` is the visit. Nothing of a person is in it.
"""

import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Flask, Request, Response, current_app, g, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from itsdangerous import BadSignature
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import joinedload

from crowdmap.accounts.models import Account, LoginSession
from crowdmap.accounts.passwords import digest, new_secret
from crowdmap.accounts.roles import Role
from crowdmap.db import db, reading, utcnow, writing_session
from crowdmap.web.access import brings_key
from crowdmap.web.headers import is_open_data

log = logging.getLogger(__name__)

VISIT_S = 24 * 3600
WAIT_S = 5 * 60
ABSOLUTE = timedelta(hours=24)
IDLE = {Role.COORDINATOR: timedelta(minutes=30)}
IDLE_OTHERS = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=5)
TOKEN_NAME = "csrf_token"  # where flask-wtf keeps its token


@dataclass(frozen=True)
class SignIn:
    """The sign-in of this request: the row's id and the key its form token comes from."""

    id: int
    key: str


def cookie_name(app: Flask, what: str) -> str:
    """``__Host-`` makes a browser refuse the cookie from anybody but this very host over https."""
    return f"{'__Host-' if secure(app) else ''}crowdmap_{what}"


def secure(app: Flask) -> bool:
    """Whether people reach this map by https."""
    return app.config["CROWDMAP"].PUBLIC_URL.startswith("https:")


class Visit(SecureCookieSessionInterface):
    """Reads and writes the visit cookie; writes the sign-in cookie when `sign_in` or `sign_out` left one in ``g``."""

    salt = "crowdmap-visit"

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession:
        text = request.cookies.get(cookie_name(app, "visit"))
        try:
            kept = self.get_signing_serializer(app).loads(text, max_age=VISIT_S) if text else {}
        except BadSignature:
            kept = {}
        return self.session_class(kept)

    def save_session(self, app: Flask, session: SecureCookieSession, response: Response) -> None:
        if is_open_data():
            return
        if "sign_in_key" in g:
            self._put(app, response, "sign_in", g.sign_in_key)
        if session.modified:
            kept = {name: value for name, value in session.items() if name != TOKEN_NAME or not g.get("login_session")}
            text = self.get_signing_serializer(app).dumps(kept) if kept else None
            self._put(app, response, "visit", text)

    def _put(self, app: Flask, response: Response, what: str, value: str | None) -> None:
        name = cookie_name(app, what)
        options = {"path": "/", "secure": secure(app), "httponly": True, "samesite": "Lax"}
        if value is None:
            response.delete_cookie(name, **options)
        else:
            response.set_cookie(name, value, **options)


def load_account(request: Request) -> Account | None:
    """For flask-login: who has signed in, or None. Runs once a request, before the view."""
    key = request.cookies.get(cookie_name(current_app, "sign_in"))
    if not key or len(key) > 64 or is_open_data() or brings_key():
        return None
    found = _find(digest(key))
    if found is None:
        return None
    _hold(found.id, key)
    return found.account


def _hold(row_id: int, key: str) -> None:
    g.login_session = SignIn(row_id, key)
    # Past the session's own bookkeeping: a derived token is no change worth a cookie.
    dict.__setitem__(session._get_current_object(), TOKEN_NAME, form_token(key))


def form_token(key: str) -> str:
    """The form token of a sign-in: derived, so it needs no place to be kept and is gone with the key."""
    return hmac.digest(key.encode(), b"form token", "sha256").hex()


# made once: every request of somebody who has signed in asks it
_LIVING = select(LoginSession).where(LoginSession.key_hash == bindparam("key_hash")).options(joinedload(LoginSession.account))


def _find(key_hash: str) -> LoginSession | None:
    """The living session of this hash with its account, both detached."""
    now = utcnow()
    with reading(), db.session.session_factory() as own:
        found = own.scalar(_LIVING, {"key_hash": key_hash})
        if found is None or not is_alive(found, now):
            return None
        own.expunge_all()
    if now - found.seen_at > SEEN_EVERY:
        _touch(found.id)
    return found


def is_alive(row: LoginSession, now: datetime) -> bool:
    """Whether a session still counts: not too old, not idle for too long, its account in use."""
    idle = IDLE.get(row.account.role, IDLE_OTHERS)
    return row.account.is_active and now - row.created_at < ABSOLUTE and now - row.seen_at < idle


def _touch(row_id: int) -> None:
    try:
        with writing_session() as own:
            own.execute(update(LoginSession).where(LoginSession.id == row_id).values(seen_at=utcnow()))
    except OperationalError:  # a full disk or a locked database must not turn readers away
        log.warning("could not note when a session was last used")


def sign_in(account: Account) -> None:
    """Give this browser a new session for *account*; what it brought before is forgotten. The caller commits."""
    end_this()
    now = utcnow()
    db.session.execute(delete(LoginSession).where(LoginSession.created_at < now - ABSOLUTE))
    key = new_secret()
    browser = device(request.user_agent.string)
    row = LoginSession(key_hash=digest(key), account_id=account.id, created_at=now, seen_at=now, device=browser)
    db.session.add(row)
    db.session.flush()
    session.clear()
    g.pop(TOKEN_NAME, None)
    g.sign_in_key = key
    _hold(row.id, key)


def sign_out() -> None:
    """End this browser's session and forget its visit. The caller commits."""
    end_this()
    session.clear()
    g.pop(TOKEN_NAME, None)
    g.sign_in_key = None
    g.login_session = None


def wait_for_code(account: Account) -> None:
    """The password was right; the next page asks for the code. Kept in the signed visit, for five minutes."""
    session.clear()
    g.pop(TOKEN_NAME, None)
    session["waits"] = [account.id, account.password_hash[-12:], int(utcnow().timestamp())]


def who_waits_for_code() -> int | None:
    """The id of the account whose password this browser has just given, if it has not been changed since."""
    account_id, hash_end, since = session.get("waits") or (None, None, 0)
    if account_id is None or utcnow().timestamp() - since > WAIT_S:
        return None
    with reading(), db.session.session_factory() as own:
        account = own.get(Account, account_id)
    same = account is not None and account.is_active and account.password_hash[-12:] == hash_end
    return account_id if same else None


def key_to_confirm(make: Callable[[], str] | None = None) -> str | None:
    """The second factor's key that this browser was shown and has not confirmed yet; *make* makes one if there is
    none."""
    if make and "new_key" not in session:
        session["new_key"] = make()
    return session.get("new_key")


def end_this() -> None:
    """Delete the row of the session that this request came with, if any. The caller commits."""
    held = g.get("login_session")
    if held:
        db.session.execute(delete(LoginSession).where(LoginSession.id == held.id))


def device(user_agent: str) -> str:
    """A browser in words that its owner recognises and nobody else learns from."""
    browsers = (("Edg", "Edge"), ("Firefox", "Firefox"), ("SamsungBrowser", "Samsung Internet"), ("OPR", "Opera"),
                ("Chrome", "Chrome"), ("Safari", "Safari"))  # fmt: skip
    systems = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
               ("Mac OS", "Mac"), ("Linux", "Linux"))  # fmt: skip
    browser = next((name for mark, name in browsers if mark in user_agent), "Browser")
    system = next((name for mark, name in systems if mark in user_agent), "")
    return f"{browser}, {system}" if system else browser
