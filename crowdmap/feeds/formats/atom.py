"""Atom (RFC 4287) with GeoRSS Simple: ``georss:point`` is latitude, longitude; ``georss:radius`` is metres."""

from collections.abc import Iterable, Iterator

from crowdmap.feeds.formats.batches import parsed, point
from crowdmap.feeds.formats.xml import headline, written

NAME = "atom"
MEDIA_TYPE = "application/atom+xml"
TITLE = "Atom with GeoRSS"
PARAMETERS = ()
ATTACHED = WHOLE = False

RELATIONS = ("self", "next", "alternate", "license")  # others would have to be addresses (RFC 4287 §4.2.7.2)
TERMS = ("kind", "category", "sector", "status", "verification", "verification_reason")  # of the last, one for each word


def encode(pieces: Iterable[bytes], around) -> Iterator[bytes]:
    yield _head(around).encode()
    author = f"<author><name>{written(around.attribution)}</name></author>"
    for some in parsed(pieces):
        yield "".join(_entry(feature, author) for feature in some).encode()
    yield b"</feed>\n"


def _head(around) -> str:
    links = "".join(
        f'<link rel="{link["rel"]}" type="{written(link["type"])}" title="{written(link["title"])}"'
        f' href="{written(link["href"])}"/>\n'
        for link in around.links
        if link["rel"] in RELATIONS
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:georss="http://www.georss.org/georss">\n'
        f"<id>{written(around.identity)}</id>\n<title>{written(around.title)}</title>\n"
        f"<updated>{around.time_stamp}</updated>\n"
        f"<author><name>{written(around.attribution)}</name></author>\n"
        f"<rights>{written(around.license)}</rights>\n<generator>crowdmap</generator>\n{links}"
    )


def _entry(feature: dict, author: str) -> str:
    told = feature["properties"]
    lon, lat = point(feature)
    place = ""
    if lat is not None:
        place = f"<georss:point>{lat:.7f} {lon:.7f}</georss:point>"
        if told["precision_m"] is not None:
            place += f"<georss:radius>{told['precision_m']}</georss:radius>"
    terms = "".join(
        f'<category term="{written(term)}" scheme="urn:crowdmap:{name}"/>'
        for name in TERMS
        if told.get(name)
        for term in (told[name].split(",") if name == "verification_reason" else [told[name]])
    )
    return (
        f"<entry><id>{written(told['url'])}</id><title>{written(headline(told))}</title>"
        f"<updated>{told['updated_at']}</updated><published>{told['created_at']}</published>{author}"
        f'<link rel="alternate" type="text/html" href="{written(told["url"])}"/>{terms}{place}'
        f'<content type="text">{written(_words(told))}</content></entry>\n'
    )


def _words(told: dict) -> str:
    """As told; and below, what a volunteer translated."""
    return "\n\n".join(filter(None, (told["description"] or told["title"], told.get("translation"))))
