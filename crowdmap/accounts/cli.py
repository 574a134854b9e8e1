"""Accounts from the command line: the first coordinator, and the way back in when nobody else can help."""

import sys

import click
from flask.cli import with_appcontext

from crowdmap.accounts import queries, verbs
from crowdmap.accounts.passwords import new_passphrase
from crowdmap.accounts.roles import Role
from crowdmap.db import db, reading
from crowdmap.errors import NotFound
from crowdmap.web import absolute


@click.group()
def user():
    """Accounts: add, list, disable, enable, reset."""


@user.command()
@click.argument("email")
@click.option("--role", type=click.Choice([str(role) for role in Role]), required=True)
@click.option("--name", default="", help="shown to colleagues; default: the part before the @")
@click.option("--password-stdin", is_flag=True, help="read the password from standard input instead of making one")
@with_appcontext
def add(email: str, role: str, name: str, password_stdin: bool):
    """Add an account. Without --password-stdin a passphrase is made and printed once."""
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else new_passphrase()
    account = verbs.create_account(email, Role(role), password, name=name)
    email = account.email
    db.session.commit()
    click.echo(f"{email} is a {role} now.")
    if not password_stdin:
        click.echo(f"Passphrase, shown this once: {password}")


@user.command("list")
@with_appcontext
def list_():
    """List the accounts."""
    with reading():
        for account in queries.accounts():
            state = "" if account.is_active else "  disabled"
            click.echo(f"{account.email:40} {account.role:12}{state}".rstrip())


@user.command()
@click.argument("email")
@with_appcontext
def disable(email: str):
    """Disable an account and end its sessions."""
    verbs.disable(_known(email), by=None)
    db.session.commit()
    click.echo(f"{email} is disabled.")


@user.command()
@click.argument("email")
@with_appcontext
def enable(email: str):
    """Enable a disabled account again."""
    verbs.enable(_known(email), by=None)
    db.session.commit()
    click.echo(f"{email} is enabled.")


@user.command()
@click.argument("email")
@with_appcontext
def reset(email: str):
    """Print a link that sets a new password within 30 minutes."""
    token = verbs.make_reset_link(_known(email), by=None)
    db.session.commit()
    click.echo(absolute(f"/reset/{token}"))


def _known(email: str) -> int:
    account = queries.account_by_email(email)
    if account is None:
        raise NotFound(f"There is no account {email}.")
    return account.id


COMMANDS = (user,)
