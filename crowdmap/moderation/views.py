"""The desk: /moderate and /moderate/<id>. Every action is a plain form; scripts add keys, a small map and live news.

A script says so by the header X-Desk: an action then answers with what it did and how to take it back instead of a page,
and a report that is fetched ahead (X-Desk: ahead) does not count as looked at.
"""

from datetime import datetime
from threading import Lock
from time import monotonic
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import Blueprint, current_app, flash, jsonify, redirect, render_template, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import ngettext
from markupsafe import Markup
from sqlalchemy import select

from crowdmap import problems
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
)
from crowdmap.filters import PARAMETERS, ReportFilter
from crowdmap.language import language_name
from crowdmap.moderation import evidence, grades, listing, looking, queries, saved, talk, undoing
from crowdmap.moderation.actions import ACTIONS, REJECTIONS, decide, words_of
from crowdmap.moderation.contact import see_contact
from crowdmap.moderation.panels import panels_of
from crowdmap.moderation.requests import REQUESTS, EditRequest
from crowdmap.moderation.shown import category_name, map_of, told, why
from crowdmap.publishing.lookup import audiences_of
from crowdmap.publishing.models import Audience
from crowdmap.reports.models import Category, Kind, Status, Verification
from crowdmap.web import Permission, actor, permits, problem_response, read_form, validate, wants_json

blueprint = Blueprint("moderation", __name__, url_prefix="/moderate")
EXTRA = ("after", "lang", "dir")
SCRIPT = "X-Desk"
FRESH_S, KEPT_S = 20, 600  # figures that take long are counted anew for the news and for a page after so many seconds


@blueprint.get("")
@permits(Permission.MODERATE)
def desk():
    return page()


@blueprint.get("/new.json")
@permits(Permission.MODERATE)
def news():
    """What changed after ``since``: rows to put into the list, ids that left it, who looks at what, and the figures."""
    since = request.args.get("since", "")
    if not (since.isascii() and since.isdecimal() and len(since) < 19):
        raise InvalidParameter(_("since is the seq of the page"), field="since")
    chosen = listing.parse_filter(request.args, also=("since", "views", *EXTRA))
    found = listing.changed(db.session, chosen, int(since))
    counts = listing.counts(db.session)
    told_of_views = request.args.get("views") == "yes"
    tabs = saved.views(db.session, actor()) if told_of_views else []
    views = {view.id: saved.count(db.session, view.chosen, counts) for view in tabs}
    oldest = listing.oldest(db.session)
    # the others take a count each
    matched = listing.matching(db.session, chosen, counts) if listing.only_statuses(chosen) else None
    return jsonify(
        seq=found.seq, more=found.more, rows=_drawn(found.rows, chosen), gone=found.gone, counts=counts, views=views,
        looks=looks(), matched=matched, oldest=oldest.isoformat() if oldest else None, **_figures(FRESH_S),
    )  # fmt: skip


def _drawn(rows: list[listing.Row], chosen) -> list[dict]:
    """Rows for a list on a screen."""
    if not rows:
        return []
    values = {"chosen": chosen, "tail": tail(), "names": _category_names(_categories()), "why": why, "drawn": {}}
    current_app.update_template_context(values)
    one_row = current_app.jinja_env.get_template("moderation/row.html").make_module(values).one_row
    return [{"id": row.feature["id"], "due": row.due, "number": row.id, "html": one_row(row)} for row in rows]


@blueprint.get("/<public_id>")
@permits(Permission.MODERATE)
def report(public_id: str):
    shown = page(public_id)
    if request.headers.get(SCRIPT) != "ahead":
        looking.note(public_id, actor())
    return shown


@blueprint.post("/<public_id>/contact")
@permits(Permission.SEE_CONTACT)
def contact(public_id: str):
    worked_list()
    found = see_contact(db.session, public_id, actor())
    db.session.commit()
    with reading():
        return page(public_id, contact=found)


@blueprint.post("/<public_id>/<action>")
@permits(Permission.MODERATE)
def act(public_id: str, action: str):
    if action not in ACTIONS:
        raise NotFound()
    chosen, _order = worked_list()
    asked = _read_edit(public_id) if action == "edit" else read_form(REQUESTS[action])
    fields = asked.model_dump(exclude_unset=True)
    report, decision = decide(db.session, public_id, action, actor(), **fields)
    decided = [decision.id] if decision else []
    db.session.commit()
    said, tone = (_done(action, report), "good") if decided else (_("Nothing was changed."), "")
    if SCRIPT in request.headers:
        with reading():
            return answer(chosen, said, [public_id], decided, open_id=public_id, tone=tone)
    flash(said, tone)
    return redirect(url_for("moderation.report", public_id=public_id) + tail(), 303)


