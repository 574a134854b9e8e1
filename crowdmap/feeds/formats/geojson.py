"""GeoJSON (RFC 7946): the stored bytes of the features, joined; members of OGC API – Features Part 1 §7.16 around."""

import orjson

NAME = "geojson"
MEDIA_TYPE = "application/geo+json"
TITLE = "GeoJSON"


def encode(page, collection) -> bytes:
    head = {
        "type": "FeatureCollection", "title": collection.title, "numberMatched": page.matched,
        "numberReturned": len(page.features), "timeStamp": collection.time_stamp, "seq": page.seq,
        "license": collection.license, "attribution": collection.attribution, "links": collection.links,
        "next": next((link["href"] for link in collection.links if link["rel"] == "next"), None),
    }  # fmt: skip
    return orjson.dumps(head)[:-1] + b',"features":[' + b",".join(page.features) + b"]}"
