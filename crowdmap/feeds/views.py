"""/feeds/<layer>.<format>, /feeds/changes, /feeds/stream, and reports as the API gives them."""

import orjson
from flask import Blueprint, Response, g, redirect, request
from flask_babel import gettext as _

from crowdmap.accounts.models import LoginSession
from crowdmap.accounts.sessions import is_alive
from crowdmap.config import settings
from crowdmap.db import db, utcnow
from crowdmap.errors import Gone, NotFound
from crowdmap.feeds import changes as log
from crowdmap.feeds import reading, stream
from crowdmap.feeds.around import alternates, describe
from crowdmap.feeds.formats import FORMATS, switches_of
from crowdmap.feeds.layers import layer_filter
from crowdmap.feeds.pages import page_response
from crowdmap.feeds.reader import Reader, reader
from crowdmap.filters import ReportFilter, Scope
from crowdmap.publishing.models import Audience, Publication
from crowdmap.web import Permission, absolute, actor, add_links, conditional, etag_of, open_data, permits, public, url_with

blueprint = Blueprint("feeds", __name__)

DEFAULT_LIMIT, DEFAULT_API_LIMIT = 1000, 100
PAGING = ("limit", "cursor")
MOST_QUERY_IN_LINKS = 400  # bytes; the other formats' addresses repeat it
# A proxy answers a thousand who wait at the same seq with one question a second. What it answers late is still true: it
# carries the seq that it reached, and whoever goes on from there misses nothing. Browsers ask again each time.
SHARED = "public, max-age=0, s-maxage=1, stale-while-revalidate=4"


@blueprint.get("/feeds/<layer>.<suffix>")
@open_data
def feed(layer, suffix):
    if suffix not in FORMATS:
        raise NotFound(_("There is no format %(name)s; there are %(known)s.", name=suffix[:20], known=", ".join(FORMATS)))
    form = FORMATS[suffix]
    chosen = layer_filter(layer, request.args, (*PAGING, *switches_of(form)))
    return collection_response(chosen, reader(), DEFAULT_LIMIT, form, layer)


def collection_response(chosen: ReportFilter, who: Reader, default: int, form, layer: str | None = None) -> Response:
    """A filter in a format, with the request's ``limit``, ``cursor`` and the format's own parameters."""
    switches = {switch.name: switch.read(request.args) for switch in form.PARAMETERS}
    limit = reading.parse_limit(request.args.get("limit"), None if form.WHOLE else default)

    def around(held: ReportFilter, page):
        bare = dict.fromkeys(switches)
        return describe(
            held, page, form, layer=layer, address=url_with(), bare=url_with(**bare),
            identity=url_with(**bare, limit=None, cursor=None), pairs=request.args.items(multi=True), switches=switches,
            following=url_with(cursor=page.cursor) if page.cursor else None,
        )  # fmt: skip

    response = page_response(chosen, who, limit, form, around, layer)
    if form.ATTACHED:
        response.headers["Content-Disposition"] = f'attachment; filename="{layer or "reports"}.{form.NAME}"'
    if len(request.query_string) <= MOST_QUERY_IN_LINKS:  # headers must stay short, or proxies refuse the answer
        add_links(response, alternates(layer, form, request.args.items(multi=True)))
    return response


def layer_of_query(also: tuple[str, ...]) -> ReportFilter:
    """The filter of an address that names its layer as a parameter, or none."""
    return layer_filter(request.args.get("layer") or "all", request.args, ("layer", *also))


@blueprint.get("/feeds/changes")
@open_data
def feed_changes():
    chosen = layer_of_query(("since", "limit"))
    return changes_response(chosen, reader())


def changes_response(chosen: ReportFilter, who: Reader) -> Response:
    """``{seq, more, features}`` from ``since`` on. Never kept here: it is how others stay in step."""
    chosen = who.hold(chosen)
    log.refuse_relative(chosen)
    since = log.parse_since(request.args.get("since"))
    limit = reading.parse_limit(request.args.get("limit"), DEFAULT_LIMIT, everything=False)
    log.check_since(since, who)
    found = log.changes(chosen, who.audience, since, limit)
    # whoever has read all of it stands where the key's scope changed last, though no report changed there
    seq = found.seq if found.more else max(found.seq, who.since)
    head = b'{"type":"FeatureCollection","seq":%d,"more":%s,"license":%s,"features":[' % (
        seq, b"true" if found.more else b"false", orjson.dumps(settings().DATA_LICENSE),
    )  # fmt: skip
    response = Response(head + b",".join(data for _seq, data in found.items) + b"]}", mimetype="application/geo+json")
    response.headers["Cache-Control"] = SHARED if who.public else "no-store"
    response.vary.update(("Authorization", "X-API-Key"))  # a proxy must not answer a key's question with the public's
    return add_links(response, [{"rel": "license", "href": settings().DATA_LICENSE}])


@blueprint.get("/feeds/stream")
@open_data
def feed_stream():
    chosen = layer_of_query(("since",))
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
    """What the caller may see: moderators the staff's view (also ``status=all``), a key what it opens, everybody else
    the public one."""
    staff = actor().can(Permission.READ_STAFF)
    chosen = ReportFilter.parse(request.args, also=PAGING, all_statuses=staff)
    who = Reader(Audience.STAFF) if staff else reader()
    return collection_response(chosen, who, DEFAULT_API_LIMIT, FORMATS["geojson"])


def _may_be_told(row: Publication, who: Reader) -> bool:
    """Of a tombstone nobody knows whether it lay within a scope; what it was merged into may."""
    if row.removed is None:
        return who.sees(row.id)
    if who.scope == Scope():
        return True
    target = reading.one(row.merged_into, who.audience) if row.merged_into else None
    return target is not None and target.removed is None and who.sees(target.id)


@blueprint.get("/api/v1/reports/<public_id>")
@public
def one_report(public_id):
    staff = actor().can(Permission.READ_STAFF)
    who = Reader(Audience.STAFF) if staff else reader()
    row = reading.one(public_id, who.audience)
    if row is None or not _may_be_told(row, who):
        raise NotFound(_("There is no report %(id)s, or it is not public.", id=public_id[:40]))
    if row.removed is not None:
        if row.merged_into:
            return redirect(absolute(f"/api/v1/reports/{row.merged_into}"), 301)
        raise Gone(_("This report is no longer public."))
    db.session.expunge(row)
    return conditional(etag_of(row.audience, row.seq), lambda: Response(row.feature, mimetype="application/geo+json"))
