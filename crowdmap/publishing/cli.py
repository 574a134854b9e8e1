"""crowdmap republish."""

import click
from flask.cli import with_appcontext

from crowdmap.db import db
from crowdmap.publishing import counts, policy


@click.command()
@with_appcontext
def republish():
    """Make every publication again from the reports; what is right already stays as it is, byte for byte."""
    trees, changed = policy.republish(db.session)
    click.echo(f"{trees} reports projected, {changed} changed")
    wrong = counts.rebuild(db.session)
    db.session.commit()
    if wrong:
        click.echo(f"{wrong} counts behind the map were wrong, and are right now")


COMMANDS = (republish,)
