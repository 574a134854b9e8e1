"""/work: one message, one small task. Works without scripts; the map of "place" then is a list of places to choose from."""

import time
from typing import Annotated

from flask import Blueprint, current_app, flash, jsonify, redirect, render_template, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, or_, select

from crowdmap.config import settings
from crowdmap.db import db, reading, utcnow
from crowdmap.errors import DomainError, IllegalState, NotAllowed, NotFound, TooMany, ValidationFailed, status_of
from crowdmap.language import language_name
from crowdmap.language import language_choices
from crowdmap.moderation.shown import category_name, ground
from crowdmap.reports.models import Report
from crowdmap.tasks import gazetteer, people, practice, verbs
from crowdmap.tasks.figures_view import kept_glance
from crowdmap.tasks.kinds import KINDS, categorise, place, sayings
from crowdmap.tasks.kinds.check import HEARD
from crowdmap.tasks.kinds.kind import primary
from crowdmap.tasks.making import still_wanted
from crowdmap.tasks.models import LIVE, Task
from crowdmap.tasks.shown import message_of, message_of_item, own_name
from crowdmap.web import Permission, actor, client_device, hold_to, permits, problem_response, read_form, wants_json

blueprint = Blueprint("work", __name__, url_prefix="/work")
PLACES_PER_MINUTE = 60  # look-ups of one volunteer
BEGINS = 60  # characters by which one knows a message again
ASIDE = frozenset({"csrf_token", "shown", "only", "unsure"})  # of a posted answer: not the answer itself


class LanguagesForm(BaseModel):
    model_config = ConfigDict(extra="forbid")

    languages: list[Annotated[str, Field(max_length=12)]] = []


class NextForm(BaseModel):
    model_config = ConfigDict(extra="forbid")

    only: Annotated[str, Field(max_length=20)] = ""


class Nothing(BaseModel):
    model_config = ConfigDict(extra="forbid")


@blueprint.get("")
@permits(Permission.WORK)
def work():
    return _page()


@blueprint.post("/languages")
@permits(Permission.WORK)
def languages():
    asked = read_form(LanguagesForm, lists=frozenset({"languages"}))
    people.speak(db.session, actor(), asked.languages)
    db.session.commit()
    flash(_("Saved. You get messages in these languages."), "good")
    return redirect(url_for("work.work"), 303)


@blueprint.post("/next")
@permits(Permission.WORK)
def next_task():
    asked = read_form(NextForm)
    return _next(asked.only)


@blueprint.post("/<int:task_id>/answer")
@permits(Permission.WORK)
def answer(task_id: int):
    outcome = verbs.answer(db.session, actor(), task_id, _given(), seconds=_seconds())
    db.session.commit()
    flash(_said(outcome), "good")
    return _next(request.form.get("only", "")[:20], quietly=True)


@blueprint.post("/<int:task_id>/skip")
@permits(Permission.WORK)
def skip(task_id: int):
    asked = read_form(NextForm)
    verbs.release(db.session, actor(), task_id, skip=True)
    db.session.commit()
    return _next(asked.only, quietly=True)


@blueprint.post("/<int:task_id>/release")
@permits(Permission.WORK)
def release(task_id: int):
    read_form(NextForm)
    verbs.release(db.session, actor(), task_id)
    db.session.commit()
    flash(_("Somebody else can take it now. Thank you for what you did."), "good")
    return redirect(url_for("work.work"), 303)


@blueprint.post("/<int:task_id>/keep")
@permits(Permission.WORK)
def keep(task_id: int):
    """Whoever is still typing has more time; for the page's script."""
    until = verbs.extend(db.session, actor(), task_id)
    db.session.commit()
    return jsonify(seconds=max(0, round((until - utcnow()).total_seconds())))


@blueprint.post("/<int:task_id>/contact")
@permits(Permission.WORK)
def contact(task_id: int):
    read_form(Nothing)
    found = verbs.see_contact_of(db.session, actor(), task_id)
    db.session.commit()
    with reading():
        return _page(contact=found)


@blueprint.post("/practice/<kind>/<key>")
@permits(Permission.WORK)
def practise(kind: str, key: str):
    item, judged, fresh = practice.answer_practice(db.session, actor(), kind, key, _given(), seconds=_seconds())
    db.session.commit()
    # the next message stands below it already
    begins = item.text if len(item.text) <= BEGINS else item.text[:BEGINS].rstrip() + "…"
    flash(_("“%(message)s” – %(words)s", message=begins, words=judged.words), "good" if judged.good else "warn")
    if fresh:
        flash(_("That was good enough: the real work is open to you now. Thank you!"), "good")
        return redirect(url_for("work.work") + f"#{kind}", 303)
    return redirect(url_for("work.work", practice=kind), 303)


@blueprint.get("/places.json")
@permits(Permission.WORK)
def places():
    hold_to(PLACES_PER_MINUTE, "places", str(actor().id))
    found = gazetteer.search(db.session, request.args.get("q", ""))
    return jsonify(places=[vars(one) for one in found])


# ---- what was sent


def _given() -> dict:
    """The answer as the kind's form has it: a field that stands there empty was not given."""
    if request.form.get("unsure"):
        return {"unsure": True}
    return {name: request.form[name] for name in request.form if name not in ASIDE and request.form[name].strip()}


def _seconds() -> float | None:
    """Since the page was made, by our own clock; None where the form does not say."""
    shown = request.form.get("shown", "")
    return max(0.0, time.time() - int(shown)) if shown.isascii() and shown.isdecimal() and len(shown) < 12 else None


