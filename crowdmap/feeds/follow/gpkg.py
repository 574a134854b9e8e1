"""A copy as a GeoPackage (OGC 12-128): QGIS opens it while it is kept in step. How far it is stands in a table of its
own, and changes in one transaction with the rows."""

import os
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

from crowdmap.feeds.follow.client import Away, Feature, State
from crowdmap.feeds.follow.ours import COLUMNS, NotOurs, check_name, check_ours, point, values

STATE = "crowdmap_follow"
PATIENCE_S = 30  # for whoever else writes into the file
# Clause 2.1.3: magic, version, flags (little endian, no envelope), srs_id; then a WKB point
POINT = struct.Struct("<2sBBiBIdd")
_LON_LAT = struct.Struct("<dd")


def blob(at: tuple[float, float] | None) -> bytes | None:
    return None if at is None else POINT.pack(b"GP", 0, 1, 4326, 1, 1, *at)


def _lon_lat(data: bytes) -> tuple[float, float]:
    return _LON_LAT.unpack_from(data, POINT.size - _LON_LAT.size)


class GeoPackageCopy:
    """Layer *table* of the file *path*."""

    rest = 0.2

    def __init__(self, path: Path, url: str, table: str = "reports"):
        self._path, self._table = path, check_name(table)
        if not path.exists():
            _make(path, table)
        self._db = sqlite3.connect(path, timeout=PATIENCE_S, isolation_level=None)
        self._db.execute("PRAGMA secure_delete = ON")  # what somebody took back does not stay in the file's free pages
        # what the triggers of the spatial index ask (Annex F.3), for points
        self._db.create_function("ST_IsEmpty", 1, lambda data: 0, deterministic=True)
        for name, number in {"ST_MinX": 0, "ST_MaxX": 0, "ST_MinY": 1, "ST_MaxY": 1}.items():
            self._db.create_function(name, 1, lambda data, number=number: _lon_lat(data)[number], deterministic=True)
        try:
            row = self._db.execute(f"SELECT layer, url, changes, seq, reader FROM {STATE}").fetchone()
            if row is None or row[0] != table:
                raise NotOurs(f"{path} holds the layer {row and row[0]}. Name another file for the layer {table}.")
        except sqlite3.DatabaseError as error:
            if "locked" in str(error):
                raise Away(f"{path}: {error}") from error
            raise NotOurs(f"{path} was not made by crowdmap follow. Name another file, or remove it.") from None
        self.state = State(*row[1:]) if row[1] else None
        check_ours(str(path), self.state, url)
        self._widen()
        names = ["geom", "id", *COLUMNS, "feature"]
        marks = ", ".join("?" * len(names))
        self._insert = f"INSERT INTO \"{table}\" ({', '.join(names)}) VALUES ({marks})"
        self._update = f"UPDATE \"{table}\" SET {', '.join(f'{name} = ?' for name in names)} WHERE id = ?"

    def _widen(self) -> None:
        """A copy made by an earlier version has no column for what features tell since."""
        there = {row[1] for row in self._db.execute(f'PRAGMA table_info("{self._table}")')}
        kinds = {"integer": "INTEGER", "real": "REAL", "boolean": "BOOLEAN", "time": "DATETIME"}
        try:
            for name, kind in COLUMNS.items():
                if name not in there:
                    self._db.execute(f'ALTER TABLE "{self._table}" ADD COLUMN {name} {kinds.get(kind, "TEXT")}')
        except sqlite3.OperationalError as error:
            raise Away(f"{self._path}: {error}") from error

    def __len__(self) -> int:
        return self._db.execute(f'SELECT count(*) FROM "{self._table}"').fetchone()[0]

    def replace(self, batches, state: State) -> None:
        with self._transaction(state):
            self._db.execute("CREATE TEMP TABLE IF NOT EXISTS taken (id TEXT PRIMARY KEY)")
            self._db.execute("DELETE FROM taken")
            for batch in batches:
                self._put(batch)
                self._db.executemany("INSERT OR IGNORE INTO taken VALUES (?)", [(feature.id,) for feature in batch])
            self._db.execute(f'DELETE FROM "{self._table}" WHERE id NOT IN (SELECT id FROM taken)')

    def apply(self, features: list[Feature], state: State) -> None:
        with self._transaction(state):
            self._put(features)

    def close(self) -> None:
        self._db.close()

    def _put(self, features: list[Feature]) -> None:
        for feature in features:
            if feature.removed:
                self._db.execute(f'DELETE FROM "{self._table}" WHERE id = ?', (feature.id,))
                continue
            row = [blob(point(feature)), feature.id, *values(feature), feature.text]
            if self._db.execute(self._update, [*row, feature.id]).rowcount == 0:
                self._db.execute(self._insert, row)
        points = [at for feature in features if not feature.removed and (at := point(feature))]
        if points:
            lon, lat = zip(*points)
            self._db.execute(
                "UPDATE gpkg_contents SET min_x = min(coalesce(min_x, ?1), ?1), max_x = max(coalesce(max_x, ?2), ?2),"
                " min_y = min(coalesce(min_y, ?3), ?3), max_y = max(coalesce(max_y, ?4), ?4) WHERE table_name = ?5",
                (min(lon), max(lon), min(lat), max(lat), self._table),
            )

    def _transaction(self, state: State):
        return _Transaction(self, state)


