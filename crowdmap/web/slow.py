"""Whoever takes an answer too slowly is cut: some hundred who ask for much and read nothing would hold every thread.

An answer is handed to the server in pieces. Where one was not taken for SLOW_S, the connection is closed. And while more
than a quarter of the threads have been sending for LONG_S, the slowest of these are closed too, since others wait; while
there is room, everybody may read as slowly as a bad line wants it. A thread that waits in ``send`` notices nothing by
itself, so another one looks, as long as anything is sent.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from flask import Flask

SLOW_S = 20.0  # for a piece
LONG_S = 5.0  # of sending in all, from which on an answer counts as a long one
PIECE, MOST_PIECE = 64 * 1024, 512 * 1024  # who takes one at once is given twice as much the next time
AT_ONCE_S = 0.02
LOOK_S, EMPTY_S = 1.0, 5.0


class Sending:
    """One answer on its way, as the iterator that the server takes it from. *waiting_since* is None while nothing waits to
    be taken: it is made, or a stream has nothing to tell."""

    def __init__(self, here: "Sendings", line: socket.socket, body: Iterable[bytes], file_wrapper):
        self._here, self._line, self._body = here, line, body
        self._piece, self._pieces = PIECE, _pieces(body, file_wrapper, lambda: self._piece)
        self.waiting_since: float | None = None
        self._size = self._taken = 0
        self._seconds = 0.0

    def __iter__(self) -> "Sending":
        return self

    def __next__(self) -> bytes:
        if self.waiting_since is not None:
            took = time.monotonic() - self.waiting_since
            self._piece = min(2 * self._piece, MOST_PIECE) if took < AT_ONCE_S else PIECE
            if took >= AT_ONCE_S:  # or a live stream that is read well would be a long one in the end
                self._seconds += took
            self._taken += self._size
            self.waiting_since = None
        try:
            piece = next(self._pieces)
            self._size = len(piece)
            return piece
        finally:  # at the end, too: what has no body is sent after it
            self.waiting_since = time.monotonic()

    def close(self) -> None:
        self._here.leave(self)
        if hasattr(self._body, "close"):
            self._body.close()

    def seconds(self, now: float) -> float:
        """So long the other side was waited for in all."""
        waiting_since = self.waiting_since
        return self._seconds + (0.0 if waiting_since is None else now - waiting_since)

    def speed(self, now: float) -> float:
        """Bytes a second."""
        return self._taken / max(self.seconds(now), 0.001)

    def cut(self) -> None:
        with contextlib.suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)


class Sendings:
    """WSGI middleware in front of all others, and what one process sends just now."""

    def __init__(self, app: Flask):
        self._next, self._most = app.wsgi_app, max(1, app.config["CROWDMAP"].THREADS // 4)
        self._open: set[Sending] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def __call__(self, environ, start_response):
        body = self._next(environ, start_response)
        line = environ.get("gunicorn.socket")
        if line is None:
            return body
        sending = Sending(self, line, body, environ.get("wsgi.file_wrapper"))
        with self._lock:
            self._open.add(sending)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="slow-watch", daemon=True)
                self._thread.start()
        return sending

    def leave(self, sending: Sending) -> None:
        with self._lock:
            self._open.discard(sending)

    def _watch(self) -> None:
        empty_since = None
        while True:
            time.sleep(LOOK_S)
            now = time.monotonic()
            with self._lock:  # whoever is in here has not given his connection back, or another answer would be cut
                for sending in too_slow(self._open, self._most, now):
                    sending.cut()
                empty_since = None if self._open else empty_since or now
                if empty_since is not None and now - empty_since > EMPTY_S:
                    self._thread = None
                    return


def too_slow(sendings: Iterable[Sending], most: int, now: float) -> list[Sending]:
    """Those to be cut: who took nothing for long, and the slowest of the long ones where there are more than *most*."""
    waiting = [(sending, since) for sending in sendings if (since := sending.waiting_since) is not None]
    cut = [sending for sending, since in waiting if now - since > SLOW_S]
    long = [sending for sending, since in waiting if now - since <= SLOW_S and sending.seconds(now) > LONG_S]
    if len(long) > most:
        cut += sorted(long, key=lambda sending: sending.speed(now))[: len(long) - most]
    return cut


def _pieces(body: Iterable[bytes], file_wrapper, size: Callable[[], int]) -> Iterator[bytes]:
    if file_wrapper is not None and isinstance(body, file_wrapper):
        while some := body.filelike.read(size()):
            yield some
        return
    for item in body:
        at = 0
        while at < len(item) or not at:
            some = item[at : at + size()]
            yield some
            at += len(some) or 1


def init_app(app: Flask) -> None:
    app.wsgi_app = Sendings(app)
