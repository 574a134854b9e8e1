"""Alerts: saved filters with a recipient, who is told of every change at least once and in order."""

from flask import Flask


def init_app(app: Flask) -> None:
    from crowdmap.alerts import admin, delivery, views  # noqa: F401  (delivery: the postman beside the worker's loop)

    app.register_blueprint(views.blueprint)
    app.register_blueprint(admin.blueprint)
