"""Live changes as server-sent events (WHATWG HTML §9.2). One thread a process waits for the database; each stream
is the changes query in a loop, and streams that ask the same share its answer.

Streams may hold at most half of a process's threads; the next one gets 503 with Retry-After and its client polls
/feeds/changes instead.
"""

import select
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable

from flask import Flask, Response, current_app, request

from crowdmap.db import db, reading
from crowdmap.db.wake import Waker
from crowdmap.errors import InvalidParameter, StreamsFull
from crowdmap.feeds.changes import Changes, changes, check_since, refuse_relative
from crowdmap.feeds.heads import head_seq
from crowdmap.filters import ReportFilter
from crowdmap.publishing.models import Audience

HEART_BEAT_S = 15
CHECK_S = 2  # how often a waiting stream looks whether it may go on
BATCH = 500


class Streams:
    """The streams of one process: how many there are, the newest seq, and answers that several share."""

    def __init__(self, app: Flask):
        self.app = app
        self.open = 0
        self.head = 0
        self.stopping: Callable[[], bool] = lambda: False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._shared: OrderedDict[tuple, Changes] = OrderedDict()
        self._gate = threading.Lock()

    @property
    def most(self) -> int:
        return max(1, self.app.config["CROWDMAP"].THREADS // 2)

    def enter(self) -> None:
        """Take a place, or raise StreamsFull. The waiting thread starts with the first stream, after any fork."""
        with self._changed:
            if self.open >= self.most:
                raise StreamsFull("all live connections are taken; ask /feeds/changes?since=… every few seconds")
            self.open += 1
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._watch, name="stream-watch", daemon=True)
                self._thread.start()

    def leave(self) -> None:
        with self._changed:
            self.open -= 1

    def _watch(self) -> None:
        waker = Waker(self.app)
        while True:
            seq = waker.wait(self.head, HEART_BEAT_S)
            with self._changed:
                if seq != self.head:
                    self.head = seq
                    self._changed.notify_all()

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


def respond(chosen: ReportFilter, audience: Audience, *, still_allowed: Callable[[], bool] | None = None) -> Response:
    """The stream's response: from ``Last-Event-ID`` or ``since`` on, else from now.

    *still_allowed* is asked every few seconds, in an application context; the stream ends when it says no.
    """
    refuse_relative(chosen)
    given = request.headers.get("Last-Event-ID") or request.args.get("since")
    if given is None:
        since = head_seq(audience)
    else:
        if not (given.isascii() and given.isdecimal() and len(given) < 19):
            raise InvalidParameter("Last-Event-ID is the id of an earlier event", field="since")
        since = int(given)
        check_since(since, audience)
    here = streams()
    here.enter()
    db.session.remove()  # a stream holds no connection while it waits
    line = request.environ.get("gunicorn.socket")
    body = _Body(here, _events(here, chosen, audience, since, still_allowed, line))
    response = Response(body, mimetype="text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"  # nginx would hold events back
    response.headers["Cache-Control"] = "no-store"
    response.call_on_close(body.close)
    return response


class _Body:
    """The events as an iterator that gives its place back when it is closed, also if it was never begun."""

    def __init__(self, here, events):
        self._here, self._events, self._closed = here, events, False

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._events)

    def close(self):
        if not self._closed:
            self._closed = True
            self._here.leave()
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


def _events(here: Streams, chosen, audience, since, still_allowed, line):
    yield b": welcome\nretry: 3000\n\n"
    quiet = 0.0
    while not here.stopping() and not _hung_up(line):
        if still_allowed is not None:
            with here.app.app_context(), reading():
                allowed = still_allowed()
                db.session.remove()
            if not allowed:
                return
        if not here.wait(since, CHECK_S):
            quiet += CHECK_S
            if quiet >= HEART_BEAT_S:
                quiet = 0.0
                yield b": heart-beat\n\n"
            continue
        head = here.head  # before the rows: what is written meanwhile is above it, and wakes this stream again
        found = here.read(chosen, audience, since, head)
        quiet = 0.0
        if found.items:
            yield b"".join(b"id: %d\nevent: report\ndata: %s\n\n" % item for item in found.items)
        # where nothing was found, the event changed nothing that this audience sees
        since = max(since, head) if found.seq == since else found.seq


def init_app(app: Flask) -> None:
    app.extensions["crowdmap_streams"] = Streams(app)

