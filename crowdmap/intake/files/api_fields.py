"""A row whose columns are named as the API's fields (or as a feed's properties): shared by CSV, HXL and GeoJSON."""

import re
from collections.abc import Mapping
from typing import Any

from crowdmap.intake.files.row import BadRow, Context, Row, flag, moment, number, plain, point, texts, whole
from crowdmap.reports.models import VISIBLE, Kind, Status, Verification

# other names of the same field, in use by people and by our own feeds
ALIASES = {
    "latitude": "lat",
    "longitude": "lon",
    "lng": "lon",
    "location": "place",
    "precision_m": "accuracy_m",
    "reported": "created_at",
    "text": "description",
    "date": "occurred_at",
    "time": "occurred_at",
    "external_id": "id",
    "client_id": "id",
    "serial": "id",
}
FIELDS = (
    "id kind category categories title description lat lon place area accuracy_m occurred_at created_at people quantity"
    " unit language contact_name contact_phone contact_email status verification approved verified"
).split()
GUARDED = re.compile(r"'(?=[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")  # our CSV's guard against formulas in spreadsheets


def field_of(column: str) -> str | None:
    """The field a column name means, or None: then it only stays in the original."""
    name = re.sub(r"[\s-]+", "_", column.strip().casefold())
    name = ALIASES.get(name, name)
    return name if name in FIELDS else None


def read(row: Row, value: Mapping[str, Any], context: Context) -> None:
    """Fill *row* from values by field name; texts or plain JSON values. Raises BadRow."""
    given = {name: item for name, item in value.items() if item not in (None, "")}
    _read_standing(row, given)
    fields: dict[str, Any] = texts(_line(given.get("title")), plain(_text(given.get("description"))), row.warnings)
    when = given.get("occurred_at") or given.get("created_at")
    if when is not None and not isinstance(when, str):
        raise BadRow("the date must be a text such as 2010-01-13T08:30:00Z")
    fields["occurred_at"] = moment(when, context.timezone)
    fields |= point(given.get("lon"), given.get("lat"))
    fields["place"] = _line(given.get("place") or given.get("area")) or None
    fields["accuracy_m"] = number(given.get("accuracy_m"), "accuracy_m") if "lon" in fields else None
    fields["people"] = whole(given.get("people"), "people")
    fields["quantity"] = number(given.get("quantity"), "quantity")
    for name in ("unit", "language", "contact_name", "contact_phone", "contact_email"):
        fields[name] = _line(given.get(name)) or None
    _read_categories(row, given, fields, context)
    row.fields = {name: item for name, item in fields.items() if item is not None}


def _read_standing(row: Row, given: Mapping[str, Any]) -> None:
    row.approved, row.verified = flag(given.get("approved")), flag(given.get("verified"))
    for name, words in (("status", Status), ("verification", Verification)):
        if name in given and _line(given[name]) not in set(words):
            raise BadRow(f"{name} {_line(given[name])[:40]!r} is none of {', '.join(words)}")
    if "status" in given:
        row.approved = _line(given["status"]) in VISIBLE
    if "verification" in given:
        row.verified = _line(given["verification"]) == Verification.VERIFIED


def _read_categories(row: Row, given: Mapping[str, Any], fields: dict[str, Any], context: Context) -> None:
    """A named category is the primary one, whatever the list says; a given kind wins over the category's."""
    book = context.categories
    listed = given.get("categories", ())
    if isinstance(listed, (list, tuple)):
        more = tuple(_line(item) for item in listed)
    else:
        more = tuple(label for part in _line(listed).split("|") for label in book.labels(part))
    one = given.get("category")
    if isinstance(one, (list, tuple)):
        more, one = tuple(_line(item) for item in one) + more, None
    labels = (_line(one),) if one else more
    choice = book.choose(labels)
    extra = book.choose(more).categories if one and more else ()
    row.warnings += [f"unknown category {label!r}" if label else "no category" for label in choice.unknown]
    kind = _line(given.get("kind")).casefold()
    kind = Kind.DAMAGE if kind == "hazard" else kind
    if kind and kind not in set(Kind):
        raise BadRow(f"kind {kind[:40]!r} is none of {', '.join(Kind)}")
    fields |= {
        "kind": kind or choice.kind,
        "category": choice.category,
        "categories": list(dict.fromkeys([*choice.categories, *extra])),
    }


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, (str, int, float)):
        raise BadRow(f"a text was expected, not {type(value).__name__}")
    return GUARDED.sub("", str(value), count=1) if str(value).startswith("'") else str(value)


def _line(value: Any) -> str:
    return re.sub(r"\s+", " ", plain(_text(value)))
