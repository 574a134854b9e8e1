"""The formats a feed is served in. Adding one is one file here and one line in FORMATS.

A format has:

- NAME (the address's ending), MEDIA_TYPE, TITLE;
- PARAMETERS: the switches that it alone knows, and every other format refuses;
- ATTACHED: whether a browser shall save it rather than show it;
- WHOLE: whether it is made in one piece, so that all the layer is its default and the file is kept for the next reader; such
  a one has ``load()``, which brings in what takes time once in a process;
- ``encode(pieces, around) -> Iterator[bytes]`` where *pieces* yields encoded GeoJSON features, many at once with
  `db.joined.SEPARATOR` between, and *around* is a Collection. It takes from *pieces* as it goes on, so that a layer of any
  size passes through little memory.
"""

from crowdmap.feeds.formats import atom, csv, geojson, gpkg, kml
from crowdmap.feeds.formats.collection import Collection, Switch

__all__ = ["FORMATS", "SWITCHES", "Collection", "Switch", "switches_of"]

FORMATS = {module.NAME: module for module in (geojson, csv, kml, atom, gpkg)}
SWITCHES = {switch.name: switch for form in FORMATS.values() for switch in form.PARAMETERS}


def switches_of(form) -> tuple[str, ...]:
    """The names of a format's own parameters."""
    return tuple(switch.name for switch in form.PARAMETERS)
