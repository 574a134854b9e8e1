"""The kept counts are those of the publications, after whatever happened, and the map that reads them is exact."""

import random
from collections import Counter
from importlib import import_module

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text, update

from crowdmap.db import db
from crowdmap.filters import ReportFilter
from crowdmap.geo import Bbox
from crowdmap.jobs import work_once
from crowdmap.feeds import grid, kept_counts
from crowdmap.maps import cells
from crowdmap.operate import check_counts
from crowdmap.publishing import counts, hook, policy
from crowdmap.publishing.cli import republish
from crowdmap.publishing.models import OUTSIDE, Audience, CellCount, Publication
from crowdmap.reports.models import Category, Kind, Policy, Report, Status
from tests.builders import JACMEL, LEOGANE, PORT_AU_PRINCE, make_account, make_report

EVERYWHERE = Bbox(-180, -90, 180, 90)
PLACES = (PORT_AU_PRINCE, LEOGANE, JACMEL, (179.9999, -16.5), (-179.9999, -16.5), (0.0, 0.0), (12.5, 88.0), (-72.33500005, 18.5), None)


def by_hand(session) -> dict[tuple, tuple]:
    """key → (n, lon, lat), counted here, one publication after the other."""
    found: dict[tuple, list[int]] = {}
    p = Publication
    codes: dict[int, set[str]] = {}
    for publication_id, code in session.execute(text("SELECT publication_id, code FROM publication_category")):
        codes.setdefault(publication_id, set()).add(code)
    for row in session.execute(select(p.id, p.audience, p.status, p.kind, p.cell, p.lon, p.lat)):
        if row.status is not Status.PUBLISHED or row.audience is Audience.STAFF:
            continue
        for category in {"", *codes[row.id]}:
            placed = row.cell is not None
            for level in counts.LEVELS if placed else [counts.UNPLACED]:
                cell = row.cell >> 2 * (24 - level) if placed else 0
                sums = found.setdefault((row.audience, level, category, cell, row.kind), [0, 0, 0])
                sums[0] += 1
                if placed:
                    sums[1] += int(row.lon * 1e7 + 1_800_000_000.5) - 1_800_000_000
                    sums[2] += int(row.lat * 1e7 + 1_800_000_000.5) - 1_800_000_000
    return {key: tuple(sums) for key, sums in found.items()}


def kept_rows(session) -> dict[tuple, tuple]:
    c = CellCount
    rows = session.execute(select(c.audience, c.level, c.category, c.cell, c.kind, c.n, c.lon, c.lat))
    return {tuple(row[:5]): tuple(row[5:]) for row in rows}


def check(session) -> None:
    rows = kept_rows(session)
    assert rows == by_hand(session)
    assert counts.differences(session) == 0 and counts.is_sound(session) and check_counts() is None
    session.rollback()


def work(session):
    while work_once(session):
        pass


def test_a_report_is_counted_once_a_level_and_once_more_for_each_category(session):
    make_report(at=PORT_AU_PRINCE, category="WAT", categories=["FOOD"])
    make_report(at=None, category="ROAD", kind="damage")
    make_report(status="pending")
    make_report(category="MISS")
    rows = kept_rows(session)
    assert {key[2] for key in rows if key[1] != counts.UNPLACED} == {"", "WAT", "FOOD"}
    assert all(n == 1 for n, _, _ in rows.values())
    assert Counter(key[0] for key in rows) == dict.fromkeys(OUTSIDE, 3 * len(counts.LEVELS) + 2)
    check(session)


def test_what_is_hidden_restricted_or_erased_leaves_no_row(session):
    reports = [make_report(), make_report(at=None), make_report(category="ROAD", kind="damage")]
    session.query(Report).filter(Report.id.in_([r.id for r in reports])).update({"status": Status.HIDDEN})
    hook.touch(session, [r.id for r in reports])
    session.commit()
    assert kept_rows(session) == {}
    check(session)


def test_an_edit_that_moves_nothing_writes_no_count(session, monkeypatch):
    report = make_report(title="Before")
    session.commit()
    written = []
    monkeypatch.setattr(counts, "accumulate", lambda _session, _model, rows, conflict: written.extend(rows))
    report.title = "After"
    session.commit()
    assert written == []


STEPS = ("submit", "publish", "hide", "close", "reopen", "move", "unplace", "kind", "category", "merge", "unmerge", "withdraw",
         "restore", "title", "policy")  # fmt: skip


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 10_000)), min_size=4, max_size=14))
def test_whatever_happens_in_whatever_order_the_counts_are_those_of_the_publications(session, steps):
    session.rollback()
    admin = make_account("coordinator")
    for step, number in steps:
        reports = list(session.scalars(select(Report).order_by(Report.id)))
        report = reports[number % len(reports)] if reports else None
        do(session, admin, step, number, reports, report)
        if number % 3 == 0:
            session.commit()
    session.commit()
    work(session)
    check(session)


