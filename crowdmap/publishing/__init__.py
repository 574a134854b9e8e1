"""What others see of a report: masked, blurred, encoded once on write."""

from flask import Flask


def init_app(app: Flask) -> None:
    from crowdmap.publishing import hook, views

    hook.init_app(app)
    app.register_blueprint(views.blueprint)
