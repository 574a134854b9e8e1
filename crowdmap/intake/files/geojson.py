"""GeoJSON (RFC 7946) points with the properties of crowdmap's feeds: a feed of one instance is read by another.

A file holds a FeatureCollection, one Feature, or one Feature a line (RFC 8142, with or without record separators).
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crowdmap.intake.files import api_fields
from crowdmap.intake.files.row import BadRow, Context, Row, row_id, storable


def looks_like(start: str) -> bool:
    text = start.lstrip("\ufeff\x1e \r\n\t")
    return text.startswith("{") and '"type"' in text


def rows(path: Path, context: Context) -> Iterator[Row]:
    for number, feature in enumerate(_features(path), start=1):
        if isinstance(feature, BadRow):
            yield Row(number, row_id(context.source, None, {"line": number}), {"line": number}, problem=feature.message)
            continue
        verbatim = feature if isinstance(feature, dict) else {"feature": feature}
        properties = verbatim.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        serial = verbatim.get("id") or properties.get("id")
        row = Row(number, row_id(context.source, serial, verbatim), {})
        try:
            row.verbatim = storable(verbatim)
            _read(row, verbatim, properties, context)
        except BadRow as error:
            row.fields, row.problem = {}, error.message
        yield row


def _read(row: Row, feature: dict[str, Any], properties: dict[str, Any], context: Context) -> None:
    if feature.get("type") != "Feature":
        raise BadRow("this is no GeoJSON Feature")
    if properties.get("removed") is True:
        raise BadRow("the source has removed this report")
    value = {}
    for name, item in properties.items():
        field = api_fields.field_of(name)
        if field and value.get(field) in (None, ""):
            value[field] = item
    geometry = feature.get("geometry")
    if geometry is not None:
        value["lon"], value["lat"] = _point(geometry)
    api_fields.read(row, value, context)


def _point(geometry: Any) -> tuple[Any, Any]:
    if not isinstance(geometry, dict) or geometry.get("type") != "Point":
        kind = geometry.get("type") if isinstance(geometry, dict) else type(geometry).__name__
        raise BadRow(f"the geometry is a {kind}; a report is a Point")
    coordinates = geometry.get("coordinates")
    if not isinstance(coordinates, list) or len(coordinates) < 2:
        raise BadRow("a Point has two coordinates: longitude, latitude")
    return coordinates[0], coordinates[1]


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _features(path: Path) -> Iterator[Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRow(f"{path.name} could not be read: {error}") from error
    try:
        whole = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        lines = [line.strip("\x1e \r\t") for line in text.split("\n")]
        lines = [line for line in lines if line]
        if len(lines) < 2 or not all(line.startswith("{") and line.endswith("}") for line in lines):
            raise BadRow(f"{path.name} is not valid JSON: {error}") from error
        for line in lines:
            try:
                yield json.loads(line, parse_constant=_refuse)
            except (ValueError, RecursionError) as fault:
                yield BadRow(f"not valid JSON: {fault}")
        return
    features = whole.get("features") if isinstance(whole, dict) else None
    if isinstance(whole, dict) and whole.get("type") == "Feature":
        features = [whole]
    if not isinstance(features, list):
        raise BadRow(f"{path.name} is no GeoJSON FeatureCollection")
    yield from features
