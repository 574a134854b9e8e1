"""Reads text as a file of a format, without a database: the earthquake's categories, Haiti's time."""

from pathlib import Path
from zoneinfo import ZoneInfo

from crowdmap.intake import files
from crowdmap.intake.files.categories import CategoryBook, Known
from crowdmap.intake.files.row import Context, Row
from crowdmap.reports import crisis

HAITI_TIME = ZoneInfo("America/Port-au-Prince")


def book(mapping: dict | None = None, template: str = "earthquake") -> CategoryBook:
    categories = crisis.read(template).categories
    known = (Known(c.code, c.kind, (c.name, *c.names.values(), *c.aliases), c.parent) for c in categories)
    return CategoryBook(known, mapping)


def read(folder: Path, form: str, content: str | bytes, mapping: dict | None = None, source: str = "test") -> list[Row]:
    path = folder / "given.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(files.BY_NAME[form].rows(path, Context(source, HAITI_TIME, book(mapping))))


def detected(folder: Path, content: str) -> str:
    path = folder / "given.txt"
    path.write_text(content, encoding="utf-8")
    return files.detect(path).name
