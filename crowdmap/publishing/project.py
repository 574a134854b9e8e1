"""The only code that turns a report into what others see: one function an audience, everything else is shared.

A tree is a report with all that was merged into it. Merging sets only a pointer; voices, place and precision of the
tree are computed here. Nothing here holds contact data.
"""

import hashlib
import math
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

import geojson
import orjson

from crowdmap import geo
from crowdmap.db.search import fold
from crowdmap.publishing.choices import Choices
from crowdmap.publishing.finders.rules import Rules
from crowdmap.publishing.masks import ALONE, Beside, beside, mask
from crowdmap.publishing.models import Audience
from crowdmap.reports.models import VISIBLE, Category, Kind, Policy, Report, ReportPrivate, Talk, Verification

# a filter's question and a feature's answer use the same names
PROPERTIES = (
    "kind", "category", "categories", "sector", "title", "description", "status", "verification",
    "verification_reason", "voices", "precision_m", "people", "quantity", "unit", "place", "area", "claimed", "freshness",
    "source", "occurred_at", "created_at", "updated_at", "seq", "url", "photos", "translation",
)  # fmt: skip


class Town(NamedTuple):
    """An area as plain values, in the order of its table's columns: each report is held against all of them, and an
    entity's attributes cost ten times."""

    code: str
    name: str
    aliases: list[str]
    lon: float
    lat: float
    radius_m: float

    @property
    def names(self) -> list[str]:
        """Its name and aliases, folded."""
        return [folded for name in (self.name, *self.aliases) if (folded := _folded(name))]


@lru_cache(maxsize=4096)
def _folded(name: str) -> str:
    return fold(name)


OF_CATEGORIES = ("code", "name", "sector", "kind", "policy", "risk")


@dataclass(frozen=True)
class Crisis:
    """What projecting needs to know of the deployment; of a category the columns OF_CATEGORIES."""

    categories: dict[str, Category]
    areas: list[Town]
    public_url: str
    rules: Rules = Rules()  # of how personal marks are found


LEAST_KNOWN_M = 10.0  # no telephone knows better; whoever says 0 m says nothing
LEAST_CIRCLE_M, UNKNOWN_CIRCLE_M = 250.0, 1000.0  # how far from a point another may lie and still be the same place


def _known_to_m(place: ReportPrivate) -> float:
    return math.inf if place.accuracy_m is None else max(LEAST_KNOWN_M, place.accuracy_m)


@dataclass
class Tree:
    """A root report, its members (the root first), their private rows and how many sources speak for it, as the team
    counts them and as all others are told (``hook.distinct_sources``)."""

    root: Report
    members: list[Report]
    private: dict[int, ReportPrivate]
    voices: int
    voices_outside: int
    live: list[Report] = field(init=False)
    policy: Policy = Policy.EXACT
    views: dict[bool, "View | None"] = field(init=False, default_factory=dict)
    _masked: dict[tuple, str] = field(init=False, default_factory=dict)

    def __post_init__(self):
        self.live = [m for m in self.members if m.withdrawn_at is None and m.erased_at is None]

    @property
    def teller(self) -> Report:
        """Whose words stand for the tree: the root's, or the oldest other's where its reporter took it back."""
        return self.live[0]

    @property
    def public_teller(self) -> Report | None:
        """The same for the public: never words that were merged unpublished, for nobody said that all may read them."""
        return next((m for m in self.live if self._is_told_to_all(m)), None)

    @property
    def codes(self) -> list[str]:
        return list(dict.fromkeys(code for member in self.members for code in member.codes))

    def place(self, teller: Report | None = None) -> ReportPrivate | None:
        """The point that stands for the tree; None when nobody gave one.

        It is the teller's. Another member may refine it, never move it: its point counts where it is known better and
        lies within the teller's own circle. Where the teller gave none, what all may read comes first.
        """
        teller = teller or self.teller
        placed = [(m, p) for m in self.live if (p := self.private.get(m.id)) and p.lon is not None]
        own = next((p for m, p in placed if m is teller), None)
        if own is None:
            chosen = min(placed, key=lambda one: (not self._is_told_to_all(one[0]), _known_to_m(one[1])), default=(None, None))
            return chosen[1]
        circle = UNKNOWN_CIRCLE_M if own.accuracy_m is None else max(LEAST_CIRCLE_M, own.accuracy_m)
        inside = (p for _m, p in placed if geo.distance_m(own.lon, own.lat, p.lon, p.lat) <= circle)
        return min((own, *inside), key=_known_to_m)  # among equals the first

    def masked(self, text: str | None, rules: Rules, chosen: Choices = None, near: Beside = ALONE) -> str | None:
        """As ``masks.mask``, looked through once for all who read it."""
        key = (text, rules, tuple(sorted((chosen or {}).items())), near)
        if key not in self._masked:
            self._masked[key] = mask(text, rules, chosen, near=near)
        return self._masked[key]

    def _is_told_to_all(self, member: Report) -> bool:
        return member is self.root or member.status in VISIBLE


