"""The formats a feed is served in. Adding one is one file here and one line in FORMATS.

A format has: NAME (the address's ending), MEDIA_TYPE, TITLE, and ``encode(page, collection) -> bytes`` where *page*
is a feeds.reading.Page of encoded GeoJSON features and *collection* says links, licence and title.
"""

from dataclasses import dataclass

from crowdmap.feeds.formats import geojson


@dataclass(frozen=True)
class Collection:
    """What stands around the features. *links* are {href, rel, type, title}."""

    title: str
    links: list[dict]
    license: str
    attribution: str
    time_stamp: str


FORMATS = {module.NAME: module for module in (geojson,)}
