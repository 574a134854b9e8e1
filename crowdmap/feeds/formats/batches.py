"""Features a few hundred at a time: a piece for each would cost more than the features themselves."""

from collections.abc import Iterable, Iterator
from itertools import islice

import orjson

SIZE = 500


def batches(features: Iterable[bytes], size: int = SIZE) -> Iterator[list[bytes]]:
    features = iter(features)
    while some := list(islice(features, size)):
        yield some


def parsed(features: Iterable[bytes], size: int = SIZE) -> Iterator[list[dict]]:
    """The same as plain values, for formats that cannot take the bytes as they are."""
    for some in batches(features, size):
        yield orjson.loads(b"[" + b",".join(some) + b"]")


def point(feature: dict) -> tuple[float, float] | tuple[None, None]:
    """lon, lat of a feature; twice None where the place is not known."""
    geometry = feature["geometry"]
    return (None, None) if geometry is None else (geometry["coordinates"][0], geometry["coordinates"][1])
