"""GeoJSON (RFC 7946): the stored bytes of the features, joined; members of OGC API – Features Part 1 §7.16 around.

``bbox`` (§5) stands after the features: only then all their points are known. West greater than east crosses the
antimeridian (§5.2). Without a point there is none.
"""

from collections.abc import Iterable, Iterator

import orjson

from crowdmap.db.joined import SEPARATOR

NAME = "geojson"
MEDIA_TYPE = "application/geo+json"
TITLE = "GeoJSON"
PARAMETERS = ()
ATTACHED = WHOLE = False


def encode(pieces: Iterable[bytes], around) -> Iterator[bytes]:
    head = {
        "type": "FeatureCollection", "title": around.title, "numberMatched": around.matched,
        "numberReturned": around.returned, "timeStamp": around.time_stamp, "seq": around.seq,
        "license": around.license, "attribution": around.attribution, "links": around.links,
        "next": around.following(),
    }  # fmt: skip
    yield orjson.dumps(head)[:-1] + b',"features":['
    between = b""
    for piece in pieces:
        yield between + piece
        between = SEPARATOR
    box = around.extent.bbox()
    yield b"]" + (b',"bbox":' + orjson.dumps([round(number, 7) for number in box.as_list()]) if box else b"") + b"}"
