"""/admin/places: the gazetteer's files. /admin/volunteers: who may call reporters back, and how everybody's work goes."""

from typing import Annotated

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import func, select

from crowdmap.accounts.models import Account
from crowdmap.db import db, reading
from crowdmap.errors import DomainError, NotFound, TooLarge, ValidationFailed, status_of
from crowdmap.reports.models import Area
from crowdmap.reports.texts import clean
from crowdmap.tasks import gazetteer, people
from crowdmap.tasks.gazetteer import MOST_BYTES, InvalidPlaces
from crowdmap.tasks.kinds import KINDS
from crowdmap.tasks.models import Volunteer
from crowdmap.tasks.shown import own_name
from crowdmap.web import Permission, actor, permits, problem_response, read_form, wants_json

blueprint = Blueprint("work_admin", __name__, url_prefix="/admin")
AROUND = 64 * 1024  # what a form is beside its file


class PlacesForm(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, AfterValidator(clean), Field(min_length=1, max_length=80)]


class Nothing(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CallsForm(BaseModel):
    model_config = ConfigDict(extra="forbid")

    allowed: bool = False


@blueprint.url_value_preprocessor
def _room_for_a_file(endpoint, _values) -> None:
    """Before the body is read: this one may be larger than a form, as a file is sent."""
    if endpoint == "work_admin.add_places" and request.mimetype == "multipart/form-data":
        request.max_content_length = MOST_BYTES + AROUND


@blueprint.get("/places")
@permits(Permission.ADMINISTER)
def places():
    return _places()


@blueprint.post("/places")
@permits(Permission.ADMINISTER)
def add_places():
    asked = read_form(PlacesForm)
    sent = request.files.get("file")
    raw = sent.read(MOST_BYTES + 1) if sent else b""
    if not raw:
        raise InvalidPlaces(_("Choose a GeoJSON file."), field="file")
    file = gazetteer.add(db.session, asked.name, raw, actor())
    name, number, outside = file.name, file.places, gazetteer.outside_area(db.session, file)
    db.session.commit()
    flash(ngettext("%(name)s: %(num)s place.", "%(name)s: %(num)s places.", number, name=name), "good")
    if outside:
        words = ngettext("%(num)s of them lies outside the crisis area.", "%(num)s of them lie outside the crisis area.", outside)
        flash(words + " " + _("Are lat and lon swapped? GeoJSON has lon first."), "warn")
    return redirect(url_for("work_admin.places"), 303)


@blueprint.post("/places/<int:file_id>/remove")
@permits(Permission.ADMINISTER)
def remove_places(file_id: int):
    read_form(Nothing)
    name = gazetteer.remove(db.session, file_id, actor())
    if name is None:
        raise NotFound(_("There is no such file."))
    db.session.commit()
    flash(_("%(name)s is gone.", name=name), "good")
    return redirect(url_for("work_admin.places"), 303)


@blueprint.get("/volunteers")
@permits(Permission.ADMINISTER)
def volunteers():
    rows = db.session.execute(
        select(Volunteer, Account).join(Account, Account.id == Volunteer.account_id).order_by(Volunteer.answered.desc(), Account.id)
    ).all()
    return render_template("tasks/volunteers.html", rows=rows, kinds=KINDS, own_name=own_name)


@blueprint.post("/volunteers/<int:account_id>/calls")
@permits(Permission.ADMINISTER)
def calls(account_id: int):
    asked = read_form(CallsForm)
    account = db.session.get(Account, account_id)
    if account is None:
        raise NotFound()
    people.allow_calls(db.session, account, asked.allowed, by=actor().id)
    name = account.name
    db.session.commit()
    words = _("%(name)s may call reporters back now.", name=name) if asked.allowed else _("%(name)s calls nobody back any more.", name=name)
    flash(words, "good")
    return redirect(url_for("work_admin.volunteers"), 303)


@blueprint.errorhandler(ValidationFailed)
@blueprint.errorhandler(InvalidPlaces)
@blueprint.errorhandler(TooLarge)
def show_again(error: DomainError):
    db.session.rollback()
    if wants_json() or not request.path.startswith("/admin/places") or not actor().can(Permission.ADMINISTER):
        return problem_response(error)
    with reading():
        return _places(error), status_of(error)


def _places(error: DomainError | None = None):
    towns = db.session.scalar(select(func.count()).select_from(Area))
    typed = request.form.get("name", "") if error and not isinstance(error, TooLarge) else ""
    return render_template("tasks/places.html", files=gazetteer.files(db.session), towns=towns, error=error, typed=typed)
