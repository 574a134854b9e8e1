"""Checking reports: the desk, what can be decided there, and the log of who decided what."""

from flask import Flask


def init_app(app: Flask) -> None:
    from crowdmap.moderation import api, duplicate_views, duplicates_api, source_views, views, vouch_views
    from crowdmap.moderation.triage import admin

    for module in (api, views, duplicate_views, duplicates_api, vouch_views, admin):
        app.register_blueprint(module.blueprint)
    source_views.init_app(app)
