"""The key that a request brings: looked up, held to its limit, noted as used.

One indexed look-up, kept in the process for two seconds, so that a revocation is felt everywhere within five.
"""

import hmac
import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from flask import Flask, current_app, g, request
from flask_babel import gettext as _
from sqlalchemy import or_, select, update
from sqlalchemy.exc import OperationalError

from crowdmap.accounts.passwords import digest
from crowdmap.db import db, reading, utcnow, writing_session
from crowdmap.errors import InvalidParameter, KeyRefused
from crowdmap.filters import Scope
from crowdmap.organisations.models import ApiKey, Organisation
from crowdmap.organisations.queries import organisation_of
from crowdmap.organisations.scopes import KeyScope
from crowdmap.organisations.verbs import KEY, what_is_wrong
from crowdmap.publishing.models import Audience
from crowdmap.web import Permission, hold_to
from crowdmap.web.answers import API_PREFIXES

log = logging.getLogger(__name__)

KEPT_S = 2.0
NOTED_EVERY_S = 60
MOST_KEPT = 1000
# names under which programs like to put a key into an address, where proxies and histories keep it
NAMES_IN_ADDRESSES = frozenset({"key", "api_key", "apikey", "api-key", "access_token", "x-api-key"})


@dataclass(frozen=True)
class Key:
    """A good key, as the rest of the house knows it. *since*: the seq at which its scope last changed."""

    id: int
    public_id: str
    organisation: str
    slug: str
    audience: Audience
    scope: Scope
    since: int
    contact: bool
    per_minute: int

    @classmethod
    def of(cls, key: ApiKey, organisation: Organisation) -> "Key":
        scope = KeyScope.from_json(key.scope)
        return cls(
            id=key.id, public_id=key.public_id, organisation=organisation.name, slug=organisation.slug,
            audience=scope.precision, scope=scope.limits(), since=key.scope_seq, contact=scope.contact,
            per_minute=key.per_minute,
        )  # fmt: skip

    def can(self, permission: Permission) -> bool:
        """What a key may do beside reading: ask for contacts, where that was granted."""
        return permission is Permission.SEE_CONTACT and self.contact

    def still_good(self) -> bool:
        """Whether it opens what it opened, for streams that stay open. Needs an application context."""
        now = good_key(self.id)
        return now is not None and now.since == self.since


def good_key(key_id: int) -> Key | None:
    """The key of a row as it is now, for what goes on without its request; None if it opens nothing any more."""
    row = db.session.execute(_with_organisation().where(ApiKey.id == key_id)).one_or_none()
    return Key.of(*row) if row is not None and what_is_wrong(*row, utcnow()) is None else None


def current_key() -> Key | None:
    """Of this request."""
    return g.get("key")


def key_of_request() -> Key:
    """Raises KeyRefused (401) for a key that opens nothing, TooMany (429) beyond its limit."""
    text = _shown()
    key = _keys().get(text)
    hold_to(key.per_minute, "key", key.public_id)
    _keys().note_use(key)
    return key


def _shown() -> str:
    """The key in ``Authorization: Bearer`` or ``X-API-Key``."""
    scheme, _space, rest = request.headers.get("Authorization", "").partition(" ")
    shown = {rest.strip()} if scheme.lower() == "bearer" else set()
    if "X-API-Key" in request.headers:
        shown.add(request.headers["X-API-Key"].strip())
    if len(shown) > 1:
        raise KeyRefused(_("Two different keys were sent. Send one."), field="Authorization")
    return shown.pop()


def refuse_in_address() -> None:
    """Before each request for data: a key in an address stands in logs and histories. Raises InvalidParameter."""
    for name, value in request.args.items(multi=True):
        named = name.lower() in NAMES_IN_ADDRESSES and request.path.startswith(API_PREFIXES)
        if named or KEY.match(value) or KEY.match(name):
            words = _(
                "A key does not belong in an address, where logs and histories keep it. Send it in the header "
                "Authorization: Bearer KEY. If this one was real, have it revoked."
            )
            raise InvalidParameter(words, field="parameter" if KEY.match(name) else name, code="key-in-address")


def _with_organisation():
    return select(ApiKey, Organisation).join(Organisation, Organisation.id == ApiKey.organisation_id)


class Keys:
    """Good keys of late, by the hash of what was shown; the least recently used go first."""

    def __init__(self):
        self._kept: OrderedDict[str, tuple[float, Key]] = OrderedDict()
        self._noted: dict[int, float] = {}
        self._lock = threading.Lock()

    def get(self, text: str) -> Key:
        """Raises KeyRefused."""
        shown = digest(text)
        with self._lock:
            since, key = self._kept.get(shown, (0.0, None))
        if key is not None and time.monotonic() - since < KEPT_S:
            return key
        started = time.monotonic()
        key = self._look(text, shown)
        with self._lock:
            self._kept[shown] = (started, key)
            self._kept.move_to_end(shown)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return key

    def _look(self, text: str, shown: str) -> Key:
        match = KEY.match(text)
        if match is None:
            raise KeyRefused(_("This is no key of this map."), field="Authorization")
        with reading(), db.session.session_factory() as own:
            row = own.execute(_with_organisation().where(ApiKey.public_id == match[1])).one_or_none()
            if row is None or not hmac.compare_digest(row.ApiKey.secret_hash, shown):
                raise KeyRefused(_("This is no key of this map."), field="Authorization")
            key, organisation = row
            if words := what_is_wrong(key, organisation, utcnow()):
                raise KeyRefused(words, field="Authorization")
            return Key.of(key, organisation)

    def note_use(self, key: Key) -> None:
        """At most once a minute, in a short transaction of its own before the request's begins."""
        now = time.monotonic()
        with self._lock:
            if now - self._noted.get(key.id, -NOTED_EVERY_S) < NOTED_EVERY_S:
                return
            self._noted[key.id] = now
        moment = utcnow()
        try:
            with writing_session() as own:
                unused = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < moment)
                own.execute(update(ApiKey).where(ApiKey.id == key.id, unused).values(last_used_at=moment))
        except OperationalError:  # a full disk or a locked database must not turn readers away
            log.warning("could not note when a key was last used")


def _keys() -> Keys:
    """The application's own: two applications in one process (tests) never share them."""
    return current_app.extensions.setdefault("crowdmap_keys", Keys())


def init_app(app: Flask) -> None:
    app.extensions["crowdmap_key_of_request"] = key_of_request
    app.extensions["crowdmap_organisation_of"] = organisation_of  # asked by the intake, which stands left of us
    app.before_request(refuse_in_address)
