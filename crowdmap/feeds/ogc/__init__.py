"""/ogc/: OGC API – Features Part 1 (OGC 17-069r4: Core, GeoJSON, HTML, OpenAPI 3.0) and Part 3's queryables (OGC 19-079r2)
over the same layers, filters and stored features as every other feed."""

from flask import Flask

_PART_1, _PART_3 = ("http://www.opengis.net/spec/ogcapi-features-{}/1.0/conf/".format(part) for part in (1, 3))
CONFORMS_TO = (
    _PART_1 + "core", _PART_1 + "geojson", _PART_1 + "html", _PART_1 + "oas30",
    _PART_3 + "queryables", _PART_3 + "queryables-query-parameters",
)  # fmt: skip


def init_app(app: Flask) -> None:
    from crowdmap.feeds.ogc import views

    app.register_blueprint(views.blueprint)
