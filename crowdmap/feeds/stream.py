"""Live changes as server-sent events (WHATWG HTML §9.2). One thread a process waits for the database; each stream
is the changes query in a loop, and streams that ask the same share its answer.

Streams may hold at most half of a process's threads, those of one network at most three quarters of these; the next
one gets 503 with Retry-After and its client polls /feeds/changes instead. A stream is sent in small pieces, and one
whose client takes none for a while is cut (`web.slow`): it resumes from the last id it read. So what waits to be sent is
at most a piece and the socket's buffer for each stream, whatever is published meanwhile.
"""

import contextlib
import select
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flask import Flask, Response, current_app, request

from crowdmap.db import db, reading
from crowdmap.db.wake import Waker
from crowdmap.errors import InvalidParameter, StreamsFull
from crowdmap.feeds.changes import Changes, changes, check_since, refuse_relative
from crowdmap.feeds.heads import head_seq
from crowdmap.feeds.reader import Reader
from crowdmap.filters import ReportFilter
from crowdmap.publishing.models import Audience
from crowdmap.web.limits import client_source

HEART_BEAT_S = 15
EMPTY_S = 5  # then nobody watches the log for them
CHECK_S = 2  # how often a waiting stream looks whether it may go on
BATCH = 500
PIECE = 32 * 1024  # bytes handed to the server at once, or a single larger event
SOCKET_BUFFER = 128 * 1024  # the system would let it grow to megabytes for each client that does not read


@dataclass(eq=False)
class Place:
    """One stream's."""

    source: str