@dataclass(frozen=True)
class View:
    """What one audience sees of one tree, before seq and updated_at are known."""

    columns: dict
    codes: list[str]
    core: geojson.Feature
    digest: bytes
    hourly: bool = False  # its times are cut to the hour

    def encode(self, seq: int, updated_at: datetime) -> bytes:
        """The GeoJSON feature (RFC 7946 §3.2) as it is served, a removal apart."""
        if self.hourly:
            updated_at = to_the_hour(updated_at)
        values = {**self.core["properties"], "seq": seq, "updated_at": timestamp(updated_at)}
        extra = {k: v for k, v in values.items() if k not in PROPERTIES}
        feature = geojson.Feature(
            id=self.core["id"], geometry=self.core["geometry"],
            properties={**{name: values[name] for name in PROPERTIES}, **extra},
        )  # fmt: skip
        return orjson.dumps(feature)


def timestamp(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, to the second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def to_the_hour(moment: datetime | None) -> datetime | None:
    return moment and moment.replace(minute=0, second=0, microsecond=0)


def strictest(tree: Tree, crisis: Crisis) -> Policy:
    """The strictest policy of any member and category; what a person needs is never shown closer than the tile, nor
    what one offers, except in categories made for offers (a clinic, a distribution point)."""
    found = [crisis.categories[code].policy for code in tree.codes if code in crisis.categories]
    found += [Policy.TILE for member in tree.members if _is_personal(member, crisis)]
    return max(found or [Policy.RESTRICTED], key=lambda policy: policy.rank)


def _is_personal(report: Report, crisis: Crisis) -> bool:
    if report.kind is Kind.OFFER:
        category = crisis.categories.get(report.category)
        return category is None or Kind(category.kind) is not Kind.OFFER
    return report.kind is Kind.NEED


def area_at(lon: float, lat: float, areas: list[Town]) -> str | None:
    """The name of the nearest area whose radius holds the point."""
    # a degree of latitude is more than 110 km: most areas are out without a sine
    best = None
    for code, name, _aliases, town_lon, town_lat, radius_m in areas:
        if abs(town_lat - lat) * 110_000 <= radius_m:
            metres = geo.distance_m(lon, lat, town_lon, town_lat)
            if metres <= radius_m and (best is None or (metres / radius_m, code) < best[:2]):
                best = (metres / radius_m, code, name)
    return best[2] if best else None


def area_in_words(text: str | None, areas: list[Town]) -> str | None:
    """The area whose name or alias the words contain; the longest name wins."""
    if not text:
        return None
    words = f" {fold(text)} "
    found = [(len(name), town.name) for town in areas for name in town.names if f" {name} " in words]
    return max(found)[1] if found else None


def public(tree: Tree, crisis: Crisis) -> View | None:
    """What anybody may see: published or closed, never restricted, people blurred, personal marks masked."""
    return _outside(tree, crisis, blurred=tree.policy is Policy.TILE)


def partner(tree: Tree, crisis: Crisis) -> View | None:
    """What an approved organisation sees with its key: as the public, with the exact point of what was verified. Words,
    times and the place in words stay the public's, and nothing restricted is shown."""
    checked = tree.root.verification is Verification.VERIFIED
    return _outside(tree, crisis, blurred=tree.policy is Policy.TILE and not checked)


def _outside(tree: Tree, crisis: Crisis, *, blurred: bool) -> View | None:
    """*blurred*: the tile's centre stands for the point. Made once for all who see the same."""
    if blurred not in tree.views:
        tree.views[blurred] = _made_outside(tree, crisis, blurred)
    return tree.views[blurred]


def _made_outside(tree: Tree, crisis: Crisis, blurred: bool) -> View | None:
    report = tree.public_teller
    if report is None or tree.root.status not in VISIBLE or tree.policy is Policy.RESTRICTED:
        return None
    place = tree.place(report)
    lon = lat = precision = None
    personal = tree.policy is Policy.TILE
    if place is not None:
        lon, lat, precision = place.lon, place.lat, place.accuracy_m
        if blurred:
            lon, lat = geo.tile_centre(place.lon, place.lat)
            precision = max(math.ceil(geo.tile_side_metres(lat)), precision or 0)
    area = area_at(lon, lat, crisis.areas) if lon is not None else area_in_words(report.place, crisis.areas)
    created, occurred = report.created_at, report.occurred_at
    if personal:  # a time to the second would tell which message it was to somebody who listened in
        created, occurred = to_the_hour(created), to_the_hour(occurred)
    title, description, place, unit, translation = (
        tree.masked(getattr(report, name), crisis.rules, report.mark_choices, beside(report, name)) if name else None
        for name in ("title", "description", None if personal else "place", "unit", "translation")
    )
    return _view(
        tree, report, crisis, lon, lat, precision, area, created, occurred,
        title=title, description=description, place=area if personal else place, unit=unit,
        translation=translation, hourly=personal, voices=tree.voices_outside,
    )  # fmt: skip


def staff(tree: Tree, crisis: Crisis) -> View | None:
    """What the desk sees: every status, exact place, unmasked words; never contact."""
    if not tree.live:
        return None
    report, place = tree.teller, tree.place()
    lon, lat, precision = (place.lon, place.lat, place.accuracy_m) if place is not None else (None, None, None)
    area = area_at(lon, lat, crisis.areas) if lon is not None else area_in_words(report.place, crisis.areas)
    return _view(
        tree, report, crisis, lon, lat, precision, area, report.created_at, report.occurred_at,
        title=report.title, description=report.description, place=report.place, unit=report.unit,
        translation=report.translation, voices=tree.voices, out_of_area=tree.root.out_of_area, policy=tree.policy.value, merged=len(tree.members) - 1,
        talk=_talk(tree), revision=tree.root.revision,  # whoever decides on it names the one they saw: its change is news
    )  # fmt: skip


def _talk(tree: Tree) -> str | None:
    """An answer of anybody in the tree is news, a question only while nobody answered."""
    said = {member.talk for member in tree.live}
    return next((talk.value for talk in (Talk.ANSWERED, Talk.ASKED) if talk in said), None)


# adding an audience is one line
AUDIENCES = {Audience.PUBLIC: public, Audience.STAFF: staff, Audience.PARTNER: partner}


def _view(
    tree, report, crisis, lon, lat, precision, area, created, occurred, *, title, description, place, unit, translation, voices,
    hourly=False, **extra
) -> View:  # fmt: skip
    root = tree.root
    codes = list(dict.fromkeys([report.category, *tree.codes]))
    category = crisis.categories.get(report.category)
    properties = {
        "kind": report.kind.value, "category": report.category, "categories": codes,
        "sector": category.sector if category else None, "title": title or None, "description": description or None,
        "status": root.status.value, "verification": root.verification.value,
        "verification_reason": root.verification_reason, "voices": voices,
        "precision_m": None if precision is None else round(precision, 1), "people": report.people,
        "quantity": report.quantity, "unit": unit, "place": place or None, "area": area, "claimed": False,
        "freshness": None, "source": report.source, "occurred_at": timestamp(occurred),
        "created_at": timestamp(created), "url": f"{crisis.public_url}/reports/{root.public_id}", "photos": [],
        "translation": translation or None, **extra,
    }  # fmt: skip
    point = None if lon is None else geojson.Point((lon, lat), precision=7)
    core = geojson.Feature(id=root.public_id, geometry=point, properties=properties)
    cell = None if lon is None else geo.cell(lon, lat)
    columns = {
        "kind": report.kind, "category": report.category, "status": root.status, "verification": root.verification,
        "out_of_area": extra.get("out_of_area", False), "happened_at": occurred or created, "lon": lon, "lat": lat,
        "geom": None if lon is None else f"SRID=4326;POINT({lon!r} {lat!r})",
        "cell": cell, "tile16": None if cell is None else cell >> 2 * (geo.CELL_ZOOM - geo.BLUR_ZOOM), "precision_m": properties["precision_m"], "area": area,
        "search_text": fold(" ".join(filter(None, (title, description, translation, place, area)))), "removed": None,
        "merged_into": None,
    }  # fmt: skip
    # columns that no property shows must still move the row when they change: they are part of what is compared
    compared = [core, columns["search_text"], columns["out_of_area"], *([True] if hourly else [])]
    if codes[1:]:  # the first one's sector is a property; those of the others stand beside it, and limit keys
        compared.append([crisis.categories[code].sector if code in crisis.categories else None for code in codes[1:]])
    digest = hashlib.sha256(orjson.dumps(compared))
    return View(columns, codes, core, digest.digest(), hourly)


def removal(public_id: str, seq: int, reason: str, merged_into: str | None = None) -> dict:
    """A tombstone as a feature: null geometry and no word of why, but where it went when it was merged."""
    properties = {"id": public_id, "seq": seq, "removed": True, "reason": reason}
    if merged_into:
        properties["merged_into"] = merged_into
    return geojson.Feature(id=public_id, geometry=None, properties=properties)
