"""CSV whose columns are the fields of the API, and crowdmap's own CSV feeds; a row of HXL tags is passed over."""

from collections.abc import Iterator
from pathlib import Path

from crowdmap.intake.files import api_fields, table
from crowdmap.intake.files.row import BadRow, Context, Row, row_id, storable


def looks_like(start: str) -> bool:
    header = start.split("\n", 1)[0]
    names = {api_fields.field_of(name.strip('"\r')) for name in header.split(table.delimiter(header))}
    return bool(names & {"description", "title"}) and bool(names & {"category", "kind", "lat", "place"})


def rows(path: Path, context: Context) -> Iterator[Row]:
    records = table.records(path)
    _, header = next(records, (1, []))
    columns = [api_fields.field_of(name) for name in header]
    if not {"description", "title"} & set(columns):
        raise BadRow(f"{path.name}: there is no column description or title")
    yield from read_all(records, header, columns, context)


def read_all(records, header: list[str], columns: list[str | None], context: Context) -> Iterator[Row]:
    """The rows below a header; *columns* says which field each column is."""
    for line, cells in records:
        if is_tag_row(cells):
            continue
        verbatim = table.named(header, cells)
        value: dict[str, str] = {}
        for name, cell in zip(columns, cells):
            if name and not value.get(name):
                value[name] = cell
        row = Row(line, row_id(context.source, value.get("id"), verbatim), storable(verbatim))
        try:
            fault = table.fault(header, cells)
            if fault:
                raise BadRow(fault)
            api_fields.read(row, value, context)
        except BadRow as error:
            row.fields, row.problem = {}, error.message
        yield row


def is_tag_row(cells: list[str]) -> bool:
    """HXL 1.1: every cell that is not empty is a #tag; one ordinary cell and it is data."""
    written = [cell.strip() for cell in cells if cell.strip()]
    return len(written) > 1 and all(cell[0] == "#" and cell[1:2].isalpha() for cell in written)
