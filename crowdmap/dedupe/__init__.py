"""Near-duplicates: found by place, time and words, offered to people, merged only by people."""

from flask import Flask

from crowdmap.dedupe.find import Candidate, candidates, candidates_for_public, side_of_draft

__all__ = ["Candidate", "candidates", "candidates_for_public", "init_app", "side_of_draft"]


def init_app(app: Flask) -> None:
    from crowdmap.dedupe import models, views, watch  # noqa: F401  (tables, jobs)

    app.register_blueprint(views.blueprint)
