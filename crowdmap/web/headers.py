"""What every answer carries, errors and static files included (SAFETY: no third party runs, frames or reads us)."""

from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request

from crowdmap.config import settings
from crowdmap.web.access import access_of, brings_key
from crowdmap.web.answers import API_PREFIXES

# Pages behind a link that is itself the secret: never kept, never told to another site.
SECRET_PATHS = ("/track", "/join", "/reset", "/api/v1/track")
YEAR = 31_536_000


def tile_source(tile_url: str) -> str:
    """The CSP source for raster tiles: scheme and host of TILE_URL, ``{s}`` as a wildcard; empty for own tiles."""
    parts = urlsplit(tile_url.replace("{s}", "*"))
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") and parts.netloc else ""


def content_security_policy(tile_url: str = "") -> str:
    """The policy: own scripts and styles only, nothing inline, no frames, no plug-ins."""
    images = " ".join(filter(None, ("'self'", "data:", "blob:", tile_source(tile_url))))
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src {images}; font-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )


def is_secret_path(path: str) -> bool:
    """Whether the path is one of SECRET_PATHS or lies below one."""
    return any(path == secret or path.startswith(secret + "/") for secret in SECRET_PATHS)


def is_open_data() -> bool:
    """Whether the route asked for serves open data (no cookie read or set, any site may read it)."""
    access = access_of(current_app, request.endpoint)
    return bool(access and access.open_data)


def is_private() -> bool:
    """Whether the answer is for one person only."""
    access = access_of(current_app, request.endpoint)
    return bool(
        is_secret_path(request.path)
        or brings_key()
        or g.get("login_session")
        or (access and (access.permission or access.form_token))
    )


def add_headers(response: Response) -> Response:
    """After each request."""
    headers = response.headers
    headers["Content-Security-Policy"] = current_app.extensions["crowdmap_csp"]
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"  # for browsers that do not know frame-ancestors
    headers["Referrer-Policy"] = "no-referrer" if is_secret_path(request.path) else "strict-origin"
    headers["Permissions-Policy"] = "geolocation=(self), camera=(), microphone=(), payment=(), usb=()"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if request.is_secure or settings().PUBLIC_URL.startswith("https:"):
        headers["Strict-Transport-Security"] = f"max-age={YEAR}"
    if is_open_data() and not brings_key():
        _open_to_all_sites(response)
    elif request.endpoint != "static":
        headers["Cache-Control"] = "no-store" if is_private() else headers.get("Cache-Control", "no-cache")
        response.vary.update([] if is_open_data() else ["Cookie", "Accept"])
    if request.path.startswith(API_PREFIXES):  # a cache between must not give one reader what another's key opens
        response.vary.update(["Authorization", "X-API-Key"])
    return response


def _open_to_all_sites(response: Response) -> None:
    headers = response.headers
    headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    headers["Access-Control-Allow-Origin"] = "*"
    headers["Access-Control-Expose-Headers"] = "ETag, Link, Retry-After"
    if response.status_code >= 400:  # a proxy may keep 404 and 410 by itself (RFC 9110 §15.1), and soon they are not true
        headers["Cache-Control"] = "no-store"
    if request.method == "OPTIONS":  # a script that sends If-None-Match itself is asked first
        headers["Access-Control-Allow-Methods"] = "GET, HEAD"
        headers["Access-Control-Allow-Headers"] = "If-None-Match, Last-Event-ID"
        headers["Access-Control-Max-Age"] = "86400"


def init_app(app: Flask) -> None:
    """Register; the policy is made once, since the settings do not change while the process lives."""
    app.extensions["crowdmap_csp"] = content_security_policy(app.config["CROWDMAP"].TILE_URL)
    app.after_request(add_headers)
