"""Who may call a route. A route that says nothing is refused: nobody forgets by leaving something out."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from flask import Flask, current_app, g, redirect, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from crowdmap.errors import NotAllowed, SignInNeeded
from crowdmap.web.answers import API_PREFIXES, own_path, wants_json


class Permission(StrEnum):
    """What somebody may do; roles are sets of these (``crowdmap.accounts.roles``)."""

    OWN_ACCOUNT = "own_account"  # sign out, change one's password
    WORK = "work"  # volunteers' tasks
    VOUCH = "vouch"  # say of a public report that one knows it is so
    READ_STAFF = "read_staff"  # the staff's view of every report: exact place, never contact
    MODERATE = "moderate"
    SEE_CONTACT = "see_contact"
    SUBSCRIBE = "subscribe"  # have changes sent to a machine of one's own choice
    ADMINISTER = "administer"


@dataclass(frozen=True)
class Access:
    """What a route declares. *permission* None means everybody; *by_key*: a key that has the permission may, too."""

    permission: Permission | None = None
    open_data: bool = False
    form_token: bool = False
    by_key: bool = False

    def __str__(self) -> str:
        named = str(self.permission) if self.permission else "open data" if self.open_data else "public"
        return named + (" or key" if self.by_key else "")


class Anonymous:
    """Whoever has not signed in."""

    id = None
    email = name = ""
    role = None
    is_authenticated = is_active = False
    is_anonymous = True

    def can(self, permission: Permission | str) -> bool:
        return False

    def get_id(self) -> None:
        return None

    def __bool__(self) -> bool:
        return False


def actor():
    """The account that calls, or an `Anonymous` (false in a condition). Both have email, name, role, can()."""
    return current_user._get_current_object()


def brings_key() -> bool:
    """Whether a program shows an API key, good or not. Then the key alone counts, and no cookie does."""
    if not request.path.startswith(API_PREFIXES):
        return False
    scheme = request.headers.get("Authorization", "").split(" ", 1)[0]
    return "X-API-Key" in request.headers or scheme.lower() == "bearer"


def permits(permission: Permission, *, by_key: bool = False) -> Callable:
    """Declare that a view is for accounts with *permission* only; *by_key*: and for keys that were granted it."""
    return _declare(Access(permission=Permission(permission), by_key=by_key))


def public(view: Callable | None = None, *, form_token: bool = False) -> Callable:
    """Declare that everybody may call a view.

    form_token: unsafe requests must bring the form's CSRF token even from somebody who has not signed in
    (sign-in, join, a page behind a secret link); `csrf_field` then writes one into the form.
    """
    declare = _declare(Access(form_token=form_token))
    return declare(view) if view else declare


def open_data(view: Callable) -> Callable:
    """Declare a feed, tile or other open document: everybody, from any site, and no cookie is read or set."""
    return _declare(Access(open_data=True))(view)


def _declare(access: Access) -> Callable:
    def mark(view: Callable) -> Callable:
        view.access = access
        return view

    return mark


STATIC = Access()


def access_of(app: Flask, endpoint: str | None) -> Access | None:
    """What the endpoint declares; None if it declares nothing. Only the static folder is public by nature."""
    if endpoint == "static":
        return STATIC
    return getattr(app.view_functions.get(endpoint or ""), "access", None)


def check_access():
    """Before each request: refuse who may not. Where no route matches, the 404 or 405 follows by itself."""
    if request.url_rule is None:
        return None
    access = access_of(current_app, request.endpoint)
    if access is None:
        raise NotAllowed(code="undeclared")
    if access.permission is None or actor().can(access.permission):
        return None
    if key := g.get("key"):
        if access.by_key and key.can(access.permission):
            return None
        raise NotAllowed(_("This key may not do this."))
    if actor().is_authenticated:
        raise NotAllowed()
    if wants_json() or "accounts.login" not in current_app.view_functions:
        raise SignInNeeded()
    wanted = own_path(request.full_path.rstrip("?")) if request.method in ("GET", "HEAD") else None
    return redirect(url_for("accounts.login", next=wanted), 303)
