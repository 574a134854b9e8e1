"""A crisis as a template: its title, area, languages, categories and towns, read from TOML.

The built-in templates stand in ``crises/``; ``earthquake.toml`` explains each key. A template is checked whole when it
is read, so that a typing error is named before the first report comes in.
"""

import json
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import select

from crowdmap.config import settings
from crowdmap.db import db
from crowdmap.errors import DomainError
from crowdmap.geo import Bbox, check_point
from crowdmap.reports.models import Area, Category, Kind, Policy, Risk

FOLDER = Path(__file__).parent / "crises"
DEFAULT = "earthquake"
FALLBACK = "OTH"  # where a report goes whose category nobody knows; every template has it
CODE = re.compile(r"[A-Z][A-Z0-9_]{1,11}\Z")
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")


class InvalidTemplate(DomainError):
    code, title = "invalid-template", "The crisis template could not be used"


@dataclass(frozen=True)
class Sector:
    slug: str
    name: str
    names: Mapping[str, str]
    hxl: str
    risk: Risk = Risk.NONE  # of its categories that do not say their own


@dataclass(frozen=True)
class CategoryTemplate:
    code: str
    name: str
    sector: str
    kind: Kind
    policy: Policy
    risk: Risk = Risk.NONE
    names: Mapping[str, str] = field(default_factory=dict)
    parent: str | None = None
    hxl: str | None = None
    aliases: tuple[str, ...] = ()  # what other maps call it; an import matches these too
    active: bool = True
    two_people: bool = False  # verified only by evidence of two accounts


@dataclass(frozen=True)
class Town:
    name: str
    lon: float
    lat: float
    radius_m: float
    aliases: tuple[str, ...] = ()

    @property
    def code(self) -> str:
        return slug(self.name)


@dataclass(frozen=True)
class CrisisTemplate:
    title: str
    area: Bbox
    timezone: str
    languages: tuple[str, ...]
    data_license: str
    attribution: str
    categories: tuple[CategoryTemplate, ...]
    towns: tuple[Town, ...]

    def category(self, code: str) -> CategoryTemplate | None:
        return next((category for category in self.categories if category.code == code), None)

    def settings(self) -> dict[str, Any]:
        """What ``crowdmap.toml`` of a new instance says, by setting name."""
        return {
            "title": self.title,
            "area": self.area.as_list(),
            "timezone": self.timezone,
            "languages": list(self.languages),
            "data_license": self.data_license,
            "attribution": self.attribution,
        }


