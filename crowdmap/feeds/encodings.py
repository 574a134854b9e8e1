"""Compressed answers (RFC 9110 §8.4): zstd (RFC 8878) where it is understood, else gzip, else as it is."""

import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache

import zstandard
from werkzeug.http import parse_accept_header

LEAST = 1_000  # bytes; what fits one packet gains nothing
GZIP_LEVEL, ZSTD_LEVEL = 5, 5  # once for each body, however many take it
STREAM_LEVEL = 1  # while a whole layer is read: a core is worth more than a tenth of the bytes
ENCODINGS = ("zstd", "gzip")  # the better first


@lru_cache(maxsize=256)
def choose(accepted: str) -> str:
    """The encoding for an Accept-Encoding header; "" for none. What is accepted with q=0 is refused."""
    offered = parse_accept_header(accepted.lower())
    return next((name for name in ENCODINGS if offered.quality(name) > 0), "")


def encode(name: str, data: bytes) -> bytes:
    if name == "zstd":
        return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(data)
    if name == "gzip":
        packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
        return packer.compress(data) + packer.flush()
    return data


def encoded(name: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same piece by piece."""
    if not name:
        yield from pieces
        return
    if name == "zstd":
        packer = zstandard.ZstdCompressor(level=STREAM_LEVEL).compressobj()
    else:
        packer = zlib.compressobj(STREAM_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()
