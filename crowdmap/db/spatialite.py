"""The SQL functions GeoAlchemy2 and the app's triggers call on SQLite, in Python.

Names, arguments and metadata are SpatiaLite's, so that the real one opens the file, agrees with it and can run its
triggers; it is never loaded here. Functions of one geometry are NULL for NULL. What is no geometry raises, as in
PostGIS, where SpatiaLite would store NULL. Nothing here may run per row of a query (DESIGN §5): readers use lon, lat.
"""

import json
import sqlite3
import weakref

import shapely

from crowdmap import geo
from crowdmap.db import blob
from crowdmap.db import spatialite_tables as tables

FUNCTIONS: dict[tuple[str, int], object] = {}


def _function(*names: str, arguments: tuple[int, ...] = (1,)):
    def register(function):
        FUNCTIONS.update({(name, count): function for name in names for count in arguments})
        return function

    return register


def register(connection: sqlite3.Connection) -> None:
    """Make the functions known to one connection; it must be able to hold a weak reference."""
    for (name, count), function in FUNCTIONS.items():
        connection.create_function(name, count, function, deterministic=True)
    # a closure over the connection itself would keep it alive for ever
    here = weakref.ref(connection)
    for name, count, function in _DEFINITIONS:
        connection.create_function(name, count, lambda *args, f=function: f(here(), *args))


# ---- in and out


@_function("GeomFromEWKT", "ST_GeomFromEWKT", "GeomFromText", "ST_GeomFromText", arguments=(1, 2))
def geom_from_text(text, srid=None):
    return None if text is None else blob.from_ewkt(text, srid)


@_function(
    "GeomFromWKB", "ST_GeomFromWKB", "GeomFromEWKB", "ST_GeomFromEWKB", arguments=(1, 2)
)
def geom_from_wkb(data, srid=None):
    return None if data is None else blob.from_wkb(data, srid)


@_function("MakePoint", "ST_Point", arguments=(2, 3))
def make_point(lon, lat, srid=0):
    return None if lon is None or lat is None else blob.point(float(lon), float(lat), srid)


@_function("AsEWKB", "ST_AsEWKB")
def as_ewkb(value):
    if value is None:
        return None
    shape, srid = blob.decode(value)
    return shapely.to_wkb(shapely.set_srid(shape, srid), hex=True, byte_order=1, include_srid=True)


@_function("AsBinary", "ST_AsBinary")
def as_binary(value):
    return None if value is None else shapely.to_wkb(blob.decode(value)[0], byte_order=1)


@_function("AsText", "ST_AsText")
def as_text(value):
    return None if value is None else shapely.to_wkt(blob.decode(value)[0], rounding_precision=20, trim=True)


@_function("AsEWKT", "ST_AsEWKT")
def as_ewkt(value):
    return None if value is None else f"SRID={blob.srid_of(value)};{as_text(value)}"


@_function("AsGeoJSON", "ST_AsGeoJSON", arguments=(1, 2))
def as_geojson(value, digits=15):
    if value is None:
        return None
    shape = json.loads(shapely.to_geojson(blob.decode(value)[0]))

    def rounded(node):
        return [rounded(item) for item in node] if isinstance(node, list) else round(node, digits)

    for part in shape.get("geometries", [shape]):
        part["coordinates"] = rounded(part["coordinates"])
    return json.dumps(shape, separators=(",", ":"))


# ---- questions


@_function("ST_X", "X")
def x(value):
    return blob.bounds(value)[0] if value is not None and blob.class_of(value) == 1 else None


@_function("ST_Y", "Y")
def y(value):
    return blob.bounds(value)[1] if value is not None and blob.class_of(value) == 1 else None


@_function("MbrMinX", "ST_MinX")
def min_x(value):
    return None if value is None else blob.bounds(value)[0]


@_function("MbrMinY", "ST_MinY")
def min_y(value):
    return None if value is None else blob.bounds(value)[1]


@_function("MbrMaxX", "ST_MaxX")
def max_x(value):
    return None if value is None else blob.bounds(value)[2]


@_function("MbrMaxY", "ST_MaxY")
def max_y(value):
    return None if value is None else blob.bounds(value)[3]


@_function("SRID", "ST_SRID")
def srid(value):
    return None if value is None else blob.srid_of(value)


@_function("SetSRID", "ST_SetSRID", arguments=(2,))
def set_srid(value, number):
    return None if value is None else blob.encode(blob.decode(value)[0], number)


