"""The formats a feed is served in. Adding one is one file here and one line in FORMATS.

A format has: NAME (the address's ending), MEDIA_TYPE, TITLE, and ``encode(features, around) -> Iterator[bytes]`` where
*features* yields encoded GeoJSON features and *around* says links, licence and title. It takes from *features* as it
goes on, so that a layer of any size passes through little memory.
"""

from dataclasses import dataclass

from crowdmap.feeds.formats import geojson


@dataclass(frozen=True)
class Collection:
    """What stands around the features. *links* are {href, rel, type, title}; *matched* counts all that the filter finds,
    *returned* those that follow."""

    title: str
    links: list[dict]
    license: str
    attribution: str
    time_stamp: str
    matched: int
    returned: int
    seq: int


FORMATS = {module.NAME: module for module in (geojson,)}
