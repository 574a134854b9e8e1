"""How many published reports lie in each cell of the map's grid, kept up to date with every change, so that the map and
the vector tiles of a million reports are a few hundred rows.

The hook calls `keep` before it writes, under the log's lock, with the rows as they are and the views to come: what a
row was is taken away, what it will be is added, and what stays the same cancels out before anything is written. Sums
are whole numbers (1e-7 of a degree), so the order of changes leaves no trace and `differences` can ask for equality.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import BigInteger, Float, Integer, bindparam, cast, delete, except_, func, literal, select
from sqlalchemy.orm import Session, aliased

from crowdmap import events, geo
from crowdmap.db import accumulate
from crowdmap.db.numbers import whole
from crowdmap.publishing.models import Audience, CellCount, Publication, PublicationCategory
from crowdmap.reports.models import Kind, Status

COUNTED = tuple(audience for audience in Audience if audience is not Audience.STAFF)  # no map is drawn for the desk
# Every second level: a read takes its cells together by four, and a write costs half. The finest is a quarter of the blur's
# side; closer views hold few enough reports to count them.
LEVELS = tuple(range(2, geo.BLUR_ZOOM + 3, 2))
FINEST = LEVELS[-1]
UNPLACED = -1  # the level of reports whose place is not known; their cell is 0
ALL = ""  # the category under which every report is counted

KEY = ("audience", "level", "category", "cell", "kind")
_SCALE, _SHIFT = 1e7, 1_800_000_000  # the shift makes every number positive: databases cut or round negative ones each their way


class Counted(NamedTuple):
    """All that counts of one published row; lon and lat in 1e-7 of a degree."""

    audience: Audience
    kind: Kind
    cell: int | None
    lon: int
    lat: int
    codes: tuple[str, ...]

    @classmethod
    def of(cls, audience, kind, cell, lon, lat, codes) -> "Counted":
        placed = (cell, units(lon), units(lat)) if cell is not None else (None, 0, 0)
        return cls(audience, kind, *placed, tuple(sorted(set(codes))))

    def keys(self):
        for category in (ALL, *self.codes):
            if self.cell is None:
                yield self.audience, UNPLACED, category, 0, self.kind
            else:
                for level in LEVELS:
                    yield self.audience, level, category, self.cell >> 2 * (geo.CELL_ZOOM - level), self.kind


def units(degrees: float) -> int:
    """Degrees in whole 1e-7, rounded as `_units` rounds them in the database, to the last bit."""
    return int(degrees * _SCALE + (_SHIFT + 0.5)) - _SHIFT


def _units(column):
    return whole(column * literal(_SCALE, Float()) + literal(_SHIFT + 0.5, Float())) - _SHIFT


# ---- one change after the other


def keep(session: Session, gone: Iterable, come: Iterable) -> None:
    """Count rows of `Publication` out, each (row, its codes) as it stands now, and (audience, view) in, under the log's
    lock, before either is written."""
    balance = Counter()
    for row, codes in gone:
        if row.audience in COUNTED and row.status == Status.PUBLISHED:
            balance[Counted.of(row.audience, row.kind, row.cell, row.lon, row.lat, codes)] -= 1
    for audience, view in come:
        columns = view.columns
        if audience in COUNTED and columns["status"] == Status.PUBLISHED:
            report = Counted.of(audience, columns["kind"], columns["cell"], columns["lon"], columns["lat"], view.codes)
            balance[report] += 1
    deltas: dict[tuple, list[int]] = {}
    for report, times in balance.items():
        if times:
            change = (times, times * report.lon, times * report.lat)
            for key in report.keys():
                found = deltas.setdefault(key, [0, 0, 0])
                for i in range(3):
                    found[i] += change[i]
    changed = sorted(key for key, delta in deltas.items() if any(delta))
    rows = [dict(zip((*KEY, "n", "lon", "lat"), (*key, *deltas[key]), strict=True)) for key in changed]
    accumulate(session, CellCount, rows, conflict=KEY)
    fewer = [dict(zip((f"_{name}" for name in KEY), key, strict=True)) for key in changed if deltas[key][0] < 0]
    if fewer:
        session.execute(_EMPTY, fewer)


_table = CellCount.__table__
_EMPTY = _table.delete().where(*(_table.c[name] == bindparam(f"_{name}") for name in KEY), _table.c.n == 0)


# ---- many at once, in the database


def take_out(session: Session, *where) -> None:
    """Count all rows of `Publication` that meet *where* out, under the log's lock, before they are changed."""
    for level in (UNPLACED, *LEVELS):
        for by_category in (False, True):
            accumulate(session, CellCount, _live(level, by_category, *where, sign=-1), conflict=KEY)
    session.execute(delete(CellCount).where(CellCount.n == 0), execution_options={"synchronize_session": False})


