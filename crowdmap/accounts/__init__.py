"""Accounts: who somebody is, what their role lets them do, and how they prove it."""

from flask import Flask, has_request_context
from flask_login import LoginManager

from crowdmap.accounts import admin, sessions, views
from crowdmap.web import Anonymous, actor, is_open_data


def init_app(app: Flask) -> None:
    """Sessions, the present user, the pages."""
    app.session_interface = sessions.Visit()
    manager = LoginManager()
    manager.session_protection = None  # nothing of the sign-in is in flask.session that it could protect
    manager.anonymous_user = Anonymous
    manager.request_loader(sessions.load_account)
    manager.init_app(app)
    app.register_blueprint(views.blueprint)
    app.register_blueprint(admin.blueprint)
    app.context_processor(_who)


def _who() -> dict:
    """For templates: who calls, or None; and whether the page is open data, which asks for no cookie to find out."""
    open_data = has_request_context() and is_open_data()
    return {"actor": None if open_data else actor() or None, "open_data": open_data}
