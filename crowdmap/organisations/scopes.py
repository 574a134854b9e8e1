"""What a key opens: parsed at the edge, kept as JSON, said in words, and as the `Scope` that narrows every filter."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import select

from crowdmap import geo
from crowdmap.db import db
from crowdmap.errors import FieldError, InvalidBbox, ValidationFailed
from crowdmap.filters import LAYERS, Scope
from crowdmap.publishing.models import Audience
from crowdmap.reports.models import Area, Category, Kind

LISTS = ("layers", "sectors", "areas")
NAMES = (*LISTS, "bbox", "precision", "contact")
PRECISIONS = (Audience.PARTNER, Audience.PUBLIC)


@dataclass(frozen=True)
class KeyScope:
    """Empty: not narrowed. *precision* names the audience that the key reads as; *contact*: it may ask for contacts."""

    layers: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    bbox: geo.Bbox | None = None
    precision: Audience = Audience.PARTNER
    contact: bool = False

    @classmethod
    def parse(cls, given: Mapping[str, Iterable[str]]) -> "KeyScope":
        """Names → their values as texts. Raises ValidationFailed with every fault, each with the name it is about."""
        faults = [
            FieldError(name, "unknown", _("A scope knows no %(name)s; it knows %(known)s.", name=name[:40], known=", ".join(NAMES)))
            for name in given
            if name not in NAMES
        ]
        values = {name: tuple(dict.fromkeys(filter(None, (text.strip() for text in texts)))) for name, texts in given.items()}
        lists = {name: values.get(name, ()) for name in LISTS}
        for name, known in (("layers", tuple(LAYERS)), ("sectors", _sectors()), ("areas", _areas())):
            strange = [text for text in lists[name] if text not in known]
            if strange:
                words = _("%(name)s: there is no %(given)s; there are %(known)s.", name=name, given=strange[0][:60], known=", ".join(known))
                faults.append(FieldError(name, "unknown", words))
        one = {name: _only(values, name, faults) for name in ("bbox", "precision", "contact")}
        bbox = _bbox(one["bbox"], faults)
        precision = one["precision"] or Audience.PARTNER
        if precision not in PRECISIONS:
            faults.append(FieldError("precision", "unknown", _("precision is partner or public.")))
        if one["contact"] not in (None, "yes", "no"):
            faults.append(FieldError("contact", "unknown", _("contact is yes or no.")))
        elif one["contact"] == "yes" and precision == Audience.PUBLIC:
            words = _("Only a key with the precision partner can be allowed to ask for contacts.")
            faults.append(FieldError("contact", "needs-partner", words))
        if faults:
            raise ValidationFailed(faults)
        return cls(
            layers=() if "all" in lists["layers"] else tuple(name for name in LAYERS if name in lists["layers"]),
            sectors=tuple(sorted(lists["sectors"])), areas=tuple(sorted(lists["areas"])), bbox=bbox,
            precision=Audience(precision), contact=one["contact"] == "yes",
        )  # fmt: skip

    @classmethod
    def from_json(cls, stored: dict) -> "KeyScope":
        """As ``to_json`` wrote it. A sector or area that is gone since then stays: it opens nothing, rather than all."""
        lists = {name: tuple(stored.get(name, ())) for name in LISTS}
        bbox = geo.Bbox.parse(stored["bbox"]) if stored.get("bbox") else None
        return cls(**lists, bbox=bbox, precision=Audience(stored["precision"]), contact=bool(stored.get("contact")))

    def to_json(self) -> dict:
        kept = {name: list(getattr(self, name)) for name in LISTS if getattr(self, name)}
        kept |= {"bbox": str(self.bbox)} if self.bbox else {}
        return {**kept, "precision": self.precision.value, "contact": self.contact}

    def limits(self) -> Scope:
        kinds = {kind for name in self.layers for kind in LAYERS[name]}
        return Scope(tuple(kind for kind in Kind if kind in kinds), self.sectors, self.areas, self.bbox)

    def sentence(self) -> str:
        """In plain words, for the page and the command line."""
        parts = [", ".join(self.layers) or _("all layers")]
        if self.sectors:
            parts.append(_("sector %(names)s", names=", ".join(self.sectors)))
        if self.areas:
            parts.append(_("in %(names)s", names=", ".join(self.areas)))
        if self.bbox:
            parts.append(_("within %(box)s", box=str(self.bbox)))
        exact = self.precision is Audience.PARTNER
        parts.append(_("exact place of what is verified") if exact else _("places as the public sees them"))
        if self.contact:
            parts.append(_("may ask for contacts"))
        return " · ".join(parts)


def parse_options(texts: Iterable[str]) -> KeyScope:
    """``name=value,value`` as the command line gives them; one name may come several times. Raises ValidationFailed."""
    given: dict[str, list[str]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            words = _("Write %(given)s as NAME=VALUE; the names are %(known)s.", given=text[:60], known=", ".join(NAMES))
            raise ValidationFailed([FieldError("scope", "form", words)])
        name = name.strip()
        given.setdefault(name, []).extend([value] if name == "bbox" else value.split(","))
    return KeyScope.parse(given)


def choices() -> dict[str, tuple[str, ...]]:
    """What there is to choose from, for the page."""
    return {"layers": tuple(name for name in LAYERS if name != "all"), "sectors": _sectors(), "areas": _areas()}


def _sectors() -> tuple[str, ...]:
    return tuple(db.session.scalars(select(Category.sector).distinct().order_by(Category.sector)))


def _areas() -> tuple[str, ...]:
    return tuple(db.session.scalars(select(Area.name).distinct().order_by(Area.name)))


def _only(values, name, faults) -> str | None:
    texts = values.get(name, ())
    if len(texts) > 1:
        faults.append(FieldError(name, "twice", _("%(name)s has one value.", name=name)))
    return texts[0] if texts else None


def _bbox(text, faults) -> geo.Bbox | None:
    try:
        return geo.Bbox.parse(text) if text else None
    except InvalidBbox as error:
        faults.append(FieldError("bbox", error.code, error.message))
        return None
