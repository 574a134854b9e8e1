"""Encoded values kept in this process by (id, version), so that they come from the database's once. Nothing kept is ever out of
date: whoever asks brings the version that stands in the database as they see it."""

import threading
import time
import weakref
from collections.abc import Callable, Iterable
from itertools import islice
from typing import NamedTuple

from sqlalchemy import Engine

MOST_BYTES = 112 * 1024 * 1024  # a crisis of 100,000 reports; where more are asked for, what was put in first is fetched again
KEPT_S = 600.0  # then all goes: what was erased is asked for no more, and must not stay here for good
_APIECE = 250  # bytes that a value takes beside its own


class Version(NamedTuple):
    version: int
    value: bytes
    lon: float | None
    lat: float | None


_NONE = Version(-1, b"", None, None)
Read = Callable[[list[int]], Iterable[tuple[int, Version]]]


class Versions:
    """A bounded store; what was put in first goes first, and all of it every KEPT_S."""

    def __init__(self, size: int = MOST_BYTES):
        self._size, self._held = size, 0
        self._kept: dict[int, Version] = {}
        self._begun = time.monotonic()
        self._lock = threading.Lock()

    def take(self, ids: list[int], wanted: list[int], read: Read) -> list[Version]:
        """The values of *ids* in the versions *wanted*, one for each id; *read* gives those that are not here, in the transaction
        that told the versions."""
        if time.monotonic() - self._begun > KEPT_S:
            with self._lock:
                self._kept, self._held, self._begun = {}, 0, time.monotonic()
        found = [self._kept.get(key, _NONE) for key in ids]
        missing = [key for key, version, has in zip(ids, wanted, found, strict=True) if has.version != version]
        if not missing:
            return found
        fresh = dict(read(missing))
        self._keep(fresh)
        return [has if has.version == version else fresh[key] for key, version, has in zip(ids, wanted, found, strict=True)]

    def _keep(self, fresh: dict[int, Version]) -> None:
        with self._lock:
            for key, version in fresh.items():
                size = len(version.value) + _APIECE
                old = self._kept.pop(key, None)
                self._held += size - (len(old.value) + _APIECE if old else 0)
                self._kept[key] = version
            while self._kept and self._held > self._size:
                for key in list(islice(self._kept, 1 + len(self._kept) // 8)):
                    self._held -= len(self._kept.pop(key).value) + _APIECE


_stores: weakref.WeakKeyDictionary[Engine, Versions] = weakref.WeakKeyDictionary()


def versions(engine: Engine) -> Versions:
    return _stores.setdefault(engine, Versions())
