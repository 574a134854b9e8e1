"""The form's fields: what it shows, what it was given, and how long somebody took to fill it in. No routes."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import ngettext
from itsdangerous import BadSignature, TimestampSigner
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from crowdmap.config import settings
from crowdmap.db import utcnow
from crowdmap.errors import DomainError
from crowdmap.geo import check_point, number
from crowdmap.intake.draft import ReportDraft, with_points
from crowdmap.reports.models import Area, Category, Kind, Policy
from crowdmap.web import read_form

TRAP = "website"  # a field that people do not see and machines like to fill in
OWN_FIELDS = ("opened", TRAP, "place_unknown", "asked", "voice_of", "csrf_token")
NOTE_TRAP = "a field that people cannot see was filled in: perhaps a machine wrote this"
NOTE_SOON = "sent sooner than people type: perhaps a machine wrote this"


@dataclass(frozen=True)
class Tile:
    code: str
    name: str
    kind: Kind
    general: bool
    private: bool


def tiles(session: Session) -> dict[Kind, list[Tile]]:
    """Categories by the kind they usually are, in the reader's language; headings come after what they head."""
    language = str(get_locale() or "en").replace("_", "-")
    rows = session.scalars(select(Category).where(Category.active).order_by(Category.position, Category.code)).all()
    parents = {row.parent for row in rows}
    groups: dict[Kind, list[Tile]] = {kind: [] for kind in Kind}
    for row in rows:
        name = row.names.get(language) or row.names.get(language.partition("-")[0]) or row.name
        private = row.policy is Policy.RESTRICTED
        groups[row.kind].append(Tile(row.code, name, row.kind, row.code in parents, private))
    return {kind: sorted(group, key=lambda tile: tile.general) for kind, group in groups.items()}


def map_config(session: Session) -> dict:
    """What the form's map needs to know; the scripts are the big map's own."""
    given = settings()
    towns = session.scalars(select(Area).order_by(Area.name))
    return {
        "area": given.AREA.as_list() if given.AREA else None,
        "tiles": {"url": given.TILE_URL, "attribution": given.TILE_ATTRIBUTION} if given.TILE_URL else None,
        "towns": [{"name": town.name, "lon": town.lon, "lat": town.lat} for town in towns],
        "urls": {"world": "/static/vendor/world-atlas/countries-50m.json", "overlays": "/map/overlays.json"},
    }


def blank(args: MultiDict) -> dict[str, str]:
    """A fresh form, with what the address already says: kind, category, lat and lon; what cannot be read is left out,
    for a broken link must not keep anybody from reporting."""
    typed = {"client_id": str(uuid4())}
    if args.get("kind") in list(Kind):
        typed["kind"] = args["kind"]
    if args.get("category"):
        typed["category"] = args["category"][:40]
    try:
        lon, lat = number(args.get("lon"), "lon"), number(args.get("lat"), "lat")
        check_point(lon, lat)
    except DomainError:
        return typed
    return {**typed, "lat": f"{lat:.6f}", "lon": f"{lon:.6f}"}


def typed_again(form: MultiDict) -> dict[str, str]:
    """What was typed, for a form that comes back."""
    return {name: form[name] for name in ReportDraft.model_fields if name in form} | {
        name: form[name] for name in ("place_unknown", "opened", "asked") if name in form
    }


def read(form: MultiDict) -> ReportDraft:
    """Raises ValidationFailed. Numbers may be written with a comma."""
    own = ((name, value) for name, value in form.items(multi=True) if name not in OWN_FIELDS)
    given = MultiDict(pair for name, value in own for pair in with_points({name: value}).items())
    return read_form(ReportDraft, given, lists=frozenset({"categories"}))


def verbatim(form: MultiDict) -> dict:
    """The form's own fields as they came, without what the page itself put there."""
    fields = {name: form[name] for name in form if name not in OWN_FIELDS and form[name]}
    if len(form.getlist("categories")) > 0:
        fields["categories"] = form.getlist("categories")
    if form.get("place_unknown"):
        fields["place_unknown"] = "1"
    return fields


def may_ask(form: MultiDict) -> bool:
    """Whether to ask if it is the same as another report; ``asked=1`` says that this was answered for all."""
    return form.get("asked") != "1"


def unanswered(form: MultiDict, twins: list[dict]) -> list[dict]:
    """Those of *twins* that the person has not called different yet; their ids stand in ``asked``, after commas."""
    answered = set(form.get("asked", "").split(","))
    return [twin for twin in twins if twin["id"] not in answered]


def bands() -> dict[str, str]:
    """How far a possible twin is, in words: from the point that is public, which may be the middle of a square."""
    return {
        "same-place": _("about the same place"), "under-500-m": _("less than 500 m away"),
        "under-2-km": _("less than 2 km away"), "farther": _("farther away"), "unknown": _("distance not known"),
    }  # fmt: skip


def age(minutes: int) -> str:
    """ "5 h ago", "3 days ago"; never finer than an hour, for the public times of what people need are cut to it."""
    if minutes < 60:
        return _("within the last hour")
    if minutes < 36 * 60:
        return _("%(n)s h ago", n=minutes // 60)
    return ngettext("%(num)s day ago", "%(num)s days ago", minutes // 1440)


def _signer() -> TimestampSigner:
    return TimestampSigner(settings().SECRET_KEY, salt="crowdmap-form-opened")


def opened(client_id: str) -> str:
    """When this form was handed out, signed, for this one-time id."""
    return _signer().sign(client_id).decode()


def suspicion(form: MultiDict, client_id: UUID | None) -> str:
    """Why a moderator should doubt that a person filled this in; "" where nothing speaks for it. Nobody is refused."""
    if form.get(TRAP):
        return NOTE_TRAP
    try:
        text, at = _signer().unsign(form.get("opened", ""), return_timestamp=True)
    except BadSignature:
        return NOTE_SOON
    seconds = (utcnow() - at).total_seconds()
    return NOTE_SOON if text.decode() != str(client_id) or seconds < settings().MIN_FILL_SECONDS else ""
