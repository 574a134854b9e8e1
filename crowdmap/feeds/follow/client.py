"""A feed as another machine reads it: pages of the layer, changes, and the live stream, over HTTP.

Each feature is kept as the text in which it came, beside what it says: a copy is then the feed byte for byte.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx

PAGE = 5_000  # features; the server's limit is 10,000
SILENCE_S = 50  # the stream's heart beats every 15 s; longer silence is a dead line
LONGEST_WAIT_S = 3600
OPEN_PART = len("cm_k3v7q2mw")  # of a key: it names the key, and opens nothing
OUR_OWN = ("limit", "cursor", "since")  # parameters that the follower sets itself
_DECODER = json.JSONDecoder()


class Away(Exception):
    """No answer now. *retry_after*: seconds that the map asks for, or 0."""

    def __init__(self, words: str, retry_after: float = 0):
        super().__init__(words)
        self.retry_after = retry_after


class NoStream(Away):
    """No live stream now; the changes can be asked for all the same."""


class Refused(Exception):
    """The map does not answer this, however often it is asked."""


class Restart(Exception):
    """The map cannot say what changed since then (410): the layer has to be read again."""


@dataclass(frozen=True)
class Feature:
    """*text* as the feed gave it, *value* what it says."""

    text: str
    value: dict

    @property
    def id(self) -> str:
        return self.value["id"]

    @cached_property
    def seq(self) -> int:
        return int(self.value["properties"]["seq"])

    @property
    def removed(self) -> bool:
        return self.value["properties"].get("removed") is True


@dataclass(frozen=True)
class Page:
    """Features, and the collection's other members, such as ``seq`` and ``next``."""

    features: list[Feature]
    members: dict = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """Where a copy stands. *url*: what it is a copy of; *changes*: path and query of its changes; *seq*: how far it is, in
    the numbers of its *reader*: the open part of the key it was read with, empty without one."""

    url: str
    changes: str
    seq: int
    reader: str = ""


class Feed:
    """One feed of one map. *address*: ``https://map.example.org/feeds/needs.geojson?category=WAT``, or the bare site for
    everything. *key* is sent as ``Authorization: Bearer``. Raises ValueError for what is no such address."""

    def __init__(self, address: str, key: str = "", http: httpx.Client | None = None):
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{address} is not an address that begins with https:// or http://")
        path = parts.path.rstrip("/") or "/feeds/all.geojson"
        if not (path.rpartition("/")[0].endswith("/feeds") and path.endswith(".geojson")):
            raise ValueError("give the site, or the address of a GeoJSON feed: https://map.example.org/feeds/needs.geojson")
        query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in OUR_OWN]
        self.site = f"{parts.scheme}://{parts.netloc}"
        self.path, self.query = path, query
        # kept and printed without the name and password that may stand in it
        self.url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}" + ("?" + urlencode(query) if query else "")
        self._http = http or httpx.Client(timeout=60, follow_redirects=True)
        self._http.headers["User-Agent"] = "crowdmap-follow"
        self.reader = key[:OPEN_PART]
        if key:
            self._http.headers["Authorization"] = f"Bearer {key}"

    def page(self, cursor: str | None = None) -> Page:
        """A page of the layer as it is now, newest report first."""
        more = [("cursor", cursor)] if cursor else []
        return self._ask(self.path, [*self.query, ("limit", str(PAGE)), *more])

    def after(self, page: Page) -> str | None:
        """The cursor of the page after this one. Only the cursor: behind a proxy the map may not know its own name."""
        return dict(parse_qsl(urlsplit(page.members["next"] or "").query)).get("cursor")

    def state(self, page: Page) -> State:
        """Where a copy stands that holds the layer whose first page this is."""
        link = urlsplit(next(link["href"] for link in page.members["links"] if link["rel"] == "changes"))
        query = urlencode([pair for pair in parse_qsl(link.query) if pair[0] not in OUR_OWN])
        return State(self.url, link.path + ("?" + query if query else ""), int(page.members["seq"]), self.reader)

    def changes(self, state: State) -> Page:
        """The latest state of what changed after ``state.seq``. Raises Restart."""
        path, query = _split(state.changes)
        return self._ask(path, [*query, ("since", str(state.seq)), ("limit", str(PAGE))])

    def stream(self, state: State) -> Iterator[list[Feature]]:
        """What changes after ``state.seq``, as it is published: the features of each piece that arrives.

        Ends when the map ends it. Raises NoStream for everything that another try may mend, Restart, Refused.
        """
        path, query = _split(state.changes)
        path = path.rpartition("/")[0] + "/stream"
        timeout = httpx.Timeout(30, read=SILENCE_S)
        try:
            with self._http.stream(
                "GET", self.site + path, params=[*query, ("since", str(state.seq))], timeout=timeout,
                headers={"Accept": "text/event-stream"},
            ) as answer:  # fmt: skip
                _check(answer)
                yield from events(answer.iter_bytes())
        except httpx.HTTPError as error:
            raise NoStream(_told(error), 60 if isinstance(error, httpx.ReadTimeout) else 0) from error
        except Away as error:
            raise NoStream(str(error), error.retry_after) from error
        except (ValueError, KeyError, TypeError) as error:
            raise NoStream("something else than a stream came") from error

    def _ask(self, path: str, params: list[tuple[str, str]]) -> Page:
        try:
            answer = self._http.get(self.site + path, params=params, headers={"Accept": "application/geo+json"})
            _check(answer)
            return unpack(answer.text)
        except httpx.HTTPError as error:
            raise Away(_told(error)) from error
        except (ValueError, KeyError, TypeError, IndexError) as error:  # a hotel's log-in page also says 200
            raise Away("something else than a feed came") from error


