"""The routes of /ogc/. Each answers in JSON or as a page, and refuses what it does not know."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import orjson
from flask import Blueprint, Response, redirect, render_template, request
from flask_babel import gettext as _

from crowdmap import __version__
from crowdmap.db import db
from crowdmap.db.joined import SEPARATOR
from crowdmap.errors import DomainError, Gone, NotFound, status_of
from crowdmap.feeds import reading
from crowdmap.feeds.formats import Collection, geojson
from crowdmap.feeds.layers import all_layers, layer_filter
from crowdmap.feeds.ogc import documents, parameters
from crowdmap.feeds.ogc.api import api
from crowdmap.feeds.ogc.documents import GEOJSON, HTML_TYPE, JSON_TYPE, OPENAPI, SCHEMA, crumbs, words
from crowdmap.feeds.ogc.parameters import HTML, JSON
from crowdmap.feeds.ogc.properties import VISIBLE_STATUSES, category_names, titles
from crowdmap.feeds.reader import Reader, reader
from crowdmap.feeds.reportview import view_of
from crowdmap.feeds.answer import caching
from crowdmap.feeds.pages import licensed, page_response
from crowdmap.filters import ReportFilter, Scope
from crowdmap.language import locale_code
from crowdmap.publishing.models import Publication
from crowdmap.web import add_links, conditional, etag_of, open_data, problem_response, shareable

blueprint = Blueprint("ogc", __name__, url_prefix="/ogc")
ROWS = 50  # reports on a page for people, whatever the limit


@blueprint.get("/")
@open_data
def landing():
    parameters.only("f")
    form = parameters.wanted()
    layers = [(layer.slug, *words(layer.slug)) for layer in all_layers()]
    return document(documents.landing(form), form, JSON_TYPE, "landing", layers=layers, address=shareable("/ogc/"))


@blueprint.get("/conformance")
@open_data
def conformance():
    parameters.only("f")
    form = parameters.wanted()
    return document(documents.conformance(form), form, JSON_TYPE, "conformance")


@blueprint.get("/api")
@open_data
def service_description():
    parameters.only("f")
    return document(api(), parameters.wanted(), OPENAPI, "api")


@blueprint.get("/collections")
@open_data
def collections():
    parameters.only("f")
    form = parameters.wanted()
    return document(documents.collections(form, reader()), form, JSON_TYPE, "collections")


@blueprint.get("/collections/<layer>")
@open_data
def collection(layer):
    parameters.only("f")
    form, who = parameters.wanted(), reader()
    told = documents.collection(layer, form, who)
    matched = reading.count(who.hold(layer_filter(layer, {})), who.audience) if form == HTML else None
    response = document(told, form, JSON_TYPE, "collection", layer=layer, matched=matched, address=shareable(request.path + "/items"))
    return add_links(response, [documents.queryables_link(layer)])


@blueprint.get("/collections/<layer>/queryables")
@open_data
def queryables(layer):
    parameters.only("f")
    form = parameters.wanted()
    told = documents.queryables_schema(layer)
    return document(told, form, SCHEMA, "queryables", layer=layer, names=category_names(), refs=documents.forms(form, SCHEMA))


@blueprint.get("/collections/<layer>/items")
@open_data
def items(layer):
    chosen = parameters.items_filter(layer)
    form, limit = parameters.wanted(), parameters.limit()
    if form == HTML:
        limit = min(limit, ROWS)

    def around(chosen, page):
        return documents.around_items(layer, form, chosen, page)

    response = page_response(chosen, reader(), limit, items_form(form, layer, chosen), around, layer)
    return add_links(response, [documents.queryables_link(layer)])


@blueprint.get("/collections/<layer>/items/<public_id>")
@open_data
def item(layer, public_id):
    documents.check_layer(layer)
    parameters.only("f")
    form, who = parameters.wanted(), reader()
    chosen = whole_layer(layer, who)
    row = reading.one(public_id, who.audience)
    if row is None:
        raise no_such(public_id)
    if row.removed is not None:
        return elsewhere(row, layer, who)
    if not holds(chosen, who, public_id):
        raise no_such(public_id)
    links = documents.item_links(layer, form, public_id)
    etag = etag_of("ogc", form, locale_code(), __version__, request.url, row.audience, row.seq)

    def answer():
        if form == HTML:
            return Response(item_page(layer, row, links), mimetype=HTML_TYPE)
        return Response(row.feature[:-1] + b',"links":' + orjson.dumps(links) + b"}", mimetype=GEOJSON)

    return licensed(caching(conditional(etag, answer), who))


def whole_layer(layer: str, who: Reader) -> ReportFilter:
    """All that the reader may see of the layer: closed reports are items too, though a list shows them only when asked."""
    return who.hold(replace(layer_filter(layer, {}), statuses=VISIBLE_STATUSES))


def holds(chosen: ReportFilter, who: Reader, public_id: str) -> bool:
    query = chosen.select(who.audience, Publication.id).where(Publication.public_id == public_id)
    return db.session.scalar(query) is not None


def elsewhere(row: Publication, layer: str, who: Reader) -> Response:
    """A tombstone's answer: 301 to what it was merged into, which may be of another layer, or 410."""
    if row.merged_into:
        for there in (layer, "all"):
            if holds(whole_layer(there, who), who, row.merged_into):
                form = {"f": request.args["f"]} if "f" in request.args else {}
                return redirect(documents.address(f"/collections/{there}/items/{row.merged_into}", **form), 301)
    # of a tombstone nobody knows whether it lay within a scope
    kinds = layer_filter(layer, {}).kinds
    if who.scope != Scope() or kinds and row.kind not in kinds:
        raise no_such(row.public_id)
    raise Gone(_("This report is no longer public."))


