"""crowdmap republish."""

import click
from flask.cli import with_appcontext

from crowdmap.db import db
from crowdmap.publishing import policy


@click.command()
@with_appcontext
def republish():
    """Make every publication again from the reports; what is right already stays as it is, byte for byte."""
    trees, changed = policy.republish(db.session)
    click.echo(f"{trees} reports projected, {changed} changed")


COMMANDS = (republish,)
