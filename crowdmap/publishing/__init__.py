"""What others see of a report: masked, blurred, encoded once on write."""

from flask import Flask


def init_app(app: Flask) -> None:
    from crowdmap.publishing import hook

    hook.init_app(app)
