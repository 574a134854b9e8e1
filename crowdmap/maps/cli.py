"""crowdmap overlay add | list | remove."""

from pathlib import Path

import click
from flask.cli import with_appcontext

from crowdmap.db import db
from crowdmap.maps import overlays


@click.group("overlay")
def overlay_group():
    """Lines, areas and places of your own, drawn quietly under the reports."""


@overlay_group.command("add")
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_appcontext
def add_command(name, file):
    """Draw FILE (GeoJSON, lon, lat) on the map as NAME; one of the same name is replaced.

    Names (property "name") become labels and places of the search box. Roads are recognised by the OpenStreetMap
    property "highway", rivers by "waterway".
    """
    overlay = overlays.add(db.session, name, file.read_bytes())
    db.session.commit()
    click.echo(f"{overlay.name}: {overlay.features} features, {len(overlay.places)} names, {len(overlay.geojson) // 1024} kB.")


@overlay_group.command("list")
@with_appcontext
def list_command():
    """What is drawn, lowest first."""
    for entry in overlays.listed():
        click.echo(f"{entry['slug']:24} {entry['features']:6}  {entry['name']}")


@overlay_group.command("remove")
@click.argument("name")
@with_appcontext
def remove_command(name):
    """Take an overlay off the map."""
    if not overlays.remove(db.session, name):
        raise click.ClickException(f"there is no overlay {name!r}")
    db.session.commit()
    click.echo(f"{name} is gone.")


COMMANDS = (overlay_group,)
