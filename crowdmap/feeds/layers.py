"""Layers: named filters, which maps draw and feeds serve. Five are built in, others a coordinator names.

A question asked of a layer narrows it. Where layer and question ask the same thing, what is left is what both allow; a
report has one kind, so a layer of needs asked for offers is a contradiction, and refused. Where one filter cannot say
both (two boxes, two lists of categories), the layer's part goes along in ``ReportFilter.also``.
"""

import re
from dataclasses import dataclass, fields, replace
from datetime import datetime

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crowdmap.db import db, insert_if_absent, utcnow
from crowdmap.db.search import fold
from crowdmap.errors import FieldError, InvalidParameter, NotFound, ValidationFailed
from crowdmap.events import LayerChanged, record
from crowdmap.feeds.models import OwnLayer
from crowdmap.filters import LAYERS, ReportFilter

RESERVED = frozenset({*LAYERS, "changes", "stream", "layers", "new"})  # what has an address of its own
SLUG = re.compile(r"[a-z][a-z0-9-]{1,39}\Z")
TITLES = {
    "all": _l("Everything"), "needs": _l("Needs"), "offers": _l("Offers"), "damage": _l("Damage"),
    "information": _l("Information"),
}  # fmt: skip
MOST = 100  # layers of a deployment's own; each is a line on the page

# a report has exactly one of each: attribute → the parameter's name
_ONE_OF = {"kinds": "kind", "statuses": "status", "verifications": "verification", "areas": "area"}
_PARTS = (("bbox",), ("categories",), ("sectors",), ("text",), ("near", "radius_m"), ("since",), ("until",))
_BLANK = {field.name: field.default for field in fields(ReportFilter)}


@dataclass(frozen=True)
class Layer:
    """*own*: named by a coordinator of this deployment."""

    slug: str
    title: str
    filter: ReportFilter
    own: bool = False
    created_at: datetime | None = None


def _built_in(slug: str) -> Layer:
    return Layer(slug, str(TITLES[slug]), ReportFilter(kinds=LAYERS[slug]))


def _own(row: OwnLayer) -> Layer:
    return Layer(row.slug, row.title, ReportFilter.from_json(row.filter), True, row.created_at)


def all_layers() -> list[Layer]:
    """The built-in ones, then the deployment's own by title."""
    query = select(OwnLayer).where(OwnLayer.removed_at.is_(None)).order_by(func.lower(OwnLayer.title), OwnLayer.slug)
    return [*map(_built_in, LAYERS), *map(_own, db.session.scalars(query))]


def find(slug: str) -> Layer:
    """The layer of that name. Raises NotFound, naming those there are; also for one that was removed."""
    if slug in LAYERS:
        return _built_in(slug)
    row = db.session.scalar(select(OwnLayer).where(OwnLayer.slug == slug, OwnLayer.removed_at.is_(None)))
    if row is None:
        known = ", ".join(layer.slug for layer in all_layers())
        words = _("There is no layer %(name)s; there are %(known)s.", name=slug[:40], known=known)
        raise NotFound(words, field="layer")
    return _own(row)


def layer_filter(layer: str, args, also=()) -> ReportFilter:
    """The layer's filter narrowed by the query. Raises NotFound, UnknownParameter, InvalidParameter."""
    found = find(layer)
    return narrowed(found, ReportFilter.parse(args, also=also), with_status=bool((args.get("status") or "").strip(" ,")))


