"""Organisations that build on the map's data, and the keys they read it with."""

from flask import Flask


def init_app(app: Flask) -> None:
    from crowdmap.organisations import gate, views

    gate.init_app(app)
    app.register_blueprint(views.blueprint)
