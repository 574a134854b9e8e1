"""Running an instance: health for machines, ``doctor`` for people, and the commands that start and prepare it."""

import secrets
import shutil
import sys
from datetime import timedelta

import click
import orjson
from flask import Blueprint, Flask, Response, current_app, request
from flask.cli import with_appcontext
from sqlalchemy import func, select

from crowdmap import config, jobs, serve
from crowdmap.accounts.passwords import new_passphrase
from crowdmap.accounts.roles import Role
from crowdmap.accounts.verbs import create_account
from crowdmap.alerts.models import Subscription
from crowdmap.alerts.queries import paused_by_us
from crowdmap.config import settings
from crowdmap.db import db, migrate, reading, utcnow
from crowdmap.errors import NotFound
from crowdmap.moderation.triage.queries import unreadable, what_is_missing
from crowdmap.publishing import counts
from crowdmap.publishing.models import OUTSIDE, Audience, Publication
from crowdmap.publishing.project import PROPERTIES
from crowdmap.reports import crisis
from crowdmap.reports.models import Category
from crowdmap.reports.outbox import Outgoing, State
from crowdmap.web import access_of, public

blueprint = Blueprint("operate", __name__)
LOW_DISK = 100 * 1024 * 1024
SAMPLE = 50  # of the oldest publications
# by any of these a proxy on this machine shows that somebody else asks
PROXY_HEADERS = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via")


# ---- checks, each one sentence and its remedy


def check_database() -> str | None:
    try:
        db.session.execute(select(1))
    except Exception as error:
        return f"The database does not answer ({type(error).__name__}). Check DATABASE_URL and that the server runs."


def check_migrations() -> str | None:
    if not migrate.is_current(current_app):
        return "The database's tables are not those of this version. Run `crowdmap migrate`."


def check_crisis() -> str | None:
    if db.session.scalar(select(func.count()).select_from(Category)) == 0:
        return "There are no categories yet. Run `crowdmap init`."


def check_worker() -> str | None:
    seen = jobs.worker_seen(db.session)
    if seen is None or utcnow() - seen > timedelta(minutes=2):
        return "No worker was seen in the last two minutes. `crowdmap serve` starts one; or run `crowdmap worker`."


def check_disk() -> str | None:
    free = shutil.disk_usage(settings().INSTANCE).free
    if free < LOW_DISK:
        return f"Only {free // 1_000_000} MB are free where the instance lives. Make room before reports are refused."


def check_jobs() -> str | None:
    dead = db.session.scalar(select(func.count()).select_from(jobs.Job).where(jobs.Job.state == "dead"))
    if dead:
        return f"{dead} background jobs failed for good; their errors stand in the table job."


def check_partners() -> str | None:
    """Partners see every report that the public sees; after an upgrade from before there were any, they see none."""
    query = select(Publication.audience, func.count()).where(Publication.audience.in_(OUTSIDE), Publication.removed.is_(None))
    seen = dict(db.session.execute(query.group_by(Publication.audience)).all())
    lack = seen.get(Audience.PUBLIC, 0) - seen.get(Audience.PARTNER, 0)
    if lack > 0:
        return f"{lack} public reports cannot be read with a partner's key yet. Run `crowdmap republish` once."


def check_publications() -> str | None:
    """What was published by an earlier version tells all that this one tells only once it is made again; the oldest show it."""
    query = select(Publication.feature).where(Publication.removed.is_(None)).order_by(Publication.id).limit(SAMPLE)
    lack = {name for feature in db.session.scalars(query) for name in set(PROPERTIES) - orjson.loads(feature)["properties"].keys()}
    if lack:
        return f"What was published before the upgrade does not tell {', '.join(sorted(lack))}. Run `crowdmap republish` once."


def check_webhooks() -> str | None:
    if paused := paused_by_us():
        return f"{paused} webhooks were paused because nothing arrived; /admin/webhooks says why and sends again."


def check_outbox() -> str | None:
    failed = select(func.count()).select_from(Outgoing).where(Outgoing.state == State.FAILED)
    if dead := db.session.scalar(failed):
        return f"{dead} messages to reporters could not be delivered; why stands in the table outbox, and at the desk."


def check_counts() -> str | None:
    if not counts.is_sound(db.session):
        return "The counts behind the map are not those of the published reports. Run `crowdmap republish`."


def check_moderation() -> str | None:
    if settings().MODERATION == "after" and (missing := what_is_missing(db.session)):
        return f"MODERATION=after publishes unread and cannot be used: {missing}. Until then say MODERATION=before."


def check_rules() -> str | None:
    if wrong := unreadable(db.session):
        return f"{wrong} It is at /admin/rules. Until then no rule is applied, and every report waits."


def check_settings() -> str | None:
    if unknown := config.unknown_in_environment():
        return f"No such setting: {', '.join(unknown)}. docs/operators.md lists them."


READY = {"database": check_database, "migrations": check_migrations, "worker": check_worker, "disk": check_disk}
CHECKS = {
    **READY, "settings": check_settings, "crisis": check_crisis, "jobs": check_jobs, "partners": check_partners,
    "publications": check_publications, "webhooks": check_webhooks, "outbox": check_outbox, "counts": check_counts,
    "moderation": check_moderation, "rules": check_rules,
}  # fmt: skip


