"""/feeds/<layer>.<format>, /feeds/changes, /feeds/stream, and reports as the API gives them."""

from dataclasses import dataclass

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
from crowdmap.feeds.around import alternates, describe
from crowdmap.feeds.cache import bodies
from crowdmap.feeds.files import Kept, files
from crowdmap.feeds.formats import FORMATS, switches_of
from crowdmap.feeds.layers import layer_filter
from crowdmap.feeds.reader import Reader, reader
from crowdmap.filters import ReportFilter
from crowdmap.publishing.models import Audience
from crowdmap.web import Permission, absolute, actor, add_links, conditional, etag_of, open_data, permits, public, url_with

blueprint = Blueprint("feeds", __name__)

DEFAULT_LIMIT, DEFAULT_API_LIMIT = 1000, 100
PAGING = ("limit", "cursor")
MOST_QUERY_IN_LINKS = 400  # bytes; the other formats' addresses repeat it


@blueprint.get("/feeds/<layer>.<suffix>")
@open_data
def feed(layer, suffix):
    if suffix not in FORMATS:
        raise NotFound(_("There is no format %(name)s; there are %(known)s.", name=suffix[:20], known=", ".join(FORMATS)))
    form = FORMATS[suffix]
    chosen = layer_filter(layer, request.args, (*PAGING, *switches_of(form)))
    return collection_response(chosen, reader(), DEFAULT_LIMIT, form, layer)


@dataclass(frozen=True)
class Encoded:
    """A page as it is kept: its bytes, and where it goes on, which stands in a header too."""

    data: bytes
    following: str | None

    def __len__(self) -> int:
        return len(self.data)


def collection_response(chosen: ReportFilter, who: Reader, default: int, form, layer: str | None = None) -> Response:
    """A filter in a format: one page, validated by ETag and from the cache while it holds; or, with ``limit=all``,
    everything as it is read, and as a kept file where the format is made in one piece."""
    chosen = who.hold(chosen)
    switches = {switch.name: switch.read(request.args) for switch in form.PARAMETERS}
    limit = reading.parse_limit(request.args.get("limit"), None if form.WHOLE else default)
    cursor = request.args.get("cursor") or None
    if cursor:
        reading.read_cursor(cursor, chosen)
    key = (form.NAME, who.audience, chosen.canonical(), limit, cursor, request.path, request.query_string)
    minute = int(utcnow().timestamp() // 60) if chosen.relative else 0
    head = reading.head_seq(who.audience, chosen.kinds)

    def around(page):
        bare = dict.fromkeys(switches)
        return describe(
            chosen, page, form, layer=layer, address=url_with(), bare=url_with(**bare),
            identity=url_with(**bare, limit=None, cursor=None), pairs=request.args.items(multi=True), switches=switches,
            following=url_with(cursor=page.cursor) if page.cursor else None,
        )  # fmt: skip

    def build():
        page = reading.page(chosen, who.audience, limit, cursor)
        told = around(page)
        return page.seq, Encoded(b"".join(form.encode(page.features, told)), told.following())

    def build_file():
        whole = reading.whole(chosen, who.audience, cursor)
        told = around(whole)
        db.session.rollback()  # it may take seconds, and reads in sessions of its own
        return whole.seq, Kept(form.encode(whole.features, told))

    def answer(seq: int, data, following: str | None = None) -> Response:
        response = conditional(etag_of(*key, minute, seq), lambda: _attached(Response(data, mimetype=form.MEDIA_TYPE), form, layer))
        return labelled(response, who, _links(form, layer, following))

    if request.if_none_match.contains_weak(etag_of(*key, minute, head)):
        return answer(head, b"")
    if limit is None and form.WHOLE:
        body = files(current_app).get((*key, minute), head, build_file)
        return answer(body.seq, body.data.pieces())
    if limit is None:
        whole = reading.whole(chosen, who.audience, cursor)
        return answer(whole.seq, form.encode(whole.features, around(whole)))
    body = bodies(current_app).get((*key, minute), head, build)
    return answer(body.seq, body.data.data, body.data.following)


def _attached(response: Response, form, layer: str | None) -> Response:
    if form.ATTACHED:
        response.headers["Content-Disposition"] = f'attachment; filename="{layer or "reports"}.{form.NAME}"'
    return response


def _links(form, layer: str | None, following: str | None) -> list[dict]:
    """Those that stand in the header: it must stay short, or proxies refuse the answer."""
    links = [{"rel": "next", "href": following, "type": form.MEDIA_TYPE}] if following else []
    if len(request.query_string) <= MOST_QUERY_IN_LINKS:
        links += alternates(layer, form, request.args.items(multi=True))
    return links


def labelled(response: Response, who: Reader, links: list[dict] = ()) -> Response:
    if who.public:
        response.headers["Cache-Control"] = "public, max-age=0, must-revalidate"
    return add_links(response, [{"rel": "license", "href": settings().DATA_LICENSE}, *links])


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
