"""Checking reports: the desk, what can be decided there, and the log of who decided what."""

from flask import Flask


def init_app(app: Flask) -> None:
    from crowdmap.moderation import api, desk_views, duplicate_views, duplicates_api, queueing, views, vouch_views
    from crowdmap.publishing import hook

    for module in (api, views, desk_views, duplicate_views, duplicates_api, vouch_views):
        app.register_blueprint(module.blueprint)
    if queueing.keep not in hook.KEEPERS:
        hook.KEEPERS.append(queueing.keep)
