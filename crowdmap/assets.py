"""Scripts, styles and icons of the pages: what is built from which files, and how templates find it.

`build()` copies what npm fetched to static/vendor and writes static/dist with hashed names and a manifest; it runs in
a checkout (`python3 dev.py assets`). A wheel carries the result, so an installed crowdmap needs no Node. Pages ask for
`asset_urls("map_js")` and `icon_sprite()`; only static/dist is cached for long, because only there a change of the
content changes the name.
"""

import re
import shutil
from pathlib import Path

from flask import Flask, request
from flask_assets import Bundle, Environment
from webassets.exceptions import BundleError

from crowdmap import HERE, ROOT

STATIC, TEMPLATES = ROOT / "static", ROOT / "templates"
VENDOR, DIST = STATIC / "vendor", STATIC / "dist"
YEAR = 365 * 24 * 3600

# Copied from node_modules as they are: (package, path in it, path in static/vendor).
VENDOR_FILES = (
    ("leaflet", "dist/leaflet.js", "leaflet/leaflet.js"),
    ("leaflet", "dist/leaflet.css", "leaflet/leaflet.css"),
    ("leaflet", "dist/images", "leaflet/images"),
    ("leaflet", "LICENSE", "leaflet/LICENSE"),
    ("topojson-client", "dist/topojson-client.min.js", "topojson-client/topojson-client.min.js"),
    ("topojson-client", "LICENSE", "topojson-client/LICENSE"),
    ("world-atlas", "countries-110m.json", "world-atlas/countries-110m.json"),
    ("world-atlas", "countries-50m.json", "world-atlas/countries-50m.json"),
    ("world-atlas", "countries-10m.json", "world-atlas/countries-10m.json"),
    ("world-atlas", "LICENSE", "world-atlas/LICENSE"),
    ("lucide-static", "LICENSE", "icons/LICENSE"),
)
SPRITE = "vendor/icons/sprite.svg"

# In the order of loading; vendor files come minified already.
BASE_CSS = ("css/tokens.css", "css/base.css", "css/parts.css", "css/pages.css")
BASE_JS = ("js/dom.js", "js/i18n.js", "js/api.js", "js/base.js", "js/lengths.js")
MAP_CSS = ("vendor/leaflet/leaflet.css", "css/map.css")
MAP_JS = (
    "vendor/leaflet/leaflet.js", "vendor/topojson-client/topojson-client.min.js", "js/map-state.js", "js/map-data.js",
    "js/map-cards.js", "js/map-layers.js", "js/map-basemap.js", "js/map-overlays.js", "js/map-list.js", "js/map-live.js",
    "js/map-facets.js", "js/map-sheet.js", "js/map-search.js", "js/map-tools.js", "js/map.js",
)  # fmt: skip
REPORT_JS = (
    "vendor/leaflet/leaflet.js", "vendor/topojson-client/topojson-client.min.js", "js/map-cards.js", "js/map-basemap.js",
    "js/map-overlays.js", "js/report.js",
)  # fmt: skip
FORM_CSS = ("css/form.css",)
FORM_JS = ("js/outbox.js", "js/form-place.js", "js/form.js", "js/form-twins.js")
# the form's map, fetched only when somebody opens it
PICK_CSS = ("vendor/leaflet/leaflet.css", "css/pick.css")
PICK_JS = (
    "vendor/leaflet/leaflet.js", "vendor/topojson-client/topojson-client.min.js", "js/map-basemap.js",
    "js/map-overlays.js", "js/form-pick.js",
)  # fmt: skip
TRACK_JS = ("js/form-place.js", "js/track.js")
DESK_CSS = ("vendor/leaflet/leaflet.css", "css/desk.css", "css/marks.css")
DESK_JS = (
    "vendor/leaflet/leaflet.js", "vendor/topojson-client/topojson-client.min.js", "js/map-basemap.js",
    "js/map-overlays.js", "js/desk-map.js", "js/desk-list.js", "js/desk-look.js", "js/desk-keys.js", "js/desk-drafts.js", "js/desk-swap.js",
    "js/desk-act.js", "js/desk-live.js", "js/desk-marks.js",
)  # fmt: skip
FEEDS_CSS = ("vendor/leaflet/leaflet.css", "css/feeds.css")
FEEDS_JS = (
    "vendor/leaflet/leaflet.js", "vendor/topojson-client/topojson-client.min.js", "js/map-basemap.js", "js/map-overlays.js",
    "js/feeds-box.js", "js/feeds-map.js", "js/feeds.js",
)  # fmt: skip
# the desk's suspected duplicates
TWINS_CSS = ("vendor/leaflet/leaflet.css", "css/desk.css", "css/twins.css")
TWINS_JS = (
    "vendor/leaflet/leaflet.js", "vendor/topojson-client/topojson-client.min.js", "js/map-basemap.js",
    "js/map-overlays.js", "js/desk-twins-map.js", "js/desk-twins.js",
)  # fmt: skip
# the volunteers' desk; its map comes with the tasks that need one
WORK_CSS = ("css/work.css",)
WORK_JS = ("js/work-timer.js",)
WORK_MAP_CSS = ("vendor/leaflet/leaflet.css", "css/work.css")
WORK_MAP_JS = (
    "vendor/leaflet/leaflet.js", "vendor/topojson-client/topojson-client.min.js", "js/map-basemap.js",
    "js/map-overlays.js", "js/work-timer.js", "js/work-place.js",
)  # fmt: skip

