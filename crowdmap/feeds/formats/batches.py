"""Features a few hundred at a time: a piece for each would cost more than the features themselves."""

from collections.abc import Iterable, Iterator
from itertools import islice

SIZE = 500


def batches(features: Iterable[bytes]) -> Iterator[list[bytes]]:
    features = iter(features)
    while some := list(islice(features, SIZE)):
        yield some