def _live(level: int, by_category: bool, *where, sign: int = 1):
    """A select of the columns of `CellCount` at *level*, counted from the publications."""
    p, link = Publication, aliased(PublicationCategory)
    placed = level != UNPLACED
    cell = p.cell.op(">>")(cast(2 * (geo.CELL_ZOOM - level), Integer)) if placed else literal(0, BigInteger())
    lon, lat = (_sum(_units(column), sign) if placed else literal(0, BigInteger()) for column in (p.lon, p.lat))
    category = link.code if by_category else literal(ALL)
    query = select(
        p.audience, literal(level).label("level"), category.label("code"), cell.label("tile"), p.kind,
        (func.count() * sign).label("n"), lon.label("x"), lat.label("y"),
    ).select_from(p)  # fmt: skip
    if by_category:
        query = query.join(link, link.publication_id == p.id)
    clauses = (p.audience.in_(COUNTED), p.status == Status.PUBLISHED, p.cell.is_not(None) if placed else p.cell.is_(None))
    groups = [p.audience, p.kind, *(["tile"] if placed else []), *([link.code] if by_category else [])]
    return query.where(*clauses, *where).group_by(*groups)


def _sum(expression, sign: int = 1):
    return cast(func.sum(expression) * sign, BigInteger)  # PostgreSQL's sum of such numbers is a numeric


def _taken_together(level: int, finer: int):
    """The same from the kept rows of the next finer level."""
    c = CellCount
    tile = c.cell.op(">>")(cast(2 * (finer - level), Integer)).label("tile")
    columns = (c.audience, literal(level).label("level"), c.category, tile, c.kind, _sum(c.n), _sum(c.lon), _sum(c.lat))
    return select(*columns).where(c.level == finer).group_by(c.audience, c.category, "tile", c.kind)


def _expected():
    """level → selects of what its rows should be."""
    for level in (UNPLACED, FINEST):
        yield level, [_live(level, False), _live(level, True)]
    for level, finer in zip(LEVELS[-2::-1], LEVELS[:0:-1], strict=True):
        yield level, [_taken_together(level, finer)]


def differences(session: Session) -> int:
    """How many rows are missing, wrong or too many, by counting everything; seconds for a million reports."""
    c, wrong = CellCount, 0
    for level, parts in _expected():
        kept = select(c.audience, c.level, c.category, c.cell, c.kind, c.n, c.lon, c.lat).where(c.level == level)
        should = parts[0] if len(parts) == 1 else parts[0].union_all(*parts[1:])
        for one, other in ((should, kept), (kept, should)):
            # as sub-selects: SQLite takes no bracket around a part of a compound
            pair = except_(*(select(part.subquery()) for part in (one, other))).subquery()
            wrong += session.scalar(select(func.count()).select_from(pair))
    return wrong


def is_sound(session: Session) -> bool:
    """Whether every level tells of as many reports as are published, at the same mean place: a quick look at the sums."""
    p, c = Publication, CellCount
    published = select(p.audience, func.count()).where(p.audience.in_(COUNTED), p.status == Status.PUBLISHED)
    counted = {audience: n for audience, n in session.execute(published.group_by(p.audience))}
    sums: dict[tuple, tuple] = {}
    query = select(c.audience, c.level, _sum(c.n), _sum(c.lon), _sum(c.lat)).where(c.category == ALL)
    for audience, level, *told in session.execute(query.group_by(c.audience, c.level)):
        sums[audience, level] = tuple(told)
    for audience in COUNTED:
        unplaced = sums.pop((audience, UNPLACED), (0, 0, 0))
        levels = {sums.pop((audience, level), (0, 0, 0)) for level in LEVELS}
        if len(levels) != 1 or levels.pop()[0] + unplaced[0] != counted.get(audience, 0):
            return False
    return not sums  # a level or an audience of which there should be nothing


def rebuild(session: Session) -> int:
    """Where anything is wrong, count everything anew, under the log's lock; the caller commits. → rows that were wrong."""
    events.lock(session)
    wrong = differences(session)
    if wrong:
        session.execute(delete(CellCount), execution_options={"synchronize_session": False})
        names = [column.key for column in CellCount.__table__.columns]
        for _level, parts in _expected():
            for part in parts:
                session.execute(CellCount.__table__.insert().from_select(names, part))
    return wrong