def run_checks(checks) -> dict[str, str | None]:
    """name → None or what is wrong; the first that fails on the database ends the rest."""
    found = {}
    for name, check in checks.items():
        try:
            found[name] = check()
        except Exception as error:
            db.session.rollback()
            found[name] = f"Could not be checked ({type(error).__name__})."
        if name in ("database", "migrations") and found[name]:
            break
    return found


# ---- for machines


@blueprint.get("/healthz")
@public
def healthz():
    return {"status": "up"}


@blueprint.get("/readyz")
@public
def readyz():
    """200 when database, migrations, worker and disk are well; else 503 with which is not."""
    found = run_checks(READY)
    return {"status": "ready" if not any(found.values()) else "not ready", "checks": found}, (
        503 if any(found.values()) else 200
    )


@blueprint.get("/metrics")
@public
def metrics():
    """Prometheus text, for this machine itself or with METRICS_TOKEN as a bearer token; others see nothing."""
    token = settings().METRICS_TOKEN
    given = request.headers.get("Authorization", "").encode()
    allowed = bool(token) and secrets.compare_digest(given, f"Bearer {token}".encode())
    handed_on = any(name in request.headers for name in PROXY_HEADERS)
    if not allowed and (request.remote_addr not in ("127.0.0.1", "::1") or handed_on):
        raise NotFound()
    lines = []
    query = select(Publication.audience, Publication.status, func.count()).where(Publication.removed.is_(None))
    for audience, status, n in db.session.execute(query.group_by(Publication.audience, Publication.status)):
        lines.append(f'crowdmap_publications{{audience="{audience}",status="{status}"}} {n}')
    for state, n in db.session.execute(select(jobs.Job.state, func.count()).group_by(jobs.Job.state)):
        lines.append(f'crowdmap_jobs{{state="{state}"}} {n}')
    for state, n in db.session.execute(select(Subscription.state, func.count()).group_by(Subscription.state)):
        lines.append(f'crowdmap_subscriptions{{state="{state}"}} {n}')
    seq = db.session.scalar(select(func.max(Publication.seq))) or 0
    lines.append(f"crowdmap_seq {seq}")
    return Response("\n".join(lines) + "\n", mimetype="text/plain; version=0.0.4")


# ---- commands


@click.command("migrate")
@with_appcontext
def migrate_command():
    """Bring the database's tables to this version."""
    migrate.upgrade(current_app)
    click.echo("The database is up to date.")


@click.command("init")
@click.option("--template", default=crisis.DEFAULT, show_default=True, help="a built-in template, or a .toml file")
@click.option("--title", help="name of the crisis")
@click.option("--admin", metavar="EMAIL", help="make this the first administrator; asked for at a terminal")
@with_appcontext
def init_command(template, title, admin):
    """Start a new crisis: settings, tables, categories, and the first administrator.

    Run again, it keeps what is set and what is there, and adds what is missing.
    """
    found = crisis.read(template)
    values = found.settings() | config.stored(settings().INSTANCE) | ({"title": title} if title else {})
    path = config.write(settings().INSTANCE, values)
    migrate.upgrade(current_app)
    crisis.load(template)
    click.echo(f"{values['title']}: settings in {path}, {len(found.categories)} categories.")
    if admin is None and sys.stdin.isatty():
        admin = click.prompt("E-mail address of the first administrator (empty: later)", default="", show_default=False)
    if admin:
        passphrase = new_passphrase()
        account = create_account(admin, Role.COORDINATOR, passphrase)
        db.session.commit()
        click.echo(f"{account.email} is a coordinator now. Passphrase, shown this once: {passphrase}")
    else:
        click.echo("Next: crowdmap user add you@example.org --role coordinator")
    click.echo("Then: crowdmap serve")


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
@click.option("--threads", default=serve.THREADS, show_default=True, type=click.IntRange(4, 1000), help="per worker")
@click.option("--no-worker", is_flag=True, help="do not start the background worker beside it")
@with_appcontext
def serve_command(host, port, workers, threads, no_worker):
    """Serve the map (gunicorn), with the background worker beside it."""
    if problem := check_database() or check_migrations() or check_moderation():
        raise click.ClickException(problem)
    db.session.remove()
    db.engine.dispose()
    serve.run(host, port, workers=workers, threads=threads, worker=not no_worker)


@click.command("worker")
@click.option("--with-parent", type=int, hidden=True)
@with_appcontext
def worker_command(with_parent):
    """Do the background work."""
    serve.run_worker(current_app._get_current_object(), with_parent=with_parent)


@click.command("doctor")
@with_appcontext
def doctor_command():
    """Say what is wrong, in one sentence each, with the remedy."""
    with reading():
        found = run_checks(CHECKS)
    click.echo(f"Instance {settings().INSTANCE}, database {db.engine.url.render_as_string(hide_password=True)}")
    for name, words in found.items():
        click.echo(f"{'well ' if words is None else 'WRONG'} {name}" + (f": {words}" if words else ""))
    if any(found.values()):
        raise SystemExit(1)


@click.command("routes")
@with_appcontext
def routes_command():
    """List method, path and permission of every route."""
    for rule in sorted(current_app.url_map.iter_rules(), key=lambda rule: rule.rule):
        methods = ",".join(sorted(rule.methods - {"HEAD", "OPTIONS"}))
        click.echo(f"{methods:12} {rule.rule:52} {access_of(current_app, rule.endpoint)}")


COMMANDS = (
    migrate_command, init_command, serve_command, worker_command, doctor_command, routes_command,
)  # fmt: skip


def init_app(app: Flask) -> None:
    app.register_blueprint(blueprint)