def narrowed(layer: Layer, asked: ReportFilter, *, with_status: bool = False) -> ReportFilter:
    """What both the layer and the question hold. *with_status*: the question names a status, else the layer's holds.

    Raises InvalidParameter naming the parameter for a contradiction.
    """
    taken, left = {}, {}
    for attribute, name in _ONE_OF.items():
        mine, theirs = getattr(layer.filter, attribute), getattr(asked, attribute)
        if attribute == "statuses":
            mine, theirs = mine if mine != ReportFilter.statuses else (), theirs if with_status else ()
        if mine and theirs:
            both = tuple(value for value in mine if value in theirs)
            if not both:
                words = f"the layer {layer.slug} holds {', '.join(mine)} only; use /feeds/all"
                raise InvalidParameter(words, field=name)
            taken[attribute] = both
        elif mine:
            taken[attribute] = mine
    if layer.filter.placed is not None:
        if asked.placed is not None and asked.placed != layer.filter.placed:
            words = "with" if layer.filter.placed else "without"
            raise InvalidParameter(f"the layer {layer.slug} holds reports {words} a place only; use /feeds/all", field="placed")
        taken["placed"] = layer.filter.placed
    for part in _PARTS:
        mine = {name: getattr(layer.filter, name) for name in part}
        if all(value == _BLANK[name] for name, value in mine.items()):
            continue
        theirs = {name: getattr(asked, name) for name in part}
        if all(value == _BLANK[name] for name, value in theirs.items()):
            taken |= mine
        elif mine != theirs:
            left |= mine
    return replace(asked, **taken, also=(ReportFilter(**left),) if left else ())


# ---- by a coordinator's hand


def add(session: Session, actor, *, title: str, slug: str | None, chosen: ReportFilter) -> Layer:
    """Name a filter; the caller commits. Without *slug* it is made of the title. Raises ValidationFailed."""
    slug = slug or slug_of(title)
    if not SLUG.match(slug):
        _refuse("slug", "slug", _("2 to 40 small letters from a to z, digits or hyphens, a letter first."))
    if slug in RESERVED:
        _refuse("slug", "reserved", _("%(name)s means something else already. Choose another name.", name=slug))
    if chosen.relative:
        words = _("A layer stays what it is: give a time that stands still, such as 2010-01-12.")
        _refuse("from" if (chosen.since or "").startswith("-") else "until", "relative", words)
    if chosen.also:
        _refuse("layer", "layer-of-layer", _("This is a part of another layer. Begin with “Everything” to name it."))
    if chosen == ReportFilter() or any(chosen == ReportFilter(kinds=kinds) for kinds in LAYERS.values()):
        _refuse("title", "built-in", _("There is a layer of exactly this already. Choose something first."))
    if session.scalar(select(func.count()).where(OwnLayer.removed_at.is_(None))) >= MOST:
        _refuse("title", "too-many", _("There are %(n)s layers already. Remove one first.", n=MOST))
    values = {
        "slug": slug, "title": title, "filter": chosen.to_json(), "created_by_id": actor.id, "created_at": utcnow(),
    }  # fmt: skip
    if not insert_if_absent(session, OwnLayer, [values], conflict=("slug",)):
        words = _("The name %(name)s is or was taken. Whoever built on it must not get something else.", name=slug)
        _refuse("slug", "taken", words)
    record(session, LayerChanged(account_id=actor.id, slug=slug, filter=values["filter"]))
    return Layer(slug, title, chosen, True, values["created_at"])


def remove(session: Session, actor, slug: str) -> OwnLayer:
    """Take a layer away: its feeds answer 404 from now on. The caller commits. Raises NotFound."""
    query = select(OwnLayer).where(OwnLayer.slug == slug, OwnLayer.removed_at.is_(None))
    row = session.scalar(query.with_for_update())
    if row is None:
        raise NotFound(_("There is no layer %(name)s that could be removed.", name=slug[:40]))
    row.removed_at = utcnow()
    record(session, LayerChanged(account_id=actor.id, slug=slug, filter=None))
    return row


def slug_of(title: str) -> str:
    """A name for addresses out of a title; empty where no letter of it is Latin."""
    words = re.findall(r"[a-z0-9]+", fold(title))
    return "-".join(words).lstrip("-0123456789")[:40].rstrip("-")


def _refuse(field: str, code: str, message: str):
    raise ValidationFailed([FieldError(field, code, message)])
