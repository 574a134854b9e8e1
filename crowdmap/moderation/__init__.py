"""Checking reports: the desk, what can be decided there, and the log of who decided what."""

from flask import Flask


def init_app(app: Flask) -> None:
    from crowdmap.moderation import (
        api, duplicate_views, duplicates_api, marking, marks_api, source_views, views, vouch_views,
    )  # fmt: skip
    from crowdmap.moderation.triage import admin

    for module in (api, views, duplicate_views, duplicates_api, marks_api, vouch_views, admin):
        app.register_blueprint(module.blueprint)
    app.jinja_env.globals["marks_of"] = marking.marked
    source_views.init_app(app)
