"""What a request to /ogc/ asks: the form of the answer, the page, the filter. Whatever is not known here is refused."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import request
from werkzeug.datastructures import MultiDict

from crowdmap.config import settings
from crowdmap.errors import InvalidParameter, UnknownParameter
from crowdmap.feeds.layers import layer_filter
from crowdmap.feeds.reading import MOST_LIMIT
from crowdmap.filters import ReportFilter

JSON, HTML = "json", "html"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
CRS84_NAMES = (CRS84, "[OGC:CRS84]")
ITEMS = ("f", "limit", "cursor", "bbox-crs", "datetime")  # beside those of every filter
DEFAULT_LIMIT = 1000
# Every JSON that we answer with, the first for whoever does not mind
JSON_TYPES = (
    "application/json", "application/geo+json", "application/schema+json", "application/vnd.oai.openapi+json",
    "application/problem+json",
)  # fmt: skip
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d(?:[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d))?")


def only(*known: str) -> None:
    """Refuse any other parameter (/req/core/query-param-unknown)."""
    unknown = sorted(set(request.args) - set(known))
    if unknown:
        words = f"there is no parameter {unknown[0][:40]!r} here; known: {', '.join(known)}"
        raise UnknownParameter(words, field=unknown[0][:40])


def once(args, name: str) -> str | None:
    values = args.getlist(name)
    if len(values) > 1:
        raise InvalidParameter(f"{name} may be given once", field=name)
    return values[0].strip() if values else None


def wanted() -> str:
    """JSON or HTML: by ``f``, else by what the caller prefers. Raises InvalidParameter."""
    given = once(request.args, "f")
    if given is None:
        best = request.accept_mimetypes.best_match([*JSON_TYPES, "text/html"])
        return HTML if best == "text/html" else JSON
    if given not in (JSON, HTML):
        raise InvalidParameter("f is json or html", field="f")
    return given


def wanted_of_an_error() -> str:
    """The same where ``f`` itself may be at fault."""
    try:
        return wanted()
    except InvalidParameter:
        return JSON


def limit() -> int:
    """1 to MOST_LIMIT; a larger number is taken as MOST_LIMIT (17-069r4 §7.15.2)."""
    text = once(request.args, "limit")
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdecimal()) or not text.strip("0"):
        raise InvalidParameter(f"limit is a whole number from 1 to {MOST_LIMIT}", field="limit")
    return MOST_LIMIT if len(text.lstrip("0")) > 9 else min(int(text), MOST_LIMIT)


def items_filter(layer: str) -> ReportFilter:
    """The layer's filter narrowed by the request. Raises NotFound, UnknownParameter, InvalidParameter."""
    args = MultiDict(request.args)
    chosen = layer_filter(layer, args, ITEMS)
    crs = once(args, "bbox-crs")
    if crs is not None and crs not in CRS84_NAMES:
        raise InvalidParameter(f"boxes are read in {CRS84} only: longitude, latitude", field="bbox-crs")
    span = once(args, "datetime")
    if span is None:
        return chosen
    if once(args, "from") or once(args, "until"):  # the layer's own times are narrowed, not replaced
        raise InvalidParameter("say when by datetime, or by from and until, not by both", field="datetime")
    since, until = interval(span)
    args.pop("datetime")
    if since:
        args["from"] = since
    if until:
        args["until"] = until
    return layer_filter(layer, args, ITEMS)


def interval(text: str) -> tuple[str | None, str | None]:
    """``datetime`` (/req/core/fc-time-definition) as ``from`` (included) and ``until`` (not included) of a filter.

    The ends of an interval belong to it. Times are published to the second, so whatever the last second holds does too.
    A date alone, which the standard does not ask for, is that whole day in the crisis's time zone.
    """
    parts = text.split("/")
    if len(parts) == 1:
        since, until = _span(parts[0])
    elif len(parts) == 2 and not all(part in ("", "..") for part in parts):
        since = None if parts[0] in ("", "..") else _span(parts[0])[0]
        until = None if parts[1] in ("", "..") else _span(parts[1])[1]
        if since and until and since >= until:
            raise _refused(text, "ends before it begins")
    else:
        raise _refused(text)
    return since and _written(since), until and _written(until)


def _span(text: str) -> tuple[datetime, datetime | None]:
    """First moment, and the first one after; None where the calendar ends."""
    text = re.sub(r" (\d\d:\d\d)$", r"+\1", text.strip())  # a plus that was not encoded
    if not _INSTANT.fullmatch(text):
        raise _refused(text)
    whole_day = len(text) == len("2010-01-12")
    try:
        moment = datetime.fromisoformat(text.upper())
        if whole_day:
            moment = moment.replace(tzinfo=ZoneInfo(settings().TIMEZONE))
        start = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _refused(text) from None
    try:
        after = (moment + timedelta(days=1)).astimezone(UTC) if whole_day else start.replace(microsecond=0) + timedelta(seconds=1)
    except OverflowError:
        after = None
    return start, after


def _written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _refused(text: str, why: str = "") -> InvalidParameter:
    words = "such as 2010-01-12T16:53:00Z, 2010-01-12T00:00:00Z/2010-01-13T00:00:00Z, ../2010-01-13T00:00:00Z or 2010-01-12T00:00:00Z/.."
    return InvalidParameter(f"{text[:80]!r} {why or 'is no time and no interval of times'}; they are {words}", field="datetime")
