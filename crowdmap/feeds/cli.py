"""The commands of the feeds; crowdmap export: what everybody may see, as a file."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from flask.cli import with_appcontext
from werkzeug.datastructures import MultiDict

from crowdmap.db import db, reading
from crowdmap.db.joined import SEPARATOR
from crowdmap.feeds import reading as pages
from crowdmap.feeds.around import describe, feed_address
from crowdmap.feeds.follow.command import follow
from crowdmap.feeds.formats import FORMATS, SWITCHES, switches_of
from crowdmap.feeds.layers import LAYERS, layer_filter
from crowdmap.feeds.reader import PUBLIC
from crowdmap.filters import PARAMETERS


def _filter_options(command):
    """An option for each parameter of a feed's address, with the same values."""
    for name in reversed((*PARAMETERS, *SWITCHES)):
        words = SWITCHES[name].words if name in SWITCHES else "as in a feed's address; may be given again"
        command = click.option(f"--{name}", f"filter_{name}", multiple=True, metavar="VALUE", help=words)(command)
    return command


@click.command()
@click.option("--format", "form", type=click.Choice(list(FORMATS)), required=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="the file; replaced when all is written")
@click.option("--layer", type=click.Choice(list(LAYERS)), default="all", show_default=True)
@_filter_options
@with_appcontext
def export(form, out, layer, **options):
    """Write a layer, or what a filter finds in it, into a file: what everybody may see, and nothing else."""
    form = FORMATS[form]
    asked = MultiDict((name.removeprefix("filter_"), value) for name, values in options.items() for value in values)
    with reading():
        chosen = PUBLIC.hold(layer_filter(layer, asked, switches_of(form)))
        switches = {switch.name: switch.read(asked) for switch in form.PARAMETERS}
        whole = pages.whole(chosen, PUBLIC.audience)
        pairs = list(asked.items(multi=True))
        bare = feed_address(layer, form, [pair for pair in pairs if pair[0] not in switches])
        around = describe(
            chosen, whole, form, layer=layer, address=feed_address(layer, form, pairs), bare=bare, identity=bare,
            following=None, pairs=pairs, switches=switches,
        )  # fmt: skip
        db.session.remove()
    with click.progressbar(length=whole.matched, label=f"Writing {out.name}", show_pos=True) as bar:
        written = _replace(out, form.encode(_counted(whole.pieces, bar), around))
    click.echo(f"{out}: {whole.matched} reports, {written:,} bytes, as of seq {whole.seq}")


def _counted(pieces: Iterable[bytes], bar) -> Iterator[bytes]:
    for piece in pieces:
        yield piece
        bar.update(piece.count(SEPARATOR) + 1)
    bar.update(bar.length - bar.pos)


def _replace(out: Path, pieces: Iterable[bytes]) -> int:
    """Write beside *out* and put it in its place when it is whole and on the disk: nobody ever reads a half of it."""
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            for piece in pieces:
                file.write(piece)
            size = file.tell()
            file.flush()
            os.fsync(file.fileno())
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return size


COMMANDS = (export, follow)
