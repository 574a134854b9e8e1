"""Features a few hundred at a time, out of pieces that hold any number of them: what a format makes of each takes many times
the memory of its bytes."""

from collections.abc import Iterable, Iterator
from itertools import islice

import orjson

from crowdmap.db.joined import SEPARATOR

SIZE = 500


def parsed(pieces: Iterable[bytes], size: int = SIZE) -> Iterator[list[dict]]:
    """As plain values, for formats that cannot take the bytes as they are."""
    features = (feature for piece in pieces for feature in piece.split(SEPARATOR))
    while some := list(islice(features, size)):
        yield orjson.loads(b"[" + b",".join(some) + b"]")


def point(feature: dict) -> tuple[float, float] | tuple[None, None]:
    """lon, lat of a feature; twice None where the place is not known."""
    geometry = feature["geometry"]
    return (None, None) if geometry is None else (geometry["coordinates"][0], geometry["coordinates"][1])
