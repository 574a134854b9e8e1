"""The one door in: the form, the API, files; and the page where reporters follow what became of it."""

from flask import Flask


def init_app(app: Flask) -> None:
    from crowdmap.intake import api, track_views, views

    for module in (api, views, track_views):
        app.register_blueprint(module.blueprint)
