"""The volunteers' desk: a message, a small task, on a phone; and the gazetteer of the deployment's own places."""

from flask import Flask


def init_app(app: Flask) -> None:
    from crowdmap.tasks import admin, desk, figures_view, views

    for module in (views, figures_view, desk, admin):
        app.register_blueprint(module.blueprint)
