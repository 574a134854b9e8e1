"""/admin/categories: what can be reported, and what the public may know of its places."""

from typing import Annotated

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import func, select

from crowdmap import problems
from crowdmap.db import db
from crowdmap.errors import NotFound, ValidationFailed
from crowdmap.publishing import policy
from crowdmap.publishing.models import Audience, Publication, PublicationCategory
from crowdmap.reports.models import Category, Kind, Policy, Risk
from crowdmap.reports.texts import clean
from crowdmap.web import Permission, actor, permits, read_form

blueprint = Blueprint("categories", __name__, url_prefix="/admin/categories")


class CategoryForm(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, AfterValidator(clean), Field(min_length=1, max_length=80)]
    kind: Kind
    sector: Annotated[str, Field(pattern=r"^[a-z][a-z-]{1,30}$")]
    policy: Policy
    risk: Risk | None = None  # not given: as it is
    parent: Annotated[str | None, Field(max_length=12)] = None
    two_people: bool = False


class NewCategoryForm(CategoryForm):
    code: Annotated[str, Field(max_length=12)]


class ChangedCategoryForm(CategoryForm):
    active: bool = False


@blueprint.get("")
@permits(Permission.ADMINISTER)
def categories():
    return _page()


@blueprint.post("")
@permits(Permission.ADMINISTER)
def add():
    asked = read_form(NewCategoryForm)
    category = policy.add(db.session, actor(), **_given(asked))
    db.session.commit()
    flash(_("%(name)s: saved.", name=category.name), "good")
    return redirect(url_for("categories.categories") + f"#{category.code}", 303)


@blueprint.get("/<code>")
@permits(Permission.ADMINISTER)
def category(code: str):
    return _form(code)


@blueprint.post("/<code>")
@permits(Permission.ADMINISTER)
def change(code: str):
    asked = read_form(ChangedCategoryForm)
    found = policy.change(db.session, actor(), code, **_given(asked))
    name = found.category.name
    db.session.commit()
    words = _("%(name)s: saved.", name=name)
    if found.removed:
        words += " " + ngettext(
            "One report left the public map at once; what may be shown of it comes back by itself in a moment.",
            "%(num)s reports left the public map at once; what may be shown of them comes back by itself in a moment.",
            found.removed,
        )
    elif found.again:
        words += " " + _("The reports in it are brought up to date in the background.")
    flash(words, "good")
    return redirect(url_for("categories.categories") + f"#{code}", 303)


@blueprint.errorhandler(ValidationFailed)
def show_again(error: ValidationFailed):
    """The form as it was filled in, with what is wrong."""
    code = (request.view_args or {}).get("code")
    return problems.shown_again(error, lambda: _form(code, error.errors) if code else _page(error.errors))


def _given(asked: CategoryForm) -> dict:
    return asked.model_dump(exclude={"risk"} if asked.risk is None else set())


def _page(errors=()):
    found = list(db.session.scalars(select(Category).order_by(Category.position, Category.code)))
    families = [(top, [c for c in found if c.parent == top.code]) for top in found if top.parent is None]
    return render_template(
        "publishing/categories.html", families=families, counts=_counts(), errors=errors, typed=request.form,
        **_choices(found),
    )  # fmt: skip


def _form(code: str, errors=()):
    category = db.session.get(Category, code)
    if category is None:
        raise NotFound(_("There is no category %(code)s.", code=code[:20]))
    found = list(db.session.scalars(select(Category).order_by(Category.position, Category.code)))
    return render_template(
        "publishing/category.html", category=category, errors=errors, typed=request.form, public=_counts().get(code, 0),
        **_choices(found),
    )  # fmt: skip


def _choices(found) -> dict:
    return {
        "kinds": list(Kind), "policies": list(Policy), "risks": list(Risk), "tops": [c for c in found if c.parent is None],
        "sectors": sorted({c.sector for c in found}),
    }  # fmt: skip


def _counts() -> dict[str, int]:
    """How many reports of each category the public sees now."""
    query = (
        select(PublicationCategory.code, func.count())
        .join(Publication, Publication.id == PublicationCategory.publication_id)
        .where(Publication.audience == Audience.PUBLIC, Publication.removed.is_(None))
    )
    return dict(db.session.execute(query.group_by(PublicationCategory.code)).all())
