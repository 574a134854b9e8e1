"""CSV (RFC 4180) with a row of HXL 1.1 tags under the header, safe to open in a spreadsheet.

The columns are those that HXL has tags for. What has none of its own goes where a reader looks for it: the title stands
before the description. The header is the same in every language, so that a program may rely on it.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator

from crowdmap.feeds.formats.batches import parsed, point
from crowdmap.feeds.formats.collection import Switch

NAME = "csv"
MEDIA_TYPE = "text/csv"
TITLE = "CSV with HXL tags"
PARAMETERS = (
    Switch("hxl", True, "CSV: a row of HXL tags under the header"),
    Switch("bom", False, "CSV: a byte order mark in front, by which Excel knows UTF-8"),
)
ATTACHED, WHOLE = True, False

COLUMNS = {
    "Id": "#meta+id", "Link": "#meta+url", "Reported": "#date+reported", "Updated": "#date+updated", "Kind": "#x_kind",
    "Sector": "#sector", "Category": "#subsector", "Description": "#description", "Status": "#status+workflow",
    "Verification": "#status+verified", "People": "#affected+num", "Quantity": "#item+qty+num", "Place": "#loc+name",
    "Latitude": "#geo+lat", "Longitude": "#geo+lon", "Precision m": "#geo+precision", "Area": "#adm1+name",
    "Claimed": "#org+claimed", "Source": "#meta+source", "Verification reason": "#status+reason",
}  # fmt: skip
# what a spreadsheet takes for a formula, or may after it has trimmed the cell
_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_ENDS = (".", "!", "?", ":", "…", "。", "؟", "።")
_PLAIN_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def encode(pieces: Iterable[bytes], around) -> Iterator[bytes]:
    head = [list(COLUMNS)] + ([list(COLUMNS.values())] if around.switches["hxl"] else [])
    yield (b"\xef\xbb\xbf" if around.switches["bom"] else b"") + _lines(head)
    for some in parsed(pieces):
        yield _lines([_row(feature) for feature in some])


def _lines(rows: list) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue().encode()


def _row(feature: dict) -> list[str]:
    told = feature["properties"]
    lon, lat = point(feature)
    return [
        _cell(value)
        for value in (
            feature["id"], told["url"], told["created_at"], told["updated_at"], told["kind"], told["sector"],
            told["category"], _told(told), told["status"], told["verification"],
            told["people"], told["quantity"], told["place"], lat, lon, told["precision_m"], told["area"],
            told["claimed"], told["source"], told.get("verification_reason"),
        )
    ]  # fmt: skip


def _told(told: dict) -> str:
    """The words; where they were translated, the translation, and the words as told in brackets."""
    words, translation = _words(told["title"], told["description"]), told.get("translation")
    return f"{translation} [{words}]" if translation else words


def _words(title: str | None, description: str | None) -> str:
    """Title and text as sentences of one text; once, where the text begins with the title."""
    title, description = title or "", description or ""
    if not title or description.startswith(title):
        return description
    return f"{title}{'' if title.endswith(_ENDS) else '.'} {description}" if description else title


def _cell(value) -> str:
    if value is None or value is False:
        return ""
    if value is True:
        return "yes"
    if isinstance(value, (int, float)):
        return f"{value:.7f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return "'" + value if value.startswith(_RISKY) and not _PLAIN_NUMBER.fullmatch(value) else value
