"""/feeds/<layer>.<format>, /feeds/changes, /feeds/stream, and reports as the API gives them."""

from urllib.parse import urlencode

import orjson
from flask import Blueprint, Response, current_app, g, redirect, request
from flask_babel import gettext as _

from crowdmap.accounts.models import LoginSession
from crowdmap.accounts.sessions import is_alive
from crowdmap.config import settings
from crowdmap.db import db, utcnow
from crowdmap.errors import Gone, NotFound
from crowdmap.feeds import changes as log
from crowdmap.feeds import reading, stream
from crowdmap.feeds.cache import bodies
from crowdmap.feeds.formats import FORMATS, Collection
from crowdmap.feeds.layers import layer_filter
from crowdmap.feeds.reader import Reader, reader
from crowdmap.filters import ReportFilter
from crowdmap.publishing.models import Audience
from crowdmap.publishing.project import timestamp
from crowdmap.web import Permission, absolute, actor, add_links, conditional, etag_of, open_data, permits, public, url_with

blueprint = Blueprint("feeds", __name__)

DEFAULT_LIMIT, DEFAULT_API_LIMIT = 1000, 100
PAGING = ("limit", "cursor")


@blueprint.get("/feeds/<layer>.<suffix>")
@open_data
def feed(layer, suffix):
    if suffix not in FORMATS:
        raise NotFound(_("There is no format %(name)s; there are %(known)s.", name=suffix[:20], known=", ".join(FORMATS)))
    chosen = layer_filter(layer, request.args, PAGING)
    return collection_response(chosen, reader(), DEFAULT_LIMIT, FORMATS[suffix])


def collection_response(chosen: ReportFilter, who: Reader, default: int, form) -> Response:
    """A filter in a format, with the request's ``limit`` and ``cursor``."""
    return page_response(chosen, who, reading.parse_limit(request.args.get("limit"), default), form, describe)


