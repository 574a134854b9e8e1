"""Waking who waits for the log."""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from crowdmap.db import db, wake, writing_session
from crowdmap.db.glance import Glance
from crowdmap.db.own import open_postgres
from crowdmap.db.wake import Waker, notify


@pytest.fixture
def log(app):
    with app.app_context():
        with db.engine.begin() as connection:
            connection.execute(text("CREATE TABLE event (seq INTEGER PRIMARY KEY)"))
        waker = Waker(app)
        yield waker
        waker.close()
        db.session.remove()
        with db.engine.begin() as connection:
            connection.execute(text("DROP TABLE event"))


def write(seq, commit=True):
    with writing_session() as own:
        own.execute(text("INSERT INTO event VALUES (:seq)"), {"seq": seq})
        notify(own, seq)
        if not commit:
            own.rollback()


def later(app, seconds, *args):
    def run():
        time.sleep(seconds)
        with app.app_context():
            write(*args)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_what_is_there_is_told_at_once(log):
    write(7)
    begun = time.monotonic()
    assert log.wait(0, 5) == 7
    assert log.wait(3, 5) == 7
    assert time.monotonic() - begun < 1


def test_nothing_new_takes_the_whole_time(log):
    assert log.wait(0, 0.05) == 0
    write(1)
    assert log.wait(0, 5) == 1
    begun = time.monotonic()
    assert log.wait(1, 0.3) == 1
    assert time.monotonic() - begun >= 0.29
    assert log.wait(1, 0) == 1


def test_a_commit_wakes(log, app):
    assert log.wait(0, 0) == 0
    thread = later(app, 0.3, 5)
    begun = time.monotonic()
    assert log.wait(0, 10) == 5
    assert 0.25 < time.monotonic() - begun < 2
    thread.join()


def test_a_rollback_does_not(log, app):
    thread = later(app, 0.1, 5, False)
    assert log.wait(0, 0.6) == 0
    thread.join()


def test_a_log_that_went_back_is_noticed(log):
    """After a restore from a backup the head is behind; the caller must know."""
    write(3)
    assert log.wait(99, 2) == 3


def test_closing_ends_the_wait(log):
    closer = threading.Timer(0.2, log.close)
    closer.start()
    begun = time.monotonic()
    assert log.wait(0, 30) == 0
    assert time.monotonic() - begun < 10


def test_the_engine_will_do(log, app):
    write(2)
    waker = Waker(db.engine)
    assert waker.wait(0, 1) == 2
    waker.close()


@pytest.mark.databases("postgis")
def test_a_server_that_hangs_up_is_called_again(log, app):
    write(1)
    assert log.wait(0, 2) == 1
    with db.engine.begin() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND query LIKE 'LISTEN%' OR query LIKE 'SELECT max(seq)%'"
            )
        )
    write(2)
    assert log.wait(1, 5) == 2


@pytest.mark.databases("postgis")
def test_what_was_missed_by_ear_is_seen(log, monkeypatch):
    monkeypatch.setattr(wake, "LOOK_SECONDS", 0.1)
    assert log.wait(0, 0) == 0
    with db.engine.begin() as connection:
        connection.execute(text("INSERT INTO event VALUES (4)"))  # and nobody says so
    assert log.wait(0, 3) == 4


def test_the_last_connection_of_all(log):
    """Nobody else has the file open: SQLite has removed what the log's writers shared."""
    write(1)
    assert log.wait(0, 1) == 1
    log.close()
    db.session.remove()
    db.engine.dispose()
    waker = Waker(db.engine)
    assert waker.wait(0, 5) == 1
    write(2)
    assert waker.wait(1, 5) == 2
    waker.close()


def test_a_database_that_is_away_is_waited_for(app, database):
    """No table yet, as before the first migration."""
    waker = Waker(app)
    begun = time.monotonic()
    assert waker.wait(5, 0.3) == 5
    assert time.monotonic() - begun < 5
    waker.close()


@pytest.mark.databases("postgis")
def test_one_stuck_question_stops_nobody_for_long(log, app):
    """The look at the seqs is one connection for a whole process, and threads take turns: what it waits for, all wait for."""
    psycopg = pytest.importorskip("psycopg")
    with app.app_context(), db.engine.connect() as blocker:
        for statement, at_most in (("SELECT count(*) FROM event", 4), ("SELECT 1 FROM pg_sleep(30)", 10)):
            glance = Glance(db.engine, statement)
            blocker.execute(text("LOCK TABLE event IN ACCESS EXCLUSIVE MODE"))
            started = time.monotonic()
            with pytest.raises(psycopg.Error):
                glance.rows()
            assert time.monotonic() - started < at_most
            blocker.rollback()
            glance.close()
        with contextlib.closing(open_postgres(db.engine)) as connection:
            assert connection.execute("SHOW statement_timeout").fetchone() == ("5s",)
            assert connection.info.get_parameters()["keepalives_idle"] == "10"


def one_and_eight_meanwhile(app, monkeypatch, answer):
    """What each of nine threads got (a future), eight of which came while the first one's question was on its way, and how
    many questions there were; *answer* makes a question's number its answer."""
    asked, go_on = [], threading.Event()

    def ask(self):
        asked.append(len(asked))
        assert go_on.wait(10)
        return answer(asked[-1])

    monkeypatch.setattr(Glance, "_ask", ask)
    with app.app_context():
        glance = Glance(db.engine, "SELECT 1")
    with ThreadPoolExecutor(9) as pool:
        told = [pool.submit(glance.rows)]
        while not asked:
            time.sleep(0.01)
        told += [pool.submit(glance.rows) for _ in range(8)]
        time.sleep(0.2)
        go_on.set()
    return told, len(asked)


def test_who_comes_while_a_question_is_on_its_way_shares_the_next(app, database, monkeypatch):
    """And never the one on its way, which may not know what has been committed since."""
    told, questions = one_and_eight_meanwhile(app, monkeypatch, lambda number: [(number,)])
    assert [rows.result() for rows in told] == [[(0,)]] + 8 * [[(1,)]] and questions == 2


def test_what_the_driver_raises_is_raised_to_all_who_share_it(app, database, monkeypatch):
    """One after the other, a hundred threads would wait for minutes."""

    def gone(_number):
        raise OSError

    told, questions = one_and_eight_meanwhile(app, monkeypatch, gone)
    assert {type(rows.exception()) for rows in told} == {OSError} and questions == 2
