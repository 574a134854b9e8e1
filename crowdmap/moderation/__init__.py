"""Checking reports: the desk, what can be decided there, and the log of who decided what."""

from flask import Flask


def init_app(app: Flask) -> None:
    from crowdmap.filters import status_words
    from crowdmap.moderation import (
        actions, api, canned_views, desk_views, duplicate_views, duplicates_api, marking, marks_api, queueing, source_views,
        timeline_views, views, vouch_views,
    )  # fmt: skip
    from crowdmap.moderation import regrading  # noqa: F401  (a job)
    from crowdmap.moderation.triage import admin
    from crowdmap.publishing import hook

    for module in (
        api, views, desk_views, duplicate_views, duplicates_api, marks_api, vouch_views, timeline_views, canned_views, admin,
    ):  # fmt: skip
        app.register_blueprint(module.blueprint)
    app.jinja_env.globals.update(action_words=actions.words_of, marks_of=marking.marked, status_words=status_words)
    source_views.init_app(app)
    if queueing.keep not in hook.KEEPERS:
        hook.KEEPERS.append(queueing.keep)
