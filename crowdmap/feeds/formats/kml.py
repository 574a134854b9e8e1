"""KML 2.2 (OGC 07-147r2): a Placemark for each report, and with ``networklink=1`` a document that keeps itself fresh.

Google Earth shows a description as HTML, wherever its words come from; so people's words are escaped once more in it,
and the balloon shows nothing else. The words as they are stand in the data beside it. A report without a point is a
Placemark without a geometry: it stands in the list of places, as it stands in every other format.
"""

from collections.abc import Iterable, Iterator

from markupsafe import escape

from crowdmap.feeds.formats.batches import parsed, point
from crowdmap.feeds.formats.collection import Switch
from crowdmap.feeds.formats.xml import clean, headline, written

NAME = "kml"
MEDIA_TYPE = "application/vnd.google-earth.kml+xml"
TITLE = "KML"
PARAMETERS = (Switch("networklink", False, "KML: a small document that asks for this layer again every minute"),)
ATTACHED, WHOLE = True, False

REFRESH_S = 60
# aabbggrr, of the map's own colours
COLOURS = {"need": "ff5b49d1", "offer": "ff8c7900", "damage": "ff7d4d5c", "information": "ff1f6d8a"}
# name → (type, property); "description" and "name" would be taken for the Placemark's own
FIELDS = {
    "id": ("string", None), "kind": ("string", "kind"), "category": ("string", "category"),
    "categories": ("string", "categories"), "sector": ("string", "sector"), "title": ("string", "title"),
    "text": ("string", "description"), "status": ("string", "status"), "verification": ("string", "verification"),
    "verification_reason": ("string", "verification_reason"),
    "voices": ("int", "voices"), "precision_m": ("double", "precision_m"), "people": ("int", "people"),
    "quantity": ("double", "quantity"), "unit": ("string", "unit"), "place": ("string", "place"),
    "area": ("string", "area"), "claimed": ("bool", "claimed"), "freshness": ("string", "freshness"),
    "source": ("string", "source"), "occurred_at": ("string", "occurred_at"), "created_at": ("string", "created_at"),
    "updated_at": ("string", "updated_at"), "seq": ("int", "seq"), "url": ("string", "url"),
    "photos": ("string", "photos"), "translation": ("string", "translation"),
}  # fmt: skip


def encode(pieces: Iterable[bytes], around) -> Iterator[bytes]:
    yield _head(around).encode()
    if around.switches["networklink"]:
        yield _network_link(around).encode()
    else:
        yield _styles().encode()
        for some in parsed(pieces):
            yield "".join(map(_placemark, some)).encode()
    yield b"</Document>\n</kml>\n"


def _head(around) -> str:
    anchors = [
        f'<a href="{escape(link["href"])}">{escape(link["title"])}</a>'
        for link in around.links
        if link["rel"] in ("license", "next")
    ]
    words = f"<p>{escape(around.attribution)}</p><p>{' · '.join(anchors)}</p>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:atom="http://www.w3.org/2005/Atom">\n<Document>\n'
        f"<name>{written(around.title)}</name>\n"
        f"<atom:author><atom:name>{written(around.attribution)}</atom:name></atom:author>\n"
        f'<atom:link rel="license" href="{written(around.license)}"/>\n<description>{written(words)}</description>\n'
    )


def _network_link(around) -> str:
    return (
        f"<NetworkLink><name>{written(around.title)}</name><open>1</open>"
        f"<Link><href>{written(around.address)}</href>"
        f"<refreshMode>onInterval</refreshMode><refreshInterval>{REFRESH_S}</refreshInterval></Link></NetworkLink>\n"
    )


def _styles() -> str:
    """An icon without an address is the viewer's own pin, in the kind's colour."""
    styles = "".join(
        f'<Style id="{kind}"><IconStyle><color>{colour}</color></IconStyle>'
        "<BalloonStyle><text>$[description]</text></BalloonStyle></Style>\n"
        for kind, colour in COLOURS.items()
    )
    fields = "".join(f'<SimpleField type="{kind}" name="{name}"/>' for name, (kind, _told) in FIELDS.items())
    return f'{styles}<Schema name="report" id="report">{fields}</Schema>\n'


def _placemark(feature: dict) -> str:
    told = feature["properties"]
    lon, lat = point(feature)
    when = told["occurred_at"] or told["created_at"]
    data = "".join(
        f'<SimpleData name="{name}">{written(value)}</SimpleData>'
        for name, (_kind, key) in FIELDS.items()
        if (value := feature["id"] if key is None else _plain(told.get(key))) is not None
    )
    where = "" if lon is None else f"<Point><coordinates>{lon:.7f},{lat:.7f}</coordinates></Point>"
    return (
        f'<Placemark id="report-{written(feature["id"])}"><name>{written(headline(told))}</name>'
        f'<atom:link rel="related" href="{written(told["url"])}"/>'
        f"<description>{written(_balloon(told))}</description><TimeStamp><when>{when}</when></TimeStamp>"
        f'<styleUrl>#{written(told["kind"])}</styleUrl><ExtendedData><SchemaData schemaUrl="#report">{data}</SchemaData>'
        f"</ExtendedData>{where}</Placemark>\n"
    )


def _plain(value):
    return (",".join(value) or None) if isinstance(value, list) else value


def _balloon(told: dict) -> str:
    """HTML of our own around words that stay words."""
    facts = [told["kind"], told["category"], told["verification"], told["status"], told["place"] or told["area"]]
    if told["precision_m"] is not None:
        facts.append(f"± {told['precision_m']:g} m")
    parts = [f"<p><b>{escape(told['title'])}</b></p>"] if told["title"] else []
    if told["description"]:
        parts.append("<p>" + str(escape(clean(told["description"]))).replace("\n", "<br>") + "</p>")
    if told.get("translation"):
        parts.append("<p>" + str(escape(clean(told["translation"]))).replace("\n", "<br>") + "</p>")
    parts.append(f"<p>{escape(' · '.join(filter(None, facts)))}</p>")
    parts.append(f'<p><a href="{escape(told["url"])}">{escape(told["url"])}</a></p>')
    return "".join(parts)