@_function("GeometryType", "ST_GeometryType")
def geometry_type(value):
    if value is None:
        return None
    number = blob.class_of(value)
    return blob.NAMES[number % 1000] + {0: "", 1: " Z", 2: " M", 3: " ZM"}[number // 1000]


@_function("ST_IsEmpty", "IsEmpty")
def is_empty(value):
    return -1 if not blob.is_blob(value) else 0


@_function("ST_IsValid", "IsValid")
def is_valid(value):
    return -1 if not blob.is_blob(value) else int(shapely.is_valid(blob.decode(value)[0]))


@_function("ST_Distance", "Distance", arguments=(2, 3))
def distance(a, b, metres=0):
    """In degrees; with a third argument of 1 in metres on the sphere, for points."""
    if a is None or b is None:
        return None
    one, other = blob.decode(a)[0], blob.decode(b)[0]
    if not metres:
        return float(shapely.distance(one, other))
    line = shapely.shortest_line(one, other)
    (a_lon, a_lat), (b_lon, b_lat) = line.coords[0][:2], line.coords[1][:2]
    return geo.distance_m(a_lon, a_lat, b_lon, b_lat)


def _predicate(name: str, test):
    @_function(f"ST_{name}", name, arguments=(2,))
    def answer(a, b):
        return None if a is None or b is None else int(test(blob.decode(a)[0], blob.decode(b)[0]))


for _name in ("Intersects", "Contains", "Within", "Equals", "Disjoint", "Touches", "Overlaps", "Covers"):
    _predicate(_name, getattr(shapely, _name.lower()))


@_function("GeometryConstraints", arguments=(3, 4))
def geometry_constraints(value, kind, number, dimensions=None):
    """1: may stand in a column of this class (number or name) and SRID; 0: may not; -1: no geometry. NULL may."""
    if value is None:
        return 1
    if not blob.is_blob(value):
        return -1
    wanted = blob.CLASSES.get(kind.upper(), -1) if isinstance(kind, str) else kind
    fits = wanted in (0, blob.class_of(value))
    return int(fits and blob.srid_of(value) == number)


# ---- definitions: functions that change the schema, on the connection that calls them


def _has_metadata(connection) -> bool:
    query = "SELECT count(*) FROM sqlite_master WHERE name IN ('spatial_ref_sys', 'geometry_columns')"
    return connection.execute(query).fetchone()[0] == 2


def check_metadata(connection):
    """3: SpatiaLite's present layout; 0: none yet."""
    return 3 if _has_metadata(connection) else 0


def init_metadata(connection, *_):
    if not _has_metadata(connection):
        for statement in tables.STATEMENTS:
            connection.execute(statement)
        connection.executemany("INSERT INTO spatial_ref_sys VALUES (?, ?, ?, ?, ?, ?)", tables.REFERENCE_SYSTEMS)
    return 1


def recover_column(connection, table, column, srid, kind="GEOMETRY", dimension="XY"):
    """Take an existing column into SpatiaLite's books and guard it by triggers."""
    init_metadata(connection)
    number = blob.CLASSES[str(kind).upper()]
    if str(dimension).upper() not in ("XY", "2"):
        raise ValueError("columns of two dimensions only")
    connection.execute(
        "INSERT INTO geometry_columns VALUES (?, ?, ?, 2, ?, 0)", (table.lower(), column.lower(), number, srid)
    )
    for statement in tables.guards(table, column, number, srid):
        connection.execute(statement)
    return 1


def add_column(connection, table, column, srid, kind="GEOMETRY", dimension="XY", not_null=0):
    name = blob.NAMES[blob.CLASSES[str(kind).upper()]]
    default = " NOT NULL DEFAULT ''" if not_null else ""
    connection.execute(f"ALTER TABLE {tables.quote(table)} ADD COLUMN {tables.quote(column)} {name}{default}")
    return recover_column(connection, table, column, srid, kind, dimension)


def discard_column(connection, table, column):
    if _has_metadata(connection):
        for prefix in ("ggi", "ggu", "gii", "giu", "gid"):
            connection.execute(f"DROP TRIGGER IF EXISTS {tables.quote(f'{prefix}_{table}_{column}')}")
        connection.execute(
            "DELETE FROM geometry_columns WHERE f_table_name = ? AND f_geometry_column = ?",
            (table.lower(), column.lower()),
        )
    return 1


def create_index(connection, table, column):
    """An R*Tree of the boxes, kept by triggers. Its rows are the table's INTEGER PRIMARY KEY."""
    index = f"idx_{table}_{column}"
    for statement in tables.index_definition(table, column):
        connection.execute(statement)
    connection.execute(
        f"INSERT INTO {tables.quote(index)} SELECT rowid, {tables.box(tables.quote(column))} "
        f"FROM {tables.quote(table)} WHERE {tables.quote(column)} IS NOT NULL"
    )
    _set_index(connection, table, column, 1)
    return 1


def disable_index(connection, table, column):
    """Stop keeping the index; the caller drops the table (a SELECT cannot, on its own connection)."""
    for prefix in ("gii", "giu", "gid"):
        connection.execute(f"DROP TRIGGER IF EXISTS {tables.quote(f'{prefix}_{table}_{column}')}")
    _set_index(connection, table, column, 0)
    return 1


def _set_index(connection, table, column, enabled):
    connection.execute(
        "UPDATE geometry_columns SET spatial_index_enabled = ? WHERE f_table_name = ? AND f_geometry_column = ?",
        (enabled, table.lower(), column.lower()),
    )


def check_index(connection, table, column):
    """1: the R*Tree has just the table's boxes; 0: it has not; NULL: there is none."""
    if not _has_metadata(connection):
        return None
    row = connection.execute(
        "SELECT spatial_index_enabled FROM geometry_columns WHERE f_table_name = ? AND f_geometry_column = ?",
        (table.lower(), column.lower()),
    ).fetchone()
    if row is None or row[0] != 1:
        return None
    table_, column_, index = (tables.quote(name) for name in (table, column, f"idx_{table}_{column}"))
    wrong = connection.execute(
        f"SELECT count(*) FROM {table_} AS t LEFT JOIN {index} AS i ON i.pkid = t.rowid "
        f"WHERE t.{column_} IS NOT NULL AND (i.pkid IS NULL OR i.xmin > MbrMinX(t.{column_}) "
        f"OR i.xmax < MbrMaxX(t.{column_}) OR i.ymin > MbrMinY(t.{column_}) OR i.ymax < MbrMaxY(t.{column_}))"
    ).fetchone()[0]
    have = connection.execute(f"SELECT count(*) FROM {index}").fetchone()[0]
    want = connection.execute(f"SELECT count({column_}) FROM {table_}").fetchone()[0]
    return int(wrong == 0 and have == want)


def _columns(connection, table) -> list[tuple[str, int, int, int]]:
    """(column, class, srid, indexed) of the table's geometry columns."""
    if not _has_metadata(connection):
        return []
    return connection.execute(
        "SELECT f_geometry_column, geometry_type, srid, spatial_index_enabled FROM geometry_columns "
        "WHERE f_table_name = ?",
        (table.lower(),),
    ).fetchall()


def _drop_columns(connection, table):
    columns = _columns(connection, table)
    for column, *_ in columns:
        discard_column(connection, table, column)
        connection.execute(f"DROP TABLE IF EXISTS {tables.quote(f'idx_{table}_{column}')}")
    return columns


def drop_table(connection, _database, table):
    table = table.strip('"')
    _drop_columns(connection, table)
    connection.execute(f"DROP TABLE {tables.quote(table)}")
    return 1


def rename_table(connection, _database, table, name):
    table, name = table.strip('"'), name.strip('"')
    columns = _drop_columns(connection, table)
    connection.execute(f"ALTER TABLE {tables.quote(table)} RENAME TO {tables.quote(name)}")
    for column, kind, srid_, indexed in columns:
        recover_column(connection, name, column, srid_, blob.NAMES[kind])
        if indexed:
            create_index(connection, name, column)
    return 1


_DEFINITIONS = (
    ("DropTable", 2, drop_table),
    ("RenameTable", 3, rename_table),
    ("CheckSpatialMetaData", 0, check_metadata),
    *(("InitSpatialMetaData", count, init_metadata) for count in (0, 1, 2)),
    *(("RecoverGeometryColumn", count, recover_column) for count in (4, 5)),
    *(("AddGeometryColumn", count, add_column) for count in (4, 5, 6)),
    ("DiscardGeometryColumn", 2, discard_column),
    ("CreateSpatialIndex", 2, create_index),
    ("DisableSpatialIndex", 2, disable_index),
    ("CheckSpatialIndex", 2, check_index),
)