def no_such(public_id: str) -> NotFound:
    return NotFound(_("There is no report %(id)s here, or it is not public.", id=public_id[:40]))


# ---- as JSON and as a page


def document(told: dict, form: str, media: str, template: str, **more) -> Response:
    """A small document in the form asked for; its ETag is a hash of it."""
    if form == HTML:
        body = render_template(f"ogc/{template}.html", told=told, crumbs=crumbs, **more).encode()
        media = "text/html; charset=utf-8"
    else:
        body = orjson.dumps(told)
    return licensed(caching(conditional(etag_of(body.decode()), lambda: Response(body, content_type=media)), reader()))


@dataclass(frozen=True)
class Form:
    """How items are written, in the shape of a feed's format (crowdmap.feeds.formats). Titles are in the reader's
    language, so the name under which a body is kept says which."""

    NAME: str
    MEDIA_TYPE: str
    encode: Callable[[Iterable[bytes], Collection], Iterator[bytes]]


def items_form(form: str, layer: str, chosen: ReportFilter) -> Form:
    if form == JSON:
        return Form(f"geojson {locale_code()}", GEOJSON, geojson.encode)
    return Form(f"html {locale_code()} {__version__}", HTML_TYPE, partial(items_page, layer, chosen))


def items_page(layer: str, chosen: ReportFilter, pieces: Iterable[bytes], around: Collection) -> Iterator[bytes]:
    yield render_template(
        "ogc/items.html", layer=layer, title=words(layer)[0], chosen=chosen, around=around, rows=ROWS,
        views=[view_of(data) for piece in pieces for data in piece.split(SEPARATOR)], asked=request.args, names=category_names(), titles=titles(),
        link={one["rel"]: one["href"] for one in around.links}, crumbs=crumbs,
    ).encode()  # fmt: skip


def item_page(layer: str, row: Publication, links: list[dict]) -> str:
    return render_template(
        "ogc/item.html", layer=layer, title=words(layer)[0], view=view_of(row.feature), refs=links,
        names=category_names(), titles=titles(), crumbs=crumbs,
    )  # fmt: skip


@blueprint.after_request
def negotiated(response: Response) -> Response:
    """What a cache between must keep apart."""
    response.vary.update(["Accept", "Accept-Language"])
    return response


@blueprint.errorhandler(DomainError)
def refused(error: DomainError) -> Response:
    """Problem+json, or a page where a page was asked for."""
    db.session.rollback()
    if parameters.wanted_of_an_error() == JSON:
        return problem_response(error)
    response = Response(render_template("error.html", error=error, status=status_of(error)), status_of(error))
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response
