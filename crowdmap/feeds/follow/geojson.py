"""A copy as one GeoJSON file: a feature a line, sorted by id, and in a member of its own how far it is (RFC 7946 §6.1).

The file is written beside itself and moved into place, so a reader never sees half of it.
"""

import json
import os
import time
from dataclasses import asdict
from pathlib import Path

from crowdmap.feeds.follow.client import Feature, State
from crowdmap.feeds.follow.ours import NotOurs, check_ours

MEMBER = "crowdmap_follow"


class GeoJsonCopy:
    """The features' texts by id, held in memory: about as much as the file is long."""

    def __init__(self, path: Path, url: str):
        self._path = path
        self._lines: dict[str, str] = {}
        self.state: State | None = None
        self.rest = 1.0
        if path.exists():
            self._read()
        check_ours(str(path), self.state, url)

    def __len__(self) -> int:
        return len(self._lines)

    def replace(self, batches, state: State) -> None:
        lines = {feature.id: feature.text for batch in batches for feature in batch}
        self._write(lines, state)

    def apply(self, features: list[Feature], state: State) -> None:
        lines = dict(self._lines)
        for feature in features:
            if feature.removed:
                lines.pop(feature.id, None)
            else:
                lines[feature.id] = feature.text
        self._write(lines, state)

    def close(self) -> None:
        pass

    def _read(self) -> None:
        try:
            with self._path.open(encoding="utf-8") as file:
                head = json.loads(file.readline() + "]}")
                self.state = State(**head[MEMBER])
                for line in file:
                    if line.startswith("{"):
                        text = line.rstrip(",\n")
                        self._lines[json.loads(text)["id"]] = text
        except (ValueError, KeyError, TypeError) as error:
            raise NotOurs(f"{self._path} was not written by crowdmap follow. Name another file, or remove it.") from error

    def _write(self, lines: dict[str, str], state: State) -> None:
        started = time.monotonic()
        head = json.dumps({"type": "FeatureCollection", MEMBER: asdict(state), "features": []}, ensure_ascii=False)
        part = self._path.with_name(self._path.name + ".part")
        with part.open("w", encoding="utf-8", newline="\n") as file:
            file.write(head.removesuffix("]}") + "\n")
            file.write(",\n".join(lines[key] for key in sorted(lines)))
            file.write("\n]}\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self._path)
        self._lines, self.state = lines, state
        # a second's changes at a time, and at most a fifth of the time for writing, however long the file is
        self.rest = max(1.0, 4 * (time.monotonic() - started))
