"""How other programs take a feed: addresses of every outlet, and a few lines to paste for each program.

An outlet or a recipe is one line in OUTLETS or RECIPES and, for a recipe, a function that writes it. Each names what it
*needs* (``format:csv``, ``route:/ogc/``, ``module:crowdmap.feeds.follow``) and is shown where that is there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from urllib.parse import quote, urlencode

from flask import Flask
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from crowdmap.feeds import quoting
from crowdmap.feeds.formats import FORMATS


@dataclass(frozen=True)
class Wanted:
    """What the recipes write down. *base*: where this map is reached, without a slash at its end; *query*: what is asked
    of the layer, by the filter's parameters; *merged*: layer and question as one filter, or None where none says both."""

    layer: str
    base: str
    query: Mapping[str, str] = field(default_factory=dict)
    merged: Mapping[str, str] | None = None
    relative: bool = False

    def address(self, path: str, **more) -> str:
        """An address with the filter. Percent-encoded to the last sign: it has no quote, space or ``$`` in it."""
        query = urlencode({**self.query, **more}, quote_via=quote, safe=",:")
        return self.base + path + ("?" + query if query else "")

    def feed(self, suffix: str, **more) -> str:
        return self.address(f"/feeds/{self.layer}.{suffix}", **more)

    def log(self, path: str, **more) -> str:
        """Changes and stream: the layer is a parameter there."""
        named = {} if self.layer == "all" else {"layer": self.layer}
        return self.address(path, **named, **more)


@dataclass(frozen=True)
class Outlet:
    """One address. *steady*: it takes no time relative to now."""

    name: str
    title: str
    write: Callable[[Wanted], str]
    needs: tuple[str, ...] = ()
    steady: bool = False


@dataclass(frozen=True)
class Recipe:
    """Lines to paste, with what to do with them in words. *steps* come first."""

    name: str
    title: str
    write: Callable[[Wanted], str]
    steps: Callable[[], list[str]] = list
    needs: tuple[str, ...] = ("format:geojson",)
    steady: bool = False


def available(app: Flask, needs: tuple[str, ...]) -> bool:
    """Whether this crowdmap has all that is named."""
    for need in needs:
        what, _colon, name = need.partition(":")
        if what == "format" and name not in FORMATS:
            return False
        if what == "route" and not any(rule.rule.startswith(name) for rule in app.url_map.iter_rules()):
            return False
        if what == "module" and not _has_module(name):
            return False
    return True


@cache
def _has_module(name: str) -> bool:
    return find_spec(name) is not None


def outlets(app: Flask, wanted: Wanted) -> list[dict]:
    """{name, title, address} of every format and outlet that is there and takes this filter."""
    formats = [{"name": one.NAME, "title": one.TITLE, "address": wanted.feed(one.NAME)} for one in FORMATS.values()]
    return formats + [
        {"name": one.name, "title": one.title, "address": one.write(wanted)}
        for one in OUTLETS
        if available(app, one.needs) and not (one.steady and wanted.relative)
    ]


def recipes(app: Flask, wanted: Wanted) -> list[dict]:
    """{name, title, steps, text} of every recipe that works here with this filter."""
    there = [one for one in RECIPES if available(app, one.needs) and not (one.steady and wanted.relative)]
    written = [(one, one.write(wanted)) for one in there]
    return [{"name": one.name, "title": one.title, "steps": one.steps(), "text": text} for one, text in written if text]


# ---- addresses


def _items(wanted: Wanted) -> str:
    return wanted.address(f"/ogc/collections/{wanted.layer}/items")


def _tiles(wanted: Wanted) -> str:
    return wanted.address(f"/tiles/{wanted.layer}.json")


OUTLETS = (
    Outlet("changes", _l("What changed since a number (JSON)"), lambda w: w.log("/feeds/changes", since=0), steady=True),
    Outlet("stream", _l("Changes as they happen (server-sent events)"), lambda w: w.log("/feeds/stream"), steady=True),
    Outlet("ogc", _l("OGC API – Features"), _items, needs=("route:/ogc/collections",)),
    Outlet("tiles", _l("Vector tiles (TileJSON)"), _tiles, needs=("route:/tiles/",)),
)  # fmt: skip


# ---- lines to paste


def _curl(wanted: Wanted) -> str:
    out = quoting.shell(f"{wanted.layer}.geojson")
    return f"curl --compressed -o {out} \\\n  {quoting.shell(wanted.feed('geojson', limit='all'))}"


def _ogr2ogr(wanted: Wanted) -> str:
    source = quoting.shell(wanted.feed("geojson", limit="all"))
    return f"ogr2ogr -f GPKG {quoting.shell(wanted.layer + '.gpkg')} \\\n  {source} \\\n  -nln {quoting.shell(wanted.layer)}"


def _qgis_steps() -> list[str]:
    return [
        _("Layer › Add Layer › Add Vector Layer…"),
        _("Source type “Protocol: HTTP(S)”, type “GeoJSON”, and this address as the URI. Then Add."),
        _("To keep it in step: Layer Properties › Rendering › Refresh layer at interval."),
    ]