def worked_list() -> tuple[ReportFilter, str]:
    """The list that one works through, by the address: its filter and its order. Ask before anything is done, for
    nobody must read "that did not work" of what was. Raises UnknownParameter, InvalidParameter."""
    chosen = listing.parse_filter(request.args, also=EXTRA)
    return chosen, listing.parse_order(request.args, chosen)


def answer(
    chosen: ReportFilter, said: str, done: list[str], decided: list[int], *, open_id: str | None = None, skipped=(),
    tone: str = "good",
):  # fmt: skip
    """What a script is told of an action: words with the way back, which of *done* left its list (*chosen*), and of
    the others, as ``id:revision``, what whoever did it has seen by that. *decided*: numbers of the decisions that came of it,
    for these words take back nothing else."""
    offers = [one for one in undoing.offered(db.session, actor()) if one.decision in decided]
    html = render_template("moderation/said.html", said=said, tone=tone, skipped=skipped, tail=tail(), offers=offers)
    still = listing.listed(db.session, chosen, done)
    left = [public_id for public_id in done if public_id not in still]
    seen = [f"{public_id}:{revision}" for public_id, revision in still.items()]
    return jsonify(html=html, said=said, done=done, left=left, seen=seen, open=open_id, skipped=list(skipped))


@blueprint.errorhandler(StaleRevision)
@blueprint.errorhandler(IllegalState)
@blueprint.errorhandler(ValidationFailed)
def show_again(error: DomainError):
    """A form that could not be taken: the page as it is now, what the other person did, and what was typed."""
    if wants_json() or request.endpoint != "moderation.act":
        db.session.rollback()
        return problem_response(error)
    asked = request.view_args
    return problems.shown_again(error, lambda: page(asked["public_id"], error=error, opened=asked["action"]))


def _done(action: str, report) -> str:
    """What to say after it; a restricted report is published without being public."""
    if ACTIONS[action].to is Status.PUBLISHED:
        with reading():
            shown = audiences_of(db.session, report.id)
        if Audience.STAFF in shown and Audience.PUBLIC not in shown:
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


def tail() -> str:
    """The list that one works through, as a query string to carry along."""
    names = (*PARAMETERS, "order")
    pairs = [(name, value) for name, value in request.args.items(multi=True) if name in names and value]
    return "?" + urlencode(pairs) if pairs else ""


def page(public_id: str | None = None, *, contact=None, error: DomainError | None = None, opened: str | None = None):
    """The whole desk, with a report open or none; for a script that has the desk already, the report alone. *opened*: the
    action whose form is shown again with *error*."""
    chosen, order = worked_list()
    alone = bool(public_id) and SCRIPT in request.headers
    around = {} if alone else _around(chosen, order)
    found = queries.dossier(db.session, public_id) if public_id else None
    categories = _categories()
    names = _category_names(categories)
    zone = ZoneInfo(settings().TIMEZONE)
    return render_template(
        "moderation/desk.html",
        alone=alone, chosen=chosen, order=order, tail=tail(), found=found,
        next_id=_next(chosen, order, public_id, around["queue"].rows if around else []),
        colleagues=looking.others(db.session, actor(), [public_id]) if public_id else [],
        actions=_actions(found), categories=categories, category_names=names, names=names, drawn={},
        contact=contact, error=error, opened=opened, typed=request.form if error else None,
        told=told, language_name=language_name, grades=grades, **around,
        map_config=map_of(db.session, found, current_app.static_url_path) if found else None,
        local=lambda moment: moment.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S") if moment else "",
        panels=[Markup(render_template(name, **values)) for name, values in panels_of(db.session, found.report)] if found else [],
    )  # fmt: skip


