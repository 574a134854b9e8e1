"""Correct a report's words, kind, numbers or place. What was received stays as it is, in the submissions."""

from flask_babel import gettext as _
from sqlalchemy import select

from crowdmap.config import settings
from crowdmap.errors import FieldError, ValidationFailed
from crowdmap.moderation import evidence
from crowdmap.reports.models import Category, LocatedBy

PLAIN = ("kind", "people", "quantity", "occurred_at")
TEXTS = ("title", "description", "place", "unit")
NULLABLE_TEXTS = frozenset({"place", "unit"})


def edit(doing) -> None:
    """Set the fields that are given; another category may ask for a second pair of eyes, so the grade follows. Raises
    ValidationFailed for a category that is unknown or switched off."""
    fields, report = doing.fields, doing.report
    for name in PLAIN:
        if name in fields:
            if name == "kind" and fields[name] is None:
                raise ValidationFailed([FieldError("kind", "required", _("Say what kind of report it is."))])
            doing.set(name, fields[name])
    for name in TEXTS:
        if name in fields:
            text = fields[name] or (None if name in NULLABLE_TEXTS else "")
            if getattr(report, name) != text:
                setattr(report, name, text)
                doing.name(name)
    if not report.title and not report.description:
        raise ValidationFailed([FieldError("description", "required", _("A report needs a title or a description."))])
    _categories(doing)
    if doing.change.keys() & {"category", "more_categories"}:
        evidence.regrade(doing)


def _categories(doing) -> None:
    fields, report = doing.fields, doing.report
    primary = fields.get("category") or report.category
    more = report.more_categories if fields.get("categories") is None else fields["categories"]
    if "category" in fields and fields.get("categories") is None:
        more = [code for code in more if code != primary]
    wanted = [primary, *dict.fromkeys(code for code in more if code != primary)]
    fresh = [code for code in wanted if code not in report.codes]
    known = set(doing.session.scalars(select(Category.code).where(Category.code.in_(fresh), Category.active)))
    for code in fresh:
        if code not in known:
            name = "category" if code == primary else "categories"
            words = _("There is no category %(code)s.", code=code)
            raise ValidationFailed([FieldError(name, "unknown-category", words)])
    doing.set("category", primary)
    doing.set("more_categories", wanted[1:])


def move(doing) -> None:
    """Put it at lat, lon (degrees) with accuracy_m, or take the point away with unplaced."""
    fields, private = doing.fields, doing.report.private
    if fields.get("unplaced"):
        if fields.get("lat") is not None or fields.get("lon") is not None:
            words = _("Give a point, or say that the place is not known; not both.")
            raise ValidationFailed([FieldError("unplaced", "ambiguous", words)])
        lon = lat = accuracy = None
        located_by = LocatedBy.NONE
    else:
        if fields.get("lat") is None or fields.get("lon") is None:
            missing = [name for name in ("lat", "lon") if fields.get(name) is None]
            raise ValidationFailed([FieldError(name, "required", _("Say where: latitude and longitude.")) for name in missing])
        lon, lat, accuracy = fields["lon"], fields["lat"], fields.get("accuracy_m")
        located_by = fields.get("located_by") or LocatedBy.PIN
    if (private.lon, private.lat, private.accuracy_m) == (lon, lat, accuracy):
        return
    private.lon, private.lat, private.accuracy_m, private.located_by = lon, lat, accuracy, located_by
    doing.name("point")
    area = settings().AREA
    doing.set("out_of_area", bool(lon is not None and area and not area.contains(lon, lat)))
