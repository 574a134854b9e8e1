"""What a simulated day comes to, for the terminal: the figures of `/work/figures`, in its words."""

from babel.numbers import format_decimal

from crowdmap.tasks.figures import Figures

NONE = "–"
STEP_NAMES = {"translated": "translated", "placed": "placed", "published": "on the map", "verified": "verified"}


def lines(found: Figures) -> list[str]:
    rows = [("received", found.received, "0", "0")]
    rows += [(STEP_NAMES.get(step.name, step.name), step.n, minutes(step.median), minutes(step.p90)) for step in found.steps]
    out = [f"{'step':<14}{'messages':>10}{'median, min':>14}{'nine of ten, min':>19}"]
    out += [f"{name:<14}{n:>10,}{median:>14}{p90:>19}" for name, n, median, p90 in rows]
    return [*out, "", *(f"{words:<64}{figure}" for words, figure in _agreement(found))]


def _agreement(found: Figures):
    place = found.kind("place")
    yield "places: agreed without a moderator", f"{place.agreed:,} of {place.agreed + place.moderator:,} ({percent(place.agreement)})"
    yield "categories: two who did not see each other chose the same", f"{percent(found.same)} of {found.coded:,} reports"
    yield "  Krippendorff's alpha", NONE if found.alpha is None else format_decimal(round(found.alpha, 2), locale="en")
    yield "practice placements: at a wrong place", part(found.wrong, found.placed)
    known = found.known
    if known is not None:
        yield "wrong placements", part(known.wrong, known.placed)
        yield "  median distance from the known place, m", whole(known.off_m)
        yield "wrong categories on the map", part(known.miscategorised, known.shown)
        yield "  that came in a wrong one", part(known.came_so, known.shown)
    yield "waiting for a moderator", f"{found.waiting:,}"


def part(n: int, of: int) -> str:
    return f"{n:,} of {of:,} ({percent(n / of if of else None)})"


def percent(share: float | None) -> str:
    return NONE if share is None else f"{round(share * 100)} %"


def minutes(n: float | None) -> str:
    """As the page has it: with a decimal below 90."""
    return NONE if n is None else format_decimal(round(n, 1) if n < 90 else round(n), locale="en")


def whole(n: float | None) -> str:
    return NONE if n is None else f"{round(n):,}"
