"""Timing, an HTTP client that costs little, and tables as the README shows them."""

import os
import platform
import socket
import statistics
import time
from collections.abc import Callable

RUNS = 7


def median_ms(work: Callable[[], object], runs: int = RUNS, before: Callable[[], object] = lambda: None) -> float:
    """Median of so many runs after one that does not count; *before* each run is not timed."""
    took = []
    for _ in range(runs + 1):
        before()
        started = time.perf_counter()
        work()
        took.append((time.perf_counter() - started) * 1000)
    return statistics.median(took[1:])


def machine() -> str:
    """What else goes on here: figures taken beside other work are worth as much as their ratios."""
    return f"Python {platform.python_version()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}"


def spread(took: list[float]) -> dict[str, float]:
    """p50, p99 and the most of some durations, in ms."""
    ordered = sorted(took)
    return {"p50": statistics.median(ordered), "p99": ordered[max(0, int(len(ordered) * 0.99 + 0.5) - 1)], "max": ordered[-1]}


class Client:
    """One kept-alive HTTP/1.1 connection to a server on this machine."""

    def __init__(self, url: str, timeout: float = 30):
        host, port = url.removeprefix("http://").split(":")
        self.host = f"{host}:{port}"
        self._line = socket.create_connection((host, int(port)), timeout)
        self._line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._line.makefile("rb")

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """→ status, headers (lower case), body. Underscores in a header's name are hyphens."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if body or method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        self._line.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        return self._read()

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        return self.ask("GET", path, **headers)

    def _read(self):
        status = int(self._file.readline().split()[1])
        headers = {}
        while line := self._file.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if "content-length" in headers:
            return status, headers, self._file.read(int(headers["content-length"]))
        if headers.get("transfer-encoding") != "chunked":
            return status, headers, b""
        parts = []
        while size := int(self._file.readline(), 16):
            parts.append(self._file.read(size))
            self._file.readline()
        self._file.readline()
        return status, headers, b"".join(parts)

    def close(self) -> None:
        self._file.close()
        self._line.close()


def show(title: str, columns: list[str], rows: dict[str, list[str]]) -> None:
    """A Markdown table; *rows*: what was measured → one figure a column."""
    print(f"\n{title}\n")
    print("| | " + " | ".join(columns) + " |")
    print("|---|" + "---:|" * len(columns))
    for name, figures in rows.items():
        print(f"| {name} | " + " | ".join(figures) + " |", flush=True)
