"""Feeds, changes and the live stream: publications joined into what maps and agencies read."""

from flask import Flask


def init_app(app: Flask) -> None:
    from crowdmap.feeds import front, ogc, stream, views

    front.init_app(app)
    stream.init_app(app)
    app.register_blueprint(views.blueprint)
    ogc.init_app(app)