def slug(name: str) -> str:
    """Lower case, no accents, words joined by hyphens: ``Pétion-Ville`` → ``petion-ville``."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def names() -> list[str]:
    """The built-in templates."""
    return sorted(path.stem for path in FOLDER.glob("*.toml") if path.stem != "sectors")


@cache
def sectors() -> dict[str, Sector]:
    """The humanitarian sectors by slug, in the order of their file."""
    written = tomllib.loads((FOLDER / "sectors.toml").read_text(encoding="utf-8"))
    return {item["slug"]: Sector(**{**item, "risk": Risk(item.get("risk", "none"))}) for item in written["sectors"]}


def read(name: str | Path = DEFAULT) -> CrisisTemplate:
    """A built-in template by its name, or any TOML file by its path. Raises InvalidTemplate, which says why."""
    path = Path(name)
    if path.suffix != ".toml":
        path = FOLDER / f"{name}.toml"
        if str(name) not in names():
            known = ", ".join(names())
            raise InvalidTemplate(f"there is no template {str(name)!r}; there are {known}, or a .toml file")
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidTemplate(f"{path.name} could not be read: {error}") from error
    return parse(written, path.name)


def parse(written: Mapping[str, Any], name: str = "template") -> CrisisTemplate:
    """Check a template given as plain data. Raises InvalidTemplate."""
    where = f"{name}: "
    known = {"title", "area", "timezone", "languages", "data_license", "attribution", "categories", "towns"}
    for key in written:
        if key not in known:
            raise InvalidTemplate(f"{where}{key} is not known; a template has {', '.join(sorted(known))}")
    for key in ("title", "area", "categories"):
        if not written.get(key):
            raise InvalidTemplate(f"{where}{key} is missing")
    try:
        area = Bbox(*map(float, written["area"]))
    except (TypeError, ValueError, DomainError) as error:
        raise InvalidTemplate(f"{where}area must be [west, south, east, north]: {error}") from error
    zone = str(written.get("timezone", "UTC"))
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise InvalidTemplate(f"{where}timezone {zone!r} is not known; write one such as Europe/Rome") from None
    languages = tuple(written.get("languages", ["en"]))
    for language in languages:
        if not isinstance(language, str) or not LANGUAGE.match(language):
            raise InvalidTemplate(f"{where}languages: {language!r} is not a language tag such as fr")
    categories = tuple(_category(item, where) for item in written["categories"])
    _check_family(categories, where)
    towns = tuple(_town(item, where) for item in written.get("towns", []))
    _refuse_twice((town.code for town in towns), where + "town")
    return CrisisTemplate(
        title=str(written["title"]),
        area=area,
        timezone=zone,
        languages=languages or ("en",),
        data_license=str(written.get("data_license", "")),
        attribution=str(written.get("attribution", "")),
        categories=categories,
        towns=towns,
    )


def _take(item: Any, where: str, what: str, needed: Iterable[str], optional: Iterable[str]) -> dict[str, Any]:
    if not isinstance(item, Mapping):
        raise InvalidTemplate(f"{where}each {what} is a table")
    label = f"{where}{what} {item.get('code') or item.get('name') or '?'}: "
    for key in needed:
        if item.get(key) in (None, ""):
            raise InvalidTemplate(f"{label}{key} is missing")
    for key in item:
        if key not in {*needed, *optional}:
            raise InvalidTemplate(f"{label}{key} is not known")
    return dict(item)


def _category(item: Any, where: str) -> CategoryTemplate:
    values = _take(
        item, where, "category", needed=("code", "name", "sector", "kind", "policy"),
        optional=("names", "parent", "hxl", "aliases", "active", "risk", "two_people"),
    )
    label = f"{where}category {values['code']}: "
    if not CODE.match(str(values["code"])):
        raise InvalidTemplate(f"{label}a code has 2 to 12 capital letters, digits or _, a letter first")
    if values["sector"] not in sectors():
        raise InvalidTemplate(f"{label}sector {values['sector']!r} is not known; there are {', '.join(sectors())}")
    values.setdefault("risk", sectors()[values["sector"]].risk)
    for key, words in (("kind", Kind), ("policy", Policy), ("risk", Risk)):
        try:
            values[key] = words(values[key])
        except ValueError:
            raise InvalidTemplate(f"{label}{key} {values[key]!r} is none of {', '.join(words)}") from None
    values["aliases"] = tuple(values.get("aliases", ()))
    return CategoryTemplate(**values)


def _check_family(categories: tuple[CategoryTemplate, ...], where: str) -> None:
    codes = [category.code for category in categories]
    _refuse_twice(codes, where + "category")
    if FALLBACK not in codes:
        raise InvalidTemplate(f"{where}category {FALLBACK} is missing: reports of an unknown category go there")
    tops = {category.code for category in categories if category.parent is None}
    for category in categories:
        if category.parent is not None and category.parent not in tops:
            raise InvalidTemplate(f"{where}category {category.code}: parent {category.parent!r} is no top category")


def _town(item: Any, where: str) -> Town:
    values = _take(item, where, "town", ("name", "lon", "lat", "radius_m"), ("aliases",))
    try:
        lon, lat, radius = float(values["lon"]), float(values["lat"]), float(values["radius_m"])
        check_point(lon, lat)
    except (TypeError, ValueError, DomainError) as error:
        raise InvalidTemplate(f"{where}town {values['name']}: {error}") from error
    if not 0 < radius <= 200_000:
        raise InvalidTemplate(f"{where}town {values['name']}: radius_m must be between 1 and 200000")
    return Town(str(values["name"]), lon, lat, radius, tuple(values.get("aliases", ())))


def _refuse_twice(items: Iterable[str], what: str) -> None:
    seen = set()
    for item in items:
        if item in seen:
            raise InvalidTemplate(f"{what} {item} stands twice")
        seen.add(item)


def write(template: CrisisTemplate) -> str:
    """The template as TOML text that :func:`read` takes again."""
    lines = [f"{key} = {_literal(value)}" for key, value in template.settings().items()]
    lines += ["", "towns = ["]
    for town in template.towns:
        row = {key: getattr(town, key) for key in ("name", "lon", "lat", "radius_m", "aliases")}
        lines.append(f"    {_literal(row)},")
    lines.append("]")
    for category in template.categories:
        lines += ["", "[[categories]]"]
        for key in ("code", "name", "names", "aliases", "parent", "sector", "kind", "policy", "risk", "hxl"):
            value = getattr(category, key)
            if value:
                lines.append(f"{key} = {_literal(value)}")
        if not category.active:
            lines.append("active = false")
        if category.two_people:
            lines.append("two_people = true")
    return "\n".join(lines) + "\n"


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_literal(item)}" for key, item in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_literal(item) for item in value) + "]"
    # a JSON string is a TOML basic string, but for DEL, which TOML wants escaped
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def load(name: str | Path = DEFAULT) -> CrisisTemplate:
    """Write a template's categories and towns into the database and commit.

    Idempotent: what is there by its code stays as it is, for a coordinator may have made its policy stricter since.
    """
    template = read(name)
    there = set(db.session.scalars(select(Category.code)))
    fresh = [item for item in template.categories if item.code not in there]
    for position, item in enumerate(template.categories):
        if item in fresh:
            told = ("name", "sector", "kind", "policy", "risk", "hxl", "active", "two_people")
            values = {key: getattr(item, key) for key in told}
            db.session.add(Category(code=item.code, names=dict(item.names), position=position, **values))
    db.session.flush()
    for item in fresh:  # parents may stand after their children
        db.session.get(Category, item.code).parent = item.parent
    there = set(db.session.scalars(select(Area.code)))
    for town in template.towns:
        if town.code not in there:
            values = {key: getattr(town, key) for key in ("code", "name", "lon", "lat", "radius_m")}
            db.session.add(Area(aliases=list(town.aliases), **values))
    db.session.commit()
    return template


def export() -> str:
    """This crisis as TOML: its settings, and the categories and towns as they stand in the database."""
    now = settings()
    aliases = {item.code: item.aliases for name in names() for item in read(name).categories if item.aliases}
    categories = tuple(
        CategoryTemplate(
            code=row.code, name=row.name, sector=row.sector, kind=row.kind, policy=row.policy, risk=row.risk, names=row.names,
            parent=row.parent, hxl=row.hxl, aliases=aliases.get(row.code, ()), active=row.active, two_people=row.two_people,
        )
        for row in db.session.scalars(select(Category).order_by(Category.position, Category.code))
    )  # fmt: skip
    towns = tuple(
        Town(row.name, row.lon, row.lat, row.radius_m, tuple(row.aliases))
        for row in db.session.scalars(select(Area).order_by(Area.name))
    )
    return write(
        CrisisTemplate(
            title=now.TITLE, area=now.AREA or Bbox(-180, -90, 180, 90), timezone=now.TIMEZONE, languages=now.LANGUAGES,
            data_license=now.DATA_LICENSE, attribution=now.ATTRIBUTION, categories=categories, towns=towns,
        )
    )  # fmt: skip
