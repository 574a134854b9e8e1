"""One POST to a stranger's machine, within bounds: 5 seconds in all, at most 64 kB of the answer, no redirect followed,
no cookie, no proxy, and only to an address that was looked at (``addresses.resolve``).

The standard library's http.client speaks HTTP over a wire of our own: other clients count their time-outs anew with
each piece that arrives, so that a receiver which sends a byte now and then could hold us for hours.
"""

import http.client
import io
import socket
import ssl
import time
from dataclasses import dataclass
from functools import lru_cache

from crowdmap.alerts.addresses import NoAddress, NotPublic, Target, resolve
from crowdmap.alerts.models import Outcome

LIMIT_S = 5.0
MOST_BYTES = 64 * 1024
MOST_TRIED = 4  # addresses of one name
LONGEST_WAIT_S = 2 * 3600  # that a receiver may ask for by Retry-After


@dataclass(frozen=True)
class Answer:
    """How it ended. *status* is None where no answer came; *body* is at most 64 kB of it."""

    outcome: Outcome
    ms: int
    status: int | None = None
    body: bytes = b""
    retry_after_s: int = 0


def post(target: Target, headers: dict[str, str], body: bytes, *, read: bool = False) -> Answer:
    """Send it. *read*: the answer's body is wanted too. Raises nothing: what goes wrong is the outcome."""
    began = time.monotonic()
    clock = _Clock(began + LIMIT_S)
    outcome, status, told, wait = Outcome.OK, None, b"", 0
    try:
        status, told, wait = _exchange(target, headers, body, clock, read)
        outcome = _judge(status)
    except NoAddress:
        outcome = Outcome.NO_ADDRESS
    except NotPublic:
        outcome = Outcome.NOT_PUBLIC
    except TimeoutError:
        outcome = Outcome.TIMEOUT
    except ssl.SSLError:
        outcome = Outcome.CERTIFICATE
    except http.client.HTTPException:
        outcome = Outcome.NO_HTTP
    except OSError:
        outcome = Outcome.UNREACHABLE
    return Answer(outcome, round((time.monotonic() - began) * 1000), status, told, wait)


def _judge(status: int) -> Outcome:
    if 200 <= status < 300:
        return Outcome.OK
    if 300 <= status < 400:
        return Outcome.REDIRECT
    return Outcome.GONE if status == 410 else Outcome.STATUS


def _exchange(target, headers, body, clock, read) -> tuple[int, bytes, int]:
    line = _connect(target, clock)
    try:
        connection = http.client.HTTPConnection(target.host, target.port)
        connection.default_port = 443 if target.scheme == "https" else 80  # left out of the Host header
        connection.sock = _Wire(line, clock)
        connection.request("POST", target.path, body, {**headers, "Connection": "close"})
        response = connection.getresponse()
        told = response.read(MOST_BYTES) if read else b""
        return response.status, told, _seconds(response.headers.get("Retry-After"))
    finally:
        line.close()


def _seconds(text: str | None) -> int:
    """Of Retry-After; a date there counts as nothing, for the back-off grows by itself."""
    return min(int(text), LONGEST_WAIT_S) if text and text.isascii() and text.isdecimal() and len(text) < 9 else 0


def _connect(target: Target, clock: "_Clock") -> socket.socket:
    addresses = resolve(target, clock.left())[:MOST_TRIED]
    for number, (family, address) in enumerate(addresses):
        line = socket.socket(family, socket.SOCK_STREAM)
        try:
            line.settimeout(clock.left() / (len(addresses) - number))
            line.connect(address)
            if target.scheme == "https":
                line.settimeout(clock.left())
                line = tls_context().wrap_socket(line, server_hostname=target.host)
            return line
        except OSError:
            line.close()
            if number == len(addresses) - 1:
                raise
    raise NoAddress


@lru_cache
def tls_context() -> ssl.SSLContext:
    """The name is checked against the certificate, and the certificate against the system's authorities."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


@dataclass(frozen=True)
class _Clock:
    until: float

    def left(self) -> float:
        """Seconds; raises TimeoutError when there are none."""
        seconds = self.until - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


class _Wire:
    """What http.client needs of a socket, with one clock over all of it."""

    def __init__(self, line: socket.socket, clock: _Clock):
        self._line, self._clock = line, clock

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self._line.settimeout(self._clock.left())
            view = view[self._line.send(view[:65536]) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reading(self._line, self._clock))

    def close(self) -> None:
        """http.client is done with it before the body is read; ``_exchange`` closes the line."""


class _Reading(io.RawIOBase):
    """The answer as it comes; it ends after 64 kB, whatever else would follow."""

    def __init__(self, line: socket.socket, clock: _Clock):
        self._line, self._clock, self._room = line, clock, MOST_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        if not self._room:
            return 0
        self._line.settimeout(self._clock.left())
        count = self._line.recv_into(memoryview(buffer)[: self._room])
        self._room -= count
        return count
