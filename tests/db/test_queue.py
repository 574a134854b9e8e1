"""The line of writers: threads, processes, forks."""

import multiprocessing
import os
import threading
import time

import pytest
from sqlalchemy import func, insert, select

from crowdmap.db import db, sqlite, writing_session
from crowdmap.db.queue import QueueTimeout, WriterQueue, writer_queue
from tests.db.conftest import bare_app

spawn = multiprocessing.get_context("spawn")
PROCESSES, THREADS, WRITES = 2, 4, 25


def _hammer(url, number, results):
    """Run in a process of its own: THREADS threads write WRITES rows each, and say how long each had to wait."""
    from tests.db.conftest import spot_model

    app, model, waits, errors = bare_app(url), spot_model(), [], []

    def write(thread):
        with app.app_context():
            for i in range(WRITES):
                begun = time.perf_counter()
                try:
                    # what was read inside the transaction must still hold when it writes
                    count = db.session.scalar(select(func.count()).select_from(model))
                    row = {"channel": f"{number}-{thread}", "number": i, "search_text": str(count)}
                    db.session.execute(insert(model), [row])
                    db.session.commit()
                except Exception as error:
                    db.session.rollback()
                    errors.append(repr(error))
                waits.append(time.perf_counter() - begun)

    threads = [threading.Thread(target=write, args=(i,)) for i in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put((waits, errors))


def test_processes_and_threads_write_without_a_single_refusal(spots, database):
    results = spawn.Queue()
    processes = [spawn.Process(target=_hammer, args=(database.url, i, results)) for i in range(PROCESSES)]
    for process in processes:
        process.start()
    found = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    assert [error for _, errors in found for error in errors] == []
    rows = db.session.scalars(select(spots.search_text)).all()
    db.session.rollback()
    assert len(rows) == PROCESSES * THREADS * WRITES
    if database.name == "sqlite":  # one writer: no two saw the same number of rows
        assert sorted(map(int, rows)) == list(range(len(rows)))


def test_first_come_first_served(tmp_path):
    queue, order = WriterQueue(tmp_path / "x.db"), []
    queue.enter(1)
    threads = []
    for i in range(8):
        def wait(i=i):
            queue.enter(5)
            order.append(i)
            queue.leave()

        threads.append(threading.Thread(target=wait))
        threads[-1].start()
        while len(queue._line._waiting) <= i:
            time.sleep(0.001)
    queue.leave()
    for thread in threads:
        thread.join()
    assert order == list(range(8))


def test_who_waits_too_long_leaves_the_line(tmp_path):
    queue = WriterQueue(tmp_path / "x.db")
    queue.enter(1)
    with pytest.raises(QueueTimeout):
        queue.enter(0.05)
    queue.leave()
    queue.enter(0.05)
    queue.leave()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_another_process_is_waited_for_and_given_up_in_time(tmp_path):
    path = tmp_path / "x.db"
    theirs, ours = WriterQueue(path), WriterQueue(path)  # two open files: to flock they are two processes
    theirs.enter(1)
    with pytest.raises(QueueTimeout):
        ours.enter(0.05)
    # the thread in the kernel still stands for us; whoever comes now waits behind it
    with pytest.raises(QueueTimeout):
        ours.enter(0.05)
    theirs.leave()
    ours.enter(5)
    with pytest.raises(QueueTimeout):
        theirs.enter(0.05)
    ours.leave()
    theirs.enter(5)
    theirs.leave()


def test_nobody_overtakes_the_process_that_waits(tmp_path):
    busy, waiting = WriterQueue(tmp_path / "x.db"), WriterQueue(tmp_path / "x.db")
    turns, stop, got = [0], threading.Event(), threading.Event()

    def hog():
        while not stop.is_set():
            busy.enter(5)
            turns[0] += 1
            time.sleep(0.002)
            busy.leave()

    thread = threading.Thread(target=hog)
    thread.start()
    try:
        for _ in range(10):
            before = turns[0]
            waiting.enter(5)
            assert turns[0] - before < 100  # with one lock alone it would never end
            waiting.leave()
        got.set()
    finally:
        stop.set()
        thread.join()
    assert got.is_set()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_holds_nothing_of_its_parents(tmp_path):
    path = tmp_path / "x.db"
    queue = writer_queue(path)
    queue.enter(1)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writer)
        os.read(reader, 1)  # lives until the parent has checked
        os._exit(0)
    try:
        queue.leave()
        other = WriterQueue(path)
        other.enter(1)
        other.leave()
    finally:
        os.close(writer)
        os.waitpid(child, 0)
    assert writer_queue(path) is queue


@pytest.mark.databases("sqlite")
def test_a_forked_worker_opens_connections_of_its_own(spots):
    db.session.execute(insert(spots), [{"number": 1}])
    db.session.commit()
    child = os.fork()
    if child == 0:
        try:
            with writing_session() as own:
                own.execute(insert(spots), [{"number": 2}])
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert sorted(db.session.scalars(select(spots.number))) == [1, 2]
    db.session.rollback()


@pytest.mark.databases("sqlite")
def test_without_file_locks_sqlite_waits_by_itself(spots, monkeypatch, tmp_path):
    from crowdmap.db import queue as module

    monkeypatch.setattr(module, "fcntl", None)
    assert WriterQueue(tmp_path / "y.db")._files == {}
    monkeypatch.setattr(sqlite, "writer_queue", lambda path: WriterQueue(path))
    db.session.execute(insert(spots), [{"number": 1}])
    db.session.commit()