BUNDLES = {
    "base_css": BASE_CSS,
    "base_js": BASE_JS,
    "map_css": MAP_CSS,
    "map_js": MAP_JS,
    "report_js": REPORT_JS,
    "form_css": FORM_CSS,
    "form_js": FORM_JS,
    "pick_css": PICK_CSS,
    "pick_js": PICK_JS,
    "track_js": TRACK_JS,
    "desk_css": DESK_CSS,
    "desk_js": DESK_JS,
    "feeds_css": FEEDS_CSS,
    "feeds_js": FEEDS_JS,
    "twins_css": TWINS_CSS,
    "twins_js": TWINS_JS,
    "work_css": WORK_CSS,
    "work_js": WORK_JS,
    "work_map_css": WORK_MAP_CSS,
    "work_map_js": WORK_MAP_JS,
}


class AssetsNotBuilt(RuntimeError):
    """The pages' scripts and styles are not there; the message says how to build them."""

    def __init__(self):
        super().__init__("The scripts and styles of the pages are not built yet. Run: python3 dev.py assets")


def _own(path: str) -> bool:
    return not path.startswith("vendor/")


def _bundle(name: str, files: tuple[str, ...]) -> Bundle:
    """One output file of *files*; own sources are minified, CSS has its url(…) corrected for the new place."""
    stem, kind = name.rsplit("_", 1)
    parts = []
    for path in files:
        if kind == "css":
            parts.append(Bundle(path, filters="cssrewrite,rcssmin" if _own(path) else "cssrewrite"))
        else:
            parts.append(Bundle(path, filters="rjsmin") if _own(path) else Bundle(path))
    return Bundle(*parts, output=f"dist/{stem}.%(version)s.{kind}")


def _register(environment: Environment):
    for name, files in BUNDLES.items():
        if found := tuple(path for path in files if (STATIC / path).is_file()):
            environment.register(name, _bundle(name, found))
    environment.register("icons", Bundle(SPRITE, output="dist/icons.%(version)s.svg"))


def _configure(app: Flask):
    app.config.update(
        ASSETS_AUTO_BUILD=False,
        ASSETS_DEBUG=False,
        ASSETS_CACHE=False,
        ASSETS_MANIFEST=f"json:{DIST / 'manifest.json'}",
        ASSETS_VERSIONS="hash",
        ASSETS_URL_EXPIRE=False,  # the version is in the name, not in a query
    )


def init_app(app: Flask):
    """Give templates `asset_urls(name)` and `icon_sprite()`, and let browsers keep static/dist for a year."""
    _configure(app)
    environment = Environment(app)
    _register(environment)
    # Asked a dozen times a page, the same until the next start.
    known: dict[str, list[str]] = {}

    def asset_urls(name: str) -> list[str]:
        """Addresses of a bundle of BUNDLES, none for one without files. Raises AssetsNotBuilt."""
        if name not in known:
            if name in BUNDLES and name not in environment:
                known[name] = []
                return known[name]
            try:
                known[name] = environment[name].urls()
            except BundleError as error:
                raise AssetsNotBuilt from error
        return known[name]

    def icon_sprite() -> str:
        """Address of the sprite: `<use href="{{ icon_sprite() }}#search">`."""
        return asset_urls("icons")[0]

    app.add_template_global(asset_urls)
    app.add_template_global(icon_sprite)

    @app.after_request
    def keep_built_files(response):
        if request.path.startswith(f"{app.static_url_path}/dist/") and response.status_code in (200, 206, 304):
            response.cache_control.no_cache = None
            response.cache_control.public = True
            response.cache_control.max_age = YEAR
            response.cache_control.immutable = True
        return response


def is_built() -> bool:
    """Whether the pages' scripts and styles are there."""
    return (DIST / "manifest.json").is_file()


# --- building, in a checkout ------------------------------------------------------------------------------------


def copy_vendor(modules: Path):
    """Copy VENDOR_FILES out of *modules* (a node_modules folder) and draw the icon sprite."""
    if VENDOR.exists():
        shutil.rmtree(VENDOR)
    for package, inside, to in VENDOR_FILES:
        source, target = modules / package / inside, VENDOR / to
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copyfile(source, target)
    (STATIC / SPRITE).write_text(_sprite(modules / "lucide-static" / "icons"), encoding="utf-8")


def _sprite(icons: Path) -> str:
    """One SVG with a <symbol> for every icon whose name stands quoted in a template, a script or the package."""
    sources = [*TEMPLATES.rglob("*.html"), *(STATIC / "js").glob("*.js"), *HERE.rglob("*.py")]
    quoted: set[str] = set()
    for source in sources:
        quoted.update(re.findall(r"""["']([a-z][a-z0-9-]*)["']""", source.read_text(encoding="utf-8")))
    symbols = []
    for name in sorted(quoted):
        path = icons / f"{name}.svg"
        if path.is_file():
            body = re.search(r"<svg[^>]*>(.*)</svg>", path.read_text(encoding="utf-8"), re.DOTALL)[1]
            drawn = re.sub(r"\s+", " ", body).strip()
            symbols.append(
                f'<symbol id="{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2"'
                f' stroke-linecap="round" stroke-linejoin="round">{drawn}</symbol>'
            )
    head = "<!-- Lucide icons, ISC licence: https://lucide.dev/license -->"
    return f'{head}\n<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def build(modules: Path | None = None) -> list[Path]:
    """Copy, bundle, minify; returns what was written to static/dist. Needs a checkout after `npm ci`."""
    copy_vendor(modules or ROOT / "node_modules")
    if DIST.exists():  # old hashes would pile up in the wheel
        shutil.rmtree(DIST)
    DIST.mkdir(parents=True)
    # An application of its own: building must not need a database or settings.
    app = Flask("crowdmap", root_path=str(HERE), static_folder=str(STATIC))
    _configure(app)
    environment = Environment(app)
    _register(environment)
    with app.app_context():
        for bundle in environment:
            bundle.build(force=True)
    return sorted(DIST.iterdir())
