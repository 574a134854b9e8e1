"""crowdmap places import | list | remove."""

from pathlib import Path

import click
from flask.cli import with_appcontext
from sqlalchemy import select

from crowdmap.db import db
from crowdmap.tasks import gazetteer
from crowdmap.tasks.models import PlaceFile


@click.group("places")
def places_group():
    """The gazetteer: named places and areas that volunteers look messages up in."""


@places_group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", help="what the file is called; default: its own name. One of the same name is replaced")
@with_appcontext
def import_command(file, name):
    """Take the named features of FILE (GeoJSON, lon, lat, at most 5 MB).

    The property "name" is needed; "aliases", "alt_name" or "old_name" (a list, or joined by semicolons) are found as well.
    """
    found = gazetteer.add(db.session, name or file.stem, file.read_bytes())
    db.session.commit()
    click.echo(f"{found.name}: {found.places} places.")


@places_group.command("list")
@with_appcontext
def list_command():
    """The files, with how many places each has."""
    for file in gazetteer.files(db.session):
        click.echo(f"{file.places:7}  {file.added_at:%Y-%m-%d %H:%M}  {file.name}")


@places_group.command("remove")
@click.argument("name")
@with_appcontext
def remove_command(name):
    """Take a file of places out of the gazetteer."""
    file_id = db.session.scalar(select(PlaceFile.id).where(PlaceFile.name == name))
    if file_id is None or gazetteer.remove(db.session, file_id) is None:
        raise click.ClickException(f"there is no file of places called {name!r}")
    db.session.commit()
    click.echo(f"{name} is gone.")


COMMANDS = (places_group,)
