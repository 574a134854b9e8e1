"""Checking reports: the desk, what can be decided there, and the log of who decided what."""

from flask import Flask


def init_app(app: Flask) -> None:
    from crowdmap.moderation import api, canned_views, duplicate_views, duplicates_api, timeline_views, views, vouch_views

    for module in (api, views, duplicate_views, duplicates_api, vouch_views, timeline_views, canned_views):
        app.register_blueprint(module.blueprint)
