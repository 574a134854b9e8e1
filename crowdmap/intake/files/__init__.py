"""Files that `crowdmap import` reads: one module a format, each with ``rows(path, context)``.

A row is never dropped: it becomes fields of a ReportDraft, or a problem with its line and reason.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from crowdmap.errors import DomainError
from crowdmap.intake.files import csv, geojson, hxl, ushahidi
from crowdmap.intake.files.row import Context, Row


class UnreadableFile(DomainError):
    code, title = "unreadable-file", "The file could not be read"


@dataclass(frozen=True)
class Format:
    name: str
    help: str
    rows: Callable[[Path, Context], Iterator[Row]]
    looks_like: Callable[[str], bool]  # of the first 64 kB as text


# in the order they are tried: a classic Ushahidi header starts with `#` too, so it comes before HXL
FORMATS = (
    Format("geojson", "GeoJSON points, such as a feed of another crowdmap", geojson.rows, geojson.looks_like),
    Format("ushahidi", "CSV of Ushahidi: classic, or the published Haiti file", ushahidi.rows, ushahidi.looks_like),
    Format("hxl", "CSV whose columns are told by a row of HXL tags", hxl.rows, hxl.looks_like),
    Format("csv", "CSV whose columns are the fields of the API", csv.rows, csv.looks_like),
)
BY_NAME = {each.name: each for each in FORMATS}


def detect(path: Path) -> Format:
    """The format the file's beginning shows. Raises UnreadableFile."""
    try:
        with open(path, "rb") as file:
            start = file.read(65_536).decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror}") from error
    for each in FORMATS:
        if each.looks_like(start):
            return each
    words = f"{path.name}: the format is not clear from the first lines; say --format {'|'.join(BY_NAME)}"
    raise UnreadableFile(words, code="unknown-format")
