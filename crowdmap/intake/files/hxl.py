"""CSV whose columns are told by a row of HXL tags (https://hxlstandard.org, 1.1), whatever the human header says."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from crowdmap.intake.files import table
from crowdmap.intake.files.csv import is_tag_row, read_all
from crowdmap.intake.files.csv import looks_like as is_own_csv
from crowdmap.intake.files.row import BadRow, Context, Row

SEARCHED = 25  # rows: HXL's own readers look no further for the tags

# field ← (tag, attributes of which one must be there, or none); the first that fits
TAGS = (
    ("lat", "#geo", {"lat"}),
    ("lon", "#geo", {"lon"}),
    ("accuracy_m", "#geo", {"precision", "accuracy"}),
    ("id", "#meta", {"id"}),
    ("id", "#id", set()),
    ("title", "#description", {"title", "heading"}),
    ("title", "#meta", {"title"}),
    ("description", "#description", set()),
    ("description", "#need", {"description"}),
    ("category", "#subsector", set()),
    ("category", "#meta", {"category"}),
    ("category", "#sector", {"category"}),
    ("kind", "#meta", {"kind"}),
    ("kind", "#x_kind", set()),
    ("kind", "#cause", {"kind"}),
    ("occurred_at", "#date", {"occurred", "reported", "start"}),
    ("occurred_at", "#date", set()),
    ("people", "#affected", set()),
    ("quantity", "#output", set()),
    ("quantity", "#item", {"qty"}),
    ("unit", "#meta", {"unit"}),
    ("language", "#meta", {"language", "lang"}),
    ("status", "#status", {"report", "workflow"}),
    ("verification", "#status", {"verification", "verified"}),
    ("place", "#loc", set()),
    ("area", "#adm3", set()),
    ("area", "#adm2", set()),
    ("area", "#adm1", set()),
    ("contact_name", "#contact", {"name"}),
    ("contact_phone", "#contact", {"phone"}),
    ("contact_email", "#contact", {"email"}),
)


def looks_like(start: str) -> bool:
    sign = table.delimiter(start.split("\n", 1)[0])
    found = csv.reader(io.StringIO(start), delimiter=sign)
    try:
        first = [cells for _, cells in zip(range(2), found)]
    except csv.Error:
        return False
    # tags under a header whose names are ours already is our own CSV
    return bool(first) and (is_tag_row(first[0]) or len(first) > 1 and is_tag_row(first[1]) and not is_own_csv(start))


def rows(path: Path, context: Context) -> Iterator[Row]:
    records = table.records(path)
    header: list[str] = []
    for _, (_, cells) in zip(range(SEARCHED), records):
        if is_tag_row(cells):
            columns = _columns(cells)
            if not {"description", "title"} & set(columns):
                raise BadRow(f"{path.name}: no column is tagged #description")
            names = header if len(header) == len(cells) else cells
            yield from read_all(records, names, columns, context)
            return
        header = cells
    raise BadRow(f"{path.name}: there is no row of HXL tags in the first {SEARCHED} rows")


def _columns(tags: list[str]) -> list[str | None]:
    columns: list[str | None] = []
    for cell in tags:
        tag, *attributes = cell.strip().casefold().replace(" ", "").split("+")
        fits = (field for field, wanted, needs in TAGS if tag == wanted and (not needs or needs & set(attributes)))
        columns.append(next(fits, None))
    return columns