def _said(outcome: verbs.Outcome) -> str:
    if outcome.state == "moderator" and KINDS[outcome.task.kind].take and not request.form.get("unsure"):
        return _("Thank you. One of the team reads it first; then it stands beside the message.")
    return {
        "kept": _("Thank you. Somebody else looks at it too, without seeing your answer."),
        "agreed": _("Thank you, that settles it."),
        "moderator": _("Thank you. It is a hard one: a moderator decides."),
        "needless": _("Thank you. It was settled in the meantime."),
    }[outcome.state]


def _next(only: str, quietly: bool = False):
    """Take the next one, of the kind that one is at, and show it."""
    if only and only not in KINDS:
        raise NotFound(_("There is no work called %(kind)s.", kind=only))
    task = verbs.offer(db.session, actor(), [only] if only else None, device=client_device())
    db.session.commit()
    if task is None and not quietly:
        flash(_("Nothing waits for you there now. New messages come by themselves."), "good")
    return redirect(url_for("work.work", only=only or None), 303)


@blueprint.errorhandler(ValidationFailed)
@blueprint.errorhandler(IllegalState)
@blueprint.errorhandler(TooMany)
def show_again(error: DomainError):
    """The task as it stands, with what was typed and what is wrong with it."""
    db.session.rollback()
    if wants_json() or not actor().can(Permission.WORK):
        return problem_response(error)
    with reading():
        kind = (request.view_args or {}).get("kind")
        page = _page(error=error, practising=kind if kind in KINDS else None, key=(request.view_args or {}).get("key"))
    response = current_app.make_response((page, status_of(error)))
    if error.retry_after:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


# ---- the page


def _page(*, error: DomainError | None = None, practising: str | None = None, key: str | None = None, contact=None):
    account = actor()
    volunteer = people.volunteer_of(db.session, account)
    task = verbs.held(db.session, account)
    report = db.session.get(Report, task.report_id) if task else None
    if task and not still_wanted(db.session, task, report):  # taken back, or for the team only since they took it
        task = report = None
    practising = practising or request.args.get("practice")
    if practising and practising not in KINDS:
        raise NotFound(_("There is no work called %(kind)s.", kind=practising[:20]))
    if practising and not people.may(volunteer, practising):
        raise NotAllowed(_("A coordinator has to allow you this first."))
    item = practice.next_item(db.session, account, practising) if practising else None
    if key and practising:
        item = next((one for one in KINDS[practising].items(db.session, volunteer.languages) if one.key == key), item)
    kind = KINDS[practising] if item else KINDS[task.kind] if task else None
    over = isinstance(error, IllegalState)
    if over and not item:  # it is not theirs any more: what was typed, and the way on
        kind = task = None
    values = {
        "volunteer": volunteer, "error": error, "typed": request.form if error else {}, "kind": kind, "item": item,
        "task": None if item else task, "glance": kept_glance(), "shown": int(time.time()), "contact": contact,
        "only": request.values.get("only", "")[:20], "language_name": language_name, "own_name": own_name,
        "working": settings().WORKING_LANGUAGE,
    }  # fmt: skip
    if kind is not None:
        message = message_of_item(item) if item else message_of(kind, report, called=contact is not None)
        return render_template("tasks/task.html", message=message, **values, **_of_kind(kind.name))
    return render_template("tasks/work.html", kinds=_kinds(account, volunteer), steps=people.path(db.session, account), readable=_languages(volunteer), **values)


def _of_kind(name: str) -> dict:
    """What the form of one kind needs beside the message."""
    if name == categorise.NAME:
        language = str(get_locale())
        found = categorise.choices(db.session)
        tops = [(category_name(top, language), [c for c in found if c.parent == top.code] or [top], top) for top in found if top.parent is None]
        return {"families": tops, "category_name": lambda category: category_name(category, language)}
    if name == place.NAME:
        words = request.args.get("places", "")
        config = {**ground(db.session, current_app.static_url_path), "search": url_for("work.places")}
        return {"map_config": config, "asked": words, "places": gazetteer.search(db.session, words) if words else []}
    return {"heard": HEARD}


def _kinds(account, volunteer) -> list[dict]:
    """Each kind with how many wait that they can read, whether it is open, and how far its practice is."""
    reads = or_(Task.language.is_(None), Task.language.in_(volunteer.languages or [""]))
    waiting = dict(db.session.execute(select(Task.kind, func.count()).where(Task.state.in_(LIVE), reads).group_by(Task.kind)).all())
    opened, good = people.open_kinds(db.session, account, volunteer), practice.good_by_kind(db.session, account)
    found = []
    for name, kind in KINDS.items():
        allowed = people.may(volunteer, name)
        items = kind.items(db.session, volunteer.languages) if allowed else []
        found.append({
            "kind": kind, "waiting": waiting.get(name, 0), "open": name in opened, "allowed": allowed, "good": good[name],
            "needed": practice.needed(items), "has_practice": bool(items),
        })  # fmt: skip
    return found


def _languages(volunteer) -> list[tuple[str, str, bool]]:
    """(code, its own name, whether it is theirs): what messages come in, what there is practice in, what pages speak."""
    waiting = db.session.scalars(select(Task.language).where(Task.state.in_(LIVE), Task.language.is_not(None)).distinct())
    pages = [primary(code) for code in settings().LANGUAGES]
    codes = dict.fromkeys([primary(settings().WORKING_LANGUAGE), *pages, *sorted(waiting), *sayings.languages(), *volunteer.languages])
    spoken = volunteer.languages or [primary(code) for code, _name in language_choices() if primary(code) == primary(str(get_locale()))]
    return [(code, own_name(code), code in spoken) for code in codes]
