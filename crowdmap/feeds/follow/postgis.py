"""A copy as a table of a PostgreSQL database with PostGIS. How far it is stands in the table crowdmap_follow, and
changes in one transaction with the rows."""

from crowdmap.feeds.follow.client import Away, Feature, State
from crowdmap.feeds.follow.ours import COLUMNS, NotOurs, check_name, check_ours, point, values

TYPES = {"integer": "bigint", "real": "double precision", "boolean": "boolean", "time": "timestamptz"}


class PostgisCopy:
    """Table *table*, with its schema where it is not the connection's own: ``crisis.reports``."""

    rest = 0.2

    def __init__(self, address: str, url: str, table: str = "reports"):
        try:
            import psycopg
        except ImportError:
            raise NotOurs("PostgreSQL needs the extra: pip install 'crowdmap[postgres]'") from None
        parts = [check_name(part) for part in table.split(".", 1)]
        self._address, self._table, self._connection = address, table, None
        self._quoted = ".".join(f'"{part}"' for part in parts)
        self.state: State | None = None
        try:
            self._prepare(url)
        except psycopg.Error as error:
            raise NotOurs(_first_line(error)) from error

    def __len__(self) -> int:
        with self._transaction() as cursor:
            return cursor.execute(f"SELECT count(*) FROM {self._quoted}").fetchone()[0]

    def replace(self, batches, state: State) -> None:
        with self._transaction() as cursor:
            cursor.execute("CREATE TEMP TABLE taken (id text PRIMARY KEY) ON COMMIT DROP")
            for batch in batches:
                self._put(cursor, batch)
                ids = [(feature.id,) for feature in batch]
                cursor.executemany("INSERT INTO taken VALUES (%s) ON CONFLICT DO NOTHING", ids)
            cursor.execute(f"DELETE FROM {self._quoted} WHERE id NOT IN (SELECT id FROM taken)")
            self._note(cursor, state)
        self.state = state

    def apply(self, features: list[Feature], state: State) -> None:
        with self._transaction() as cursor:
            self._put(cursor, features)
            self._note(cursor, state)
        self.state = state

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _transaction(self):
        return _Transaction(self._connected)

    def _connected(self):
        import psycopg

        if self._connection is None or self._connection.closed or self._connection.broken:
            self._connection = psycopg.connect(self._address, connect_timeout=10, application_name="crowdmap follow")
        return self._connection

    def _prepare(self, url: str) -> None:
        columns = [f"{name} {TYPES.get(kind, 'text')}" for name, kind in COLUMNS.items()]
        with self._transaction() as cursor:
            cursor.execute(
                "CREATE TABLE IF NOT EXISTS crowdmap_follow"
                " (layer text PRIMARY KEY, url text, changes text, seq bigint, reader text)"
            )
            row = cursor.execute("SELECT url, changes, seq, reader FROM crowdmap_follow WHERE layer = %s", [self._table]).fetchone()
            there = cursor.execute("SELECT to_regclass(%s)", [self._quoted]).fetchone()[0]
            if there and row is None:
                raise NotOurs(f"The table {self._table} was not made by crowdmap follow. Name another one with --table.")
            if row is not None and there:
                self.state = State(*row)
                check_ours(f"The table {self._table}", self.state, url)
                # a copy made by an earlier version has no column for what features tell since
                more = ", ".join(f"ADD COLUMN IF NOT EXISTS {column}" for column in columns)
                cursor.execute(f"ALTER TABLE {self._quoted} {more}")
                return
            if not cursor.execute("SELECT to_regtype('geometry')").fetchone()[0]:
                cursor.execute("CREATE EXTENSION postgis")
            cursor.execute(
                f"CREATE TABLE {self._quoted} (id text PRIMARY KEY, geom geometry(Point, 4326), {', '.join(columns)}, feature text NOT NULL)"
            )
            cursor.execute(f"CREATE INDEX ON {self._quoted} USING gist (geom)")

    def _put(self, cursor, features: list[Feature]) -> None:
        names = ["geom", *COLUMNS, "feature"]
        given = ", ".join(f"{name} = excluded.{name}" for name in names)
        cursor.executemany(
            f"INSERT INTO {self._quoted} (id, {', '.join(names)})"
            f" VALUES (%s, ST_SetSRID(ST_MakePoint(%s, %s), 4326), {', '.join(['%s'] * len(COLUMNS))}, %s)"
            f" ON CONFLICT (id) DO UPDATE SET {given}",
            [
                (feature.id, *(point(feature) or (None, None)), *values(feature), feature.text)
                for feature in features
                if not feature.removed
            ],
        )
        gone = [feature.id for feature in features if feature.removed]
        cursor.execute(f"DELETE FROM {self._quoted} WHERE id = ANY(%s)", [gone])

    def _note(self, cursor, state: State) -> None:
        cursor.execute(
            "INSERT INTO crowdmap_follow VALUES (%s, %s, %s, %s, %s) ON CONFLICT (layer)"
            " DO UPDATE SET url = excluded.url, changes = excluded.changes, seq = excluded.seq, reader = excluded.reader",
            [self._table, state.url, state.changes, state.seq, state.reader],
        )


class _Transaction:
    """A cursor in a transaction. A server that went away is Away: all of it can be asked again."""

    def __init__(self, connected):
        self._connected = connected

    def __enter__(self):
        import psycopg

        try:
            self._connection = self._connected()
            return self._connection.cursor()
        except psycopg.OperationalError as error:
            raise Away(_first_line(error)) from error

    def __exit__(self, kind, error, _trace):
        import psycopg

        try:
            if kind is None:
                self._connection.commit()
            else:
                self._connection.rollback()
        except psycopg.OperationalError as told:
            error = error or told
        if isinstance(error, psycopg.OperationalError):
            raise Away(_first_line(error)) from error


def _first_line(error: Exception) -> str:
    return "PostgreSQL: " + (str(error).strip().splitlines() or ["it does not answer"])[0]
