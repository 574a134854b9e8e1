"""/work/figures: how the work goes, for everybody who signed in. Totals; nobody's name or answer."""

from datetime import timedelta

from flask import Blueprint, render_template, request
from flask_babel import gettext as _

from crowdmap.db import db, utcnow
from crowdmap.errors import InvalidParameter
from crowdmap.tasks.figures import figures, glance
from crowdmap.tasks.kinds import KINDS
from crowdmap.web import Permission, permits

blueprint = Blueprint("work_figures", __name__, url_prefix="/work/figures")
SPANS = {"day": timedelta(days=1), "week": timedelta(days=7), "all": None}


@blueprint.get("")
@permits(Permission.WORK)
def page():
    span = request.args.get("since", "all")
    if span not in SPANS:
        raise InvalidParameter(_("since is one of %(all)s", all=", ".join(SPANS)), field="since")
    since = utcnow() - SPANS[span] if SPANS[span] else None
    names = {"translated": _("translated"), "placed": _("placed"), "published": _("on the map"), "verified": _("verified")}
    return render_template(
        "tasks/figures.html", figures=figures(db.session, since), glance=glance(db.session), kinds=KINDS, step_names=names, span=span,
    )  # fmt: skip
