"""Ushahidi 2's CSV: the classic download (``#,FORM #,INCIDENT TITLE,…``, yyyy-mm-dd dates) and the published Haiti file
(``Serial,INCIDENT TITLE,…``, dd/mm/yyyy, numbered bilingual categories with a comma at the end).

Source: Ushahidi_Web application/helpers/download.php and libraries/CSVImporter.php. Columns after the usual ones are
the form's own (``name-form id``); they stay in the original and are not read.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crowdmap.intake.files import table
from crowdmap.intake.files.row import BadRow, Context, Row, flag, moment, plain, point, row_id, storable, texts

NEEDED = ("INCIDENT TITLE", "INCIDENT DATE")
SERIAL = ("#", "SERIAL")


def looks_like(start: str) -> bool:
    header = start.split("\n", 1)[0].upper()
    return all(name in header for name in NEEDED)


def rows(path: Path, context: Context) -> Iterator[Row]:
    records = table.records(path)
    _, header = next(records, (1, []))
    columns = {name.strip().upper(): position for position, name in reversed(list(enumerate(header)))}
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        raise BadRow(f"{path.name}: the column {missing[0]} is missing; this is no Ushahidi CSV")
    serial = next((columns[name] for name in SERIAL if name in columns), None)
    for line, cells in records:
        verbatim = table.named(header, cells)
        number = cells[serial] if serial is not None and serial < len(cells) else ""
        row = Row(line, row_id(context.source, number, verbatim), storable(verbatim))
        try:
            fault = table.fault(header, cells)
            if fault:
                raise BadRow(fault)
            _read(row, {name: cells[position] for name, position in columns.items()}, context)
        except BadRow as error:
            row.fields, row.problem = {}, error.message
        yield row


def _read(row: Row, cell: dict[str, str], context: Context) -> None:
    row.approved, row.verified = flag(cell.get("APPROVED")), flag(cell.get("VERIFIED"))
    fields: dict[str, Any] = texts(_title(cell["INCIDENT TITLE"]), plain(cell.get("DESCRIPTION")), row.warnings)
    fields["occurred_at"] = moment(cell["INCIDENT DATE"], context.timezone)
    if fields["occurred_at"] is None:
        row.warnings.append("no date")
    fields |= point(cell.get("LONGITUDE"), cell.get("LATITUDE"))
    fields["place"] = _title(cell.get("LOCATION")) or None
    choice = context.categories.choose(context.categories.labels(cell.get("CATEGORY") or ""))
    row.warnings += [f"unknown category {label!r}" if label else "no category" for label in choice.unknown]
    fields |= {"kind": choice.kind, "category": choice.category, "categories": list(choice.categories)}
    name = " ".join(filter(None, (plain(cell.get("FIRST NAME")), plain(cell.get("LAST NAME")))))
    fields |= {"contact_name": name or None, "contact_email": plain(cell.get("EMAIL")) or None}
    row.fields = {key: value for key, value in fields.items() if value is not None}


def _title(text: str | None) -> str:
    return re.sub(r"\s+", " ", plain(text))
