"""What volunteers could not settle, for moderators: a list, and a panel at the report."""

from typing import Annotated

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from crowdmap.db import MOST_ID, db
from crowdmap.moderation.panels import panel
from crowdmap.moderation.shown import category_name
from crowdmap.reports.models import Category, Report
from crowdmap.tasks import proposals
from crowdmap.tasks.kinds import KINDS, check
from crowdmap.tasks.models import Answer, Task
from crowdmap.web import Permission, actor, permits, read_form

blueprint = Blueprint("proposals", __name__, url_prefix="/moderate/proposals")


class AcceptForm(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: Annotated[int, Field(ge=1, le=MOST_ID)]
    revision: Annotated[int, Field(ge=1, le=MOST_ID)]


class DismissForm(BaseModel):
    model_config = ConfigDict(extra="forbid")


@blueprint.get("")
@permits(Permission.MODERATE)
def listing():
    return render_template("tasks/proposals.html", asked=proposals.asked(db.session), **_words(db.session))


@blueprint.post("/<int:task_id>/accept")
@permits(Permission.MODERATE)
def accept(task_id: int):
    asked = read_form(AcceptForm)
    report = proposals.accept(db.session, actor(), task_id, asked.number, asked.revision)
    db.session.commit()
    flash(_("Done, as the volunteer proposed."), "good")
    return redirect(url_for("moderation.report", public_id=report.public_id), 303)


@blueprint.post("/<int:task_id>/dismiss")
@permits(Permission.MODERATE)
def dismiss(task_id: int):
    read_form(DismissForm)
    report = proposals.dismiss(db.session, actor(), task_id)
    db.session.commit()
    flash(_("None of them. The report stays as it is."), "good")
    return redirect(url_for("moderation.report", public_id=report.public_id), 303)


@panel
def of_report(session: Session, report: Report) -> tuple[str, dict] | None:
    """At the desk: what volunteers propose for this report, and what they heard of its reporter."""
    found, calls = proposals.asked(session, report.id), _calls(session, report)
    if not found and not calls:
        return None
    return "moderation/tasks.html", {"asked": found, "calls": calls, "heard": check.HEARD, **_words(session)}


def _calls(session: Session, report: Report) -> list[Answer]:
    """The latest first; of an erased report none, for nothing is left in them."""
    query = select(Answer).join(Task, Task.id == Answer.task_id).where(Task.report_id == report.id, Task.kind == check.NAME)
    return [one for one in session.scalars(query.order_by(Answer.id.desc())) if one.value.get("heard") in check.HEARD]


def _words(session: Session) -> dict:
    language = str(get_locale())
    return {"kinds": KINDS, "category_names": {c.code: category_name(c, language) for c in session.scalars(select(Category))}}
