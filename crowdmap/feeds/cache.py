"""Whole answers kept by (what was asked, seq), built by one thread while the others wait for it (single flight).

A body is rebuilt when its seq has moved on. Where that would take more than a quarter of a core, it is served as it
is for up to a second: what builds in a few milliseconds is always fresh, what builds in half a second is rebuilt once
a second however many ask. A body carries the seq it was built at, so a reader resumes from there and loses nothing.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from crowdmap.feeds import encodings

MOST_ENTRIES = 256
MOST_BYTES = 32 * 1024 * 1024
LONGEST_S = 1.0
SHARE = 0.25  # of a core, for rebuilding one body


@dataclass
class Body:
    seq: int
    data: Any  # bytes, or what else knows its len()
    built_at: float
    spent_s: float  # on building it of late; drains by SHARE of a second each second
    headers: dict[str, str] = field(default_factory=dict)  # that belong to this body, such as where it goes on
    packed: dict[str, bytes] = field(default_factory=dict)  # by the name of the encoding
    packing: threading.Lock = field(default_factory=threading.Lock)

    def encoded(self, name: str) -> bytes:
        """Compressed once, for all who take it so."""
        if not name or len(self.data) < encodings.LEAST:
            return self.data
        with self.packing:
            if name not in self.packed:
                self.packed[name] = encodings.encode(name, self.data)
            return self.packed[name]

    @property
    def size(self) -> int:
        """Bytes held; a fifth more for what is compressed."""
        return len(self.data) * 6 // 5

    def spent(self, now: float) -> float:
        return max(0.0, self.spent_s - (now - self.built_at) * SHARE)

    def good(self, seq: int, longest: float = LONGEST_S, cheap: float = SHARE) -> bool:
        """Whether it may be served though *seq* may have moved on."""
        now = time.monotonic()
        return self.seq >= seq or (now - self.built_at < longest and self.spent(now) > cheap)


@dataclass
class _Gate:
    """*waiting*: how many build or wait."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    waiting: int = 0


class Bodies:
    """A bounded store of bodies; the least recently used go first. *longest*: seconds that an old one may serve;
    *cheap*: seconds of building of late up to which none does."""

    def __init__(
        self, entries: int = MOST_ENTRIES, size: int = MOST_BYTES, longest: float = LONGEST_S, cheap: float = SHARE
    ):  # fmt: skip
        self._entries, self._size, self._rule = entries, size, (longest, cheap)
        self._bodies: OrderedDict[Hashable, Body] = OrderedDict()
        self._held = 0
        self._lock = threading.Lock()
        self._building: dict[Hashable, _Gate] = {}

    def get(self, key: Hashable, seq: Callable[[], int], build: Callable[[], tuple]) -> Body:
        """The body for *key*, at *seq* or as young as the rule above says; *build* gives (its seq, its bytes[,
        headers that belong to it]). The seq is asked for only where there is a body that it can be held against."""
        body = self._look(key)
        if body is not None and body.good(seq(), *self._rule):
            return body
        with self._lock:
            gate = self._building.setdefault(key, _Gate())
            gate.waiting += 1
        try:
            with gate.lock:
                body = self._look(key)
                if body is not None and body.good(seq(), *self._rule):
                    return body
                started = time.monotonic()
                built_seq, data, *headers = build()
                took = time.monotonic() - started
                spent = (body.spent(started) if body else 0.0) + took
                body = Body(built_seq, data, started, spent, *headers)
                self._store(key, body)
                return body
        finally:  # also where it could not be built: a stranger chooses the keys, and they must not pile up
            with self._lock:
                gate.waiting -= 1
                if not gate.waiting:  # while any waits, who comes waits at the same one
                    del self._building[key]

    def clear(self) -> None:
        with self._lock:
            self._bodies.clear()
            self._held = 0

    def _look(self, key):
        with self._lock:
            body = self._bodies.get(key)
            if body is not None:
                self._bodies.move_to_end(key)
            return body

    def _store(self, key, body):
        with self._lock:
            old = self._bodies.pop(key, None)
            self._held += body.size - (old.size if old else 0)
            self._bodies[key] = body
            while self._bodies and (len(self._bodies) > self._entries or self._held > self._size):
                self._held -= self._bodies.popitem(last=False)[1].size


def bodies(app) -> Bodies:
    """The application's own store: two applications in one process (tests) never share answers."""
    return app.extensions.setdefault("crowdmap_bodies", Bodies())
