"""``crowdmap follow``: an exact local copy of a feed, kept in step. The worked example of docs/agencies.md.

``client`` asks the map, ``loop`` keeps a copy in step, and each kind of copy is a file: ``geojson``, ``gpkg``,
``postgis``. Nothing here knows the map's database: it is what any agency could write.
"""
