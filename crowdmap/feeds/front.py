"""In front of Flask: the same question again, while nothing that it shows has changed.

Agencies poll: most of what they ask has just been answered. Routing, hooks and headers then cost ten times what the
answer does, so that it is given here: the kept body and the very headers it left with, after one look at the seq. Whoever
brings a key or a cookie, or asks anything else, goes on to Flask. Nothing is decided here: what Flask never answered
openly is not kept.
"""

import logging
import threading
import weakref
from collections import OrderedDict
from dataclasses import dataclass, replace

from flask import Flask
from werkzeug.http import parse_etags

from crowdmap.db.glance import Glance
from crowdmap.feeds import encodings
from crowdmap.feeds.answer import KEPT, Kept, this_minute
from crowdmap.feeds.cache import Body
from crowdmap.feeds.heads import glancing, of_audience, of_kinds
from crowdmap.publishing.models import Audience
from crowdmap.reports.models import Kind

log = logging.getLogger(__name__)

MOST = 512  # answers
PRIVATE = ("HTTP_AUTHORIZATION", "HTTP_X_API_KEY", "HTTP_COOKIE", "HTTP_RANGE")
OF_THE_ANSWER = {"content-length", "content-encoding", "etag", "date"}  # made anew each time

NOTHING_HOLDS = {kind: 1 << 62 for kind in Kind}


@dataclass(frozen=True)
class Answer:
    """*body* is held by the store of bodies alone, so that the store's bounds are the bounds of all."""

    body: weakref.ref[Body]
    kept: Kept
    headers: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, kept: Kept, headers) -> "Answer":
        told = tuple(header for header in headers if header[0].lower() not in OF_THE_ANSWER)
        return cls(weakref.ref(kept.body), replace(kept, body=None), told)

    def good(self, heads: dict[str, int]) -> Body | None:
        """The body, if it may be given again."""
        body = self.body()
        head = of_kinds(heads, self.kept.kinds)
        return body if body is not None and body.good(head) and self.kept.minute in (0, this_minute()) else None


class Front:
    def __init__(self, app: Flask):
        self._app, self._next = app, app.wsgi_app
        self._answers: OrderedDict[tuple, Answer] = OrderedDict()
        self._lock = threading.Lock()
        self._glance: Glance | None = None

    def __call__(self, environ, start_response):
        if environ["REQUEST_METHOD"] != "GET" or any(name in environ for name in PRIVATE):
            return self._next(environ, start_response)
        key = (
            environ["PATH_INFO"], environ["QUERY_STRING"], environ.get("HTTP_HOST"), environ["wsgi.url_scheme"],
            environ.get("HTTP_ACCEPT"), environ.get("HTTP_ACCEPT_LANGUAGE"), environ.get("HTTP_X_FORWARDED_HOST"),
            environ.get("HTTP_X_FORWARDED_PROTO"),
        )  # fmt: skip
        answer = self._answers.get(key)
        if answer is not None and answer.body() is not None and (body := answer.good(self._heads())) is not None:
            return _give(answer, body, environ, start_response)

        def note(status, headers, exc_info=None):
            kept = environ.get(KEPT)
            if kept is not None and status.startswith("200"):
                self._keep(key, Answer.of(kept, headers))
            return start_response(status, headers, exc_info)

        return self._next(environ, note)

    def clear(self) -> None:
        with self._lock:
            self._answers.clear()

    def _keep(self, key, answer: Answer) -> None:
        with self._lock:
            self._answers.pop(key, None)
            self._answers[key] = answer
            while len(self._answers) > MOST:
                self._answers.popitem(last=False)

    def _heads(self) -> dict[str, int]:
        if self._glance is None:
            with self._app.app_context():
                self._glance = glancing(self._app)
        try:
            return of_audience(self._glance.rows(), Audience.PUBLIC)
        except Exception as error:  # whatever the driver raises: Flask meets the same trouble and has the words for it
            log.warning("the seq could not be read: %s", error)
            return NOTHING_HOLDS


def _give(answer: Answer, body: Body, environ, start_response):
    tag = f'W/"{answer.kept.etag}"'
    headers = [*answer.headers, ("ETag", tag)]
    asked = parse_etags(environ.get("HTTP_IF_NONE_MATCH"))
    if asked.contains_weak(answer.kept.etag) or asked.star_tag:
        start_response("304 NOT MODIFIED", [h for h in headers if h[0].lower() != "content-type"])
        return []
    encoding = encodings.choose(environ.get("HTTP_ACCEPT_ENCODING", ""))
    data = body.encoded(encoding)
    if data is not body.data:
        headers.append(("Content-Encoding", encoding))
    start_response("200 OK", [*headers, ("Content-Length", str(len(data)))])
    return [data]


def init_app(app: Flask) -> None:
    app.wsgi_app = Front(app)
