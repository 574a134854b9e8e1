"""The desk: /moderate and /moderate/<id>. Every action is a plain form; scripts add keys, a small map and live news."""

from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import Blueprint, current_app, flash, jsonify, redirect, render_template, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy import select

from crowdmap.config import settings
from crowdmap.db import db, reading
from crowdmap.dedupe.groups import open_groups
from crowdmap.errors import (
    DomainError,
    IllegalState,
    InvalidParameter,
    NotFound,
    StaleRevision,
    ValidationFailed,
    status_of,
)
from crowdmap.filters import PARAMETERS
from crowdmap.moderation import evidence, grades, queries
from crowdmap.moderation.actions import ACTIONS, REJECTIONS, perform
from crowdmap.moderation.contact import see_contact
from crowdmap.moderation.requests import REQUESTS, EditRequest
from crowdmap.moderation.shown import category_name, map_of, note_of, told
from crowdmap.publishing.preview import preview
from crowdmap.reports.models import Category, Kind, Status, Verification
from crowdmap.web import Permission, actor, permits, problem_response, read_form, validate, wants_json

blueprint = Blueprint("moderation", __name__, url_prefix="/moderate")
EXTRA = ("after", "lang", "dir")


@blueprint.get("")
@permits(Permission.MODERATE)
def desk():
    return _page()


@blueprint.get("/new.json")
@permits(Permission.MODERATE)
def news():
    """What changed after ``since``: rows to put into the list, ids that left it, and the counts."""
    since = request.args.get("since", "")
    if not (since.isascii() and since.isdecimal() and len(since) < 19):
        raise InvalidParameter(_("since is the seq of the page"), field="since")
    chosen = queries.parse_filter(request.args, also=("since", *EXTRA))
    found = queries.changed(db.session, chosen, int(since))
    tail = _tail()
    rows = [
        {
            "id": f["id"],
            "html": render_template("moderation/row.html", feature=f, chosen=chosen, tail=tail, selected=None),
        }
        for f in found.features
    ]
    return jsonify(seq=found.seq, more=found.more, rows=rows, gone=found.gone, counts=queries.counts(db.session))


@blueprint.get("/<public_id>")
@permits(Permission.MODERATE)
def report(public_id: str):
    return _page(public_id)


@blueprint.post("/<public_id>/contact")
@permits(Permission.SEE_CONTACT)
def contact(public_id: str):
    found = see_contact(db.session, public_id, actor())
    db.session.commit()
    with reading():
        return _page(public_id, contact=found)


@blueprint.post("/<public_id>/<action>")
@permits(Permission.MODERATE)
def act(public_id: str, action: str):
    if action not in ACTIONS:
        raise NotFound()
    asked = _read_edit(public_id) if action == "edit" else read_form(REQUESTS[action])
    fields = asked.model_dump(exclude_unset=True)
    report = perform(db.session, public_id, action, actor(), **fields)
    db.session.commit()
    flash(_done(action, report), "good")
    return redirect(url_for("moderation.report", public_id=public_id) + _tail(), 303)


@blueprint.errorhandler(StaleRevision)
@blueprint.errorhandler(IllegalState)
@blueprint.errorhandler(ValidationFailed)
def show_again(error: DomainError):
    """A form that could not be taken: the page as it is now, what the other person did, and what was typed."""
    db.session.rollback()
    if wants_json() or request.endpoint != "moderation.act":
        return problem_response(error)
    with reading():
        page = _page(request.view_args["public_id"], error=error, opened=request.view_args["action"])
    return page, status_of(error)


def _done(action: str, report) -> str:
    """What to say after it; a restricted report is published without being public."""
    if ACTIONS[action].to is Status.PUBLISHED:
        with reading():
            seen = preview(db.session, report)
        if seen is not None and seen.properties is None:
            return _("Published for the team only: its category is never public.")
    with reading():
        graded = evidence.said(db.session, report, action)
    return graded or str(ACTIONS[action].done)


def _read_edit(public_id: str) -> EditRequest:
    """All of the form's fields: here an empty one means to take the value away. A time left as it stood is left out."""
    form = request.form
    data = {name: form[name].strip() for name in EditRequest.model_fields if name in form}
    for name in ("people", "quantity", "occurred_at", "kind", "category", "revision"):
        if data.get(name) == "":
            data[name] = None
    data["categories"] = [code for code in form.getlist("categories") if code]
    if data.get("occurred_at") == (form.get("occurred_at_was") or None):
        data.pop("occurred_at", None)
    return validate(EditRequest, data)


def _tail() -> str:
    """The list that one works through, as a query string to carry along."""
    pairs = [(name, value) for name, value in request.args.items(multi=True) if name in PARAMETERS and value]
    return "?" + urlencode(pairs) if pairs else ""


def _page(public_id: str | None = None, *, contact=None, error: DomainError | None = None, opened: str | None = None):
    chosen = queries.parse_filter(request.args, also=EXTRA)
    seq = queries.head_seq(db.session)  # before the rows: what comes in between is told once more, not missed
    listed = queries.queue(db.session, chosen, request.args.get("after"))
    found = queries.dossier(db.session, public_id) if public_id else None
    categories = list(db.session.scalars(select(Category).order_by(Category.position, Category.code)))
    zone = ZoneInfo(settings().TIMEZONE)
    return render_template(
        "moderation/desk.html",
        chosen=chosen, queue=listed, counts=queries.counts(db.session), seq=seq, tail=_tail(),
        is_queue=queries.is_queue(chosen),
        found=found, next_id=queries.next_in_queue(db.session, chosen, public_id) if public_id else _first(listed),
        actions=_actions(found), rejections=REJECTIONS, kinds=list(Kind), statuses=list(Status),
        categories=categories, category_names={c.code: category_name(c, str(get_locale())) for c in categories},
        suspected=len(open_groups(db.session)), contact=contact, error=error, opened=opened, typed=request.form if error else None,
        told=told, note_of=note_of, grades=grades,
        map_config=map_of(db.session, found, current_app.static_url_path) if found else None,
        local=lambda moment: moment.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S") if moment else "",
        stream_url=url_for("feeds.staff_stream", status="all"),
    )  # fmt: skip


def _first(listed) -> str | None:
    return listed.features[0]["id"] if listed.features else None


def _actions(found) -> list:
    """Those that make sense now, in the registry's order."""
    if found is None:
        return []
    report = found.report
    merged = report.merged_into_id is not None
    possible = [a for a in ACTIONS.values() if a.starts_from(report.status) and (a.merged or not merged)]
    same = {"verify": "verified", "corroborate": "corroborated", "dispute": "disputed"}
    hidden = {name for name, mark in same.items() if report.verification.value == mark}
    if report.verification is Verification.VERIFIED:
        hidden.add("corroborate")
    if not merged:
        hidden.add("unmerge")
    if not found.refused:
        hidden.add("ask-again")
    hidden |= {"withdraw-evidence", "reinstate-evidence"}  # buttons beside each piece
    return [a for a in possible if a.name not in hidden]
