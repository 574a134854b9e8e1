"""Values kept by id and version: what is asked for is what is given, whatever was dropped."""

import random

from crowdmap.db.versions import _APIECE, KEPT_S, Version, Versions


class Table:
    """A database of values, each as its version; counts what is read."""

    def __init__(self):
        self.now = {}
        self.read_so_far = 0

    def read(self, ids):
        self.read_so_far += len(ids)
        return [(key, self.now[key]) for key in ids]

    def change(self, key, version):
        self.now[key] = Version(version, b"%d as %d" % (key, version), float(key), None)

    def take(self, store, ids):
        return store.take(ids, [self.now[key].version for key in ids], self.read)


def test_what_is_given_is_the_version_asked_for():
    chance, table, store = random.Random(3), Table(), Versions(size=40 * (_APIECE + 10))
    for key in range(60):
        table.change(key, key)
    for step in range(400):
        table.change(chance.randrange(60), 100 + step)
        ids = chance.sample(range(60), chance.randrange(1, 50))
        assert table.take(store, ids) == [table.now[key] for key in ids]
        held = sum(len(kept.value) + _APIECE for kept in store._kept.values())
        assert held == store._held <= 40 * (_APIECE + 10)


def test_only_what_changed_is_read_again():
    table, store = Table(), Versions()
    for key in range(10):
        table.change(key, key)
    table.take(store, list(range(10)))
    table.change(4, 20)
    table.take(store, list(range(10)))
    assert table.read_so_far == 11


def test_a_value_greater_than_all_that_may_be_kept_is_given_all_the_same():
    table, store = Table(), Versions(size=10)
    table.change(1, 1)
    assert table.take(store, [1]) == [table.now[1]]
    assert not store._kept and store._held == 0


def test_nothing_stays_for_good(monkeypatch):
    """What was erased is asked for no more, so that nobody would ever replace it."""
    table, store, now = Table(), Versions(), [0.0]
    monkeypatch.setattr("crowdmap.db.versions.time.monotonic", lambda: now[0])
    store._begun = 0.0
    table.change(1, 1)
    table.change(2, 2)
    table.take(store, [1, 2])
    now[0] = KEPT_S + 1
    table.take(store, [2])
    assert list(store._kept) == [2] and store._held == len(table.now[2].value) + _APIECE
