"""Requests that another site makes a browser send: refused by where they come from, and by a token.

Every unsafe request must come from our own origin, as far as the browser says; a request that brings a sign-in, or
that a route asks it of, must also bring the token bound to that visitor (``csrf_token`` in a form, ``X-CSRFToken``
from a script). Programs without a browser and without a sign-in send neither and are not asked.
"""

from urllib.parse import urlsplit

from flask import Flask, current_app, g, request
from flask_babel import gettext as _
from flask_wtf.csrf import generate_csrf, validate_csrf
from markupsafe import Markup, escape
from wtforms import ValidationError

from crowdmap.config import settings
from crowdmap.errors import CrossSite
from crowdmap.web.access import access_of
from crowdmap.web.headers import is_secret_path

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
HIDDEN_ORIGIN = "null"  # what a browser sends from a page whose Referrer-Policy is no-referrer


def check_forgery() -> None:
    """Before each unsafe request. Raises CrossSite."""
    if request.method in SAFE_METHODS or request.url_rule is None:
        return
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site")
    if site not in (None, "same-origin", "none") or origin not in (None, HIDDEN_ORIGIN) and not _own_origin(origin):
        raise CrossSite(_("This request came from another site, so nothing was done."), code="cross-site")
    hidden = origin == HIDDEN_ORIGIN and site is None
    if hidden or needs_token():
        if request.mimetype == "application/x-www-form-urlencoded":
            request.get_data()  # kept as it came: check_form looks at it after the form was read here
        try:
            validate_csrf(request.headers.get("X-CSRFToken") or request.form.get("csrf_token"))
        except ValidationError as error:
            raise CrossSite(
                _("This page was open for too long, or cookies are off. Go back, reload the page and send it again."),
                code="csrf",
            ) from error


def needs_token() -> bool:
    """Whether this route and visitor need a token on unsafe requests."""
    access = access_of(current_app, request.endpoint)
    return bool(g.get("login_session") or (access and access.form_token))


def _own_origin(origin: str) -> bool:
    """By host and port alone: behind a proxy that ends TLS the scheme may look different from inside."""
    host = origin.partition("://")[2].lower()  # an origin has no path (RFC 6454 §6.2); urlsplit raises at "http://[x"
    return host in (request.host.lower(), urlsplit(settings().PUBLIC_URL).netloc.lower())


def csrf_token() -> str:
    """The visitor's token where it may be asked for, else "": a public form sets no cookie.

    A page behind a secret link gives no referrer, hence no origin: there the token is what shows where it came from.
    """
    return generate_csrf() if needs_token() or is_secret_path(request.path) else ""


def csrf_field() -> Markup:
    """The hidden input for a form; nothing where no token is needed."""
    token = csrf_token()
    return Markup(f'<input type="hidden" name="csrf_token" value="{escape(token)}">') if token else Markup("")


def init_app(app: Flask) -> None:
    """Settings of flask-wtf's token and the two names templates use."""
    app.config["WTF_CSRF_TIME_LIMIT"] = None  # it lives as long as the session it is bound to
    app.jinja_env.globals.update(csrf_token=csrf_token, csrf_field=csrf_field)
