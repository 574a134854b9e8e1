"""The JSON documents of /ogc/ as dicts: landing page, conformance, collections, queryables, and links between them."""

from urllib.parse import urlencode

from flask_babel import gettext as _

from crowdmap.config import settings
from crowdmap.db import utcnow
from crowdmap.feeds.formats import Collection
from crowdmap.feeds.layers import all_layers, find, layer_filter
from crowdmap.filters import LAYERS
from crowdmap.feeds.ogc import CONFORMS_TO
from crowdmap.feeds.ogc.extents import extent
from crowdmap.feeds.ogc.parameters import CRS84, HTML, JSON
from crowdmap.feeds.ogc.properties import queryables
from crowdmap.feeds.reader import Reader
from crowdmap.publishing.project import timestamp
from crowdmap.web import absolute, url_with

JSON_TYPE, HTML_TYPE, GEOJSON = "application/json", "text/html", "application/geo+json"
SCHEMA = "application/schema+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
QUERYABLES_REL = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"


def words(layer: str) -> tuple[str, str]:
    """Title and description of a layer."""
    told = {
        "all": (_("All reports"), _("Everything that is published: needs, offers, damage and information.")),
        "needs": (_("Needs"), _("Somebody needs something. Places are shown roughly, to protect people.")),
        "offers": (_("Offers"), _("Somebody can give something, or a service is open.")),
        "damage": (_("Damage"), _("What is destroyed, blocked or dangerous.")),
        "information": (_("Information"), _("News, and what fits nowhere else.")),
    }
    return told.get(layer) or (find(layer).title, layer_filter(layer, {}).sentence())


def check_layer(layer: str) -> None:
    if layer not in LAYERS:
        find(layer)


def link(path: str, rel: str, media: str, title: str, **query) -> dict:
    """*path* below /ogc; *query* is written into the address."""
    return {"href": address(path, **query), "rel": rel, "type": media, "title": title}


def address(path: str, **query) -> str:
    return absolute("/ogc" + path) + ("?" + urlencode(query) if query else "")


def forms(form: str, media: str) -> list[dict]:
    """This document, and the same in the other form (/req/core/fc-md-links, /req/core/fc-links)."""
    other, types = (HTML if form == JSON else JSON), {JSON: media, HTML: HTML_TYPE}
    named = {JSON: _("as JSON"), HTML: _("as a page")}
    return [
        {"href": url_with(), "rel": "self", "type": types[form], "title": _("this document")},
        {"href": url_with(f=other), "rel": "alternate", "type": types[other], "title": named[other]},
    ]


def license_link() -> dict:
    return {"href": settings().DATA_LICENSE, "rel": "license", "type": HTML_TYPE, "title": _("licence of the data")}


def landing(form: str) -> dict:
    return {
        "title": settings().TITLE,
        "description": _("Needs, offers and damage: reported by people, checked by moderators, served as they change."),
        "attribution": settings().ATTRIBUTION,
        "links": [
            *forms(form, JSON_TYPE),
            link("/api", "service-desc", OPENAPI, _("this interface for programs (OpenAPI)"), f=JSON),
            link("/api", "service-doc", HTML_TYPE, _("this interface for people"), f=HTML),
            link("/conformance", "conformance", JSON_TYPE, _("what of the standard is there")),
            link("/collections", "data", JSON_TYPE, _("the layers")),
            license_link(),
        ],
    }  # fmt: skip


def conformance(form: str) -> dict:
    return {"conformsTo": list(CONFORMS_TO), "links": forms(form, JSON_TYPE)}


def collections(form: str, who: Reader) -> dict:
    layers = [layer.slug for layer in all_layers()]
    told = [_collection(layer, who, [link(f"/collections/{layer}", "self", JSON_TYPE, words(layer)[0])]) for layer in layers]
    return {"links": [*forms(form, JSON_TYPE), license_link()], "collections": told}


def collection(layer: str, form: str, who: Reader) -> dict:
    check_layer(layer)
    return _collection(layer, who, forms(form, JSON_TYPE))


def _collection(layer: str, who: Reader, own_links: list[dict]) -> dict:
    (title, description), path = words(layer), f"/collections/{layer}"
    measured = extent(layer, who)
    told = {
        "id": layer, "title": title, "description": description, "attribution": settings().ATTRIBUTION,
        "itemType": "feature", "crs": [CRS84],
        "links": [
            *own_links,
            link(f"{path}/items", "items", GEOJSON, _("the reports as GeoJSON")),
            link(f"{path}/items", "items", HTML_TYPE, _("the reports as a page"), f=HTML),
            link(f"{path}/queryables", QUERYABLES_REL, SCHEMA, _("what can be asked for")),
            license_link(),
        ],
    }  # fmt: skip
    span = {"interval": [[timestamp(measured.since), None]], "trs": GREGORIAN}  # open: it goes on
    told["extent"] = {"temporal": span}
    if measured.bbox:
        told["extent"] = {"spatial": {"bbox": [measured.bbox.as_list()], "crs": CRS84}, "temporal": span}
    return told


def queryables_schema(layer: str) -> dict:
    """/req/queryables/get-queryables-response."""
    check_layer(layer)
    title, description = words(layer)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": address(f"/collections/{layer}/queryables"),
        "type": "object", "title": title, "description": description, "properties": queryables(layer),
        "additionalProperties": False,
    }  # fmt: skip


def queryables_link(layer: str) -> dict:
    """/req/queryables/queryables-link: also in the header of what can be filtered."""
    return link(f"/collections/{layer}/queryables", QUERYABLES_REL, SCHEMA, _("what can be asked for"))


def around_items(layer: str, form: str, chosen, page) -> Collection:
    """What stands around a page of items."""
    own = {JSON: GEOJSON, HTML: HTML_TYPE}[form]
    links = forms(form, GEOJSON)
    if page.cursor:
        links.append({"href": url_with(cursor=page.cursor), "rel": "next", "type": own, "title": _("older reports")})
    query = chosen.to_json()
    followed = [("layer", layer)] if chosen.also else []
    links += [
        link(f"/collections/{layer}", "collection", JSON_TYPE, words(layer)[0]),
        queryables_link(layer),
        {"href": absolute("/feeds/changes?" + urlencode([("since", page.since), *followed, *query.items()])), "rel": "changes",
         "type": GEOJSON, "title": _("what changes from here on")},
        {"href": absolute("/" + ("?" + urlencode(query) if query else "")), "rel": "related", "type": HTML_TYPE,
         "title": _("on the map")},
        license_link(),
    ]  # fmt: skip
    return Collection(
        title=f"{settings().TITLE}: {chosen.sentence()}", links=links, license=settings().DATA_LICENSE,
        attribution=settings().ATTRIBUTION, time_stamp=timestamp(utcnow()), matched=page.matched,
        returned=page.returned, seq=page.since, layer=layer, address=url_with(),
        identity=url_with(limit=None, cursor=None), extent=page.extent,
    )  # fmt: skip


def item_links(layer: str, form: str, public_id: str) -> list[dict]:
    """/req/core/f-links."""
    return [
        *forms(form, GEOJSON),
        link(f"/collections/{layer}", "collection", JSON_TYPE, words(layer)[0]),
        {"href": absolute(f"/reports/{public_id}"), "rel": "canonical", "type": HTML_TYPE, "title": _("the report's page")},
        license_link(),
    ]


def crumbs(*steps: tuple[str, str]) -> list[tuple[str, str]]:
    """(address, words) from the landing page on. The words of a page that is HTML lead to pages that are, too."""
    return [(address("/", f=HTML), _("Data")), *((address(path, f=HTML), title) for path, title in steps)]