class _Transaction:
    """The rows and the state together, or neither. Raises Away where somebody else holds the file, or the disk is full."""

    def __init__(self, copy: GeoPackageCopy, state: State):
        self.copy, self.state, self.db = copy, state, copy._db

    def __enter__(self):
        try:
            self.db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise Away(f"{self.copy._path}: {error}") from error

    def __exit__(self, kind, error, _trace):
        try:
            if kind is None:
                state = self.state
                now = (state.url, state.changes, state.seq, state.reader)
                self.db.execute(f"UPDATE {STATE} SET url = ?, changes = ?, seq = ?, reader = ?", now)
                self.db.execute(
                    "UPDATE gpkg_contents SET last_change = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE table_name = ?",
                    (self.copy._table,),
                )
                self.db.execute("COMMIT")
                self.copy.state = state
                return
        except sqlite3.OperationalError as told:
            error = told
        if self.db.in_transaction:
            self.db.execute("ROLLBACK")
        if isinstance(error, sqlite3.OperationalError):
            raise Away(f"{self.copy._path}: {error}") from error


def _make(path: Path, table: str) -> None:
    """An empty file with the layer and its spatial index, by GDAL, and our own table in it; moved into place whole."""
    import numpy
    import pyogrio

    part = path.with_name(path.stem + ".part.gpkg")
    part.unlink(missing_ok=True)
    kinds = {"integer": "int64", "real": "float64", "boolean": "bool", "time": "datetime64[ms]"}
    fields = {"id": "text", **COLUMNS, "feature": "text"}
    pyogrio.raw.write(
        part, numpy.array([], dtype=object), [numpy.array([], dtype=kinds.get(kind, object)) for kind in fields.values()],
        list(fields), layer=table, driver="GPKG", geometry_type="Point", crs="EPSG:4326",
        layer_options={"GEOMETRY_NAME": "geom", "SPATIAL_INDEX": "YES"},
        dataset_options={"VERSION": "1.3"},  # what the QGIS of long-lived distributions knows
    )  # fmt: skip
    with closing(sqlite3.connect(part)) as db, db:
        db.execute(f'CREATE UNIQUE INDEX "{table}_id" ON "{table}" (id)')
        db.execute(f"CREATE TABLE {STATE} (fid INTEGER PRIMARY KEY, layer TEXT, url TEXT, changes TEXT, seq INTEGER, reader TEXT)")
        db.execute(f"INSERT INTO {STATE} (layer) VALUES (?)", (table,))
        db.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description) VALUES (?, 'attributes', ?, ?)",
            (STATE, STATE, "what this file is a copy of, and how far it is"),
        )
    os.replace(part, path)
