"""/moderate/source/<token>: all that one source sent, to be judged together. Plain forms."""

import time
from typing import Annotated

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select

from crowdmap import problems
from crowdmap.accounts.models import Account
from crowdmap.config import settings
from crowdmap.db import MOST_ID, db, reading
from crowdmap.errors import DomainError, IllegalState, NotFound, ValidationFailed, status_of
from crowdmap.events import Event
from crowdmap.moderation import sources, sweeps
from crowdmap.moderation.bulk import Outcome
from crowdmap.moderation.requests import Text
from crowdmap.moderation.triage import queries
from crowdmap.reports.models import Report, Status
from crowdmap.web import Permission, actor, permits, problem_response, read_form, wants_json

blueprint = Blueprint("source", __name__, url_prefix="/moderate/source")
LISTED = 200
MOST_SECONDS = 8  # of one request; what is left then takes another press
TOLD = 10  # of what was left alone, by name


class SeenForm(BaseModel):
    """*seen*: the seq of the page that the moderator looked at."""

    model_config = ConfigDict(extra="forbid")

    seen: Annotated[int, Field(ge=0, le=2**62)]


class SweepForm(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sweep: Annotated[int, Field(ge=1, le=MOST_ID)]


class HoldForm(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Annotated[Text, Field(max_length=300)] = ""


@blueprint.get("/<token>")
@permits(Permission.MODERATE)
def page(token: str):
    return _page(token)


@blueprint.post("/<token>/hide")
@permits(Permission.MODERATE)
def hide(token: str):
    source, asked = sources.find(db.session, token), read_form(SeenForm)
    sweep = sweeps.begin(db.session, source, actor())
    outcome = _in_steps(lambda after: sweeps.hide_some(db.session, sweep, source, actor(), asked.seen, after))
    words = ngettext("One report was hidden as spam.", "%(num)s reports were hidden as spam.", len(outcome.done))
    with reading():
        left = sweeps.open_of(db.session, source).alone
    db.session.rollback()
    if left:
        words += " " + ngettext("One is still open.", "%(num)s are still open.", left)
    return _told(token, words, outcome)


@blueprint.post("/<token>/restore")
@permits(Permission.MODERATE)
def restore(token: str):
    source, asked = sources.find(db.session, token), read_form(SweepForm)
    sweep = sweeps.find(db.session, source, asked.sweep)
    sweeps.note_restoring(db.session, sweep, actor())
    outcome = _in_steps(lambda after: sweeps.restore_some(db.session, sweep, actor(), after))
    words = ngettext("One report is back as it was.", "%(num)s reports are back as they were.", len(outcome.done))
    with reading():  # what was not hidden with them is no news here
        left = sum(one.left for one in sweeps.of_source(db.session, source) if one.id == asked.sweep)
    db.session.rollback()
    if left:
        words += " " + ngettext("One is hidden still.", "%(num)s are hidden still.", left)
    return _told(token, words, outcome)


@blueprint.post("/<token>/hold")
@permits(Permission.MODERATE)
def hold(token: str):
    source, asked = sources.find(db.session, token), read_form(HoldForm)
    sources.hold(db.session, source, actor(), asked.reason)
    db.session.commit()
    flash(_("Held: what this source sends waits for a person, whatever the rules say."), "good")
    return redirect(url_for("source.page", token=token), 303)


@blueprint.post("/<token>/release")
@permits(Permission.MODERATE)
def release(token: str):
    source = sources.find(db.session, token)
    sources.release(db.session, source, actor())
    db.session.commit()
    flash(_("Released: the rules decide on what this source sends, as on everybody's."), "good")
    return redirect(url_for("source.page", token=token), 303)


@blueprint.errorhandler(IllegalState)
@blueprint.errorhandler(ValidationFailed)
def show_again(error: DomainError):
    db.session.rollback()
    if wants_json():
        return problem_response(error)
    with reading():
        token = request.view_args["token"]
        if sources.find_or_none(db.session, token) is None:
            return problems.from_domain(NotFound())
        return _page(token, error=error), status_of(error)


def _in_steps(step) -> Outcome:
    """Step after step, each committed by itself, as long as the request may take."""
    outcome, after, end = Outcome(), 0, time.monotonic() + MOST_SECONDS
    while after is not None and time.monotonic() < end:
        done = step(after)
        db.session.commit()
        outcome += done.outcome
        after = done.last
    return outcome


def _told(token: str, words: str, outcome: Outcome):
    """Back to the page with what was done, and what was skipped and why."""
    flash(words, "good" if outcome.done else "warn")
    for one in outcome.skipped[:TOLD]:
        flash(f"{one['id']}: {one['why']}", "warn")
    if len(outcome.skipped) > TOLD:
        flash(_("And %(n)s more were left as they are.", n=len(outcome.skipped) - TOLD), "warn")
    return redirect(url_for("source.page", token=token), 303)


def _page(token: str, error: DomainError | None = None):
    seen = db.session.scalar(select(func.max(Event.seq))) or 0  # before the rows: what comes in between was not seen
    source = sources.find(db.session, token)
    of_source = sources.made_by(source)
    query = select(Report).where(of_source).order_by(Report.id.desc()).limit(LISTED)
    counts = dict(db.session.execute(select(Report.status, func.count()).where(of_source).group_by(Report.status)).all())
    hold = sources.held(db.session, [source])
    return render_template(
        "moderation/source_page.html", token=token, source=source, name=sources.name_of(db.session, source), seen=seen,
        reports=list(db.session.scalars(query)), counts={status.value: counts.get(status, 0) for status in Status},
        known=sources.in_words(sources.history(db.session, source)), open=sweeps.open_of(db.session, source),
        sweeps=sweeps.of_source(db.session, source), hold=hold, error=error, hold_network=settings().HOLD_NETWORK,
        held_by=db.session.get(Account, hold.held_by_id) if hold and hold.held_by_id else None,
    )  # fmt: skip


def known_sources(report: Report) -> list[dict]:
    """For the desk's page of a report: each source in words with the address of its page."""
    known = list(sources.known_of_report(db.session, report))
    held = sources.held_among(db.session, [source for source, _history in known])
    return [
        {
            "kind": source.kind.value, "name": sources.name_of(db.session, source), "known": sources.in_words(found),
            "token": sources.token(db.session, source), "held": source in held,
        }
        for source, found in known
    ]  # fmt: skip


def init_app(app: Flask) -> None:
    app.register_blueprint(blueprint)
    # asked by one partial, so that the desk's view need not know of it
    app.jinja_env.globals["known_sources"] = known_sources
    app.jinja_env.globals["triage_of"] = lambda report: queries.wanted(db.session, report.id)
