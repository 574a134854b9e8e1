"""Answers that are made as a file, kept without a name until the layer changes or space is needed."""

import os
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator

from crowdmap.errors import FilesBusy
from crowdmap.feeds.cache import Bodies

MOST_FILES = 8
MOST_BYTES = 512 * 1024 * 1024
LONGEST_S, CHEAP_S = 10.0, 1.0  # a file that takes less than a second is always fresh
AT_ONCE = 2  # in one process; each takes a processor for seconds
PIECE = 256 * 1024


class KeptFile:
    """Bytes in a file that no folder names: the last reader's end is its end, also where the process is killed."""

    def __init__(self, pieces: Iterable[bytes]):
        file = tempfile.TemporaryFile(buffering=0, prefix="crowdmap-")
        weakref.finalize(self, file.close)
        self._descriptor, self._size = file.fileno(), 0
        for piece in pieces:
            self._size += len(piece)
            while piece:
                piece = piece[file.write(piece) :]

    def __len__(self) -> int:
        return self._size

    def pieces(self) -> Iterator[bytes]:
        """The bytes, for any number of readers at a time."""
        offset = 0
        while piece := os.pread(self._descriptor, PIECE, offset):
            yield piece
            offset += len(piece)


class Files:
    """Bodies on disk. A file is made once for all who ask meanwhile. Raises FilesBusy when enough others are made."""

    def __init__(self):
        self.bodies = Bodies(MOST_FILES, MOST_BYTES, LONGEST_S, CHEAP_S)
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def get(self, key, seq: Callable[[], int], build):
        def in_turn():
            if not self._places.acquire(blocking=False):
                raise FilesBusy()
            try:
                return build()
            finally:
                self._places.release()

        return self.bodies.get(key, seq, in_turn)


def files(app) -> Files:
    """The application's own."""
    return app.extensions.setdefault("crowdmap_files", Files())
