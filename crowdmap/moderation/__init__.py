"""Checking reports: the desk, what can be decided there, and the log of who decided what."""

from flask import Flask


def init_app(app: Flask) -> None:
    from crowdmap.moderation import api, duplicate_views, duplicates_api, views

    app.register_blueprint(api.blueprint)
    app.register_blueprint(views.blueprint)
    app.register_blueprint(duplicate_views.blueprint)
    app.register_blueprint(duplicates_api.blueprint)
