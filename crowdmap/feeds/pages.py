"""A filter as one page, or as everything there is, in any form: what feeds and OGC API share."""

import threading
from collections.abc import Callable
from contextlib import contextmanager, nullcontext

from flask import Response, current_app, request

from crowdmap.config import settings
from crowdmap.db import db
from crowdmap.errors import FilesBusy
from crowdmap.feeds import reading
from crowdmap.feeds.answer import caching, edition, kept, links_of, streamed, this_minute
from crowdmap.feeds.files import KeptFile, files
from crowdmap.feeds.reader import Reader
from crowdmap.filters import LAYERS, ReportFilter
from crowdmap.language import locale_code
from crowdmap.web import add_links, conditional, etag_of

LARGE = 2_000  # features on a page, from which on it is made in turn: each takes some 20 MB while it is made
AT_ONCE = 4  # in one process; more would not be faster
PATIENCE_S = 5.0  # who waits holds a thread
_turns = threading.BoundedSemaphore(AT_ONCE)


@contextmanager
def _turn():
    if not _turns.acquire(timeout=PATIENCE_S):
        raise FilesBusy("Other large pages are being made just now; please try again")
    try:
        yield
    finally:
        _turns.release()


def page_response(
    chosen: ReportFilter, who: Reader, limit: int | None, form, around: Callable, layer: str | None = None
) -> Response:
    """One page, validated by ETag and from the cache while it holds; or, with *limit* None, everything as it is read, and
    as a kept file where the format is made in one piece. ``around(filter, page)`` gives the Collection around the features.
    """
    chosen = who.hold(chosen)
    cursor = request.args.get("cursor") or None
    if cursor:
        reading.read_cursor(cursor, chosen, who.audience)
    key = (form.NAME, chosen.canonical(), limit, cursor, request.path, request.query_string, locale_code())

    def build():
        with _turn() if limit > LARGE else nullcontext():
            page = reading.page(chosen, who.audience, limit, cursor)
            told = around(chosen, page)
            following = told.following()
            links = [{"rel": "next", "href": following, "type": form.MEDIA_TYPE}] if following else []
            return page.seq, b"".join(form.encode(page.pieces, told)), {"Link": links_of(links)} if links else {}

    if limit is None:
        response = everything(chosen, who, cursor, form, around, key)
    else:
        # a layer of one's own can be removed, which changes no report: then somebody must look
        lasting = layer is None or layer in LAYERS
        response = kept(key, who, chosen.kinds, form.MEDIA_TYPE, build, relative=chosen.relative, again=lasting)
    response.vary.add("Accept-Language")  # titles
    return licensed(response)


def everything(chosen: ReportFilter, who: Reader, cursor: str | None, form, around: Callable, key: tuple) -> Response:
    """The whole layer from *cursor* on."""
    key = (*key, edition(), who.audience.value, this_minute() if chosen.relative else 0)
    head = reading.head_seq(who.audience, chosen.kinds)
    tag = etag_of(*key, head)
    if request.if_none_match.contains_weak(tag):
        return caching(conditional(tag, Response), who)

    def build_file():
        whole = reading.whole(chosen, who.audience, cursor)
        told = around(chosen, whole)
        db.session.rollback()  # it may take seconds, and reads in sessions of its own
        return whole.seq, KeptFile(form.encode(whole.pieces, told))

    if form.WHOLE:
        form.load()
        db.session.rollback()  # waiting for another thread's file must not hold a snapshot
        file = files(current_app).get(key, lambda: head, build_file)
        response = conditional(etag_of(*key, file.seq), lambda: Response(file.data.pieces(), mimetype=form.MEDIA_TYPE))
        if response.status_code == 200:
            response.content_length = len(file.data)  # so that a browser can show how far it is
        return caching(response, who)
    whole = reading.whole(chosen, who.audience, cursor)
    return streamed(form.encode(whole.pieces, around(chosen, whole)), form.MEDIA_TYPE, etag_of(*key, whole.seq), who)


def licensed(response: Response) -> Response:
    return add_links(response, [{"rel": "license", "href": settings().DATA_LICENSE}])