def _qgis_ogc_steps() -> list[str]:
    return [
        _("Layer › Add Layer › Add WFS / OGC API – Features Layer…, New, and this address as the URL."),
        _("Choose “OGC API – Features” as the version, press OK, then Connect."),
        _("Choose the layer and press Add. QGIS asks for what is in view by itself; filter it there."),
    ]


def _qgis_tiles_steps() -> list[str]:
    return [
        _("Layer › Add Layer › Add Vector Tile Layer…, New › New Generic Connection…"),
        _("This address as the source URL, zoom from 0 to 22. Then Add."),
    ]


def _tile_template(wanted: Wanted) -> str:
    return wanted.address(f"/tiles/{wanted.layer}/{{z}}/{{x}}/{{y}}.mvt")


def _python(wanted: Wanted) -> str:
    return f"""\
# pip install geopandas
import geopandas

reports = geopandas.read_file({quoting.python(wanted.feed("geojson", limit="all"))})
print(len(reports), "reports")
"""


def _requests(wanted: Wanted) -> str:
    return f"""\
# pip install requests
import requests

url = {quoting.python(wanted.feed("geojson", limit="1000"))}
reports = []
while url:  # page after page
    page = requests.get(url, timeout=60)
    page.raise_for_status()
    reports += page.json()["features"]
    url = page.json()["next"]
print(len(reports), "reports")
"""


def _r(wanted: Wanted) -> str:
    return f"""\
# install.packages("sf")
library(sf)

reports <- st_read({quoting.r(wanted.feed("geojson", limit="all"))})
plot(st_geometry(reports))
"""


def _excel_steps() -> list[str]:
    return [
        _("Data › Get Data › From Other Sources › Blank Query, then Advanced Editor."),
        _("Put this in place of what stands there, press Done, then Close & Load. Refresh All brings it up to date."),
    ]


def _excel(wanted: Wanted) -> str:
    return f"""\
let
    Source = Csv.Document(
        Web.Contents({quoting.power_query(wanted.feed("csv", limit="all", hxl="0"))}),
        [Delimiter = ",", Encoding = 65001, QuoteStyle = QuoteStyle.Csv]
    ),
    Reports = Table.PromoteHeaders(Source, [PromoteAllScalars = true])
in
    Reports
"""


def _leaflet(wanted: Wanted) -> str:
    # as text, never as markup: strangers wrote these words
    return f"""\
fetch({quoting.script(wanted.feed("geojson", limit="1000"))})
  .then((answer) => answer.json())
  .then((reports) => L.geoJSON(reports, {{
    onEachFeature(report, mark) {{
      const words = document.createElement("p");
      words.textContent = report.properties.title || report.properties.description || "";
      mark.bindPopup(words);
    }},
  }}).addTo(map));
"""


def _maplibre(wanted: Wanted) -> str:
    return f"""\
map.addSource("reports", {{ type: "vector", url: {quoting.script(_tiles(wanted))} }});
map.addLayer({{
  id: "reports", type: "circle", source: "reports", "source-layer": "reports",
  paint: {{ "circle-radius": 5, "circle-color": "#0b5c7a" }},
}});
"""


def _follow(wanted: Wanted) -> str:
    return f"crowdmap follow \\\n  {quoting.shell(wanted.feed('geojson'))} \\\n  --out {quoting.shell(wanted.layer + '.geojson')}"


def _webhook_steps() -> list[str]:
    return [
        _("The team of this map sets it up. Send them this address, in which your filter stands, and that of your receiver."),
        _("From then on each change is sent to your receiver, signed, in order, at least once."),
    ]


def _webhook(wanted: Wanted) -> str:
    """Nothing where one filter cannot say both what the layer holds and what is asked of it."""
    if wanted.merged is None:
        return ""
    query = urlencode(wanted.merged, quote_via=quote, safe=",:")
    return f"{wanted.base}/admin/webhooks" + (f"?{query}" if query else "")


RECIPES = (
    Recipe("qgis", _l("QGIS"), lambda w: w.feed("geojson", limit="all"), _qgis_steps),
    Recipe("qgis-ogc", _l("QGIS, large layers"), lambda w: w.base + "/ogc/", _qgis_ogc_steps, ("route:/ogc/collections",)),
    Recipe("qgis-tiles", _l("QGIS, vector tiles"), _tile_template, _qgis_tiles_steps, ("route:/tiles/",)),
    Recipe("excel", _l("Excel, Power BI"), _excel, _excel_steps, ("format:csv",)),
    Recipe("python", _l("Python (GeoPandas)"), _python),
    Recipe("requests", _l("Python (requests)"), _requests),
    Recipe("r", _l("R (sf)"), _r),
    Recipe("curl", _l("curl"), _curl),
    Recipe("ogr2ogr", _l("GDAL (ogr2ogr)"), _ogr2ogr),
    Recipe("leaflet", _l("JavaScript (Leaflet)"), _leaflet),
    Recipe("maplibre", _l("JavaScript (MapLibre)"), _maplibre, needs=("route:/tiles/",)),
    Recipe("follow", _l("Keep a copy in step"), _follow, needs=("module:crowdmap.feeds.follow",), steady=True),
    Recipe("webhook", _l("Be told of changes (webhook)"), _webhook, _webhook_steps, ("route:/admin/webhooks",), steady=True),
)  # fmt: skip
