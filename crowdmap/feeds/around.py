"""What stands around a feed's features, whether they are answered or written into a file."""

from urllib.parse import urlencode

from flask_babel import gettext as _

from crowdmap.config import settings
from crowdmap.db import utcnow
from crowdmap.feeds.formats import FORMATS, Collection, switches_of
from crowdmap.feeds.reading import Page
from crowdmap.filters import PARAMETERS, ReportFilter
from crowdmap.publishing.project import timestamp
from crowdmap.web import absolute


def feed_address(layer: str, form, pairs) -> str:
    """The address of a layer in a format. *pairs* are (name, value) of the query."""
    tail = urlencode(list(pairs))
    return absolute(f"/feeds/{layer}.{form.NAME}") + (f"?{tail}" if tail else "")


def alternates(layer: str | None, form, pairs) -> list[dict]:
    """Links to the same in every other format; none where there is no layer, as in the API."""
    own = switches_of(form)
    shared = [(name, value) for name, value in pairs if name not in own]
    return [
        {"rel": "alternate", "href": feed_address(layer, other, shared), "type": other.MEDIA_TYPE, "title": other.TITLE}
        for other in FORMATS.values()
        if layer and other is not form
    ]


def describe(
    chosen: ReportFilter, page: Page, form, *, layer: str | None, address: str, bare: str, identity: str,
    following: str | None, pairs, switches: dict[str, bool],
) -> Collection:  # fmt: skip
    """*address* is this answer's own, *bare* the same without the format's switches, *identity* without page too."""
    links = [{"rel": "self", "href": address, "type": form.MEDIA_TYPE, "title": _("this page")}]
    if following:
        links.append({"rel": "next", "href": following, "type": form.MEDIA_TYPE, "title": _("older reports")})
    pairs, query = list(pairs), chosen.to_json()
    tail = "?" + urlencode(query) if query else ""
    if chosen.also:  # by the layer's name, where one filter cannot say it; the map asks one filter only
        asked = [("layer", layer), *((name, value) for name, value in pairs if name in PARAMETERS)]
    else:
        asked = list(query.items())
        links.append({"rel": "alternate", "href": absolute("/" + tail), "type": "text/html", "title": _("the map")})
    links += [
        *alternates(layer, form, pairs),
        {"rel": "changes", "href": absolute(f"/feeds/changes?{urlencode([('since', page.since), *asked])}"),
         "type": "application/json", "title": _("what changes from here on")},
        {"rel": "license", "href": settings().DATA_LICENSE, "type": "text/html", "title": _("licence")},
    ]  # fmt: skip
    return Collection(
        title=f"{settings().TITLE}: {chosen.sentence()}", links=links, license=settings().DATA_LICENSE,
        attribution=settings().ATTRIBUTION, time_stamp=timestamp(utcnow()), matched=page.matched,
        returned=page.returned, seq=page.since, layer=layer or "reports", address=bare, identity=identity,
        extent=page.extent, switches=switches,
    )  # fmt: skip
