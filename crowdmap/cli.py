"""The ``crowdmap`` command. Thin: each feature brings its own commands in its cli module."""

import sys
from importlib import import_module
from importlib.util import find_spec

import click
from flask.cli import ScriptInfo
from sqlalchemy.exc import OperationalError, ProgrammingError

from crowdmap import FEATURES, __version__, create_app
from crowdmap.config import SettingError
from crowdmap.db import DatabaseUnsuitable
from crowdmap.errors import DomainError


class Commands(click.Group):
    """Answers 1 with a sentence when something fails, 2 for wrong usage; never a traceback for a known error.

    Not Flask's own group: that one makes the application, and with it an instance folder, for a mere ``--help``.
    """

    def make_context(self, info_name, args, parent=None, **extra):
        extra.setdefault("obj", ScriptInfo(create_app=create_app))
        return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except (DomainError, SettingError, DatabaseUnsuitable) as error:
            raise click.ClickException(getattr(error, "message", None) or str(error)) from None
        except (OperationalError, ProgrammingError) as error:
            told = (str(error.orig).strip().splitlines() or ["it does not answer"])[0]
            raise click.ClickException(f"The database: {told}. `crowdmap doctor` says what to do.") from None
        except OSError as error:
            if error.filename is None:
                raise
            raise click.ClickException(f"{error.filename}: {error.strerror}.") from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="crowdmap")
def cli():
    """A crisis map: reports come in, are checked, and are live on the map and in feeds."""


def _gather() -> None:
    """A feature of one module lists its COMMANDS itself, a package in its cli module."""
    for name in FEATURES:
        module = import_module(f"crowdmap.{name}")
        if hasattr(module, "__path__") and find_spec(f"crowdmap.{name}.cli"):
            module = import_module(f"crowdmap.{name}.cli")
        for command in getattr(module, "COMMANDS", ()):
            cli.add_command(command)


_gather()


def main() -> None:
    sys.exit(cli.main(prog_name="crowdmap", standalone_mode=True))


if __name__ == "__main__":
    main()
