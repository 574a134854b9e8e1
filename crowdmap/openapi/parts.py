"""What operations and schemas of /openapi.json are put together from."""

from dataclasses import dataclass, field

from pydantic import BaseModel

from crowdmap.reports.models import Kind, Verification


JSON, GEOJSON, PROBLEM, EVENTS = "application/json", "application/geo+json", "application/problem+json", "text/event-stream"


def ref(name: str) -> dict:
    return {"$ref": f"#/components/schemas/{name}"}


def listed(values, **more) -> dict:
    """A comma-separated or repeated parameter."""
    return {"type": "array", "items": {"type": "string", "enum": list(values)} if values else {"type": "string"}, **more}


NUMBER, TEXT, WHOLE = {"type": "number"}, {"type": "string"}, {"type": "integer"}
BBOX = {"type": "array", "items": NUMBER, "minItems": 4, "maxItems": 6}

# name → (schema, description); style: comma-separated
FILTER = {
    "bbox": (BBOX, "west,south,east,north in degrees; west greater than east crosses the 180th meridian"),
    "kind": (listed(Kind), "alternatives"),
    "category": ({"type": "array", "items": ref("CategoryCode")}, "any of the report's categories"),
    "sector": (listed(()), "humanitarian sector, such as wash or health"),
    "status": (listed(("published", "closed", "all")), "default: published"),
    "verification": (listed(Verification), "alternatives"),
    "area": (listed(()), "names as in a feature's area"),
    "q": ({**TEXT, "maxLength": 200}, "words in title, text or place; beginnings of words are enough"),
    "near": ({"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2}, "lon,lat; with radius"),
    "radius": ({**NUMBER, "maximum": 100_000}, "metres around near"),
    "from": (TEXT, "a time, a date, or relative as in -24h; when it happened, else when it was told"),
    "until": (TEXT, "as from, not included"),
    "placed": ({**TEXT, "enum": ["yes", "no"]}, "with a point, or still without"),
}
PAGING = {
    "limit": ({**WHOLE, "minimum": 1, "maximum": 10_000}, "features on a page"),
    "cursor": (TEXT, "from next; only with the same filter"),
}
SINCE = {"since": ({**WHOLE, "minimum": 0}, "the last seq that you have; 0 is the beginning")}
OF_LAYER = {"layer": (ref("Layer"), "of this layer alone; the filter narrows it")}
IDEMPOTENCY = {
    "name": "Idempotency-Key", "in": "header", "schema": {**TEXT, "format": "uuid"},
    "description": "your own key of this message, same as client_id: a repeat gets its first answer",
}  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """One call. *path* is OpenAPI's; *query* names parameters; *answers* maps status → (words, media type, schema)
    or (words, {media type: schema}, None)."""

    method: str
    path: str
    summary: str
    tag: str
    answers: dict[int, tuple]
    body: type[BaseModel] | None = None
    query: dict = field(default_factory=dict)
    headers: tuple[dict, ...] = ()
    signed_in: bool = False
    errors: tuple[int, ...] = (400, 429, 503)


def nullable(schema: dict) -> dict:
    return {"anyOf": [schema, {"type": "null"}]}


def obj(properties: dict, *, open: bool = False) -> dict:
    """An object whose properties are all always there; *open*: more may come."""
    return {"type": "object", "required": list(properties), "properties": properties, "additionalProperties": open}
