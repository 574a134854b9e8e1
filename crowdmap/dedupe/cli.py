"""crowdmap dedupe. What needs a file of reports is in intake/scoring.py, for it comes in by the one door."""

import click

from crowdmap.config import settings
from crowdmap.db import db, reading, utcnow
from crowdmap.dedupe import model, train


@click.group()
def dedupe():
    """Near-duplicates: score a file of reports, say how good the scores are, learn."""


def learn_from_decisions() -> None:
    """Write the correction that the decisions teach, and say what it is worth."""
    instance = settings().INSTANCE
    with reading():
        examples = train.decided(db.session)
        db.session.rollback()
    correction, figures = train.correct(model.read(model.BUILT_IN), examples)
    about = {"learned_at": utcnow().isoformat(timespec="seconds"), **figures}
    path = train.write_correction(instance, correction, about)
    click.echo(f"{figures['decisions']} decided pairs, {figures['same']} of them the same")
    click.echo(f"probability given to what people decided: {figures['before']:.3f} before, {figures['after']:.3f} now")
    click.echo(f"Kept in {path}; remove the file to forget it.")


COMMANDS = (dedupe,)
