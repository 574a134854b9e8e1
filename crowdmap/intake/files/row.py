"""What every file format yields, and the reading of dates, numbers and texts they share."""

import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from crowdmap.errors import DomainError
from crowdmap.geo import check_point
from crowdmap.intake.files.categories import CategoryBook
from crowdmap.publishing.masks import unescaped

TITLE_MAX = 200
DESCRIPTION_MAX = 10_000
DAY_FIRST = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?\Z")
BYTES = re.compile("[\udc80-\udcff]")  # bytes that were not UTF-8, as Python keeps them
SLASHED_QUOTE = re.compile(r"\\+(?=['\"])")


@dataclass(frozen=True)
class Context:
    """What a format needs to know to read a file of this crisis."""

    source: str  # name of the source; external ids start with it
    timezone: ZoneInfo  # of dates that come without one
    categories: CategoryBook


@dataclass
class Row:
    line: int  # where it starts in the file, from 1; for GeoJSON the number of the feature
    external_id: str
    verbatim: dict[str, Any]  # the row exactly as received
    fields: dict[str, Any] = field(default_factory=dict)  # of a ReportDraft; empty if there is a problem
    approved: bool | None = None  # what the source said; None: nothing
    verified: bool | None = None
    problem: str | None = None
    warnings: list[str] = field(default_factory=list)


class BadRow(DomainError):
    """The row cannot become a report; the message says why."""

    code, title = "bad-row", "The row could not be read"


def row_id(source: str, serial: Any, verbatim: Mapping[str, Any]) -> str:
    """Source name and serial, else source name and a hash of the whole row."""
    serial = str(serial or "").strip()
    if serial:
        return f"{source}:{serial}"
    packed = json.dumps(verbatim, sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return f"{source}:row-{hashlib.sha256(packed).hexdigest()[:32]}"


def storable(value: Any, depth: int = 0) -> Any:
    """A JSON value as every database takes it: NUL and what is no character are written as \\xNN or \\uNNNN, numbers
    beyond 64 bits as text. Raises BadRow when it is nested deeper than any report."""
    if depth > 40:
        raise BadRow("the row is nested too deep")
    if isinstance(value, str):
        if not value.isascii() or "\0" in value:
            value = value.replace("\0", "\\x00")
            if BYTES.search(value):
                value = value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            value = value.encode("utf-8", "backslashreplace").decode("utf-8")
        return value
    if isinstance(value, Mapping):
        return {storable(str(name)): storable(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [storable(item, depth + 1) for item in value]
    if isinstance(value, int) and abs(value) >= 1 << 63:
        return str(value)
    return value


def moment(text: str | None, zone: ZoneInfo) -> datetime | None:
    """An aware datetime from ISO 8601 or dd/mm/yyyy [HH:MM[:SS]]; without a zone it is read in *zone*.

    None for an empty cell. Raises BadRow.
    """
    text = (text or "").strip()
    if not text:
        return None
    day_first = DAY_FIRST.match(text)
    try:
        if day_first:
            day, month, year, hour, minute, second = (int(part or 0) for part in day_first.groups())
            value = datetime(year, month, day, hour, minute, second)
        else:
            value = datetime.fromisoformat(text)
    except ValueError:
        raise BadRow(f"the date {text[:40]!r} is neither yyyy-mm-dd HH:MM nor dd/mm/yyyy HH:MM") from None
    if not 1900 <= value.year <= 2200:
        raise BadRow(f"the year of {text[:40]!r} cannot be")
    return value if value.tzinfo else value.replace(tzinfo=zone)


def number(text: Any, name: str) -> float | None:
    """A finite number, or None for an empty cell. Raises BadRow."""
    if text is None or isinstance(text, str) and not text.strip():
        return None
    try:
        if isinstance(text, bool):
            raise ValueError
        value = float(text)
    except (TypeError, ValueError):
        raise BadRow(f"{name} {str(text)[:40]!r} is not a number") from None
    if not math.isfinite(value):
        raise BadRow(f"{name} must be a finite number")
    return value


def whole(text: Any, name: str) -> int | None:
    value = number(text, name)
    if value is None:
        return None
    if value != int(value):
        raise BadRow(f"{name} {str(text)[:40]!r} is not a whole number")
    return int(value)


def point(lon: Any, lat: Any) -> dict[str, float]:
    """``{"lon", "lat"}``, or nothing when both are empty: the report is unplaced. Raises BadRow."""
    x, y = number(lon, "longitude"), number(lat, "latitude")
    if x is None and y is None:
        return {}
    if x is None or y is None:
        raise BadRow("only one of latitude and longitude is given")
    try:
        check_point(x, y)
    except DomainError as error:
        raise BadRow(error.message) from error
    return {"lon": x, "lat": y}


def flag(text: Any) -> bool | None:
    """YES or NO in any case; anything else is nothing said."""
    return {"yes": True, "y": True, "true": True, "1": True, "no": False, "n": False, "false": False, "0": False}.get(
        str(text or "").strip().casefold()
    )


def plain(text: Any) -> str:
    """Readable text: HTML entities and slashed quotes undone, line ends as \\n, composed (NFC), no NUL, trimmed.

    Exports of web forms carry entities up to twice encoded (``&amp;amp;``) and quotes slashed by PHP's addslashes.
    """
    text = str(text or "")
    for _ in range(3):
        undone = unescaped(text)
        if undone == text:
            break
        text = undone
    text = SLASHED_QUOTE.sub("", text).replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return unicodedata.normalize("NFC", text).strip()


def texts(title: str, description: str, warnings: list[str]) -> dict[str, str]:
    """``title?`` and ``description`` within the limits; what is longer stays whole in the original. Raises BadRow."""
    if not title and not description:
        raise BadRow("there is neither a title nor a description")
    if len(title) > TITLE_MAX:
        description = f"{title}\n\n{description}".strip()
        title = title[: TITLE_MAX - 1].rstrip() + "…"
        warnings.append("title longer than 200 characters: shortened, whole in the text")
    description = description or title
    if len(description) > DESCRIPTION_MAX:
        description = description[: DESCRIPTION_MAX - 1].rstrip() + "…"
        warnings.append("text longer than 10,000 characters: shortened, whole in the original")
    return {"title": title, "description": description} if title else {"description": description}