def _around(chosen, order: str) -> dict:
    """What stands around a report: the list, the views, the figures, the keys."""
    seq = listing.head_seq(db.session)  # before the rows: what comes in between is told once more, not missed
    counts, views = listing.counts(db.session), saved.views(db.session, actor())
    offers = undoing.offered(db.session, actor())
    only = [view for view in views if listing.only_statuses(view.chosen)]
    return dict(
        seq=seq, queue=listing.queue(db.session, chosen, order, request.args.get("after"), known=counts), counts=counts,
        orders=listing.ORDERS, is_queue=chosen.statuses == listing.WAITING, oldest=listing.oldest(db.session),
        views=views, view_counts={view.id: saved.count(db.session, view.chosen, counts) for view in only},
        looks={one.public_id: one for one in reversed(looking.others(db.session, actor()))},
        this_list=saved.query_of(chosen, order), offers=offers, just_done=_just_done(offers),
        may_share=actor().can(Permission.ADMINISTER), all_actions=list(ACTIONS.values()),
        keys_of={action.key: action.name for action in ACTIONS.values()}, rejections=REJECTIONS, kinds=list(Kind),
        statuses=list(Status), why=why, unread=talk.unread(db.session),
        stream_url=url_for("feeds.staff_stream", status="all"), **_figures(KEPT_S),
    )  # fmt: skip


def _just_done(offers: list[undoing.Offer]) -> str:
    """What it is that a page offers to take back, and of which report: it may have been done in another window."""
    if not offers:
        return ""
    what = words_of(offers[0].action)
    if len(offers) == 1 and offers[0].title:
        return _("%(action)s: “%(title)s”.", action=what, title=offers[0].title)
    return ngettext("%(action)s: one report.", "%(action)s: %(num)s reports.", len(offers), action=what)


def looks() -> list[dict]:
    """Which reports colleagues have open, for scripts."""
    return [
        {"id": one.public_id, "name": one.name, "since": one.since.isoformat()}
        for one in looking.others(db.session, actor())
    ]


def _next(chosen, order: str, public_id: str | None, rows: list[listing.Row]) -> str | None:
    passed = looking.busy_or_passed(db.session, actor()) if order == "urgent" else ()
    if public_id is None:
        free = [row for row in rows if row.report_id not in passed] or rows
        return free[0].feature["id"] if free else None
    return listing.next_in_list(db.session, chosen, order, public_id, passed)


_C = Category.__table__.c
_CATEGORIES = select(_C.code, _C.name, _C.names, _C.active).order_by(_C.position, _C.code)


def _categories() -> list:
    """What pages show of them, as rows."""
    return db.session.execute(_CATEGORIES).all()


def _category_names(categories: list) -> dict[str, str]:
    language = str(get_locale())
    return {category.code: category_name(category, language) for category in categories}


def _figures(within_s: float) -> dict:
    """How many groups of duplicates are suspected, and the median minutes to a decision today: counted when what is known
    is older than *within_s*, since that takes longer than all the rest. One counts; the others are told what is known."""
    kept = current_app.extensions.setdefault("crowdmap_desk_figures", {"counting": Lock(), "known": None})
    known = kept["known"]
    old = known is None or monotonic() - known["at"] > within_s
    if old and kept["counting"].acquire(blocking=known is None):
        try:
            if kept["known"] is known:  # nobody has counted meanwhile
                midnight = datetime.now(ZoneInfo(settings().TIMEZONE)).replace(hour=0, minute=0, second=0, microsecond=0)
                minutes = listing.median_minutes(db.session, midnight)
                median = None if minutes is None else round(minutes, 1)
                kept["known"] = {"suspected": len(open_groups(db.session)), "median": median, "at": monotonic()}
        finally:
            kept["counting"].release()
    return {name: kept["known"][name] for name in ("suspected", "median")}


def _actions(found) -> list:
    """Those that make sense now, in the registry's order."""
    if found is None:
        return []
    report = found.report
    merged = report.merged_into_id is not None
    possible = [a for a in ACTIONS.values() if a.starts_from(report.status) and (a.merged or not merged)]
    same = {"verify": "verified", "corroborate": "corroborated", "dispute": "disputed"}
    hidden = {name for name, mark in same.items() if report.verification.value == mark} | {"undo"}
    if report.verification is Verification.VERIFIED:
        hidden.add("corroborate")
    if not merged:
        hidden.add("unmerge")
    if not found.refused:
        hidden.add("ask-again")
    hidden |= {"withdraw-evidence", "reinstate-evidence"}  # buttons beside each piece
    if found.talk.refusal:
        hidden.add("ask")
    return [a for a in possible if a.name not in hidden]
