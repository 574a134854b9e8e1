"""Coordinators look after people: invite, give a role, disable, make a reset link."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from crowdmap.accounts import queries, verbs
from crowdmap.accounts.roles import Role
from crowdmap.accounts.views import attempt
from crowdmap.db import db
from crowdmap.errors import FieldError, ValidationFailed
from crowdmap.web import Permission, actor, permits, shareable

blueprint = Blueprint("people", __name__, url_prefix="/admin")


@blueprint.get("/users")
@permits(Permission.ADMINISTER)
def users():
    return _page()


@blueprint.post("/users/invite")
@permits(Permission.ADMINISTER)
def invite():
    token, errors = attempt(
        lambda: verbs.invite(_role(request.form.get("role")), by=actor().id, email=request.form.get("email"))
    )
    if errors:
        return _page(errors=errors), 422
    db.session.commit()
    return _page(link=shareable(url_for("accounts.join", token=token)), link_kind="invitation")


@blueprint.post("/invitations/<int:invitation_id>/revoke")
@permits(Permission.ADMINISTER)
def revoke(invitation_id: int):
    verbs.revoke_invitation(invitation_id, by=actor().id)
    db.session.commit()
    flash(_("The invitation is withdrawn."), "good")
    return redirect(url_for("people.users"), 303)


@blueprint.post("/users/<int:account_id>/role")
@permits(Permission.ADMINISTER)
def role(account_id: int):
    return _change(lambda: verbs.set_role(account_id, _role(request.form.get("role")), by=actor().id))


@blueprint.post("/users/<int:account_id>/disable")
@permits(Permission.ADMINISTER)
def disable(account_id: int):
    return _change(lambda: verbs.disable(account_id, by=actor().id))


@blueprint.post("/users/<int:account_id>/enable")
@permits(Permission.ADMINISTER)
def enable(account_id: int):
    return _change(lambda: verbs.enable(account_id, by=actor().id))


@blueprint.post("/users/<int:account_id>/reset-link")
@permits(Permission.ADMINISTER)
def reset_link(account_id: int):
    token, errors = attempt(verbs.make_reset_link, account_id, by=actor().id)
    if errors:
        return _page(errors=errors), 422
    db.session.commit()
    return _page(link=shareable(url_for("accounts.reset", token=token)), link_kind="reset")


def _change(verb):
    account, errors = attempt(verb)
    if errors:
        return _page(errors=errors), 422
    name = account.name
    db.session.commit()
    flash(_("%(name)s: saved.", name=name), "good")
    return redirect(url_for("people.users"), 303)


def _role(text: str | None) -> Role:
    if text not in set(Role):
        raise ValidationFailed([FieldError("role", "unknown-role", _("Choose one of the roles."))])
    return Role(text)


def _page(errors: list[FieldError] = (), link: str | None = None, link_kind: str | None = None):
    return render_template(
        "accounts/users.html",
        accounts=queries.accounts(),
        invitations=queries.open_invitations(),
        roles=list(Role),
        errors=errors,
        link=link,
        link_kind=link_kind,
        typed=request.form,
    )
