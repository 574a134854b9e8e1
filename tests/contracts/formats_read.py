"""Each format read back by a tool of its own world: address's ending → ``read(data, folder) -> [Told, …]``."""

import csv
import io
import json
import sqlite3
import struct
from pathlib import Path
from typing import NamedTuple

import feedparser
import geojson
from fastkml.validator import validate
from lxml import etree

KML, ATOM, GEORSS = "{http://www.opengis.net/kml/2.2}", "{http://www.w3.org/2005/Atom}", "{http://www.georss.org/georss}"
STRICT = {"resolve_entities": False, "no_network": True, "huge_tree": False}


class Told(NamedTuple):
    """What every format says of a report."""

    id: str
    lon: float | None
    lat: float | None
    text: str


def _refuse(word: str):
    raise AssertionError(f"{word} is not JSON")


def read_geojson(data: bytes, folder: Path) -> list[Told]:
    told = json.loads(data, parse_constant=_refuse)
    assert told["type"] == "FeatureCollection" and geojson.loads(data).is_valid
    points = [(feature["geometry"] or {"coordinates": (None, None)})["coordinates"] for feature in told["features"]]
    for number in (number for point in points for number in point if number is not None):
        assert len(repr(number).partition(".")[2]) <= 7
    return [
        Told(feature["id"], *point, feature["properties"]["description"])
        for feature, point in zip(told["features"], points, strict=True)
    ]


def read_csv(data: bytes, folder: Path) -> list[Told]:
    header, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
    rows = rows[1:] if rows and rows[0][0].startswith("#") else rows
    assert all(len(row) == len(header) for row in rows)
    named = [dict(zip(header, row, strict=True)) for row in rows]

    def number(text):
        return float(text) if text else None

    return [Told(row["Id"], number(row["Longitude"]), number(row["Latitude"]), row["Description"]) for row in named]


def read_kml(data: bytes, folder: Path) -> list[Told]:
    path = folder / "layer.kml"
    path.write_bytes(data)
    assert validate(file_to_validate=path)  # the OGC's schema
    found = []
    for mark in etree.fromstring(data, etree.XMLParser(**STRICT)).iter(f"{KML}Placemark"):
        fields = {one.get("name"): one.text or "" for one in mark.iter(f"{KML}SimpleData")}
        place = mark.findtext(f"{KML}Point/{KML}coordinates")
        lon, lat = map(float, place.split(",")) if place else (None, None)
        found.append(Told(fields["id"], lon, lat, fields.get("text", "")))
    return found


def read_atom(data: bytes, folder: Path) -> list[Told]:
    root = etree.fromstring(data, etree.XMLParser(**STRICT))
    feed = feedparser.parse(data)
    assert not feed.bozo, feed.bozo_exception
    for name in ("id", "title", "updated", "author"):
        assert feed.feed[name]
    found = []
    for entry, element in zip(feed.entries, root.iter(f"{ATOM}entry"), strict=True):
        assert all(entry[name] for name in ("id", "title", "updated", "published", "author", "link"))
        place = element.findtext(f"{GEORSS}point")
        lat, lon = map(float, place.split()) if place else (None, None)
        found.append(Told(entry["id"].rpartition("/")[2], lon, lat, element.findtext(f"{ATOM}content") or ""))
    assert len({entry["id"] for entry in feed.entries}) == len(feed.entries)
    return found


def read_gpkg(data: bytes, folder: Path) -> list[Told]:
    path = folder / "layer.gpkg"
    path.write_bytes(data)
    with sqlite3.connect(path) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert not file.execute("PRAGMA foreign_key_check").fetchall()
        assert struct.pack(">I", file.execute("PRAGMA application_id").fetchone()[0]) == b"GPKG"
        (table,) = (row[0] for row in file.execute("SELECT table_name FROM gpkg_contents WHERE data_type = 'features'"))
        found = [
            Told(public_id, *_point(shape), text or "")
            for public_id, shape, text in file.execute(f'SELECT id, geom, description FROM "{table}" ORDER BY fid')
        ]
    file.close()
    return found


def _point(shape: bytes | None) -> tuple:
    """lon, lat of a GeoPackage point (OGC 12-128 §2.1.3): a header, an envelope or none, well-known binary."""
    if shape is None:
        return (None, None)
    assert shape[:2] == b"GP"
    start = 8 + {0: 0, 1: 32}[(shape[3] >> 1) & 7]
    return struct.unpack("<dd", shape[start + 5 :])


READERS = {"geojson": read_geojson, "csv": read_csv, "kml": read_kml, "atom": read_atom, "gpkg": read_gpkg}
