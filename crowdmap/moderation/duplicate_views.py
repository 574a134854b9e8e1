"""/moderate/duplicates: suspected groups side by side. Plain forms; scripts add keys and a map."""

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import select

from crowdmap import problems
from crowdmap.db import MOST_ID, db, reading
from crowdmap.dedupe import groups
from crowdmap.dedupe.groups import Group
from crowdmap.errors import DomainError, IllegalState, NotFound, StaleRevision, ValidationFailed
from crowdmap.moderation import comparing, duplicates
from crowdmap.moderation.models import Decision
from crowdmap.moderation.requests import GroupForm, UndoForm
from crowdmap.moderation.shown import category_name, map_of_group
from crowdmap.reports.models import Category, Report
from crowdmap.web import Permission, actor, permits, read_form, wants_json

blueprint = Blueprint("duplicates", __name__, url_prefix="/moderate/duplicates")
VERBS = {"merge": duplicates.merge_many, "distinct": duplicates.distinct_many}


@blueprint.get("")
@permits(Permission.MODERATE)
def queue():
    return _page()


@blueprint.get("/<public_id>")
@permits(Permission.MODERATE)
def group(public_id: str):
    return _page(public_id)


@blueprint.post("/<public_id>")
@permits(Permission.MODERATE)
def decide(public_id: str):
    asked = read_form(GroupForm, lists=frozenset({"member"}))
    decision = VERBS[asked.decision](db.session, asked.root_id, asked.seen(), actor(), asked.reason)
    number = decision.id
    db.session.commit()
    with reading():
        following = _following(list(asked.seen()), asked.next)
    return redirect(_address(following, done=number), 303)


@blueprint.post("/undo")
@permits(Permission.MODERATE)
def undo():
    asked = read_form(UndoForm)
    decision = duplicates.undo(db.session, asked.decision, actor())
    root = db.session.get_one(Report, decision.report_id).public_id
    words = _("Undone: they stand by themselves again.") if decision.action == "merge" else _("Undone: it is asked again.")
    db.session.commit()
    flash(words, "good")
    return redirect(_address(root), 303)


@blueprint.errorhandler(StaleRevision)
@blueprint.errorhandler(IllegalState)
@blueprint.errorhandler(ValidationFailed)
def show_again(error: DomainError):
    """The group as it is now, with what was in the way and what was chosen."""
    if wants_json():
        return problems.from_domain(error)
    return problems.shown_again(error, lambda: _page(request.view_args.get("public_id"), error=error))


def _address(public_id: str | None, **query) -> str:
    if public_id is None:
        return url_for("duplicates.queue", **query)
    return url_for("duplicates.group", public_id=public_id, **query)


def _following(decided: list[str], wanted: str) -> str | None:
    """What is left of the same group, else the one that stood next, else the best."""
    found = groups.open_groups(db.session)
    for name in (*decided, wanted):
        left = groups.find_group(found, name)
        if left is not None:
            return _anchor(left)
    return _anchor(found[0]) if found else None


def _anchor(found: Group) -> str:
    """The address of a group is its root's."""
    known = groups.members(db.session, found.members)
    return known[0].public_id if known else found.members[0]


def _page(public_id: str | None = None, *, error: DomainError | None = None):
    found = groups.open_groups(db.session)
    current, compared = None, None
    if public_id is not None:
        root = comparing.root_id(db.session, public_id)
        if root is None:
            raise NotFound()
        current, beside = _chosen(found, root)
        compared = comparing.compare(db.session, current, beside) if current else None
    following = comparing.next_group(found, current)
    language = str(get_locale())
    typed = request.form if error and "decision" in request.form else None
    return render_template(
        "moderation/duplicates.html",
        open=len(found), listed=comparing.listed(db.session, found), asked=public_id, found=compared, error=error,
        figure_words=_figure(groups.precision(db.session)), next_id=_anchor(following) if following else None, done=_done(),
        picked=_picked(compared, typed), chosen_root=_chosen_root(compared, typed), typed=typed,
        category_names={c.code: category_name(c, language) for c in db.session.scalars(select(Category))},
        map_config=map_of_group(db.session, compared, current_app.static_url_path) if compared else None,
    )  # fmt: skip


def _chosen(found: list[Group], root: str) -> tuple[Group | None, str | None]:
    """The group to show and who stands beside its root. ``?with=`` compares any two reports, suspected or not."""
    current = groups.find_group(found, root)
    other = comparing.root_id(db.session, request.args.get("with", "")[:40])
    if other is None or other == root:
        return current, root
    if current is None or other not in current.members:
        return Group(tuple(sorted((root, other))), ()), None
    return current, other


def _picked(compared, typed) -> set[str]:
    if compared is None:
        return set()
    if typed is None:
        return compared.picked
    return {one.partition(":")[0] for one in typed.getlist("member")}


def _chosen_root(compared, typed) -> str | None:
    if compared is None:
        return None
    wanted = typed.get("root", "").partition(":")[0] if typed else None
    return wanted if wanted in {member.public_id for member in compared.columns} else compared.root.public_id


def _figure(found: groups.Figure) -> str:
    """How far the suggestions can be trusted; nothing before anybody decided."""
    if not found.decided:
        return ""
    return ngettext(
        "Of the last suggestion that people decided, %(same)s (%(percent)s %%) was the same.",
        "Of the last %(num)s suggestions that people decided, %(same)s (%(percent)s %%) were the same.",
        found.decided, same=found.same, percent=found.percent,
    )  # fmt: skip


def _done() -> Decision | None:
    """The decision that led here, by the one who looks, as long as it can be undone."""
    number = request.args.get("done", "")
    if not (number.isascii() and number.isdecimal() and len(number) < 11 and int(number) <= MOST_ID):
        return None
    decision = db.session.get(Decision, int(number))
    own = decision is not None and decision.account_id == actor().id and decision.action in VERBS
    return decision if own and (decision.change.get("taken_in") or decision.change.get("distinct_from")) else None
