"""crowdmap follow."""

import re
from datetime import datetime
from pathlib import Path

import click

from crowdmap.feeds.follow.client import Away, Feed, Refused
from crowdmap.feeds.follow.geojson import GeoJsonCopy
from crowdmap.feeds.follow.gpkg import GeoPackageCopy
from crowdmap.feeds.follow.loop import Copy, Follower
from crowdmap.feeds.follow.ours import NotOurs
from crowdmap.feeds.follow.postgis import PostgisCopy

DATABASE = re.compile(r"^postgres(ql)?(\+psycopg)?://")


@click.command("follow")
@click.argument("url")
@click.option("--out", required=True, metavar="PLACE", help="file.geojson, file.gpkg or postgresql://…")
@click.option("--table", default="reports", show_default=True, help="layer of the GeoPackage, table of the database")
@click.option("--key", envvar="CROWDMAP_KEY", help="an organisation's key; better in CROWDMAP_KEY, where nobody sees it")
@click.option("--once", is_flag=True, help="bring the copy up to date and end")
@click.option("--no-stream", is_flag=True, help="ask every few seconds instead, where a proxy holds streams back")
def follow(url, out, table, key, once, no_stream):
    """Keep an exact copy of a feed: a GeoJSON file, a GeoPackage, or a table with PostGIS.

    URL is a feed's address with its filter, such as https://map.example.org/feeds/needs.geojson?category=WAT, or the
    site alone for everything. It may be stopped at any moment; the same command goes on where it was.
    """
    try:
        feed = Feed(url, key or "")
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="URL") from None
    try:
        copy = open_copy(out, feed.url, table)
        try:
            Follower(feed, copy, _say, live=not no_stream).run(once)
        finally:
            copy.close()
    except KeyboardInterrupt:
        _say("Stopped. The same command goes on from here.")
    except (NotOurs, Refused, Away) as error:
        raise click.ClickException(str(error)) from None


def open_copy(out: str, url: str, table: str) -> Copy:
    """The copy at *out*, made where there is none. Raises NotOurs, Away."""
    if DATABASE.match(out):
        return PostgisCopy(DATABASE.sub("postgresql://", out), url, table)
    path = Path(out)
    if not path.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {path.parent}", param_hint="--out")
    if path.suffix == ".gpkg":
        return GeoPackageCopy(path, url, table)
    if path.suffix in (".geojson", ".json"):
        return GeoJsonCopy(path, url)
    raise click.BadParameter("a file ending in .geojson or .gpkg, or postgresql://user@host/database", param_hint="--out")


def _say(words: str) -> None:
    click.echo(f"{datetime.now():%H:%M:%S} {words}")
