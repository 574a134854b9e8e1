"""SpatiaLite's books in an SQLite file: its metadata tables, and the triggers of a geometry column.

The layout is version 4's and later ("current", CheckSpatialMetaData() = 3) as written by InitSpatialMetaData of
SpatiaLite 5, less the tables that only its editing functions use.
"""

_WGS84 = (
    'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],'
    'AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,'
    'AUTHORITY["EPSG","9122"]],AXIS["Latitude",NORTH],AXIS["Longitude",EAST],AUTHORITY["EPSG","4326"]]'
)

REFERENCE_SYSTEMS = (
    (-1, "NONE", -1, "Undefined - Cartesian", "", "Undefined"),
    (0, "NONE", 0, "Undefined - Geographic Long/Lat", "", "Undefined"),
    (4326, "epsg", 4326, "WGS 84", "+proj=longlat +datum=WGS84 +no_defs", _WGS84),
)

_STATISTICS = (
    "last_verified TIMESTAMP, row_count INTEGER, extent_min_x DOUBLE, extent_min_y DOUBLE, extent_max_x DOUBLE, "
    "extent_max_y DOUBLE"
)
_COLUMN_KEY = (
    "FOREIGN KEY (f_table_name, f_geometry_column) REFERENCES geometry_columns (f_table_name, f_geometry_column) "
    "ON DELETE CASCADE"
)

STATEMENTS = (
    "CREATE TABLE spatial_ref_sys (srid INTEGER NOT NULL PRIMARY KEY, auth_name TEXT NOT NULL, "
    "auth_srid INTEGER NOT NULL, ref_sys_name TEXT NOT NULL DEFAULT 'Unknown', proj4text TEXT NOT NULL, "
    "srtext TEXT NOT NULL DEFAULT 'Undefined')",
    "CREATE UNIQUE INDEX idx_spatial_ref_sys ON spatial_ref_sys (auth_srid, auth_name)",
    "CREATE TABLE spatial_ref_sys_aux (srid INTEGER NOT NULL PRIMARY KEY, is_geographic INTEGER, "
    "has_flipped_axes INTEGER, spheroid TEXT, prime_meridian TEXT, datum TEXT, projection TEXT, unit TEXT, "
    "axis_1_name TEXT, axis_1_orientation TEXT, axis_2_name TEXT, axis_2_orientation TEXT, "
    "CONSTRAINT fk_sprefsys FOREIGN KEY (srid) REFERENCES spatial_ref_sys (srid))",
    "CREATE TABLE geometry_columns (f_table_name TEXT NOT NULL, f_geometry_column TEXT NOT NULL, "
    "geometry_type INTEGER NOT NULL, coord_dimension INTEGER NOT NULL, srid INTEGER NOT NULL, "
    "spatial_index_enabled INTEGER NOT NULL, "
    "CONSTRAINT pk_geom_cols PRIMARY KEY (f_table_name, f_geometry_column), "
    "CONSTRAINT fk_gc_srs FOREIGN KEY (srid) REFERENCES spatial_ref_sys (srid), "
    "CONSTRAINT ck_gc_rtree CHECK (spatial_index_enabled IN (0, 1, 2)))",
    "CREATE INDEX idx_srid_geocols ON geometry_columns (srid)",
    "CREATE VIEW geom_cols_ref_sys AS SELECT f_table_name, f_geometry_column, geometry_type, coord_dimension, "
    "spatial_ref_sys.srid AS srid, auth_name, auth_srid, ref_sys_name, proj4text, srtext "
    "FROM geometry_columns, spatial_ref_sys WHERE geometry_columns.srid = spatial_ref_sys.srid",
    "CREATE TABLE views_geometry_columns (view_name TEXT NOT NULL, view_geometry TEXT NOT NULL, "
    "view_rowid TEXT NOT NULL, f_table_name TEXT NOT NULL, f_geometry_column TEXT NOT NULL, "
    "read_only INTEGER NOT NULL, CONSTRAINT pk_geom_cols_views PRIMARY KEY (view_name, view_geometry), "
    f"CONSTRAINT fk_views_geom_cols {_COLUMN_KEY}, CONSTRAINT ck_vw_rdonly CHECK (read_only IN (0, 1)))",
    "CREATE TABLE virts_geometry_columns (virt_name TEXT NOT NULL, virt_geometry TEXT NOT NULL, "
    "geometry_type INTEGER NOT NULL, coord_dimension INTEGER NOT NULL, srid INTEGER NOT NULL, "
    "CONSTRAINT pk_geom_cols_virts PRIMARY KEY (virt_name, virt_geometry), "
    "CONSTRAINT fk_vgc_srid FOREIGN KEY (srid) REFERENCES spatial_ref_sys (srid))",
    "CREATE TABLE geometry_columns_statistics (f_table_name TEXT NOT NULL, f_geometry_column TEXT NOT NULL, "
    f"{_STATISTICS}, CONSTRAINT pk_gc_statistics PRIMARY KEY (f_table_name, f_geometry_column), "
    f"CONSTRAINT fk_gc_statistics {_COLUMN_KEY})",
    "CREATE TABLE views_geometry_columns_statistics (view_name TEXT NOT NULL, view_geometry TEXT NOT NULL, "
    f"{_STATISTICS}, CONSTRAINT pk_vwgc_statistics PRIMARY KEY (view_name, view_geometry))",
    "CREATE TABLE virts_geometry_columns_statistics (virt_name TEXT NOT NULL, virt_geometry TEXT NOT NULL, "
    f"{_STATISTICS}, CONSTRAINT pk_vrtgc_statistics PRIMARY KEY (virt_name, virt_geometry))",
)


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def box(geometry: str) -> str:
    """An expression of four values: west, east, south, north, in the R*Tree's order."""
    return ", ".join(f"{function}({geometry})" for function in ("MbrMinX", "MbrMaxX", "MbrMinY", "MbrMaxY"))


