"""crowdmap organisation …, crowdmap key …, and `crowdmap user add --organisation`."""

import click
from flask.cli import with_appcontext

from crowdmap.accounts.cli import user
from crowdmap.db import db, reading, utcnow
from crowdmap.organisations import queries, verbs
from crowdmap.organisations.models import PER_MINUTE
from crowdmap.organisations.scopes import NAMES, KeyScope, parse_options

SCOPE_HELP = f"NAME=VALUE[,VALUE], several times; the names are {', '.join(NAMES)}"


@click.group()
def organisation():
    """Organisations that read with keys: add, list, approve, suspend, add-member."""


@organisation.command("add")
@click.argument("name")
@click.option("--slug", help="short name for addresses and commands; default: made of NAME")
@click.option("--approve", is_flag=True, help="its keys open what their scopes say from the start")
@with_appcontext
def add_organisation(name: str, slug: str | None, approve: bool):
    """Add an organisation."""
    made = verbs.add_organisation(name, slug, approve=approve)
    slug = made.slug
    db.session.commit()
    click.echo(f"{slug}: added" + (" and approved." if approve else f". Next: crowdmap organisation approve {slug}"))


@organisation.command("list")
@with_appcontext
def list_organisations():
    """List the organisations."""
    with reading():
        for one in queries.organisations():
            state = "approved" if one.approved_at else "not approved"
            live = sum(key.revoked_at is None for key in one.keys)
            click.echo(f"{one.slug:24} {state:13} {len(one.members)} members, {live} keys  {one.name}")


@organisation.command("approve")
@click.argument("slug")
@with_appcontext
def approve_organisation(slug: str):
    """Let the organisation's keys open what their scopes say."""
    verbs.set_approved(slug, True)
    db.session.commit()
    click.echo(f"{slug} is approved.")


@organisation.command("suspend")
@click.argument("slug")
@with_appcontext
def suspend_organisation(slug: str):
    """Take the approval away: its keys open nothing, open streams end within seconds."""
    verbs.set_approved(slug, False)
    db.session.commit()
    click.echo(f"{slug} is not approved any more.")


@organisation.command("add-member")
@click.argument("slug")
@click.argument("email")
@with_appcontext
def add_member(slug: str, email: str):
    """Make the account of EMAIL a member of the organisation."""
    verbs.add_member(slug, email)
    db.session.commit()
    click.echo(f"{email} is a member of {slug}.")


@click.group()
def key():
    """Keys of organisations: add, list, change, revoke."""


@key.command("add")
@click.option("--organisation", "slug", required=True, metavar="SLUG")
@click.option("--scope", multiple=True, metavar="NAME=VALUE", help=SCOPE_HELP + "; without: all that partners see")
@click.option("--name", default="", help="what it is for; default: the organisation's name")
@click.option("--days", type=int, help="until it expires; default: never")
@click.option("--per-minute", type=int, default=PER_MINUTE, show_default=True, help="requests that are taken")
@with_appcontext
def add_key(slug: str, scope: tuple[str, ...], name: str, days: int | None, per_minute: int):
    """Make a key and print it, this once."""
    made, text = verbs.add_key(slug, parse_options(scope), name=name, days=days, per_minute=per_minute)
    public_id, approved = made.public_id, queries.organisation_by_slug(slug).approved_at is not None
    sentence = KeyScope.from_json(made.scope).sentence()
    db.session.commit()
    click.echo(f"Key {public_id} of {slug}: {sentence}.")
    if not approved:
        click.echo(f"It opens nothing before: crowdmap organisation approve {slug}")
    click.echo(f"Shown this once: {text}")


@key.command("list")
@with_appcontext
def list_keys():
    """List the keys: what each opens, when it was last used."""
    with reading():
        for one in queries.keys():
            used = f"last used {one.last_used_at:%Y-%m-%d %H:%M}" if one.last_used_at else "never used"
            scope = KeyScope.from_json(one.scope).sentence()
            click.echo(f"{one.public_id}  {one.organisation.slug:24} {_state(one):10} {used:26} {one.name}: {scope}")


@key.command("change")
@click.argument("public_id", metavar="ID")
@click.option("--scope", multiple=True, required=True, metavar="NAME=VALUE", help=SCOPE_HELP + "; replaces what it was")
@with_appcontext
def change_key(public_id: str, scope: tuple[str, ...]):
    """Give a key another scope; who follows with it has to read anew."""
    changed = verbs.change_key(public_id, parse_options(scope))
    sentence = KeyScope.from_json(changed.scope).sentence()
    db.session.commit()
    click.echo(f"Key {public_id}: {sentence}.")


@key.command("revoke")
@click.argument("public_id", metavar="ID")
@with_appcontext
def revoke_key(public_id: str):
    """Let a key open nothing from now on; its open streams end within seconds."""
    public_id = public_id.removeprefix("cm_").partition("_")[0]
    verbs.revoke_key(public_id)
    db.session.commit()
    click.echo(f"Key {public_id} is revoked.")


def _state(one) -> str:
    if one.revoked_at:
        return "revoked"
    if one.expires_at and one.expires_at <= utcnow():
        return "expired"
    return "in use" if one.organisation.approved_at else "waiting"


# accounts know nothing of organisations: the option is put onto their command here
_add_account = user.commands["add"]
_option = click.Option(["--organisation"], metavar="SLUG", help="make them a member of this organisation, too")


@user.command("add", params=[*_add_account.params, _option], help=_add_account.help)
@click.pass_context
@with_appcontext
def add_account_and_member(context: click.Context, organisation: str | None, **given):
    if organisation:
        queries.organisation_by_slug(organisation)
        db.session.rollback()
    context.invoke(_add_account, **given)
    if organisation:
        verbs.add_member(organisation, given["email"])
        db.session.commit()
        click.echo(f"Member of {organisation}.")


COMMANDS = (organisation, key)
