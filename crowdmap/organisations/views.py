"""/admin/organisations and /admin/keys: coordinators say who may read what, and see when it was last read."""

from typing import Annotated

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from pydantic import BaseModel, ConfigDict, Field

from crowdmap.accounts.views import attempt
from crowdmap.db import db, reading, utcnow
from crowdmap.errors import FieldError
from crowdmap.organisations import queries, scopes, verbs
from crowdmap.organisations.models import PER_MINUTE, ApiKey
from crowdmap.organisations.scopes import LISTS, NAMES, KeyScope
from crowdmap.web import Permission, actor, permits, read_form

blueprint = Blueprint("organisations", __name__, url_prefix="/admin")


class OrganisationForm(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=100)] = ""
    slug: Annotated[str | None, Field(max_length=40)] = None
    approve: bool = False


class MemberForm(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Annotated[str, Field(max_length=254)]


class ScopeForm(BaseModel):
    """The fields of a scope as a form sends them; `KeyScope` reads them."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=100)] = ""
    layers: list[str] = []
    sectors: list[str] = []
    areas: list[str] = []
    bbox: Annotated[str | None, Field(max_length=200)] = None
    precision: Annotated[str | None, Field(max_length=20)] = None
    contact: Annotated[str | None, Field(max_length=5)] = None
    per_minute: int = PER_MINUTE

    def scope(self) -> KeyScope:
        """Raises ValidationFailed."""
        given = {name: getattr(self, name) for name in NAMES}
        return KeyScope.parse({name: value if name in LISTS else [value] for name, value in given.items() if value})


class NewKeyForm(ScopeForm):
    organisation: Annotated[str, Field(max_length=40)]
    days: int | None = None


# ---- organisations


@blueprint.get("/organisations")
@permits(Permission.ADMINISTER)
def organisations():
    return _organisations()


@blueprint.post("/organisations")
@permits(Permission.ADMINISTER)
def add():
    def work():
        asked = read_form(OrganisationForm)
        return verbs.add_organisation(asked.name, asked.slug, approve=asked.approve, by=actor().id)

    return _saved(work)


@blueprint.post("/organisations/<slug>/approve")
@permits(Permission.ADMINISTER)
def approve(slug: str):
    return _saved(lambda: verbs.set_approved(slug, True, by=actor().id))


@blueprint.post("/organisations/<slug>/suspend")
@permits(Permission.ADMINISTER)
def suspend(slug: str):
    return _saved(lambda: verbs.set_approved(slug, False, by=actor().id))


@blueprint.post("/organisations/<slug>/members")
@permits(Permission.ADMINISTER)
def add_member(slug: str):
    return _saved(lambda: verbs.add_member(slug, read_form(MemberForm).email, by=actor().id))


@blueprint.post("/organisations/<slug>/members/<int:account_id>/remove")
@permits(Permission.ADMINISTER)
def remove_member(slug: str, account_id: int):
    return _saved(lambda: verbs.remove_member(slug, account_id, by=actor().id))


def _saved(work):
    organisation, errors = attempt(work)
    if errors:
        with reading():
            return _organisations(errors), 422
    name = organisation.name
    db.session.commit()
    flash(_("%(name)s: saved.", name=name), "good")
    return redirect(url_for("organisations.organisations"), 303)


def _organisations(errors: list[FieldError] = ()):
    return render_template(
        "organisations/organisations.html", organisations=queries.organisations(), errors=errors, typed=request.form
    )


# ---- keys


@blueprint.get("/keys")
@permits(Permission.ADMINISTER)
def keys():
    return _keys()


@blueprint.post("/keys")
@permits(Permission.ADMINISTER)
def add_key():
    def work():
        asked = read_form(NewKeyForm, lists=frozenset(LISTS))
        more = {"name": asked.name, "per_minute": asked.per_minute, "days": asked.days}
        return verbs.add_key(asked.organisation, asked.scope(), **more, by=actor().id)

    made, errors = attempt(work)
    if errors:
        with reading():
            return _keys(errors), 422
    db.session.commit()
    with reading():
        return _keys(made=made[1])


@blueprint.get("/keys/<public_id>")
@permits(Permission.ADMINISTER)
def key(public_id: str):
    return _key(public_id)


@blueprint.post("/keys/<public_id>")
@permits(Permission.ADMINISTER)
def change_key(public_id: str):
    def work():
        queries.key_by_public_id(public_id)  # a form about nothing is not shown again
        asked = read_form(ScopeForm, lists=frozenset(LISTS))
        more = {"name": asked.name, "per_minute": asked.per_minute}
        return verbs.change_key(public_id, asked.scope(), **more, by=actor().id)

    changed, errors = attempt(work)
    if errors:
        with reading():
            return _key(public_id, errors), 422
    name = changed.name
    db.session.commit()
    flash(_("%(name)s: saved.", name=name), "good")
    return redirect(url_for("organisations.keys") + f"#{public_id}", 303)


@blueprint.post("/keys/<public_id>/revoke")
@permits(Permission.ADMINISTER)
def revoke_key(public_id: str):
    verbs.revoke_key(public_id, by=actor().id)
    db.session.commit()
    flash(_("The key is revoked. What is open with it ends within seconds."), "good")
    return redirect(url_for("organisations.keys"), 303)


def state_of(one: ApiKey) -> str:
    """in-use | waiting | expired | revoked"""
    if one.revoked_at is not None:
        return "revoked"
    if one.expires_at is not None and one.expires_at <= utcnow():
        return "expired"
    return "in-use" if one.organisation.approved_at else "waiting"


def _keys(errors: list[FieldError] = (), made: str | None = None):
    rows = [(one, KeyScope.from_json(one.scope), state_of(one)) for one in queries.keys()]
    typed = {} if made else request.form
    return render_template(
        "organisations/keys.html", rows=rows, organisations=queries.organisations(), errors=errors, made=made,
        choices=scopes.choices(), now=_typed(typed) if typed else _of_scope(KeyScope(), PER_MINUTE), typed=typed,
    )  # fmt: skip


def _key(public_id: str, errors: list[FieldError] = ()):
    one = queries.key_by_public_id(public_id)
    now = _typed(request.form) if request.form else _of_scope(KeyScope.from_json(one.scope), one.per_minute, one.name)
    return render_template(
        "organisations/key.html", key=one, state=state_of(one), errors=errors, choices=scopes.choices(), now=now
    )


def _of_scope(scope: KeyScope, per_minute: int, name: str = "") -> dict:
    """What stands in the form's fields for a scope."""
    kept = {"bbox": "", **{name: [] for name in LISTS}, **scope.to_json()}
    return {**kept, "contact": scope.contact, "name": name, "per_minute": per_minute}


def _typed(form) -> dict:
    """What stood in the form's fields when it was sent."""
    one = {name: form.get(name, "") for name in ("name", "bbox", "precision", "per_minute", "days")}
    return {**one, **{name: form.getlist(name) for name in LISTS}, "contact": form.get("contact") == "yes"}