def do(session, admin, step: str, number: int, reports: list[Report], report: Report | None) -> None:
    codes = ("WAT", "FOOD", "ROAD", "HOSP", "MISS")
    place = PLACES[number % len(PLACES)]
    if step == "submit" or report is None:
        more = [codes[number // 5 % 4]] if number % 4 == 0 else []
        make_report(at=place, category=codes[number % 5], categories=more, status=("published", "pending")[number % 5 == 0])
    elif step in ("publish", "restore"):
        report.status = Status.PUBLISHED
    elif step in ("hide", "close", "reopen"):
        report.status = {"hide": Status.HIDDEN, "close": Status.CLOSED, "reopen": Status.PUBLISHED}[step]
    elif step in ("move", "unplace"):
        from crowdmap.reports.models import ReportPrivate

        private = session.get(ReportPrivate, report.id)
        private.lon, private.lat = place if place and step == "move" else (None, None)
    elif step == "kind":
        report.kind = list(Kind)[number % 4]
    elif step == "category":
        report.category = codes[number % 5]
    elif step == "merge":
        root = reports[number // 7 % len(reports)]
        if root.merged_into_id is None and report.id != root.id and not any(r.merged_into_id == report.id for r in reports):
            report.merged_into_id = root.id
    elif step == "unmerge":
        report.merged_into_id = None
    elif step == "withdraw":
        report.withdrawn_at = report.created_at
    elif step == "title":
        report.title = f"Title {number}"
    elif step == "policy":
        category = session.get(Category, codes[number % 4])
        wanted = list(Policy)[number // 4 % len(list(Policy))]
        policy.change(session, admin, category.code, policy=wanted)


def test_a_stricter_policy_takes_its_counts_along_in_the_same_transaction(session):
    for at in (PORT_AU_PRINCE, JACMEL, None):
        make_report(at=at, category="ROAD", kind="damage", categories=["BRID"])
        make_report(at=at, category="BRID", kind="damage")
    policy.change(session, make_account("coordinator"), "ROAD", policy=Policy.RESTRICTED)
    session.commit()
    left = sum(n for key, (n, _, _) in kept_rows(session).items() if key[2] == "")
    assert left == len(OUTSIDE) * (2 * len(counts.LEVELS) + 1)
    check(session)
    work(session)
    check(session)


def test_doctor_finds_what_is_wrong_and_republish_mends_it(session, app):
    for at in (PORT_AU_PRINCE, JACMEL, None):
        make_report(at=at)
    right = kept_rows(session)
    session.execute(update(CellCount).where(CellCount.level == 6, CellCount.category == "").values(n=CellCount.n + 1))
    session.execute(text("DELETE FROM cell_count WHERE level = 16 AND category <> ''"))
    session.commit()
    assert "republish" in check_counts()
    session.rollback()
    told = app.test_cli_runner().invoke(republish).output
    assert told.startswith("3 reports projected, 0 changed\n") and "counts behind the map were wrong" in told
    assert kept_rows(session) == right and check_counts() is None
    session.rollback()
    assert app.test_cli_runner().invoke(republish).output == "3 reports projected, 0 changed\n"


def test_the_migration_counts_what_is_there(session):
    for number, at in enumerate(PLACES):
        make_report(at=at, category=("ROAD", "WAT")[number % 2], categories=["FOOD"] if number % 3 == 0 else [])
    kept_before = kept_rows(session)
    session.rollback()
    migration = import_module("migrations.versions.0005_cell_counts")
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    from crowdmap.db import writing

    with writing(), db.engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        migration.downgrade()
        migration.upgrade()
    assert kept_rows(session) == kept_before != {}
    check(session)


# ---- read


def compare(session, chosen: ReportFilter, zoom: int, audience=Audience.PUBLIC):
    """What the table says of a view is what counting says, bounds and all; the bounds only where the view cuts no cell."""
    assert kept_counts.knows(chosen, audience)
    level = grid.grid_level(chosen.bbox, zoom + cells.FINER, cells.MOST_TILES)
    tiles = grid.tiles_of(chosen.bbox, level)
    live = grid.count_live(chosen, tiles, level, audience)
    found = kept_counts.count(chosen, tiles, level, audience)
    assert {xy: (cell.n, cell.kinds) for xy, cell in found.items()} == {xy: (cell.n, cell.kinds) for xy, cell in live.items()}
    cells.bound(chosen, found, level, audience)
    inside = {(tile.x, tile.y) for tile in tiles if tile.inside}
    for xy, cell in found.items():
        assert cell.point == pytest.approx(live[xy].point, abs=1e-6)
        assert cell.low <= live[xy].low and cell.high >= live[xy].high
        if xy in inside:
            exact, told = live[xy], (cell.low, cell.high)
            assert cells._common_zoom(*told) == cells._common_zoom(exact.low, exact.high), (xy, told, exact)
            assert (cell.low == cell.high) == (exact.low == exact.high)
    session.rollback()
    return sum(cell.n for cell in found.values())


@pytest.fixture
def scattered(session):
    chance = random.Random(4)
    for number in range(120):
        lon, lat = chance.choice(((-72.33, 18.54), (-72.6, 18.5), (-72.5, 18.25)))
        at = (lon + chance.gauss(0, 0.02), lat + chance.gauss(0, 0.02)) if number % 12 else None
        make_report(at=at, category=chance.choice(("WAT", "ROAD", "HOSP", "FOOD")),
                    categories=["COLL"] if number % 5 == 0 else [])  # fmt: skip
    return session


@pytest.mark.parametrize("crowd", [kept_counts.MOST_COMPARED, 3, 0])
def test_every_view_is_counted_exactly_at_its_edges_too(scattered, monkeypatch, crowd):
    monkeypatch.setattr(kept_counts, "MOST_COMPARED", crowd)
    monkeypatch.setattr(kept_counts, "MOST_COMPARED_AT_ONCE", crowd)
    chance = random.Random(crowd)
    filters = [{}, {"kind": "need"}, {"kind": "damage,offer"}, {"category": "WAT"}, {"category": "COLL", "kind": "damage"}]
    for number in range(25):
        west, south = chance.uniform(-72.7, -72.3), chance.uniform(18.2, 18.55)
        box = f"{west},{south},{west + chance.uniform(0, 0.5)},{south + chance.uniform(0, 0.3)}"
        chosen = ReportFilter.parse({**filters[number % 5], "bbox": box})
        total = compare(scattered, chosen, chance.randint(0, 16))
        assert total == scattered.scalar(chosen.select(Audience.PUBLIC, func.count()))
        assert total == kept_counts.total(chosen, Audience.PUBLIC)
    assert compare(scattered, ReportFilter.parse({"bbox": "-180,-90,180,90"}), 3) == 110
    assert compare(scattered, ReportFilter.parse({"bbox": "-72,-90,-73,90"}), 3) == 0


def test_reports_beyond_the_grids_latitudes_and_at_the_antimeridian_are_where_they_are(session):
    for at in PLACES[:-1]:
        make_report(at=at, category="ROAD", kind="damage")
    for box, n in (("-180,-90,180,90", 8), ("10,86,20,90", 1), ("10,-90,20,86", 0), ("179,-17,-179,-16", 2), ("100,-20,90,20", 7)):
        chosen = ReportFilter.parse({"bbox": box})
        for zoom in (0, 1, 3, 7):
            assert compare(session, chosen, zoom) == n == session.scalar(chosen.select(Audience.PUBLIC, func.count())), box


def test_unplaced_reports_are_told_by_kind_and_category(session):
    make_report(at=None, category="WAT", categories=["FOOD"])
    make_report(at=None, category="ROAD", kind="damage")
    for args, n in (({}, 2), ({"kind": "damage"}, 1), ({"category": "FOOD"}, 1), ({"category": "HOSP"}, 0)):
        assert kept_counts.total(ReportFilter.parse({**args, "placed": "no"}), Audience.PUBLIC) == n, args
        make_report(at=PLACES[0], category="ROAD", kind="damage")
        for placed in ({}, {"placed": "yes"}, {"placed": "no"}):
            chosen = ReportFilter.parse({**args, **placed})
            live = session.scalar(chosen.select(Audience.PUBLIC, func.count()))
            assert kept_counts.total(chosen, Audience.PUBLIC) == live, chosen


@pytest.mark.parametrize("args", [
    {"q": "camp"}, {"sector": "wash"}, {"area": "Jacmel"}, {"status": "closed"}, {"status": "all"}, {"verification": "verified"},
    {"category": "WAT,FOOD"}, {"near": "1,1", "radius": "5"}, {"from": "-24h"}, {"until": "2010-01-01"},
])  # fmt: skip
def test_other_filters_are_counted_as_they_stand(session, args):
    assert not kept_counts.knows(ReportFilter.parse(args), Audience.PUBLIC)


def test_the_desk_has_no_kept_counts(session):
    assert not kept_counts.knows(ReportFilter(), Audience.STAFF)
