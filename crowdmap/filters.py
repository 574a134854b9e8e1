"""One filter: parsed from a query string, stored as JSON, a select() over publications, and its own sentence.

A layer is a named filter, a feed is a filter × a format, an alert is a saved filter, a dashboard counts over filters.
"""

import json
import math
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import and_, exists, select

from crowdmap import geo
from crowdmap.config import settings
from crowdmap.db import db, utcnow
from crowdmap.db.search import fold, text_matches
from crowdmap.db.spatial import in_bbox, sample_of, within_metres
from crowdmap.errors import InvalidParameter, UnknownParameter
from crowdmap.publishing.models import Audience, Publication, PublicationCategory
from crowdmap.reports.models import Category, Kind, Status, Verification

PARAMETERS = (
    "bbox", "kind", "category", "sector", "status", "verification", "area", "q", "near", "radius", "from", "until",
    "placed",
)  # fmt: skip
MOST_RADIUS_M = 100_000
SAMPLE_S = 10.0
MILLIMETRES = 3  # decimals of a radius: as it is written, so it is asked
# layers: named filters by kind, which maps draw, feeds serve and keys open
LAYERS: dict[str, tuple[Kind, ...]] = {
    "all": (), "needs": (Kind.NEED,), "offers": (Kind.OFFER,), "damage": (Kind.DAMAGE,),
    "information": (Kind.INFORMATION,),
}  # fmt: skip
_RELATIVE = re.compile(r"-(\d{1,4})(m|h|d)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True)
class Scope:
    """What a key may read at most; everything empty: all that its audience sees. It narrows every filter of that key,
    and whoever filters cannot widen it. Areas are names, as the property ``area`` has them."""

    kinds: tuple[Kind, ...] = ()
    sectors: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    bbox: geo.Bbox | None = None

    @classmethod
    def from_json(cls, stored: dict) -> "Scope":
        """As ``to_json`` wrote it."""
        return cls(
            kinds=tuple(Kind(kind) for kind in stored.get("kinds", ())), sectors=tuple(stored.get("sectors", ())),
            areas=tuple(stored.get("areas", ())), bbox=geo.Bbox.parse(stored["bbox"]) if "bbox" in stored else None,
        )  # fmt: skip

    def to_json(self) -> dict:
        """What is not limited is left out."""
        given = {"kinds": list(self.kinds), "sectors": list(self.sectors), "areas": list(self.areas),
                 "bbox": str(self.bbox) if self.bbox else ""}  # fmt: skip
        return {name: value for name, value in given.items() if value}

    def __str__(self) -> str:
        """Canonical: two scopes that allow the same are the same text."""
        limits = self.to_json()
        return json.dumps(limits, ensure_ascii=True) if limits else ""

    def opens(self, kind: Kind, sectors: Iterable[str], area: str | None, lon: float | None, lat: float | None) -> bool:
        """The same as ``where`` of one report, as the key's audience would see it (None: no point, no area)."""
        return (
            (not self.kinds or kind in self.kinds)
            and (not self.sectors or not set(self.sectors).isdisjoint(sectors))
            and (not self.areas or area in self.areas)
            and (self.bbox is None or (lon is not None and self.bbox.contains(lon, lat)))
        )

    def where(self) -> list:
        p, clauses = Publication, []
        if self.kinds:
            clauses.append(p.kind.in_(self.kinds))
        if self.sectors:
            link = PublicationCategory.publication_id == p.id
            clauses.append(exists().where(link, PublicationCategory.sector.in_(self.sectors)))
        if self.areas:
            clauses.append(p.area.in_(self.areas))
        if self.bbox:  # compared without the index: it narrows what an index found
            clauses.append(in_bbox(p, self.bbox, index=False))
        return clauses


@dataclass(frozen=True)
class ReportFilter:
    """Everything None or empty means: not asked. *since* and *until* are absolute or relative ("-24h") as given."""

    bbox: geo.Bbox | None = None
    kinds: tuple[Kind, ...] = ()
    categories: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    statuses: tuple[Status, ...] = (Status.PUBLISHED,)
    verifications: tuple[Verification, ...] = ()
    areas: tuple[str, ...] = ()
    text: str = ""
    near: tuple[float, float] | None = None
    radius_m: float | None = None
    since: str | None = None
    until: str | None = None
    placed: bool | None = None
    also: tuple["ReportFilter", ...] = ()  # further clauses of a layer, where one filter cannot say both
    scope: Scope = Scope()  # of whoever asks; no part of the question, but of its answer

    # ---- in: a query string or stored JSON

    @classmethod
    def parse(cls, args, *, also: Iterable[str] = (), all_statuses: bool = False, stored: bool = False) -> "ReportFilter":
        """*args* is a MultiDict or a plain dict of strings; lists are repeated or comma-separated values.

        *also* names parameters that the caller reads itself; any other unknown one raises UnknownParameter.
        *all_statuses*: for staff, who may ask for ``pending``, ``hidden`` and ``all``. *stored*: it was read before, and
        a category or sector that is gone since finds nothing. Raises InvalidParameter.
        """
        unknown = sorted(set(args) - set(PARAMETERS) - set(also))
        if unknown:
            known = ", ".join((*PARAMETERS, *also))
            raise UnknownParameter(f"there is no parameter {unknown[0]!r}; known are {known}", field=unknown[0])
        get = _getter(args)
        near, radius = get("near"), get("radius")
        if bool(near) != bool(radius):
            missing = "radius" if near else "near"
            raise InvalidParameter("near=lon,lat and radius=metres go together", field=missing)
        allowed = tuple(Status) if all_statuses else (Status.PUBLISHED, Status.CLOSED)
        text = fold(get("q"))
        if max(len(text), len(get("q") or "")) > 200 and not stored:  # a letter may be folded to several, a long word is cut
            raise InvalidParameter("at most 200 characters can be searched for", field="q")
        for name in ("from", "until"):
            _moment(get(name), name)
        return cls(
            bbox=geo.Bbox.parse(get("bbox")) if get("bbox") is not None else None,
            kinds=_enums(args, "kind", Kind, tuple(Kind)),
            categories=_known_codes(_list(args, "category"), stored),
            sectors=_known_sectors(_list(args, "sector"), stored),
            statuses=_enums(args, "status", Status, allowed, all_word=True) or (Status.PUBLISHED,),
            verifications=_enums(args, "verification", Verification, tuple(Verification)),
            areas=tuple(sorted(_list(args, "area"))),
            text=text,
            near=_point(near) if near else None,
            radius_m=_radius(radius) if radius else None,
            since=get("from") or None,
            until=get("until") or None,
            placed=_yes_no(get("placed"), "placed"),
        )

    @classmethod
    def from_json(cls, stored: dict) -> "ReportFilter":
        return cls.parse({key: str(value) for key, value in stored.items()}, all_statuses=True, stored=True)

    # ---- out: JSON, a canonical string, a sentence

    def to_json(self) -> dict[str, str]:
        """The query's parameters in canonical order and spelling; ``parse`` reads them back."""
        pairs = {
            "bbox": str(self.bbox) if self.bbox else "",
            "kind": ",".join(self.kinds),
            "category": ",".join(self.categories),
            "sector": ",".join(self.sectors),
            "status": "" if self.statuses == (Status.PUBLISHED,) else ",".join(self.statuses),
            "verification": ",".join(self.verifications),
            "area": ",".join(self.areas),
            "q": self.text,
            "near": ",".join(geo.written(degrees, geo.PLACES) for degrees in self.near) if self.near else "",
            "radius": geo.written(self.radius_m, MILLIMETRES) if self.radius_m else "",
            "from": self.since or "",
            "until": self.until or "",
            "placed": "" if self.placed is None else ("yes" if self.placed else "no"),
        }
        return {key: value for key, value in pairs.items() if value}

    def canonical(self) -> str:
        """One text for all that have the same answer, whoever asks."""
        told = [self.to_json(), *(other.to_json() for other in self.also)]
        return "&".join(json.dumps(one, ensure_ascii=True, separators=(",", ":")) for one in told) + str(self.scope)

    @property
    def relative(self) -> bool:
        """Whether it means something else as time goes by."""
        return any(text and _RELATIVE.fullmatch(text) for text in (self.since, self.until))

    def without(self, *names: str) -> "ReportFilter":
        """The same filter with these fields as if not asked (for facets: all but their own dimension)."""
        blank = {f.name: f.default for f in fields(self)}
        return replace(self, **{name: blank[name] for name in names})

    def sentence(self) -> str:
        """The filter in plain words, for people who read an alert or a feed's title."""
        what = ", ".join(_kind_words()[kind] for kind in self.kinds) or _("all reports")
        parts = [what]
        if self.categories:
            parts.append(_("in %(names)s", names=", ".join(self.categories)))
        if self.sectors:
            parts.append(_("of the sector %(names)s", names=", ".join(self.sectors)))
        if self.statuses != (Status.PUBLISHED,):
            parts.append(_("that are %(states)s", states=", ".join(status_words()[one] for one in self.statuses)))
        if self.verifications:
            parts.append(_("marked %(grades)s", grades=", ".join(_grade_words()[one] for one in self.verifications)))
        if self.text:
            parts.append(_("with the words “%(words)s”", words=self.text))
        if self.areas:
            parts.append(_("in %(names)s", names=", ".join(self.areas)))
        if self.bbox:
            parts.append(_("between %(west)s, %(south)s and %(east)s, %(north)s", **_rounded(self.bbox)))
        if self.near:
            parts.append(_("within %(metres)s m of %(point)s", metres=f"{self.radius_m:g}",
                           point=f"{self.near[0]:g}, {self.near[1]:g}"))  # fmt: skip
        if self.since:
            parts.append(_("since %(moment)s", moment=self.since))
        if self.until:
            parts.append(_("until %(moment)s", moment=self.until))
        if self.placed is False:
            parts.append(_("whose place is not known"))
        words = " ".join(parts)
        for other in self.also:
            words = _("%(words)s, out of %(others)s", words=words, others=other.sentence())
        return words

    # ---- the question to the database

    def where(self, audience: Audience, *, index: bool = True) -> list:
        """Clauses over Publication for this audience. ``index=False``: the box is compared without its index, for
        readers that group or scan anyway."""
        p = Publication
        clauses = [p.audience == audience]
        if len(self.statuses) == 1:
            clauses.append(p.status == self.statuses[0])
        else:  # tombstones have none
            clauses.append(p.status.in_(self.statuses))
        for other in (self, *self.also):
            clauses += other._clauses(index and other is self)
        return clauses + self.scope.where()

    def _clauses(self, index: bool) -> list:
        """What it asks, audience, statuses and scope apart."""
        p, clauses = Publication, []
        if self.kinds:
            clauses.append(p.kind.in_(self.kinds) if len(self.kinds) > 1 else p.kind == self.kinds[0])
        for column, values in ((PublicationCategory.code, self.categories), (PublicationCategory.sector, self.sectors)):
            if values:
                link = PublicationCategory.publication_id == p.id
                clauses.append(exists().where(link, column.in_(values)))
        if self.verifications:
            clauses.append(p.verification.in_(self.verifications))
        if self.areas:
            clauses.append(p.area.in_(self.areas))
        if self.text:
            clauses.append(text_matches(p, self.text))
        if self.bbox:
            clauses.append(in_bbox(p, self.bbox, index=index))
        if self.near:
            clauses.append(within_metres(p, *self.near, self.radius_m))
        if self.since:
            clauses.append(p.happened_at >= _moment(self.since, "from"))
        if self.until:
            clauses.append(p.happened_at < _moment(self.until, "until"))
        if self.placed is not None:
            clauses.append(p.cell.is_not(None) if self.placed else p.cell.is_(None))  # lon would scan the whole index
        return clauses

    def select(self, audience: Audience, *columns):
        """A select of *columns* (default: id and feature) of the publications that match."""
        index = self.bbox is None or not self.wide()
        return select(*(columns or (Publication.id, Publication.feature))).where(and_(*self.where(audience, index=index)))

    def wide(self, limit: int | None = None) -> bool:
        """`db.spatial.Share.is_wide`, judged by a sample of up to SAMPLE_S ago: a way is chosen by it, no answer."""
        now, kept = time.monotonic(), current_app.extensions
        asked_at, sample = kept.get("crowdmap_sample", (-math.inf, None))
        if now - asked_at > SAMPLE_S:
            sample = sample_of(db.session, Publication)
            kept["crowdmap_sample"] = now, sample
        return sample.share(self.bbox).is_wide(limit)

    @property
    def by_hand(self) -> bool:
        """Whether it is led by another index than that of places: words, names and categories find few."""
        return bool(self.text or self.categories or self.sectors or self.areas or self.near or self.also)


def _kind_words():
    return {
        Kind.NEED: _("needs"), Kind.OFFER: _("offers"), Kind.DAMAGE: _("damage"), Kind.INFORMATION: _("information"),
    }  # fmt: skip


def status_words() -> dict[Status, str]:
    """As all pages have them."""
    return {
        Status.PENDING: _("waiting for a check"), Status.PUBLISHED: _("on the map"), Status.CLOSED: _("closed"),
        Status.HIDDEN: _("hidden"),
    }  # fmt: skip


def _grade_words():
    return {
        Verification.UNVERIFIED: _("not verified yet"), Verification.CORROBORATED: _("told by several"),
        Verification.VERIFIED: _("verified"), Verification.DISPUTED: _("disputed"),
    }  # fmt: skip


def _rounded(bbox):
    return {name: f"{getattr(bbox, name):.3f}" for name in ("west", "south", "east", "north")}


def _getter(args):
    def get(name):
        values = args.getlist(name) if hasattr(args, "getlist") else ([args[name]] if name in args else [])
        if len(values) > 1:
            raise InvalidParameter(f"{name} may be given once", field=name)
        return values[0].strip() if values else None

    return get


def _list(args, name) -> tuple[str, ...]:
    values = args.getlist(name) if hasattr(args, "getlist") else ([args[name]] if name in args else [])
    return tuple(dict.fromkeys(item.strip() for value in values for item in value.split(",") if item.strip()))


def _enums(args, name, enum, allowed, all_word=False):
    values = _list(args, name)
    if all_word and values == ("all",):
        return tuple(allowed)
    for value in values:
        if value not in allowed:
            words = [str(a) for a in allowed] + (["all"] if all_word else [])
            raise InvalidParameter(f"{value[:40]!r} is none of {', '.join(words)}", field=name)
    return tuple(sorted((enum(value) for value in values), key=list(enum).index))


def _known_codes(values, stored: bool) -> tuple[str, ...]:
    if values and not stored:
        have = set(db.session.scalars(select(Category.code).where(Category.code.in_(values))))
        for value in values:
            if value not in have:
                raise InvalidParameter(f"there is no category {value[:40]!r}", field="category")
    return tuple(sorted(values))


def _known_sectors(values, stored: bool) -> tuple[str, ...]:
    if values and not stored:
        have = set(db.session.scalars(select(Category.sector).distinct()))
        for value in values:
            if value not in have:
                words = ", ".join(sorted(have))
                raise InvalidParameter(f"there is no sector {value[:40]!r}; there are {words}", field="sector")
    return tuple(sorted(values))


def _point(text) -> tuple[float, float]:
    parts = text.split(",")
    if len(parts) != 2:
        raise InvalidParameter("near is lon,lat", field="near")
    lon, lat = (geo.number(part, "near") for part in parts)
    if abs(lat) > 90 or abs(lon) > 180:
        raise InvalidParameter("near is lon,lat in degrees, longitude first", field="near")
    return (geo.rounded(lon, geo.PLACES), geo.rounded(lat, geo.PLACES))


def _radius(text) -> float:
    metres = geo.rounded(geo.number(text, "radius"), MILLIMETRES)
    if not 0 < metres <= MOST_RADIUS_M:
        raise InvalidParameter(f"radius is in metres, above 0 and at most {MOST_RADIUS_M}", field="radius")
    return metres


def _yes_no(text, name):
    if text in (None, ""):
        return None
    if text not in ("yes", "no"):
        raise InvalidParameter("say yes or no", field=name)
    return text == "yes"


def _moment(text: str | None, name: str) -> datetime | None:
    """An RFC 3339 date or time, or relative to now: -30m, -24h, -7d. A date or time without zone is the crisis's."""
    if not text:
        return None
    if match := _RELATIVE.fullmatch(text):
        return utcnow() - timedelta(**{_UNITS[match[2]]: int(match[1])})
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+") if re.search(r" \d\d:\d\d$", text) else text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(settings().TIMEZONE))
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        words = f"{text[:40]!r} is no time such as 2010-01-12T16:53:00Z, 2010-01-12 or -24h"
        raise InvalidParameter(words, field=name) from None

