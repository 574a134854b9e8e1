"""/admin/texts: what reporters are often asked, in each language, in this deployment's own words where it likes."""

from typing import Annotated

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from crowdmap import problems
from crowdmap.db import db, reading
from crowdmap.errors import NotFound, ValidationFailed
from crowdmap.language import language_name
from crowdmap.moderation import canned
from crowdmap.reports.texts import clean
from crowdmap.web import Permission, actor, permits, read_form

blueprint = Blueprint("texts", __name__, url_prefix="/admin/texts")


class TextForm(BaseModel):
    """*preview*: show how it reads, and keep nothing."""

    model_config = ConfigDict(extra="forbid")

    language: Annotated[str, Field(max_length=35)]
    text: Annotated[str, AfterValidator(clean), Field(max_length=canned.MOST_TEXT)] = ""
    preview: bool = False


class NewTextForm(TextForm):
    key: Annotated[str, Field(max_length=40)]
    text: Annotated[str, AfterValidator(clean), Field(min_length=1, max_length=canned.MOST_TEXT)]
    asks: bool = False


@blueprint.get("")
@permits(Permission.ADMINISTER)
def texts():
    return _list()


@blueprint.post("")
@permits(Permission.ADMINISTER)
def add():
    asked = read_form(NewTextForm)
    if asked.preview:
        canned.check(asked.text)
        canned.check_language(asked.language)
        with reading():
            return _list(previewed=_preview(asked.text, asked.language))
    canned.add(db.session, actor(), asked.key, asked.language, asked.text, asked.asks)
    db.session.commit()
    flash(_("%(name)s: saved.", name=asked.key), "good")
    return redirect(url_for("texts.one", key=asked.key), 303)


@blueprint.get("/<key>")
@permits(Permission.ADMINISTER)
def one(key: str):
    return _form(key)


@blueprint.post("/<key>")
@permits(Permission.ADMINISTER)
def change(key: str):
    asked = read_form(TextForm)
    if asked.preview:
        canned.check(asked.text)
        canned.check_language(asked.language)
        with reading():
            return _form(key, previewed=_preview(asked.text, asked.language))
    canned.save(db.session, actor(), key, asked.language, asked.text)
    db.session.commit()
    with reading():
        gone = key not in canned.Texts(db.session).keys
    flash(_("Taken away.") if gone else _("%(name)s: saved.", name=language_name(asked.language)), "good")
    return redirect(url_for("texts.texts") if gone else url_for("texts.one", key=key), 303)


@blueprint.errorhandler(ValidationFailed)
def show_again(error: ValidationFailed):
    """The form as it was filled in, with what is wrong; of a text that is not there, that it is not there."""
    key = (request.view_args or {}).get("key")
    return problems.shown_again(error, lambda: _form(key, error.errors) if key else _list(error.errors))


def _preview(text: str, language: str) -> str:
    """With a place and a title as a report could have them."""
    return canned.fill(text, language, _("Delmas 33"), _("Water for sixty people"))


def _list(errors=(), previewed: str | None = None):
    known = canned.Texts(db.session)
    rows = [(key, [known.exact(key, language) for language in canned.languages()]) for key in known.keys]
    return render_template(
        "moderation/texts.html", texts=known, rows=rows, offered=canned.languages(), language_name=language_name,
        names=canned.NAMES, errors=list(errors), typed=request.form, previewed=previewed, blanks=canned.BLANKS,
    )  # fmt: skip


def _form(key: str, errors=(), previewed: str | None = None):
    known = canned.Texts(db.session)
    if key not in known.keys:
        raise NotFound(_("There is no text %(key)s.", key=key[:40]))
    forms = [
        (language, known.exact(key, language), known.find(key, language), canned.shipped(language)["texts"].get(key, ""))
        for language in canned.languages()
    ]
    return render_template(
        "moderation/text.html", key=key, name=canned.NAMES[key][0] if key in canned.NAMES else key, asks=known.asks(key),
        forms=forms, language_name=language_name, preview=_preview, errors=list(errors), typed=request.form,
        previewed=previewed, blanks=canned.BLANKS,
    )  # fmt: skip
