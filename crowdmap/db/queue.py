"""The queue before SQLite's one place for a writer: threads in a line, processes on locks beside the file.

Without it, writers that meet sleep and try again (p99 0.6 to 1 s with 32 clients); here each is woken in its turn.
"""

import os
import threading
from collections import deque
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: SQLite's own busy timeout must do
    fcntl = None


class QueueTimeout(TimeoutError):
    """The turn did not come in time."""


class _Line:
    """First come, first served, within the process. threading.Lock promises no order."""

    def __init__(self):
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._taken = False

    def enter(self, seconds: float) -> None:
        with self._guard:
            if not self._taken:
                self._taken = True
                return
            gate = threading.Lock()
            gate.acquire()
            self._waiting.append(gate)
        if gate.acquire(timeout=seconds):
            return
        with self._guard:
            if gate in self._waiting:
                self._waiting.remove(gate)
                raise QueueTimeout(f"no turn to write within {seconds:g} s")
        # the turn came in the last moment: it is ours

    def leave(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False


class WriterQueue:
    """One per process and file. *enter* and *leave* may be called by different threads.

    Between processes two ``flock`` files: who holds ``turn`` is next, who holds ``lock`` writes. With one lock alone a
    process that leaves and enters again at once would overtake those the kernel is just waking.
    """

    def __init__(self, database: Path):
        self._line = _Line()
        self._files = {}
        if fcntl:
            for name in ("lock", "turn"):
                self._files[name] = os.open(f"{database}.{name}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def enter(self, seconds: float) -> None:
        """Wait at most about *seconds*; raises QueueTimeout."""
        self._line.enter(seconds)
        try:
            if not self._files or self._at_once():
                return
        except BaseException:
            self._line.leave()
            raise
        self._wait(seconds)

    def leave(self) -> None:
        if self._files:
            fcntl.flock(self._files["lock"], fcntl.LOCK_UN)
        self._line.leave()

    def _at_once(self) -> bool:
        """True: entered. False: another process is in, and neither file is held."""
        try:
            fcntl.flock(self._files["turn"], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        try:
            fcntl.flock(self._files["lock"], fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False
        finally:
            fcntl.flock(self._files["turn"], fcntl.LOCK_UN)

    def _wait(self, seconds: float) -> None:
        """``flock`` knows no timeout: a thread waits in the kernel, and hands back what comes too late."""
        guard, arrived = threading.Lock(), threading.Event()
        state = {"in": False, "gone": False}

        def wait():
            fcntl.flock(self._files["turn"], fcntl.LOCK_EX)
            fcntl.flock(self._files["lock"], fcntl.LOCK_EX)
            fcntl.flock(self._files["turn"], fcntl.LOCK_UN)
            with guard:
                state["in"] = True
                if not state["gone"]:
                    arrived.set()
                    return
            self.leave()

        threading.Thread(target=wait, name="crowdmap-writer-queue", daemon=True).start()
        if arrived.wait(seconds):
            return
        with guard:
            if state["in"]:
                return
            # the line stays taken until the waiting thread comes through: its lock is this process's
            state["gone"] = True
        raise QueueTimeout(f"another process has been writing for more than {seconds:g} s")

    def forget(self) -> None:
        for handle in self._files.values():
            os.close(handle)


_queues: dict[str, WriterQueue] = {}
_guard = threading.Lock()


def writer_queue(database: str | Path) -> WriterQueue:
    """This process's queue for the file."""
    path = str(Path(database).resolve())
    with _guard:
        if path not in _queues:
            _queues[path] = WriterQueue(Path(path))
        return _queues[path]


def _after_fork() -> None:
    # a copy of a lock file's handle would keep the parent's lock alive; threads in the line did not come along
    global _guard
    _guard = threading.Lock()
    for queue in _queues.values():
        queue.forget()
    _queues.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
