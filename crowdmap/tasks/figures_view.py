"""/work/figures: how the work goes, for everybody who signed in. Totals; nobody's name or answer."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Blueprint, current_app, render_template, request
from flask_babel import gettext as _

from crowdmap.db import db, utcnow
from crowdmap.errors import InvalidParameter
from crowdmap.tasks.figures import Glance, figures, glance
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
        "tasks/figures.html", figures=_figures(span), glance=kept_glance(), kinds=KINDS, step_names=names, span=span,
    )  # fmt: skip


def _figures(span: str):
    return _kept(span, lambda: figures(db.session, utcnow() - SPANS[span] if SPANS[span] else None))


def kept_glance() -> Glance:
    """For the header of each page of the volunteers' desk."""
    return _kept("glance", lambda: glance(db.session))


def _kept(name: str, count: Callable[[], Any]):
    """What *count* gives, at most KEPT_S old, in each process; who asks while it is counted waits for it."""
    lock, kept = current_app.extensions.setdefault("crowdmap_work_figures", (threading.Lock(), {}))
    with lock:
        at, found = kept.get(name, (None, None))
        if at is None or time.monotonic() - at > KEPT_S:
            found = count()
            kept[name] = (time.monotonic(), found)
    return found
