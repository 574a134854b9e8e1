"""How an answer is labelled: page or JSON, validators, links. Addresses are absolute on PUBLIC_URL."""

import hashlib
from collections.abc import Callable, Iterable
from urllib.parse import urlencode, urlsplit

import orjson
from flask import Response, request

from crowdmap.config import BY_NAME, settings
from crowdmap.errors import DomainError, problem, status_of

API_PREFIXES = ("/api/", "/feeds/", "/map/", "/tiles/", "/ogc/", "/open311/", "/intake/")


def wants_json() -> bool:
    """Whether a program asks: by path, by a JSON body, or because it prefers JSON to a page."""
    if request.path.startswith(API_PREFIXES) or request.is_json:
        return True
    accepted = request.accept_mimetypes
    best = accepted.best_match(["text/html", "application/json", "application/problem+json", "application/geo+json"])
    return best is not None and best != "text/html" and accepted[best] > accepted["text/html"]


def problem_response(error: DomainError) -> Response:
    """The error as problem+json (RFC 9457), with Retry-After where the error names seconds."""
    response = Response(orjson.dumps(problem(error)), status_of(error), mimetype="application/problem+json")
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    if error.challenge:
        response.headers["WWW-Authenticate"] = error.challenge
    return response


def own_path(text: str | None) -> str | None:
    """*text* if it is a path on this site, else None: a browser reads ``//x``, ``/\\x`` and ``/<tab>/x`` as a host."""
    if not text or not text.startswith("/") or text.startswith(("//", "/\\")) or len(text) > 2000:
        return None
    if "\\" in text or any(ord(character) < 0x21 or ord(character) == 0x7F for character in text):
        return None
    parts = urlsplit(text)
    return None if parts.scheme or parts.netloc else text


def absolute(path: str) -> str:
    """The address of one of our own paths as other machines reach it."""
    return settings().PUBLIC_URL + path


def shareable(path: str) -> str:
    """The address to hand to a person. While PUBLIC_URL is left at its default, the name by which this request came:
    on a laptop in the field that is the one others reach it by, and only local names are let through."""
    configured = settings().PUBLIC_URL != BY_NAME["PUBLIC_URL"].default
    return absolute(path) if configured else request.host_url.rstrip("/") + path


def url_with(**changes) -> str:
    """The absolute address of this request with some parameters set, or left out where the value is None."""
    args = [(name, value) for name, value in request.args.items(multi=True) if name not in changes]
    args += [(name, value) for name, value in changes.items() if value is not None]
    return absolute(request.path) + ("?" + urlencode(args) if args else "")


def add_links(response: Response, links: Iterable[dict]) -> Response:
    """Write links ({href, rel, type?, title?}) as a Link header (RFC 8288)."""
    for link in links:
        text = f'<{link["href"]}>; rel="{link["rel"]}"'
        if link.get("type"):
            text += f'; type="{link["type"]}"'
        response.headers.add("Link", text)
    return response


def etag_of(*parts) -> str:
    """A short validator of anything whose text says all that the body depends on."""
    return hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=12).hexdigest()


def conditional(etag: str, build: Callable[[], Response]) -> Response:
    """304 if the caller has the body of this *etag* already, without calling *build*; else what it builds, labelled."""
    if request.if_none_match.contains_weak(etag) or request.if_none_match.star_tag:
        response = Response(status=304)
    else:
        response = build()
    response.set_etag(etag, weak=True)  # a proxy may compress: the same content, not the same bytes
    return response
