"""Sign in and out, join, reset, and one's own account."""

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _

from crowdmap.accounts import queries, second_factor, sessions, verbs
from crowdmap.accounts.models import Account
from crowdmap.accounts.signing_in import change_own_password, confirm_password, sign_in_with_password
from crowdmap.config import settings
from crowdmap.db import db, utcnow
from crowdmap.errors import FieldError, ValidationFailed
from crowdmap.web import Permission, actor, client_source, limited, own_path, permits, public

blueprint = Blueprint("accounts", __name__)


def attempt(verb, *args, **kwargs):
    """(what the verb returns, []) or (None, its faults): a form comes back with what was typed instead of a page of
    its own. Nothing of a failed try is kept."""
    try:
        return verb(*args, **kwargs), []
    except ValidationFailed as error:
        db.session.rollback()
        return None, error.errors


@blueprint.route("/login", methods=["GET", "POST"])
@limited("login")
@public(form_token=True)
def login():
    wanted = own_path(request.values.get("next"))
    if request.method != "POST":
        return redirect(wanted or _home(actor()), 303) if actor() else _login_page(wanted)
    outcome = sign_in_with_password(request.form.get("email", ""), request.form.get("password", ""), client_source())
    if outcome.account is None:
        page = _login_page(wanted, [FieldError("password", "sign-in", outcome.message)])
        wait = {"Retry-After": str(outcome.wait_s)} if outcome.wait_s else {}
        return page, 429 if outcome.wait_s else 422, wait
    if outcome.account.totp_secret:
        sessions.wait_for_code(outcome.account)
        db.session.commit()
        return redirect(url_for("accounts.login_code", next=wanted), 303)
    return _welcome(outcome.account, wanted)


@blueprint.route("/login/code", methods=["GET", "POST"])
@limited("login")
@public(form_token=True)
def login_code():
    wanted = own_path(request.values.get("next"))
    waiting = sessions.who_waits_for_code()
    if waiting is None:
        return redirect(url_for("accounts.login", next=wanted), 303)
    if request.method != "POST":
        return render_template("accounts/code.html", wanted=wanted, errors=())
    account, errors = attempt(second_factor.pass_second, waiting, request.form.get("code", ""))
    if errors:
        return render_template("accounts/code.html", wanted=wanted, errors=errors), 422
    return _welcome(account, wanted)


def _welcome(account: Account, wanted: str | None):
    sessions.sign_in(account)
    account.last_login_at = utcnow()
    db.session.commit()
    return redirect(wanted or _home(account), 303)


def _login_page(wanted: str | None, errors: list[FieldError] = ()):
    return render_template("accounts/login.html", wanted=wanted, errors=errors, email=request.form.get("email", ""))


def _home(account: Account) -> str:
    return "/moderate" if account.can(Permission.MODERATE) else "/"


@blueprint.post("/logout")
@public
def logout():
    sessions.sign_out()
    db.session.commit()
    return redirect("/", 303)


@blueprint.route("/join", methods=["GET", "POST"], defaults={"token": None})
@blueprint.route("/join/<token>", methods=["GET", "POST"])
@limited("join")
@public(form_token=True)
def join(token: str | None):
    open_to_all = settings().JOIN == "open"
    invitation = queries.usable_invitation(token) if token and request.method != "POST" else None
    if token and request.method != "POST" and invitation is None:
        raise verbs.link_gone()
    if request.method != "POST" or not (token or open_to_all):
        return _join_page(token, email=invitation.email if invitation else None, shut=not (token or open_to_all))
    form = request.form
    email, name, password = form.get("email", ""), form.get("name", ""), form.get("password", "")
    account, errors = attempt(
        verbs.join, token=token, email=email, name=name, password=password, open_to_all=open_to_all
    )
    if errors:
        return _join_page(token, errors, email=email, name=name), 422
    _welcome(account, None)
    flash(_("Welcome. Your account is ready."), "good")
    return redirect(url_for("accounts.own"), 303)


def _join_page(token: str | None, errors: list[FieldError] = (), **typed):
    return render_template("accounts/join.html", token=token, errors=errors, **typed)


@blueprint.get("/reset")
@public
def ask_reset():
    return render_template("accounts/ask_reset.html")


@blueprint.route("/reset/<token>", methods=["GET", "POST"])
@limited("join")
@public(form_token=True)
def reset(token: str):
    if request.method != "POST":
        if queries.usable_reset(token) is None:
            raise verbs.link_gone()
        return render_template("accounts/reset.html", errors=())
    _account, errors = attempt(verbs.reset_password, token, request.form.get("password", ""))
    if errors:
        return render_template("accounts/reset.html", errors=errors), 422
    db.session.commit()
    flash(_("Your new password is set. Sign in with it."), "good")
    return redirect(url_for("accounts.login"), 303)


@blueprint.get("/account")
@permits(Permission.OWN_ACCOUNT)
def own():
    return _own_page()


def _own_page(errors: list[FieldError] = ()):
    now = utcnow()
    places = [place for place in queries.sessions_of(actor().id) if sessions.is_alive(place, now)]
    return render_template("accounts/own.html", places=places, here=g.login_session.id, errors=errors)


@blueprint.route("/account/password", methods=["GET", "POST"])
@permits(Permission.OWN_ACCOUNT)
def password():
    if request.method != "POST":
        return render_template("accounts/password.html", errors=())
    current, new = request.form.get("current", ""), request.form.get("password", "")
    account, errors = attempt(change_own_password, actor(), current, new, client_source())
    if errors:
        return render_template("accounts/password.html", errors=errors), 422
    sessions.sign_in(account)
    db.session.commit()
    flash(_("Your password is changed. You are signed out everywhere else."), "good")
    return redirect(url_for("accounts.own"), 303)


@blueprint.route("/account/code", methods=["GET", "POST"])
@permits(Permission.OWN_ACCOUNT)
def code():
    if request.method != "POST":
        key = sessions.key_to_confirm(second_factor.new_key)
        return _code_page(key)
    key = sessions.key_to_confirm()
    if not key:
        return redirect(url_for("accounts.code"), 303)
    account, errors = attempt(second_factor.switch_on, actor().id, key, request.form.get("code", ""))
    if errors:
        return _code_page(key, errors), 422
    verbs.end_sessions(account.id)
    sessions.sign_in(account)
    db.session.commit()
    flash(_("From now on signing in asks for a code from your phone."), "good")
    return redirect(url_for("accounts.own"), 303)


def _code_page(key: str, errors: list[FieldError] = ()):
    drawn = second_factor.picture(key, actor().email, settings().TITLE)
    return render_template("accounts/set_code.html", key=key, picture=drawn, errors=errors)


@blueprint.post("/account/code/off")
@permits(Permission.OWN_ACCOUNT)
def code_off():
    right, errors = attempt(confirm_password, actor(), request.form.get("current", ""), client_source())
    if errors:
        return _own_page(errors), 422
    second_factor.switch_off(actor().id)
    db.session.commit()
    flash(_("Your password alone is enough now."), "good")
    return redirect(url_for("accounts.own"), 303)


@blueprint.post("/account/sessions/end")
@permits(Permission.OWN_ACCOUNT)
def end_everywhere():
    verbs.end_sessions(actor().id)
    sessions.sign_out()
    db.session.commit()
    flash(_("You are signed out everywhere."), "good")
    return redirect(url_for("accounts.login"), 303)
