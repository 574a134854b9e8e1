"""What the properties of a feature are: type and meaning, for the documents that describe them to programs and people."""

from flask_babel import gettext as _
from sqlalchemy import select

from crowdmap.db import db
from crowdmap.feeds.layers import layer_filter
from crowdmap.language import locale_code
from crowdmap.publishing.project import PROPERTIES
from crowdmap.reports.models import Category, Kind, Policy, Status, Verification

TEXT, WHOLE, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
MOMENT = {**TEXT, "format": "date-time"}
TEXTS = {"type": "array", "items": TEXT}
VISIBLE_STATUSES = (Status.PUBLISHED, Status.CLOSED)

# What is never null; every other one is a text or null
_NEVER_NULL = {
    "kind": {**TEXT, "enum": list(Kind)}, "category": TEXT, "categories": TEXTS, "status": {**TEXT, "enum": list(Status)},
    "verification": {**TEXT, "enum": list(Verification)}, "voices": WHOLE, "claimed": {"type": "boolean"}, "source": TEXT,
    "created_at": MOMENT, "updated_at": MOMENT, "seq": WHOLE, "url": {**TEXT, "format": "uri"}, "photos": TEXTS,
}  # fmt: skip
_OR_NULL = {"precision_m": NUMBER, "people": WHOLE, "quantity": NUMBER, "occurred_at": MOMENT}

# name → (schema without null, whether it may be null), in the order of a feature
SCHEMAS = {
    name: (_NEVER_NULL[name], False) if name in _NEVER_NULL else (_OR_NULL.get(name, TEXT), True) for name in PROPERTIES
}


def titles() -> dict[str, str]:
    """What people call each property."""
    return {
        "kind": _("Kind"), "category": _("Category"), "categories": _("All categories"), "sector": _("Sector"),
        "title": _("Title"), "description": _("Description"), "status": _("Status"), "verification": _("How sure"),
        "verification_reason": _("Why so sure"),
        "voices": _("Voices"), "precision_m": _("Known within"), "people": _("People"), "quantity": _("How much"),
        "unit": _("Unit"), "place": _("Place"), "area": _("Area"), "claimed": _("Somebody takes care of it"),
        "freshness": _("Freshness"), "source": _("Came by"), "occurred_at": _("Happened"), "created_at": _("Told"),
        "updated_at": _("Last change"), "seq": _("Number of the last change"), "url": _("Its page"), "photos": _("Photos"),
        "translation": _("Translation"),
    }  # fmt: skip


def category_names() -> dict[str, str]:
    """Code → name in the reader's language, of every category that can have public reports: also what is offered no more."""
    language = locale_code().partition("-")[0]
    query = select(Category).where(Category.policy != Policy.RESTRICTED).order_by(Category.position, Category.code)
    return {row.code: row.names.get(language, row.name) for row in db.session.scalars(query)}


def queryables(layer: str) -> dict[str, dict]:
    """Name → JSON Schema of what a query parameter of the same name finds in this layer (19-079r2 §6, §7)."""
    named = titles()
    sectors = db.session.scalars(
        select(Category.sector).where(Category.policy != Policy.RESTRICTED).distinct().order_by(Category.sector)
    )
    kinds = layer_filter(layer, {}).kinds or tuple(Kind)
    told = {
        "kind": ([str(kind) for kind in kinds], _("what the report is")),
        "category": (list(category_names()), _("any of the report's categories")),
        "sector": (list(sectors), _("the humanitarian sector of any of its categories")),
        "status": ([str(status) for status in VISIBLE_STATUSES], _("published where not asked")),
        "verification": ([str(grade) for grade in Verification], _("how sure the team is that it is so")),
        "area": (None, _("the name of the town or quarter, as features have it")),
    }
    return {
        name: {"title": named[name], "description": words, **TEXT, **({"enum": values} if values else {})}
        for name, (values, words) in told.items()
    }
