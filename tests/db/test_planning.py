"""What the planner knows, and when the index by place is not worth its while."""

import pytest
from sqlalchemy import func, insert, select, text

from crowdmap.db import analyse, db, seldom, spatial, writing_session
from crowdmap.db.spatial import Share, in_bbox, sample_of
from crowdmap.geo import Bbox


def put(spots, points):
    rows = [{"lon": x, "lat": y, "geom": x if x is None else spatial.point(x, y)} for x, y in points]
    db.session.execute(insert(spots), rows)
    db.session.commit()


def test_a_box_is_wide_that_holds_much_of_what_there_is(spots):
    assert not sample_of(db.session, spots).share(Bbox(-180, -90, 180, 90)).is_wide()
    put(spots, [(i / 1000, 1.0) for i in range(2000)] + [(None, None)] * 500)
    assert sample_of(db.session, spots).share(Bbox(-180, -90, 180, 90)).is_wide()
    assert sample_of(db.session, spots).share(Bbox(0, 0, 1, 2)).is_wide()
    assert not sample_of(db.session, spots).share(Bbox(0, 0, 0.1, 2)).is_wide()
    assert sample_of(db.session, spots).share(Bbox(179, -90, 1, 90)).is_wide()
    db.session.rollback()


def test_a_list_is_walked_where_that_passes_less():
    assert Share(0.5, 200_000).is_wide(1_000)
    assert not Share(0.1, 20_000).is_wide(1_000)
    assert Share(0.9, 200_000).is_wide(10_000) and not Share(0.2, 200_000).is_wide(10_000)
    assert not Share(0, 0).is_wide(1)


@pytest.mark.databases("sqlite")
def test_every_connection_notices_new_statistics(spots):
    db.session.execute(text("CREATE INDEX by_channel ON spot (channel, number, lon, lat)"))
    put(spots, [(i / 1000, 1.0) for i in range(5000)])
    box = in_bbox(spots, Bbox(1, 0, 1.01, 2))
    query = select(func.count()).where(spots.channel == "web", box)

    def plan(session):
        sql = str(query.compile(db.engine, compile_kwargs={"literal_binds": True}))
        lines = [row[-1] for row in session.execute(text("EXPLAIN QUERY PLAN " + sql))]
        session.rollback()
        return lines[0]

    with writing_session() as other:
        assert "by_channel" in plan(other)  # guesses
        db.session.execute(text("DELETE FROM spot WHERE id = -1"))
        analyse(db.session)
        assert "INTEGER PRIMARY KEY" in plan(other)  # knows


def test_analysing_is_a_commit(spots):
    analyse(db.session)
    assert not db.session().in_transaction()


@pytest.mark.databases("sqlite")
def test_what_nearly_always_is_null_is_found_by_its_index(spots):
    db.session.execute(text("CREATE INDEX by_number ON spot (number)"))
    db.session.execute(insert(spots), [{"channel": "web", "number": None if i else 7} for i in range(2000)])
    db.session.commit()
    analyse(db.session)
    few = spots.number.in_([7, 8])

    def plan(condition):
        sql = str(select(spots).where(condition).order_by(spots.id).compile(db.engine, compile_kwargs={"literal_binds": True}))
        return [row[-1] for row in db.session.execute(text("EXPLAIN QUERY PLAN " + sql))][0]

    assert plan(few).startswith("SCAN")  # each value is believed to be in half of the rows
    assert "by_number" in plan(seldom(few))
    assert len(db.session.scalars(select(spots.id).where(seldom(few))).all()) == 1
    db.session.rollback()


def test_what_few_rows_meet_is_the_same_condition(spots):
    db.session.execute(insert(spots), [{"channel": "web", "number": i} for i in range(5)])
    db.session.commit()
    query = select(spots.number).where(seldom(spots.number.in_([1, 3])), seldom(spots.channel == "web"))
    assert sorted(db.session.scalars(query)) == [1, 3]
    db.session.rollback()