def guards(table: str, column: str, kind: int, srid: int) -> list[str]:
    """Only this class of geometry in this SRID goes in. SpatiaLite asks its books each time; here the answer is
    written down, which spares a query an insert."""
    refusal = f"{table}.{column} violates Geometry constraint [geom-type or SRID not allowed]".replace("'", "''")
    test = (
        f"SELECT RAISE(ABORT, '{refusal}') "
        f"WHERE GeometryConstraints(NEW.{quote(column)}, {int(kind)}, {int(srid)}) <> 1;"
    )
    return [
        f"CREATE TRIGGER {quote(f'ggi_{table}_{column}')} BEFORE INSERT ON {quote(table)} "
        f"FOR EACH ROW WHEN NEW.{quote(column)} IS NOT NULL BEGIN {test} END",
        f"CREATE TRIGGER {quote(f'ggu_{table}_{column}')} BEFORE UPDATE OF {quote(column)} ON {quote(table)} "
        f"FOR EACH ROW WHEN NEW.{quote(column)} IS NOT NULL BEGIN {test} END",
    ]


def index_definition(table: str, column: str) -> list[str]:
    """The R*Tree and the triggers that keep it, in functions that SpatiaLite has too."""
    index, new = quote(f"idx_{table}_{column}"), f"NEW.{quote(column)}"
    # OR REPLACE: an INSERT OR REPLACE into the table fires no delete trigger
    add = f"INSERT OR REPLACE INTO {index} SELECT NEW.ROWID, {box(new)} WHERE {new} IS NOT NULL;"
    return [
        # one that was disabled before still stands
        f"CREATE VIRTUAL TABLE IF NOT EXISTS {index} USING rtree(pkid, xmin, xmax, ymin, ymax)",
        f"DELETE FROM {index}",
        f"CREATE TRIGGER {quote(f'gii_{table}_{column}')} AFTER INSERT ON {quote(table)} "
        f"FOR EACH ROW WHEN {new} IS NOT NULL BEGIN {add} END",
        f"CREATE TRIGGER {quote(f'giu_{table}_{column}')} AFTER UPDATE OF {quote(column)} ON {quote(table)} "
        f"FOR EACH ROW BEGIN DELETE FROM {index} WHERE pkid = NEW.ROWID; {add} END",
        f"CREATE TRIGGER {quote(f'gid_{table}_{column}')} AFTER DELETE ON {quote(table)} "
        f"FOR EACH ROW BEGIN DELETE FROM {index} WHERE pkid = OLD.ROWID; END",
    ]
