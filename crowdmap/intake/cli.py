"""The command that takes a file."""

from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from flask.cli import with_appcontext

from crowdmap.db import analyse, db
from crowdmap.intake import files, importing, scoring  # noqa: F401  (its commands join crowdmap dedupe)
from crowdmap.intake.files.categories import read_mapping

SHOWN = 20  # problems and conflicts listed before the rest is only counted; --verbose lists all


def _zone(context, parameter, value):
    try:
        return value and ZoneInfo(value).key
    except (ZoneInfoNotFoundError, ValueError):
        raise click.BadParameter(f"{value!r} is not a known time zone, such as America/Port-au-Prince") from None


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "form", type=click.Choice(["auto", *files.BY_NAME]), default="auto", show_default=True)
@click.option("--source", help="name of the source, the beginning of every external id  [default: the file's name]")
@click.option("--timezone", callback=_zone, help="zone of dates that come without one  [default: the crisis's]")
@click.option(
    "--categories",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV with the columns category, kind, code  [default: categories.csv beside the file, if there is one]",
)
@click.option("--publish", is_flag=True, help="publish what the source had approved; outside the area it stays pending")
@click.option("--dry-run", is_flag=True, help="say what would happen and write nothing")
@click.option("-v", "--verbose", is_flag=True, help="list every problem, not only the first ones")
@with_appcontext
def import_command(file, form, source, timezone, categories, publish, dry_run, verbose):
    """Take the reports of FILE. Run it again at will: what is here already is not taken twice.

    Exit 1 if a row could not be taken or came with other content than before; each is named with its line.
    """
    chosen = files.detect(file) if form == "auto" else files.BY_NAME[form]
    mapping = importing.default_mapping(file, categories)
    click.echo(f"{file.name}: {chosen.help}" + (f"; categories by {mapping.name}" if mapping else ""))
    with click.progressbar(length=1000, label="Taking reports", show_pos=False) as bar:
        summary = importing.run(
            db.session,
            file,
            chosen,
            source=source or file.stem,
            zone=importing.zone_of(timezone),
            mapping=read_mapping(mapping) if mapping else None,
            publish=publish,
            dry_run=dry_run,
            progress=lambda share: bar.update(int(1000 * share) - bar.pos),
        )
        bar.update(1000 - bar.pos)
    if summary.taken and not dry_run:
        analyse(db.session)
        db.session.commit()
    _tell(summary, dry_run, publish, verbose)
    if summary.failed:
        raise SystemExit(1)


def _tell(summary: importing.Summary, dry_run: bool, publish: bool, verbose: bool) -> None:
    would = "would be " if dry_run else ""
    table = [("rows read", summary.rows), (f"{would}taken", summary.taken)]
    table += [(f"  {kind}", count) for kind, count in summary.kinds.most_common()]
    table += [(f"  {would}published", summary.published)] if publish else []
    table += [("  place not known", summary.unplaced)] if summary.unplaced else []
    table += [
        ("already here", summary.repeated),
        ("outside the area", summary.outside),
        ("same id, other content", len(summary.conflicts)),
        ("could not be taken", len(summary.problems)),
    ]
    width = max(len(name) for name, _ in table)
    for name, count in table:
        click.echo(f"{name:<{width}}  {count:>7}")
    for words, count in summary.warnings.most_common():
        click.echo(f"note: {words}" + (f" ({count} rows)" if count > 1 else ""))
    for title, found in (("conflict", summary.conflicts), ("problem", summary.problems)):
        for line, words in found if verbose else found[:SHOWN]:
            click.echo(f"{title}: line {line}: {words}", err=True)
        if len(found) > SHOWN and not verbose:
            click.echo(f"{title}: {len(found) - SHOWN} more; --verbose lists them all", err=True)
    if dry_run:
        click.echo("Nothing was written.")


COMMANDS = (import_command,)
