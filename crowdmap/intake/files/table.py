"""Delimited text, record by record, with the line each record starts on."""

import csv
from collections.abc import Iterator
from pathlib import Path

from crowdmap.intake.files.row import BYTES

FIELD_MAX = 8_000_000  # one cell; the standard library's 131,072 is less than a long forwarded message


def delimiter(header: str) -> str:
    """Of the first line: comma, unless there is none and semicolons or tabs are."""
    return max(",;\t", key=lambda sign: (header.count(sign), sign == ","))


def records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of each record that is not empty. Bytes that are not UTF-8: see fault()."""
    csv.field_size_limit(FIELD_MAX)
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        sign = delimiter(file.readline())
        file.seek(0)
        reader = csv.reader(file, delimiter=sign)
        start = 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield start, cells
            start = reader.line_num + 1


def named(header: list[str], cells: list[str]) -> dict[str, str]:
    """Cells by column; a repeated name gets a number, cells beyond the header are kept under ``+1``, ``+2``…"""
    result: dict[str, str] = {}
    for position, cell in enumerate(cells):
        name = header[position] if position < len(header) else f"+{position - len(header) + 1}"
        unique, turn = name, 2
        while unique in result:
            unique, turn = f"{name} ({turn})", turn + 1
        result[unique] = cell
    return result


def fault(header: list[str], cells: list[str]) -> str | None:
    """Why the record cannot be trusted as a row of this table, or None."""
    if any(not cell.isascii() and BYTES.search(cell) for cell in cells):
        return "the row is not valid UTF-8"
    if len(cells) < len(header) or any(cell.strip() for cell in cells[len(header) :]):
        return f"the row has {len(cells)} cells, the header has {len(header)}: look for a missing or doubled quote"
    return None