def page_response(chosen: ReportFilter, who: Reader, limit: int | None, form, describe) -> Response:
    """A filter in a format: one page, validated by ETag and from the cache while it holds; or, with *limit* None,
    everything as it is read. ``describe(chosen, page, form)`` gives the Collection around the features."""
    chosen = who.hold(chosen)
    cursor = request.args.get("cursor") or None
    if cursor:
        reading.read_cursor(cursor, chosen)
    key = (form.NAME, who.audience, chosen.canonical(), limit, cursor, request.path, request.query_string)
    minute = int(utcnow().timestamp() // 60) if chosen.relative else 0
    head = reading.head_seq(who.audience, chosen.kinds)

    def build():
        page = reading.page(chosen, who.audience, limit, cursor)
        return page.seq, b"".join(form.encode(page.features, describe(chosen, page, form)))

    def answer():
        return Response(body.data, mimetype=form.MEDIA_TYPE)

    if request.if_none_match.contains_weak(etag_of(*key, minute, head)):
        return labelled(conditional(etag_of(*key, minute, head), answer), who)
    if limit is None:
        whole = reading.whole(chosen, who.audience, cursor)
        pieces = form.encode(whole.features, describe(chosen, whole, form))
        return labelled(
            conditional(etag_of(*key, minute, whole.seq), lambda: Response(pieces, mimetype=form.MEDIA_TYPE)), who
        )
    body = bodies(current_app).get((*key, minute), head, build)
    return labelled(conditional(etag_of(*key, minute, body.seq), answer), who)


def labelled(response: Response, who: Reader) -> Response:
    if who.public:
        response.headers["Cache-Control"] = "public, max-age=0, must-revalidate"
    return add_links(response, [{"rel": "license", "href": settings().DATA_LICENSE}])


def describe(chosen: ReportFilter, page, form) -> Collection:
    links = [{"rel": "self", "href": url_with(), "type": form.MEDIA_TYPE, "title": _("this page")}]
    if page.cursor:
        links.append(
            {"rel": "next", "href": url_with(cursor=page.cursor), "type": form.MEDIA_TYPE, "title": _("older reports")}
        )
    query = chosen.to_json()
    tail = "?" + urlencode(query) if query else ""
    links += [
        {"rel": "alternate", "href": absolute("/" + tail), "type": "text/html", "title": _("the map")},
        {"rel": "changes", "href": absolute(f"/feeds/changes?{urlencode({'since': page.seq, **query})}"),
         "type": "application/json", "title": _("what changes from here on")},
        {"rel": "license", "href": settings().DATA_LICENSE, "type": "text/html", "title": _("licence")},
    ]  # fmt: skip
    return Collection(
        title=f"{settings().TITLE}: {chosen.sentence()}", links=links, license=settings().DATA_LICENSE,
        attribution=settings().ATTRIBUTION, time_stamp=timestamp(utcnow()), matched=page.matched,
        returned=page.returned, seq=page.seq,
    )  # fmt: skip


@blueprint.get("/feeds/changes")
@open_data
def feed_changes():
    chosen = ReportFilter.parse(request.args, also=("since", "limit"))
    return changes_response(chosen, reader())


def changes_response(chosen: ReportFilter, who: Reader) -> Response:
    """``{seq, more, features}`` from ``since`` on. Never cached: it is how others stay in step."""
    chosen = who.hold(chosen)
    log.refuse_relative(chosen)
    since = log.parse_since(request.args.get("since"))
    limit = reading.parse_limit(request.args.get("limit"), DEFAULT_LIMIT, everything=False)
    log.check_since(since, who)
    found = log.changes(chosen, who.audience, since, limit)
    head = b'{"type":"FeatureCollection","seq":%d,"more":%s,"license":%s,"features":[' % (
        found.seq, b"true" if found.more else b"false", orjson.dumps(settings().DATA_LICENSE),
    )  # fmt: skip
    response = Response(head + b",".join(data for _seq, data in found.items) + b"]}", mimetype="application/geo+json")
    response.headers["Cache-Control"] = "no-store"
    return add_links(response, [{"rel": "license", "href": settings().DATA_LICENSE}])


@blueprint.get("/feeds/stream")
@open_data
def feed_stream():
    chosen = ReportFilter.parse(request.args, also=("since",))
    return stream.respond(chosen, reader())


@blueprint.get("/moderate/stream")
@permits(Permission.MODERATE)
def staff_stream():
    """The desk's stream; it ends within seconds of a sign-out or a role taken away."""
    chosen = ReportFilter.parse(request.args, also=("since",), all_statuses=True)
    sign_in = g.login_session.id

    def still_allowed() -> bool:
        row = db.session.get(LoginSession, sign_in)
        return row is not None and is_alive(row, utcnow()) and row.account.can(Permission.MODERATE)

    return stream.respond(chosen, Reader(Audience.STAFF, still_allowed=still_allowed))


@blueprint.get("/api/v1/reports")
@public
def list_reports():
    """What the caller may see: moderators the staff's view (also ``status=all``), everybody else the public one."""
    staff = actor().can(Permission.READ_STAFF)
    chosen = ReportFilter.parse(request.args, also=PAGING, all_statuses=staff)
    who = Reader(Audience.STAFF) if staff else reader()
    return collection_response(chosen, who, DEFAULT_API_LIMIT, FORMATS["geojson"])


@blueprint.get("/api/v1/reports/<public_id>")
@public
def one_report(public_id):
    staff = actor().can(Permission.READ_STAFF)
    row = reading.one(public_id, Audience.STAFF if staff else Audience.PUBLIC)
    if row is None:
        raise NotFound(_("There is no report %(id)s, or it is not public.", id=public_id[:40]))
    if row.removed is not None:
        if row.merged_into:
            return redirect(absolute(f"/api/v1/reports/{row.merged_into}"), 301)
        raise Gone(_("This report is no longer public."))
    db.session.expunge(row)
    return conditional(etag_of(row.audience, row.seq), lambda: Response(row.feature, mimetype="application/geo+json"))
