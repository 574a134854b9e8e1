"""/feeds: choose a layer and filters, see what is in it, and take the addresses. The layers a deployment names itself."""

from itertools import groupby
from typing import Annotated
from urllib.parse import parse_qsl

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from werkzeug.datastructures import MultiDict

from crowdmap.db import db, reading
from crowdmap.errors import ValidationFailed
from crowdmap.feeds import choices, layers
from crowdmap.feeds.reader import reader
from crowdmap.feeds.reading import page as page_of
from crowdmap.feeds.recipes import outlets, recipes
from crowdmap.maps.pages import LOOKS, map_config, public_categories, view_of
from crowdmap.reports.texts import clean
from crowdmap.web import Permission, actor, permits, public, read_form, shareable

blueprint = Blueprint("builder", __name__)
PREVIEW = 6


class LayerForm(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, AfterValidator(clean), Field(min_length=1, max_length=80)]
    slug: Annotated[str | None, AfterValidator(lambda slug: slug and slug.strip()), Field(max_length=60)] = None
    query: Annotated[str, Field(max_length=4000)] = ""  # what is chosen, as parameters of the page


class NoForm(BaseModel):
    model_config = ConfigDict(extra="forbid")


@blueprint.get("/feeds")
@public
def feeds():
    chosen = choices.read(request.args, LOOKS)
    return _page(chosen), 400 if chosen.errors else 200


@blueprint.post("/admin/layers")
@permits(Permission.ADMINISTER)
def add_layer():
    asked = read_form(LayerForm)
    chosen = _of_text(asked.query)
    if chosen.errors:
        raise ValidationFailed(list(chosen.errors))
    layer = layers.add(db.session, actor(), title=asked.title, slug=asked.slug, chosen=chosen.chosen)
    db.session.commit()
    flash(_("%(name)s is a layer now.", name=layer.title), "good")
    return redirect(url_for("builder.feeds", layer=layer.slug), 303)


@blueprint.post("/admin/layers/<slug>/remove")
@permits(Permission.ADMINISTER)
def remove_layer(slug: str):
    read_form(NoForm)
    title = layers.remove(db.session, actor(), slug).title
    db.session.commit()
    flash(_("%(name)s is no layer any more. Its feeds answer that it is not there.", name=title), "good")
    return redirect(url_for("builder.feeds") + "#layers", 303)


@blueprint.errorhandler(ValidationFailed)
def show_again(error: ValidationFailed):
    """The page with what was chosen and typed, and with what is wrong."""
    db.session.rollback()
    with reading():
        return _page(_of_text(request.form.get("query", "")), error.errors), 422


def _of_text(query: str) -> choices.Choices:
    return choices.read(MultiDict(parse_qsl(query, keep_blank_values=True)), LOOKS)


def _page(chosen: choices.Choices, faults=()) -> str:
    """*faults* are those of the form that names a layer."""
    who = reader()
    held = who.hold(chosen.chosen)
    found = None if chosen.errors else page_of(held, who.audience, PREVIEW)
    features = list(found.features()) if found else []
    wanted = chosen.wanted(shareable(""))
    return render_template(
        "maps/feeds.html", chosen=chosen, errors=chosen.errors, faults=faults, typed=request.form,
        layers=layers.all_layers(), sectors=_by_sector(public_categories()), areas=choices.areas(), found=found,
        views=[view_of(data) for data in features], config=map_config(),
        changed=choices.newest_change(held, who.audience) if found and found.matched else None,
        size=_size(features, found.matched) if found else None,
        outlets=outlets(current_app, wanted) if found else [], recipes=recipes(current_app, wanted) if found else [],
    )  # fmt: skip


def _by_sector(categories: list[dict]) -> list[tuple[str, list[dict]]]:
    """(sector, its categories), in the order of the sectors' names."""
    ordered = sorted(categories, key=lambda category: category["sector"])
    return [(sector, list(some)) for sector, some in groupby(ordered, key=lambda category: category["sector"])]


def _size(features: list[bytes], matched: int) -> int:
    """About how many bytes all of it is as GeoJSON, by the newest few."""
    return matched * sum(map(len, features)) // len(features) if features else 0
