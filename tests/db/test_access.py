"""Reading and writing: decided when a transaction begins, the same on both databases."""

import sqlite3
import threading

import pytest
from flask import request
from sqlalchemy import exc, insert, select, text

from crowdmap.db import DatabaseBusy, access, db, is_busy, lock_log, reading, snapshot, sqlite, writing, writing_session


def count(spots, session=None) -> int:
    return len(list((session or db.session).scalars(select(spots.id))))


def add(spots, session=None, **values):
    (session or db.session).execute(insert(spots), [values or {"channel": "web"}])


@pytest.mark.parametrize(
    ("method", "mode"), [("GET", "read"), ("HEAD", "read"), ("OPTIONS", "read"), ("POST", "write")]
)
def test_the_method_of_a_request_decides(app, method, mode):
    with app.test_request_context(method=method):
        assert access() == mode
        with writing():
            assert access() == "write"
            with reading():
                assert access() == "read"
        assert access() == mode
    assert access() == "write"


@pytest.fixture
def views(app, spots):
    def look():
        return str(count(spots))

    def write():
        add(spots)
        db.session.commit()
        return request.method

    def note():
        before = count(spots)
        with writing_session() as own:
            add(spots, own)
        return str(before)

    app.testing = True  # errors reach the test
    app.add_url_rule("/look", view_func=look)
    app.add_url_rule("/write", view_func=write, methods=["GET", "POST"])
    app.add_url_rule("/note", view_func=note)
    return app.test_client()


def test_a_get_that_writes_fails_and_keeps_nothing(views, spots):
    with pytest.raises(exc.DBAPIError) as refused:
        views.get("/write")
    assert not is_busy(refused.value)
    assert count(spots) == 0
    assert views.post("/write").text == "POST"
    assert count(spots) == 1


def test_a_connection_that_was_reading_writes_again(views, spots):
    for _ in range(5):
        with reading():
            assert isinstance(count(spots), int)
            db.session.rollback()
        add(spots)
        db.session.commit()
    assert count(spots) == 5


def test_even_a_get_can_note_something_in_a_session_of_its_own(views, spots):
    assert views.get("/note").text == "0"
    assert views.get("/look").text == "1"


def test_a_request_leaves_no_transaction_to_whoever_holds_the_context(views, spots):
    assert count(spots) == 0  # begun for writing, by the test
    assert views.get("/look").text == "0"
    assert not db.session().in_transaction()
    add(spots)
    db.session.commit()
    assert views.get("/look").text == "1"


def test_what_fails_in_a_writing_session_is_not_kept(spots):
    with pytest.raises(RuntimeError), writing_session() as own:
        add(spots, own)
        raise RuntimeError
    assert count(spots) == 0


def test_reading_sees_one_moment(spots):
    with reading():
        assert count(spots) == 0
        with writing_session() as other:
            add(spots, other)
        assert count(spots) == 0
        db.session.rollback()
        assert count(spots) == 1
        db.session.rollback()


def test_a_snapshot_from_within_writing_sees_one_moment_of_what_is_committed(spots):
    add(spots)
    with snapshot() as frozen:
        assert frozen is not db.session()
        assert count(spots, frozen) == 0
        db.session.commit()
        assert count(spots, frozen) == 0
    with snapshot() as frozen, pytest.raises(exc.DBAPIError):
        add(spots, frozen)
    with reading(), snapshot() as frozen:
        assert frozen is db.session()
        assert count(spots) == 1
        db.session.rollback()


def test_readers_do_not_wait_for_a_long_write(spots):
    add(spots)
    seen = []

    def look(app):
        with app.app_context(), reading():
            seen.append(count(spots))

    from flask import current_app

    reader = threading.Thread(target=look, args=(current_app._get_current_object(),))
    reader.start()
    reader.join(5)
    assert seen == [0]
    db.session.rollback()


def test_objects_stay_readable_after_the_commit(spots):
    spot = spots(channel="web", number=7)
    db.session.add(spot)
    db.session.commit()
    assert not db.session().in_transaction()
    assert (spot.id, spot.number) == (1, 7)
    assert not db.session().in_transaction()


def test_savepoints(spots):
    add(spots, number=1)
    with pytest.raises(exc.IntegrityError), db.session.begin_nested():
        add(spots, channel="web", number=1)
    add(spots, number=2)
    db.session.commit()
    assert count(spots) == 2


@pytest.mark.databases("sqlite")
def test_a_second_writer_is_refused_in_time_and_leaves_nothing_behind(spots, monkeypatch):
    monkeypatch.setattr(sqlite, "WAIT_SECONDS", 0.2)
    add(spots)
    for _ in range(70):  # more than the pool holds
        with pytest.raises(DatabaseBusy) as refused, writing_session() as other:
            monkeypatch.setattr(sqlite, "WAIT_SECONDS", 0.001)
            add(spots, other)
        assert is_busy(refused.value)
    db.session.commit()
    assert db.engine.pool.checkedout() == 0
    with writing_session() as other:
        add(spots, other)
    assert count(spots) == 2


@pytest.mark.databases("sqlite")
def test_another_programs_lock_is_busy_too(spots, database):
    other = sqlite3.connect(db.engine.url.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with db.engine.connect() as connection:
        connection.connection.dbapi_connection.execute("PRAGMA busy_timeout = 50")
        with pytest.raises(exc.OperationalError) as refused:
            connection.execute(insert(spots))
    assert is_busy(refused.value)
    other.close()
    add(spots)
    db.session.commit()


@pytest.mark.databases("sqlite")
def test_what_each_connection_is_set_up_with(spots):
    def pragma(name):
        return db.session.execute(text(f"PRAGMA {name}")).scalar()

    names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "trusted_schema")
    assert [pragma(name) for name in names] == ["wal", 2, 1, 1, 1]
    assert pragma("busy_timeout") >= 5000


@pytest.mark.databases("postgis")
def test_deadlocks_timeouts_and_lost_servers_are_busy(spots):
    for statement in ("SET LOCAL statement_timeout = 10", "SELECT pg_sleep(1)"):
        try:
            db.session.execute(text(statement))
        except exc.DBAPIError as error:
            assert is_busy(error)
    db.session.rollback()
    with pytest.raises(exc.DBAPIError) as lost:
        db.session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert is_busy(lost.value)
    db.session.rollback()
    assert count(spots) == 0  # a fresh connection, nobody noticed


@pytest.mark.databases("postgis")
def test_a_lock_that_does_not_come_is_busy(spots):
    lock_log(db.session)
    with pytest.raises(exc.DBAPIError) as refused, writing_session() as other:
        other.execute(text("SET LOCAL lock_timeout = 50"))
        lock_log(other)
    assert is_busy(refused.value)
    db.session.rollback()


def test_the_pool_being_empty_is_busy(spots):
    assert is_busy(exc.TimeoutError())


@pytest.mark.parametrize(
    "error",
    [
        ValueError(),
        exc.IntegrityError("", None, sqlite3.IntegrityError("UNIQUE")),
        sqlite3.OperationalError("no such table"),
    ],
)
def test_what_is_wrong_is_not_busy(error):
    assert not is_busy(error)


@pytest.mark.parametrize("words", ["database is locked", "database or disk is full"])
def test_what_passes_is_busy(words):
    assert is_busy(exc.OperationalError("", None, sqlite3.OperationalError(words)))
