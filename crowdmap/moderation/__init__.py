"""Checking reports: the desk, what can be decided there, and the log of who decided what."""

from flask import Flask


def init_app(app: Flask) -> None:
    from crowdmap.moderation import api, duplicate_views, duplicates_api, marking, marks_api, views, vouch_views

    for module in (api, views, duplicate_views, duplicates_api, marks_api, vouch_views):
        app.register_blueprint(module.blueprint)
    app.jinja_env.globals["marks_of"] = marking.marked
