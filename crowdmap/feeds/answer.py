"""The one way in which feeds, tiles, cells and OGC API answer what many ask alike: validated by the seq it was built at,
from the kept bodies, compressed as the caller understands it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from flask import Response, current_app, request

from crowdmap import __version__
from crowdmap.config import settings
from crowdmap.db import db, utcnow
from crowdmap.feeds import encodings
from crowdmap.feeds.cache import Body, bodies
from crowdmap.feeds.heads import head_now
from crowdmap.feeds.reader import Reader
from crowdmap.reports.models import Kind
from crowdmap.web import add_links, conditional, etag_of

KEPT = "crowdmap.kept"  # where in the WSGI environment the front looks


@dataclass(frozen=True)
class Kept:
    """What is needed to give the same answer again: *kinds* whose seq it depends on, *minute* where time is part of it."""

    body: Body
    etag: str
    kinds: tuple[Kind, ...]
    minute: int


def kept(
    key: tuple, who: Reader, kinds: tuple[Kind, ...], media_type: str, build: Callable[[], tuple], *,
    relative: bool = False, again: bool = True,
) -> Response:  # fmt: skip
    """What *build* gives as (its seq, its bytes[, its headers]): single-flight, and as young as `feeds.cache` says.

    *key*: all that the bytes depend on but the audience (its scope is in the filter's canonical text), *kinds* those
    whose changes matter (none: all), *relative* whether it means something else as time goes by, *again* whether the front may
    give it again while no report changes.
    """
    minute = this_minute() if relative else 0
    key = (*key, edition(), who.audience.value, minute)

    def now() -> int:
        try:
            return head_now(current_app, who.audience, kinds)
        finally:
            db.session.rollback()  # who waits for another thread's body must hold neither a snapshot nor a connection

    head = cache(now)
    if request.if_none_match and request.if_none_match.contains_weak(tag := etag_of(*key, head())):
        return _labelled(conditional(tag, Response), who)
    db.session.rollback()  # as well, if a layer or a category was looked at
    body = bodies(current_app).get(key, head, build)
    tag = etag_of(*key, body.seq)
    if who.public and again:
        request.environ[KEPT] = Kept(body, tag, kinds, minute)

    def answer() -> Response:
        encoding = _encoding() if len(body.data) >= encodings.LEAST else ""
        return _encoded(Response(body.encoded(encoding), mimetype=media_type, headers=body.headers), encoding)

    return _labelled(conditional(tag, answer), who)


def streamed(pieces: Iterable[bytes], media_type: str, etag: str, who: Reader) -> Response:
    """What is too long to be kept, as it is made; the caller has looked whether it is still the same."""

    def answer() -> Response:
        encoding = _encoding()
        return _encoded(Response(encodings.encoded(encoding, pieces), mimetype=media_type), encoding)

    return _labelled(conditional(etag, answer), who)


def caching(response: Response, who: Reader) -> Response:
    """What everybody gets alike may be kept by a cache between, which must ask whether it still holds."""
    if who.public:
        response.headers["Cache-Control"] = "public, max-age=0, must-revalidate"
    return response


def links_of(links: Iterable[dict]) -> str:
    """As one Link header (RFC 8288)."""
    response = Response()
    return ", ".join(add_links(response, links).headers.getlist("Link"))


def edition() -> str:
    """What stands around the features depends on: the program, and what the operator set. Part of every validator."""
    of = settings()
    return etag_of(__version__, of.DATA_LICENSE, of.ATTRIBUTION, of.PUBLIC_URL, of.TITLE)


def this_minute() -> int:
    return int(utcnow().timestamp() // 60)


def _encoding() -> str:
    return encodings.choose(request.headers.get("Accept-Encoding", ""))


def _encoded(response: Response, encoding: str) -> Response:
    if encoding:
        response.headers["Content-Encoding"] = encoding
    return response


def _labelled(response: Response, who: Reader) -> Response:
    response.vary.add("Accept-Encoding")
    return caching(response, who)
