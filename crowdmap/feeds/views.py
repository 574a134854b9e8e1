"""/feeds/<layer>.<format>, /feeds/changes, /feeds/stream, and reports as the API gives them."""

from dataclasses import replace
from urllib.parse import urlencode

import orjson
from flask import Blueprint, Response, current_app, g, redirect, request
from flask_babel import gettext as _

from crowdmap.accounts.models import LoginSession
from crowdmap.accounts.sessions import is_alive
from crowdmap.config import settings
from crowdmap.db import db, utcnow
from crowdmap.errors import Gone, InvalidParameter, NotFound
from crowdmap.feeds import changes as log
from crowdmap.feeds import reading, stream
from crowdmap.feeds.cache import bodies
from crowdmap.feeds.formats import FORMATS, Collection
from crowdmap.filters import ReportFilter
from crowdmap.publishing.models import Audience
from crowdmap.publishing.project import timestamp
from crowdmap.reports.models import Kind
from crowdmap.web import Permission, absolute, actor, add_links, conditional, etag_of, open_data, permits, public, url_with

blueprint = Blueprint("feeds", __name__)

# a layer is a named filter
LAYERS = {
    "all": (), "needs": (Kind.NEED,), "offers": (Kind.OFFER,), "damage": (Kind.DAMAGE,),
    "information": (Kind.INFORMATION,),
}  # fmt: skip
DEFAULT_LIMIT, DEFAULT_API_LIMIT = 1000, 100
PAGING = ("limit", "cursor")


def layer_filter(layer: str, args, also=()) -> ReportFilter:
    """The layer's filter narrowed by the query. Raises NotFound, UnknownParameter, InvalidParameter."""
    if layer not in LAYERS:
        raise NotFound(_("There is no layer %(name)s; there are %(known)s.", name=layer[:40], known=", ".join(LAYERS)))
    chosen = ReportFilter.parse(args, also=also)
    kinds = LAYERS[layer]
    if kinds and chosen.kinds and set(chosen.kinds) != set(kinds):
        raise InvalidParameter(f"the layer {layer} holds {kinds[0]} only; use /feeds/all", field="kind")
    return replace(chosen, kinds=kinds or chosen.kinds)


@blueprint.get("/feeds/<layer>.<suffix>")
@open_data
def feed(layer, suffix):
    if suffix not in FORMATS:
        raise NotFound(_("There is no format %(name)s; there are %(known)s.", name=suffix[:20], known=", ".join(FORMATS)))
    chosen = layer_filter(layer, request.args, PAGING)
    limit = reading.parse_limit(request.args.get("limit"), DEFAULT_LIMIT)
    return collection_response(chosen, Audience.PUBLIC, limit, FORMATS[suffix])


def collection_response(chosen: ReportFilter, audience: Audience, limit: int, form) -> Response:
    """One page of a filter in a format: validated by ETag, from the cache while it holds."""
    cursor = request.args.get("cursor") or None
    if cursor:
        reading.read_cursor(cursor, chosen)
    key = (form.NAME, audience, chosen.canonical(), limit, cursor, request.path, request.query_string)
    minute = int(utcnow().timestamp() // 60) if chosen.relative else 0
    head = reading.head_seq(audience, chosen.kinds)

    def build():
        page = reading.page(chosen, audience, limit, cursor)
        return page.seq, form.encode(page, describe(chosen, page, form))

    def answer():
        return Response(body.data, mimetype=form.MEDIA_TYPE)

    if request.if_none_match.contains_weak(etag_of(*key, minute, head)):
        return conditional(etag_of(*key, minute, head), answer)
    body = bodies(current_app).get((*key, minute), head, build)
    response = conditional(etag_of(*key, minute, body.seq), answer)
    if audience is Audience.PUBLIC:
        response.headers["Cache-Control"] = "public, max-age=0, must-revalidate"
    return add_links(response, _static_links())


def _static_links() -> list[dict]:
    return [{"rel": "license", "href": settings().DATA_LICENSE}]


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
        attribution=settings().ATTRIBUTION, time_stamp=timestamp(utcnow()),
    )  # fmt: skip


@blueprint.get("/feeds/changes")
@open_data
def feed_changes():
    chosen = ReportFilter.parse(request.args, also=("since", "limit"))
    return changes_response(chosen, Audience.PUBLIC)


def changes_response(chosen: ReportFilter, audience: Audience) -> Response:
    """``{seq, more, features}`` from ``since`` on. Never cached: it is how others stay in step."""
    log.refuse_relative(chosen)
    since = log.parse_since(request.args.get("since"))
    limit = reading.parse_limit(request.args.get("limit"), DEFAULT_LIMIT)
    log.check_since(since, audience)
    found = log.changes(chosen, audience, since, limit)
    head = b'{"type":"FeatureCollection","seq":%d,"more":%s,"license":%s,"features":[' % (
        found.seq, b"true" if found.more else b"false", orjson.dumps(settings().DATA_LICENSE),
    )  # fmt: skip
    response = Response(head + b",".join(data for _seq, data in found.items) + b"]}", mimetype="application/geo+json")
    response.headers["Cache-Control"] = "no-store"
    return add_links(response, _static_links())


@blueprint.get("/feeds/stream")
@open_data
def feed_stream():
    chosen = ReportFilter.parse(request.args, also=("since",))
    return stream.respond(chosen, Audience.PUBLIC)


@blueprint.get("/moderate/stream")
@permits(Permission.MODERATE)
def staff_stream():
    """The desk's stream; it ends within seconds of a sign-out or a role taken away."""
    chosen = ReportFilter.parse(request.args, also=("since",), all_statuses=True)
    sign_in = g.login_session.id

    def still_allowed() -> bool:
        row = db.session.get(LoginSession, sign_in)
        return row is not None and is_alive(row, utcnow()) and row.account.can(Permission.MODERATE)

    return stream.respond(chosen, Audience.STAFF, still_allowed=still_allowed)


@blueprint.get("/api/v1/reports")
@public
def list_reports():
    """What the caller may see: moderators the staff's view (also ``status=all``), everybody else the public one."""
    staff = actor().can(Permission.READ_STAFF)
    chosen = ReportFilter.parse(request.args, also=PAGING, all_statuses=staff)
    limit = reading.parse_limit(request.args.get("limit"), DEFAULT_API_LIMIT)
    return collection_response(chosen, Audience.STAFF if staff else Audience.PUBLIC, limit, FORMATS["geojson"])


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
