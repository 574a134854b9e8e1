"""What /openapi.json says of the vector tiles, in plain values."""

from crowdmap.maps.tiles import MEDIA_TYPE, MOST_ZOOM

WHOLE, TEXT, NUMBER = {"type": "integer"}, {"type": "string"}, {"type": "number"}
PATH_PARAMETERS = {
    "z": ({**WHOLE, "minimum": 0, "maximum": MOST_ZOOM}, "zoom"),
    "x": ({**WHOLE, "minimum": 0}, "column from the west"),
    "y": ({**WHOLE, "minimum": 0}, "row from the north"),
}


def operations(operation, ref, query: dict, unchanged: tuple):
    """*operation* and *ref* are openapi's; *query* the filter's parameters."""
    yield operation(
        "get", "/tiles/{layer}.json", "Where a layer's vector tiles are, as TileJSON 3.0.0", "tiles",
        {200: ("the address of the tiles with the same filter, and what they hold", "application/json", ref("TileJSON")),
         304: unchanged},
        query=query, errors=(400, 404, 503),
    )  # fmt: skip
    yield operation(
        "get", "/tiles/{layer}/{z}/{x}/{y}.mvt", "A vector tile: single reports, or counted cells where they are many", "tiles",
        {200: ("MVT 2.1 with one layer, reports; no bytes where nothing is", MEDIA_TYPE, {"type": "string", "format": "binary"}),
         304: unchanged},
        query=query, errors=(400, 404, 503),
    )  # fmt: skip


def schemas(obj) -> dict:
    layer = {"id": TEXT, "description": TEXT, "minzoom": WHOLE, "maxzoom": WHOLE, "fields": {"type": "object"}}
    return {
        "TileJSON": obj({
            "tilejson": {"const": "3.0.0"}, "name": TEXT, "attribution": TEXT, "license": TEXT, "scheme": {"const": "xyz"},
            "tiles": {"type": "array", "minItems": 1, "items": TEXT}, "minzoom": WHOLE, "maxzoom": WHOLE,
            "bounds": {"type": "array", "minItems": 4, "maxItems": 4, "items": NUMBER},
            "vector_layers": {"type": "array", "items": obj(layer)},
        }),
    }  # fmt: skip
