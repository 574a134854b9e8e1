"""What all copies share: whose they are, and how a feature becomes a row."""

import json
import re

from crowdmap.feeds.follow.client import Feature, State

# property → what it is in a table. What has no column stands in `feature`, which is the whole text as it came.
COLUMNS = {
    "kind": "text", "category": "text", "categories": "list", "sector": "text", "title": "text", "description": "text",
    "status": "text", "verification": "text", "verification_reason": "text", "voices": "integer", "precision_m": "real", "people": "integer",
    "quantity": "real", "unit": "text", "place": "text", "area": "text", "claimed": "boolean", "freshness": "text",
    "source": "text", "occurred_at": "time", "created_at": "time", "updated_at": "time", "seq": "integer",
    "url": "text", "photos": "list", "translation": "text",
}  # fmt: skip


_NAME = re.compile(r"[a-z_][a-z0-9_]{0,50}")


class NotOurs(Exception):
    """What is there is no copy of this feed, and is left alone; or it cannot be made there."""


def check_name(name: str) -> str:
    """A name for a table that needs no quoting anywhere. Raises NotOurs."""
    if not _NAME.fullmatch(name):
        raise NotOurs(f"{name} is no name for a table: small letters, digits and _ make one.")
    return name


def check_ours(where: str, state: State | None, url: str) -> None:
    """Raises NotOurs unless *state* is that of a copy of *url*, or there is none yet."""
    if state is not None and state.url != url:
        raise NotOurs(f"{where} is a copy of {state.url}. Name another place for {url}, or remove it first.")


def values(feature: Feature) -> list:
    """In the order of COLUMNS: text, number, bool or None. Lists are words with commas between."""
    properties = feature.value["properties"]
    return [_plain(properties.get(name), kind) for name, kind in COLUMNS.items()]


def _plain(value, kind: str):
    if value is None:
        return None
    if kind == "list":
        return ",".join(item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in value)
    if kind == "text" and not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return value


def point(feature: Feature) -> tuple[float, float] | None:
    """lon, lat; None where the place is not known."""
    geometry = feature.value["geometry"]
    return tuple(geometry["coordinates"][:2]) if geometry else None