def unpack(text: str) -> Page:
    """A feature collection, each feature with the very text it came in. Raises ValueError."""
    start = text.index('"features":[') + len('"features":[')
    at, features = _past_space(text, start), []
    while text[at] != "]":
        value, end = _DECODER.raw_decode(text, at)
        features.append(Feature(text[at:end], value))
        at = _past_space(text, end)
        if text[at] == ",":
            at = _past_space(text, at + 1)
    return Page(features, json.loads(text[:start] + text[at:]))


def _past_space(text: str, at: int) -> int:
    """Where JSON goes on (RFC 8259 §2)."""
    while text[at] in " \n\r\t":
        at += 1
    return at


def events(pieces: Iterable[bytes]) -> Iterator[list[Feature]]:
    """Server-sent events (WHATWG HTML §9.2.6): the reports of each piece as it arrives, whole events only."""
    rest = b""
    for piece in pieces:
        *blocks, rest = (rest + piece).replace(b"\r\n", b"\n").split(b"\n\n")
        found = []
        for block in blocks:
            data = [line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:")]
            if data:  # otherwise a heart-beat, or an id alone
                text = b"\n".join(data).decode()
                found.append(Feature(text, json.loads(text)))
        if found:
            yield found


def _check(answer: httpx.Response) -> None:
    """Nothing for 200; else Restart, Away or Refused, in the map's own words."""
    if answer.status_code == 200:
        return
    answer.read()
    problem = {}
    if "json" in answer.headers.get("Content-Type", ""):
        problem = json.loads(answer.text)
    words = f"{answer.status_code} {problem.get('detail') or answer.reason_phrase}"
    if answer.status_code == 410 or problem.get("code") == "invalid-cursor":
        raise Restart(words)
    if answer.status_code in (408, 425, 429) or answer.status_code >= 500:
        raise Away(words, _seconds(answer.headers.get("Retry-After", "")))
    raise Refused(words)


def _seconds(text: str) -> float:
    """Retry-After (RFC 9110 §10.2.3): seconds, or a date."""
    try:
        seconds = int(text) if text.isascii() and text.isdecimal() else (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return 0
    return min(max(0, seconds), LONGEST_WAIT_S)


def _split(address: str) -> tuple[str, list[tuple[str, str]]]:
    path, _, query = address.partition("?")
    return path, parse_qsl(query)


def _told(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__
