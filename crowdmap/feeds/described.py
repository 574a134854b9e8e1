"""The formats of a feed as /openapi.json tells them: from the same registry that serves them."""

from crowdmap.feeds.formats import FORMATS, SWITCHES
from crowdmap.feeds.reading import MOST_LIMIT

_NUMBER = {"type": "integer", "minimum": 1, "maximum": MOST_LIMIT}

# name → (schema, words)
FEED_LIMIT = ({"anyOf": [_NUMBER, {"const": "all"}]}, "features on a page, or all; gpkg: all if not given")
FEED_SWITCHES = {
    switch.name: ({"type": "integer", "enum": [0, 1], "default": int(switch.default)}, f"{switch.words}; other formats refuse it")
    for switch in SWITCHES.values()
}


def feed_contents(collection: dict) -> dict[str, dict]:
    """Media type → schema: *collection* for GeoJSON, a text or file of its own world for the others."""
    return {
        form.MEDIA_TYPE: collection if form.NAME == "geojson" else {"type": "string", "contentMediaType": form.MEDIA_TYPE}
        for form in FORMATS.values()
    }
