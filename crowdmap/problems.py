"""Errors become answers here, once: problem+json for programs, a page in kind words for people."""

import logging
from collections.abc import Callable

import orjson
from flask import Flask, Response, render_template, request
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge, RequestTimeout, TooManyRequests

from crowdmap.db import db, is_busy, reading
from crowdmap.errors import Busy, DomainError, TooLarge, Unexpected, status_of
from crowdmap.web import problem_response, wants_json
from crowdmap.web.limits import too_many

log = logging.getLogger("crowdmap")


_CODES = {400: "bad-request", 404: "not-found", 405: "method-not-allowed", 408: "timeout", 413: "too-large",
          414: "address-too-long", 415: "unsupported-media-type"}  # fmt: skip


def answer(error: DomainError, status: int | None = None):
    """The response for a domain error."""
    if wants_json():
        response = problem_response(error)
    else:
        page = render_template("error.html", error=error, status=status or status_of(error))
        response = Response(page, status_of(error))
        if error.retry_after is not None:
            response.headers["Retry-After"] = str(error.retry_after)
    if status is not None:
        response.status_code = status
    return response


def from_http(error: HTTPException):
    """Werkzeug's own errors (404, 405, bad requests) in the same shape; redirects pass through."""
    if error.code is None or error.code < 400:
        return error
    if isinstance(error, RequestEntityTooLarge):
        return answer(TooLarge("at most 256 kB can be taken at once; nothing of it was kept", field="body"))
    if isinstance(error, TooManyRequests):
        return answer(too_many())
    domain = DomainError(error.description or error.name, code=_CODES.get(error.code, "error"))
    domain.title = error.name
    response = answer(domain, error.code)
    if wants_json():
        response.data = orjson.dumps({**orjson.loads(response.data), "status": error.code})
    if allow := getattr(error, "valid_methods", None):
        response.headers["Allow"] = ", ".join(sorted(allow))
    return response


def from_silence(_error: Exception):
    """Of a question that began, nothing more came (`serve.ASKING_S`)."""
    return from_http(RequestTimeout("The rest of what you sent did not arrive in time; please send it again."))


def from_anything(error: Exception):
    """A busy database is 503 with Retry-After; what nobody foresaw is logged and is 500 without any detail."""
    db.session.rollback()
    if is_busy(error):
        log.warning("busy: %s", type(error).__name__)
        return answer(Busy())
    # the route, not the path: a tracking code or an invitation is part of some
    log.exception("unexpected error at %s %s", request.method, request.url_rule or "no route")
    return answer(Unexpected("We were told. What you sent may not have been kept; please try again."))


def from_domain(error: DomainError):
    db.session.rollback()
    return answer(error)


def shown_again(error: DomainError, page: Callable[[], str]):
    """The answer to a form that could not be taken: what *page* builds, with the status of *error*.

    Where the page itself cannot be built (there is no such report, its address cannot be read), that is answered: Flask
    hands what an error handler raises to no other one.
    """
    db.session.rollback()
    try:
        with reading():
            return page(), status_of(error)
    except DomainError as worse:
        return from_domain(worse)


def init_app(app: Flask) -> None:
    app.register_error_handler(DomainError, from_domain)
    app.register_error_handler(HTTPException, from_http)
    app.register_error_handler(ClientDisconnected, from_silence)
    app.register_error_handler(BlockingIOError, from_silence)
    app.register_error_handler(Exception, from_anything)
