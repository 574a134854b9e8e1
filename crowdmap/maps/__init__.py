"""The public face: the map and its data, the list of reports, one report, what this map is."""

from flask import Flask


def init_app(app: Flask) -> None:
    from crowdmap.maps import builder, data, pages, tiles

    app.register_blueprint(data.blueprint)
    app.register_blueprint(pages.blueprint)
    app.register_blueprint(builder.blueprint)
    app.register_blueprint(tiles.blueprint)
