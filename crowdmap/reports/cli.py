"""Commands on the crisis itself."""

from pathlib import Path

import click
from flask.cli import with_appcontext

from crowdmap.db import reading
from crowdmap.reports import crisis


@click.group("template")
def template_group():
    """The crisis as a template: categories, policies, towns, settings."""


@template_group.command("export")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="file to write; else it is printed")
@with_appcontext
def export_command(out):
    """Write this crisis as a TOML template, for `crowdmap init --template FILE.toml` elsewhere."""
    with reading():
        text = crisis.export()
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
        click.echo(f"{out}: written.")


COMMANDS = (template_group,)
