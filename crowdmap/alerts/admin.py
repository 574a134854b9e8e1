"""/admin/webhooks: who is told of changes, how it goes, and what to do about it. Works without scripts."""

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from crowdmap.alerts import queries, verbs, words
from crowdmap.alerts.views import owner
from crowdmap.db import db, reading
from crowdmap.errors import DomainError, FieldError, IllegalState, InvalidParameter, UnknownParameter, ValidationFailed
from crowdmap.errors import status_of
from crowdmap.feeds.layers import layer_filter
from crowdmap.filters import PARAMETERS, ReportFilter
from crowdmap.web import Permission, limited, permits

blueprint = Blueprint("webhooks", __name__, url_prefix="/admin/webhooks")

_FEED = re.compile(r"/feeds/([^/.]+)\.\w+")
_NO_FILTER = ("limit", "cursor", "since")  # of a feed's address


@blueprint.get("")
@permits(Permission.SUBSCRIBE)
def webhooks():
    """What stands in the address as a filter stands in the form: the feed builder leads here."""
    asked = [(name, value) for name, value in request.args.items(multi=True) if name in PARAMETERS]
    return _page({"filter": urlencode(asked, safe=",:-")})


@blueprint.post("")
@permits(Permission.SUBSCRIBE)
@limited("subscriptions")
def create():
    chosen = _filter_of(request.form.get("filter", ""))
    since = 0 if request.form.get("begin") == "all" else None
    made, secret = verbs.create(owner(), {"url": request.form.get("url", "").strip()}, chosen, since)
    address = made.address
    db.session.commit()
    with reading():
        return _page({}, secret=secret, made=address)


@blueprint.post("/<subscription_id>/<any(test,resume,pause,remove):action>")
@permits(Permission.SUBSCRIBE)
@limited("subscriptions")
def change(subscription_id: str, action: str):
    account = owner().account
    verb, said = {
        "test": (verbs.ask_again, _("The receiver is asked now. Load this page again in a few seconds.")),
        "resume": (verbs.resume, _("It goes on from where it stopped.")),
        "pause": (verbs.pause, _("Paused. Nothing is lost: resume it, and it goes on from here.")),
        "remove": (verbs.remove, _("Removed. The receiver is told nothing more.")),
    }[action]
    verb(queries.subscription(subscription_id, account), account)
    db.session.commit()
    flash(said, "good")
    return redirect(url_for("webhooks.webhooks"), 303)


@blueprint.errorhandler(ValidationFailed)
@blueprint.errorhandler(InvalidParameter)
@blueprint.errorhandler(UnknownParameter)
@blueprint.errorhandler(IllegalState)
def show_again(error: DomainError):
    """The form as it was filled in, with what is wrong; a parameter at fault stands in the field of the filter."""
    db.session.rollback()
    faults = error.errors or [FieldError("", error.code, error.message)]
    if isinstance(error, (InvalidParameter, UnknownParameter)):
        faults = [_of_the_filter(fault) for fault in faults]
    with reading():
        status = 409 if status_of(error) == 409 else 422
        return _page(request.form, faults), status


def _of_the_filter(fault: FieldError) -> FieldError:
    words = fault.message if fault.field == "filter" else f"{fault.field}: {fault.message}"
    return FieldError("filter", fault.code, words)


def _filter_of(text: str) -> ReportFilter:
    """``kind=need&sector=wash``, or the address of a feed as it stands in a browser."""
    text = text.strip()
    parts = urlsplit(text.replace("[", "%5B").replace("]", "%5D"))  # or it would raise at a bracket
    found = _FEED.fullmatch(parts.path)
    is_address = text.startswith(("/", "?")) or parts.netloc
    query = parts.query if is_address else text
    if text and not found and not parse_qsl(query):
        raise InvalidParameter(_("Write it as in a feed's address, such as kind=need&sector=wash."), field="filter")
    pairs = [(name, value) for name, value in parse_qsl(query) if name not in _NO_FILTER]
    chosen = layer_filter(found[1] if found else "all", MultiDict(pairs))
    if chosen.also:  # what is stored is one filter
        raise InvalidParameter(_("This layer and this filter cannot be put into one. Write the filter out."), field="filter")
    return chosen


def _page(typed, errors=(), secret: str | None = None, made: str | None = None):
    found = queries.subscriptions(owner().account)
    kept = queries.attempts([one.id for one in found])
    return render_template(
        "alerts/webhooks.html", found=found, attempts=kept, words=words, typed=typed, errors=errors, secret=secret,
        made=made, sentences={one.id: one.chosen.sentence() for one in found},
    )  # fmt: skip
