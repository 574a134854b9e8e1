"""Compressed answers (RFC 9110 §8.4): zstd (RFC 8878) where it is understood, else gzip, else as it is."""

import zlib
from collections.abc import Iterable, Iterator

import zstandard

LEAST = 1_000  # bytes; what fits one packet gains nothing
GZIP_LEVEL, ZSTD_LEVEL = 5, 5  # once for each body, however many take it
STREAM_LEVEL = 1  # while a whole layer is read: a core is worth more than a tenth of the bytes
ENCODINGS = ("zstd", "gzip")  # the better first


def choose(accepted: str) -> str:
    """The encoding for an Accept-Encoding header; "" for none. What is accepted with q=0 is refused."""
    if not accepted:
        return ""
    offered = {}
    for part in accepted.lower().split(","):
        name, _semicolon, weight = part.partition(";")
        offered[name.strip()] = weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return next((name for name in ENCODINGS if offered.get(name, offered.get("*", False))), "")


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
