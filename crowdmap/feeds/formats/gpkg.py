"""GeoPackage (OGC 12-128), for a laptop that leaves the network: the layer's points, and a table
beside them that tells what they are.

Written by GDAL through pyogrio, which brings its own. It is loaded when somebody first asks for a file: it takes some
time and memory, and most workers never need it. Rows without a place have no geometry.
"""

import struct
import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from crowdmap.feeds.formats.batches import parsed, point
from crowdmap.publishing.project import PROPERTIES

NAME = "gpkg"
MEDIA_TYPE = "application/geopackage+sqlite3"
TITLE = "GeoPackage"
PARAMETERS = ()
ATTACHED = WHOLE = True

BATCH = 5_000  # rows in memory at a time
PIECE = 256 * 1024
ABOUT = "crowdmap_about"  # no layer is called so: their names have no underscore
# programs of the last ten years read it without a warning
DATASET, LAYER = {"VERSION": "1.2"}, {"DATETIME_PRECISION": "MILLISECOND"}
TYPES = {
    "voices": int, "people": int, "seq": int, "quantity": float, "precision_m": float, "claimed": bool,
    "occurred_at": "moment", "created_at": "moment", "updated_at": "moment",
}  # fmt: skip
_UTC = 100  # as GDAL counts zones: 100 is UTC, one more a quarter of an hour


def load() -> None:
    """Bring GDAL in, which takes its time once in a process and is no cost of any one file."""
    from pyogrio import raw  # noqa: F401


def encode(pieces: Iterable[bytes], around) -> Iterator[bytes]:
    # the folder is gone before the first byte is sent, whatever happens to the reader: the open file lives on without it
    with tempfile.TemporaryDirectory(prefix="crowdmap-") as folder:
        path = Path(folder) / "layer.gpkg"
        _make(path, pieces, around)
        file = path.open("rb")
    with file:
        while piece := file.read(PIECE):
            yield piece


def _make(path: Path, pieces: Iterable[bytes], around) -> None:
    from pyogrio import raw

    written, some = 0, parsed(pieces, BATCH)
    for rows in chain([next(some, [])], some):  # an empty layer is a layer
        columns = {"id": [row["id"] for row in rows]}
        columns |= {name: [row["properties"].get(name) for row in rows] for name in PROPERTIES}
        arrays, masks = zip(*(_column(TYPES.get(name), values) for name, values in columns.items()))
        raw.write(
            path, _points(rows), arrays, list(columns), field_mask=masks, layer=around.layer, driver="GPKG",
            geometry_type="Point", crs="EPSG:4326", append=written > 0, dataset_options=DATASET, layer_options=LAYER,
            gdal_tz_offsets={name: _zones(len(rows)) for name in columns if TYPES.get(name) == "moment"},
        )  # fmt: skip
        written += len(rows)
    _tell(path, around, written)


def _tell(path: Path, around, rows: int) -> None:
    """What the file is, whose, and where to go on, as a table that every program shows."""
    from pyogrio import raw

    about = {
        "title": around.title, "license": around.license, "attribution": around.attribution, "seq": around.seq,
        "time_stamp": around.time_stamp, "reports": rows, "matched": around.matched, "address": around.address,
    }  # fmt: skip
    types = {"seq": int, "reports": int, "matched": int, "time_stamp": "moment"}
    arrays, masks = zip(*(_column(types.get(name), [value]) for name, value in about.items()))
    raw.write(
        path, None, arrays, list(about), field_mask=masks, layer=ABOUT, driver="GPKG", geometry_type=None, layer_options=LAYER,
        gdal_tz_offsets={"time_stamp": _zones(1)},
    )  # fmt: skip


def _column(kind, values: list):
    """The values as an array of one type, and which of them are null."""
    import numpy as np

    null = np.array([value is None for value in values], dtype=bool)
    if kind == "moment":
        return np.array([value[:-1] if value else "NaT" for value in values], dtype="datetime64[ms]"), null
    if kind is not None:
        return np.array([kind() if value is None else value for value in values], dtype=np.int64 if kind is int else kind), null
    texts = np.empty(len(values), dtype=object)
    texts[:] = [_text(value) for value in values]
    return texts, null


def _text(value) -> str | None:
    if isinstance(value, list):
        return ",".join(value)
    return value and value.replace("\0", "")  # where it would end


def _zones(count: int):
    import numpy as np

    return np.full(count, _UTC)


def _points(rows: list[dict]):
    """Well-known binary of each point, or None."""
    import numpy as np

    shapes = np.empty(len(rows), dtype=object)
    shapes[:] = [None if lon is None else struct.pack("<BIdd", 1, 1, lon, lat) for lon, lat in map(point, rows)]
    return shapes
