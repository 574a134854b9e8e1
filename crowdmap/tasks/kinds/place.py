"""Place: where is it? Two who put it within 200 m of each other make it known; else a third, else a moderator."""

from typing import Annotated

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from crowdmap import geo
from crowdmap.config import settings
from crowdmap.errors import FieldError, ValidationFailed
from crowdmap.moderation import editing
from crowdmap.moderation.doing import Doing, keep
from crowdmap.reports.models import Area, LocatedBy
from crowdmap.tasks import gazetteer
from crowdmap.tasks.agreement import closest, together
from crowdmap.tasks.kinds.kind import Item, Judged, TaskKind, Verdict, foreign

NAME = "place"
AGREE_M = 200.0
LEAST_M = 10.0  # no hand on a map is better
UNTOLD_M = 200.0  # of a pin whose circle nobody set
PRACTICE = 5


class Form(BaseModel):
    """A point with the circle it is surely in; or the code of a place of the gazetteer."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    lat: Annotated[float | None, Field(ge=-90, le=90)] = None
    lon: Annotated[float | None, Field(ge=-180, le=180)] = None
    accuracy_m: Annotated[float | None, Field(ge=1, le=100_000)] = None
    gazetteer: Annotated[str, Field(max_length=60)] = ""


def wants(report, setting) -> bool:
    """Without a point, or known to the town only, and with words to find it by."""
    private = report.private
    known = private.lon is not None and private.located_by is not LocatedBy.TOWN
    return not known and bool(report.place or report.description or report.title)


def read(session, form: Form) -> dict:
    """A point beats the place it was first found by; the place's name is kept. Raises ValidationFailed."""
    found = gazetteer.find(session, form.gazetteer) if form.gazetteer else None
    if form.gazetteer and found is None:
        raise ValidationFailed([FieldError("gazetteer", "not-found", _("There is no such place in the list."))])
    if (form.lat is None) != (form.lon is None):
        raise ValidationFailed([FieldError("lat", "half-point", _("lat and lon go together."))])
    if form.lat is None and found is None:
        raise ValidationFailed([FieldError("lat", "required", _("Put the point on the map, or choose a place of the list."))])
    lon, lat = (found.lon, found.lat) if form.lat is None else (form.lon, form.lat)
    area = settings().AREA
    if area and not area.contains(lon, lat):
        words = _("This point lies outside the crisis area. If you think it is right, say that you are not sure.")
        raise ValidationFailed([FieldError("lat", "outside-area", words)])
    moved = found is not None and form.lat is not None and geo.distance_m(found.lon, found.lat, lon, lat) > found.radius_m
    accuracy = form.accuracy_m or (found.radius_m if found else UNTOLD_M)
    return {
        "lon": round(lon, 7), "lat": round(lat, 7), "accuracy_m": round(max(LEAST_M, accuracy), 1),
        "how": "gazetteer" if found and not moved else "pin", "name": found.name if found else "",
    }  # fmt: skip


def agree(values, report) -> Verdict:
    pair = closest(values, AGREE_M)
    if pair:
        return Verdict(agreed={**together(*pair), "by": [point["by"] for point in pair if "by" in point]})
    return Verdict(more=len(values) < KIND.most)


def apply(session, task, report, value, account) -> bool:
    """By the desk's own verb. Nobody's decision alone: the log names those whose points agree by their accounts."""
    located_by = LocatedBy.GAZETTEER if value["how"] == "gazetteer" else LocatedBy.PIN
    fields = {name: value[name] for name in ("lat", "lon", "accuracy_m")}
    doing = Doing(session, report, None, "", {**fields, "located_by": located_by})
    editing.move(doing)
    if doing.change:
        doing.change["placed_by"] = [None, sorted(value.get("by", []))]
        keep(session, report, None, "move", REASON, doing.change, at=doing.at)
    return True


REASON = "volunteers who did not see each other's answers put it at the same place"


def choose(value: dict) -> tuple[str, dict]:
    return "move", {name: value[name] for name in ("lat", "lon", "accuracy_m")}


def items(session, languages) -> list[Item]:
    """Invented messages about the deployment's own towns, whose places are known. None where it names no towns."""
    sentences = (
        _("We are sixty people beside the market of %(town)s. No water since yesterday."),
        _("School in %(town)s is down, road is blocked by stones. Send help please."),
        _("Clinic of %(town)s is open but has no medicine left."),
        _("In %(town)s, near the church, forty families sleep outside."),
        _("The bridge before %(town)s is broken, lorries cannot pass."),
    )
    towns = list(session.scalars(select(Area).order_by(Area.radius_m.desc(), Area.code).limit(PRACTICE)))
    return [
        Item(f"town-{town.code}", sentence % {"town": town.name}, (town.lon, town.lat, town.radius_m), place=town.name, why=town.name)
        for town, sentence in zip(towns, sentences, strict=False)
    ]


def judge(item: Item, value: dict) -> Judged:
    lon, lat, radius = item.known
    off = geo.distance_m(lon, lat, value["lon"], value["lat"])
    if off <= radius:
        return Judged(True, _("Good: that is in %(place)s.", place=item.why), off)
    words = _("That is %(km)s km away from %(place)s. Look for the name in the list of places first.", km=round(off / 1000, 1), place=item.why)
    return Judged(False, words, off)


KIND = TaskKind(
    NAME, _l("Place"), _l("Where is this?"), Form, wants, read, agree, apply, items, judge, choose, language=foreign,
    needed=2, rank=2, again=True, stays=frozenset({"position"}),
)  # fmt: skip
