"""The coast and the borders around the crisis, finer than the world's outline: Natural Earth 1:10m, cut to the area.

The whole file is 3.6 MB, more than a phone should fetch for one bay; a country's part of it is 20 to 100 kB. The
topology (TopoJSON 1.0: quantised, delta-encoded arcs, shared between neighbours) is read once a process.
"""

import gc
import secrets
from collections import Counter

import numpy
import orjson
import shapely
from flask import current_app

from crowdmap import geo
from crowdmap.assets import VENDOR
from crowdmap.config import settings

SOURCE = VENDOR / "world-atlas" / "countries-10m.json"
AROUND = 1.0  # how many widths of the area to each side are drawn finely
MOST_DEGREES = 30.0  # a wider area is a continent: there the world's outline is fine enough


def around_area() -> geo.Bbox | None:
    """The box drawn finely; None without AREA, across the antimeridian, or for half a continent."""
    area = settings().AREA
    if area is None or area.crosses or not SOURCE.is_file():
        return None
    wide, high = area.east - area.west, area.north - area.south
    if max(wide, high) > MOST_DEGREES:
        return None
    pad_x, pad_y = max(1.0, wide * AROUND), max(1.0, high * AROUND)
    return geo.Bbox(
        max(-180.0, area.west - pad_x), max(-85.0, area.south - pad_y),
        min(180.0, area.east + pad_x), min(85.0, area.north + pad_y),
    )  # fmt: skip


def coast() -> bytes:
    """GeoJSON: a feature ``land`` (MultiPolygon) and one ``borders`` (MultiLineString), with the bbox they are cut to.

    Cutting takes half a second of a core, so the result is kept in the instance folder for the other processes.
    """
    kept = current_app.extensions.setdefault("crowdmap_coast", {})
    if "body" not in kept:
        box = around_area()
        path = settings().INSTANCE / "cache" / f"coast-{str(box).replace(',', '_')}.geojson"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
            fresh.write_bytes(_cut(box))
            fresh.replace(path)  # whole or not at all: others may be reading
        kept["body"] = path.read_bytes()
    return kept["body"]


def _cut(box: geo.Bbox | None) -> bytes:
    if box is None:
        return orjson.dumps({"type": "FeatureCollection", "features": []})
    topology, arcs = _read()
    rectangle = box.as_list()
    land = [
        shapely.clip_by_rect(polygon, *rectangle)
        for polygon in _polygons(topology["objects"]["land"], arcs, rectangle)
    ]
    lines = [shapely.clip_by_rect(shapely.LineString(arc), *rectangle) for arc in _borders(topology, arcs, rectangle)]
    return orjson.dumps({
        "type": "FeatureCollection", "bbox": rectangle,
        "features": [_feature("land", land, "Polygon"), _feature("borders", lines, "LineString")],
    })  # fmt: skip


def _read() -> tuple[dict, list[numpy.ndarray]]:
    """The topology and its arcs. Half a million small lists would call the garbage collector hundreds of times, which
    takes four times as long as reading; nothing of it is garbage."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        topology = orjson.loads(SOURCE.read_bytes())
        return topology, _decode(topology)
    finally:
        if collecting:
            gc.enable()


def _feature(role, shapes, kind) -> dict:
    parts = [part for shape in shapes for part in getattr(shape, "geoms", [shape]) if not part.is_empty]
    rings = {"Polygon": lambda p: [p.exterior, *p.interiors], "LineString": lambda p: [p]}[kind]
    coordinates = [
        [numpy.round(shapely.get_coordinates(ring), 4).tolist() for ring in rings(part)]
        for part in parts if part.geom_type == kind
    ]  # fmt: skip
    if kind == "LineString":
        coordinates = [line for (line,) in coordinates]
    return {"type": "Feature", "properties": {"role": role}, "geometry": {"type": f"Multi{kind}", "coordinates": coordinates}}


def _decode(topology) -> list[numpy.ndarray]:
    """Arcs as arrays of lon, lat: TopoJSON §2.1.4 positions are differences of whole numbers, then scaled."""
    scale, translate = (numpy.array(topology["transform"][name]) for name in ("scale", "translate"))
    return [numpy.cumsum(numpy.array(arc), axis=0) * scale + translate for arc in topology["arcs"]]


def _ring(indices, arcs) -> numpy.ndarray:
    """A ring out of its arcs; ~i is arc i backwards, and each arc begins where the one before ended."""
    parts = [arcs[i] if i >= 0 else arcs[~i][::-1] for i in indices]
    return numpy.concatenate([parts[0], *(part[1:] for part in parts[1:])])


def _meets(points: numpy.ndarray, rectangle) -> bool:
    west, south, east, north = rectangle
    low, high = points.min(axis=0), points.max(axis=0)
    return bool(low[0] <= east and high[0] >= west and low[1] <= north and high[1] >= south)


def _polygons(item, arcs, rectangle):
    if item["type"] == "GeometryCollection":
        for member in item["geometries"]:
            yield from _polygons(member, arcs, rectangle)
        return
    for rings in item["arcs"] if item["type"] == "MultiPolygon" else [item["arcs"]]:
        outer = _ring(rings[0], arcs)
        if len(outer) >= 4 and _meets(outer, rectangle):
            yield shapely.Polygon(outer, [hole for ring in rings[1:] if len(hole := _ring(ring, arcs)) >= 4])


def _borders(topology, arcs, rectangle):
    """Arcs that two countries share."""
    used = Counter()

    def walk(value):
        if isinstance(value, int):
            used[value if value >= 0 else ~value] += 1
        else:
            for item in value:
                walk(item)

    for country in topology["objects"]["countries"]["geometries"]:
        walk(country.get("arcs", ()))
    for index, times in used.items():
        if times > 1 and _meets(arcs[index], rectangle):
            yield arcs[index]
