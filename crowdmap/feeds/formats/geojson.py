"""GeoJSON (RFC 7946): the stored bytes of the features, joined; members of OGC API – Features Part 1 §7.16 around."""

from collections.abc import Iterable, Iterator

import orjson

from crowdmap.feeds.formats.batches import batches

NAME = "geojson"
MEDIA_TYPE = "application/geo+json"
TITLE = "GeoJSON"


def encode(features: Iterable[bytes], around) -> Iterator[bytes]:
    head = {
        "type": "FeatureCollection", "title": around.title, "numberMatched": around.matched,
        "numberReturned": around.returned, "timeStamp": around.time_stamp, "seq": around.seq,
        "license": around.license, "attribution": around.attribution, "links": around.links,
        "next": next((link["href"] for link in around.links if link["rel"] == "next"), None),
    }  # fmt: skip
    yield orjson.dumps(head)[:-1] + b',"features":['
    comma = b""
    for some in batches(features):
        yield comma + b",".join(some)
        comma = b","
    yield b"]}"
