"""INSERT … ON CONFLICT."""

import threading

from sqlalchemy import insert, select

from crowdmap.db import db, insert_if_absent, spatial, upsert


def numbers(spots):
    rows = db.session.execute(select(spots.channel, spots.number, spots.search_text).order_by(spots.id)).all()
    db.session.rollback()
    return [tuple(row) for row in rows]


def row(number, words="", **more):
    return {"channel": "web", "number": number, "search_text": words, **more}


def test_only_what_is_absent_is_inserted_and_told(spots):
    assert insert_if_absent(db.session, spots, [], ("channel", "number")) == []
    first = insert_if_absent(db.session, spots, [row(1, "one"), row(2, "two")], ("channel", "number"))
    assert sorted((r.channel, r.number) for r in first) == [("web", 1), ("web", 2)]
    rows = [row(2, "other"), row(3, "three"), row(3, "twin")]
    more = insert_if_absent(db.session, spots, rows, ("channel", "number"))
    assert [(r.number) for r in more] == [3]
    assert more[0].id not in {r.id for r in first}
    db.session.commit()
    assert numbers(spots) == [("web", 1, "one"), ("web", 2, "two"), ("web", 3, "three")]


def test_many_at_once_with_places(spots):
    rows = [row(i, lon=i / 100, lat=1.0, geom=spatial.point(i / 100, 1.0)) for i in range(5000)]
    assert len(insert_if_absent(db.session, spots, rows[::2], ("channel", "number"))) == 2500
    found = insert_if_absent(db.session, spots, rows, ("channel", "number"))
    assert {r.number for r in found} == set(range(1, 5000, 2))
    db.session.commit()


def test_of_simultaneous_twins_one_gets_in(spots):
    from flask import current_app

    app, barrier, got = current_app._get_current_object(), threading.Barrier(6), []

    def send():
        with app.app_context():
            barrier.wait()
            got.append(insert_if_absent(db.session, spots, [row(1)], ("channel", "number")))
            db.session.commit()

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(len, got)) == [0, 0, 0, 0, 0, 1]
    assert len(numbers(spots)) == 1


def test_upsert_sets_what_was_given(spots):
    db.session.execute(insert(spots), [row(1, "old", lon=1.0), row(2, "old", lon=2.0)])
    upsert(db.session, spots, [], ("channel", "number"))
    upsert(db.session, spots, [row(1, "new"), row(3, "new")], ("channel", "number"))
    upsert(db.session, spots, [row(2, "ignored", lon=9.0)], ("channel", "number"), update=("lon",))
    upsert(db.session, spots, [{"channel": "web", "number": 3}], ("channel", "number"))
    db.session.commit()
    assert numbers(spots) == [("web", 1, "new"), ("web", 2, "old"), ("web", 3, "new")]
    assert db.session.scalars(select(spots.lon).order_by(spots.id)).all() == [1.0, 9.0, None]
    db.session.rollback()