class Streams:
    """The streams of one process: how many there are, the newest seq, and answers that several share."""

    def __init__(self, app: Flask):
        self.app = app
        self.places: set[Place] = set()
        self.head = 0
        self.stopping: Callable[[], bool] = lambda: False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._shared: OrderedDict[tuple, Changes] = OrderedDict()
        self._gate = threading.Lock()

    @property
    def most(self) -> int:
        return max(1, self.app.config["CROWDMAP"].THREADS // 2)

    @property
    def most_of_one(self) -> int:
        """Of one network: a camp behind one address has its fill, and leaves some to everybody else."""
        return max(1, self.most * 3 // 4) if self.app.config["CROWDMAP"].RATE_LIMITS else self.most

    def enter(self, source: str, line: socket.socket | None) -> Place:
        """Take a place, or raise StreamsFull. The waiting thread starts with the first stream, after any fork."""
        with self._changed:
            if len(self.places) >= self.most:
                raise StreamsFull("all live connections are taken; ask /feeds/changes?since=… every few seconds")
            if sum(place.source == source for place in self.places) >= self.most_of_one:
                raise StreamsFull("your network holds its share of live connections; ask /feeds/changes?since=… instead")
            place = Place(source)
            self.places.add(place)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._watch, name="stream-watch", daemon=True)
                self._thread.start()
        if line is not None:
            with contextlib.suppress(OSError):
                line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER)
        return place

    def leave(self, place: Place) -> None:
        with self._changed:
            self.places.discard(place)

    def _watch(self) -> None:
        """Until no stream has been there for a while; the next one begins anew."""
        waker, empty_since = Waker(self.app), None
        while True:
            seq = waker.wait(self.head, CHECK_S)
            with self._changed:
                if seq != self.head:
                    self.head = seq
                    self._changed.notify_all()
                now = time.monotonic()
                empty_since = None if self.places else empty_since or now
                if empty_since is not None and now - empty_since > EMPTY_S:
                    self._thread = None
                    waker.close()
                    return

    def wait(self, since: int, seconds: float) -> bool:
        """Whether something newer than *since* was written, within so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self.head > since, seconds)

    def read(self, chosen: ReportFilter, audience: Audience, since: int, head: int) -> Changes:
        """The changes after *since*; asked of the database once for all streams that stand at the same place."""
        key = (chosen.canonical(), audience, since, head)
        with self._gate:
            found = self._shared.get(key)
            if found is None:
                with self.app.app_context(), reading():
                    found = changes(chosen, audience, since, BATCH)
                    db.session.remove()
                self._shared[key] = found
                while len(self._shared) > 64:
                    self._shared.popitem(last=False)
            return found


def streams() -> Streams:
    return current_app.extensions["crowdmap_streams"]


def respond(chosen: ReportFilter, who: Reader) -> Response:
    """The stream's response: from ``Last-Event-ID`` or ``since`` on, else from now; it ends when the reader is not
    allowed any more."""
    chosen, audience = who.hold(chosen), who.audience
    refuse_relative(chosen)
    given = request.headers.get("Last-Event-ID") or request.args.get("since")
    if given is None:
        since = head_seq(audience)
    else:
        if not (given.isascii() and given.isdecimal() and len(given) < 19):
            raise InvalidParameter("Last-Event-ID is the id of an earlier event", field="since")
        since = int(given)
        check_since(since, who)
    here = streams()
    line = request.environ.get("gunicorn.socket")
    source = client_source()
    db.session.remove()  # a stream holds no connection while it waits
    place = here.enter(source, line)  # from here on nothing may fail until the body can give the place back
    body = _Body(here, place, _events(here, chosen, audience, since, who.still_allowed, line))
    response = Response(body, mimetype="text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"  # nginx would hold events back
    response.headers["Cache-Control"] = "no-store"
    response.call_on_close(body.close)
    return response


class _Body:
    """The events as an iterator that gives its place back when it is closed, also if it was never begun."""

    def __init__(self, here: Streams, place: Place, events):
        self._here, self._place, self._events, self._closed = here, place, events, False

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._events)

    def close(self):
        if not self._closed:
            self._closed = True
            self._here.leave(self._place)
            self._events.close()


def _hung_up(line: socket.socket | None) -> bool:
    """Whether the other side has closed; otherwise a place would stay taken until a heart-beat fails."""
    if line is None:
        return False
    try:
        poll = select.poll()
        poll.register(line, select.POLLIN)
        return bool(poll.poll(0)) and line.recv(1, socket.MSG_PEEK) == b""
    except (OSError, ValueError):
        return True


def _pieces(items: list[tuple[int, bytes]]) -> Iterator[bytes]:
    """Whole events joined to pieces: whoever is cut resumes behind the last that arrived."""
    piece = []
    size = 0
    for item in items:
        event = b"id: %d\nevent: report\ndata: %s\n\n" % item
        if piece and size + len(event) > PIECE:
            yield b"".join(piece)
            piece, size = [], 0
        piece.append(event)
        size += len(event)
    if piece:
        yield b"".join(piece)


def _events(here: Streams, chosen, audience, since, still_allowed, line):
    """*passed*: a seq looked at, whose change the filter left out. It is told as an id without data, which every reader
    remembers and shows to nobody (WHATWG HTML §9.2.6), so that who resumes is not led through all of it again."""
    passed = None

    def may_go_on() -> bool:
        if here.stopping() or _hung_up(line):
            return False
        if still_allowed is None:
            return True
        with here.app.app_context(), reading():
            allowed = still_allowed()
            db.session.remove()
        return allowed

    yield b": welcome\nretry: 3000\n\n"
    sent_at = time.monotonic()
    while may_go_on():
        news = here.wait(since, CHECK_S)
        if time.monotonic() - sent_at >= HEART_BEAT_S:  # also while only others are told anything
            yield b": heart-beat\n" + (b"id: %d\n\n" % passed if passed else b"\n")
            passed, sent_at = None, time.monotonic()
        if not news:
            continue
        head = here.head  # before the rows: what is written meanwhile is above it, and wakes this stream again
        found = here.read(chosen, audience, since, head)
        for number, piece in enumerate(_pieces(found.items)):
            if number and not may_go_on():
                return
            yield piece
            passed, sent_at = None, time.monotonic()
        if found.seq > (found.items[-1][0] if found.items else since):
            passed = found.seq
            if found.more:
                yield b"id: %d\n\n" % passed
        # where nothing was found, the event changed nothing that this audience sees
        since = max(since, head) if found.seq == since else found.seq


def init_app(app: Flask) -> None:
    app.extensions["crowdmap_streams"] = Streams(app)

