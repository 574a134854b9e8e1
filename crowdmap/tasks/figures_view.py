"""/work/figures: how the work goes, for everybody who signed in. Totals; nobody's name or answer."""

import time
from datetime import timedelta

from flask import Blueprint, current_app, render_template, request
from flask_babel import gettext as _

from crowdmap.db import db, utcnow
from crowdmap.errors import InvalidParameter
from crowdmap.tasks.figures import Figures, figures, glance
from crowdmap.tasks.kinds import KINDS
from crowdmap.web import Permission, permits

blueprint = Blueprint("work_figures", __name__, url_prefix="/work/figures")
KEPT_S = 30  # they are counted over everything there is, which takes a second at 100,000 reports
SPANS = {"day": timedelta(days=1), "week": timedelta(days=7), "all": None}


@blueprint.get("")
@permits(Permission.WORK)
def page():
    span = request.args.get("since", "all")
    if span not in SPANS:
        raise InvalidParameter(_("since is one of %(all)s", all=", ".join(SPANS)), field="since")
    names = {"translated": _("translated"), "placed": _("placed"), "published": _("on the map"), "verified": _("verified")}
    return render_template(
        "tasks/figures.html", figures=_kept(span), glance=glance(db.session), kinds=KINDS, step_names=names, span=span,
    )  # fmt: skip


def _kept(span: str) -> Figures:
    """At most KEPT_S old, in each process."""
    kept = current_app.extensions.setdefault("crowdmap_work_figures", {})
    at, found = kept.get(span, (None, None))
    if at is None or time.monotonic() - at > KEPT_S:
        found = figures(db.session, utcnow() - SPANS[span] if SPANS[span] else None)
        kept[span] = (time.monotonic(), found)
    return found
