"""``crowdmap demo``: an invented crisis in a folder of its own, with accounts and reports that keep coming."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import uuid
from datetime import timedelta
from itertools import islice
from pathlib import Path

import click
from flask import Flask
from sqlalchemy import func, select

from crowdmap import config, create_app, serve
from crowdmap.accounts.passwords import new_passphrase
from crowdmap.accounts.queries import account_by_email
from crowdmap.accounts.roles import Role
from crowdmap.accounts.verbs import create_account
from crowdmap.config import settings
from crowdmap.db import analyse, db, migrate, utcnow
from crowdmap.errors import DomainError
from crowdmap.intake.draft import ReportDraft
from crowdmap.intake.generate import Generator, Invented
from crowdmap.intake.submit import Incoming, submit_many
from crowdmap.moderation.actions import perform
from crowdmap.reports import crisis
from crowdmap.reports.models import Report, Status, Submission

FOLDER = "instance/demo"
OPENSTREETMAP = "https://tile.openstreetmap.org/{z}/{x}/{y}.png"
ROBOT = "robot@demo.example"  # decides where no person does; its passphrase is told to nobody
ACCOUNTS = (
    ("coordinator@demo.example", Role.COORDINATOR),
    ("moderator@demo.example", Role.MODERATOR),
    ("volunteer@demo.example", Role.VOLUNTEER),
)
CHANNELS = (("web", 45), ("sms", 35), ("api", 12), ("email", 8))
MARK = "demo:"  # external ids of invented reports begin with it; the trickle publishes no others
BATCH = 200
QUEUE = 80  # the trickle keeps the queue of invented reports below this
EVIDENCE = (
    "Called back; a neighbour says the same.",
    "Photo seen, place compared with the map.",
    "Told by the local committee.",
)


def prepare(host: str, port: int) -> Flask:
    """The folder with its settings, the tables, the categories. Settings in the environment win, as everywhere."""
    os.environ.setdefault("CROWDMAP_INSTANCE", FOLDER)  # for the processes started from here, too
    template = crisis.read(crisis.DEFAULT)
    told_host = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host
    values = {"public_url": f"http://{told_host}:{port}"}
    instance = Path(os.environ["CROWDMAP_INSTANCE"])
    if not (instance / "crowdmap.toml").exists():
        values |= template.settings() | {
            "title": f"{template.title} (demonstration)",
            "tile_url": OPENSTREETMAP,
            "tile_attribution": "© OpenStreetMap contributors",
        }
    config.write(instance, values)
    app = create_app()
    migrate.upgrade(app)
    with app.app_context():
        crisis.load(crisis.DEFAULT)
    return app


def make_accounts() -> list[tuple[str, str]]:
    """E-mail and passphrase of each account; kept in the folder, so that a later start can show them again."""
    path = settings().INSTANCE / "demo-accounts.txt"
    known = dict(line.split(" ", 1) for line in path.read_text("utf-8").splitlines()) if path.exists() else {}
    for email, role in ACCOUNTS:
        if account_by_email(email) is None:
            known[email] = new_passphrase()
            create_account(email, role, known[email], name=role.capitalize())
    if account_by_email(ROBOT) is None:
        create_account(ROBOT, Role.MODERATOR, new_passphrase(), name="Demo")
    db.session.commit()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.writelines(f"{email} {passphrase}\n" for email, passphrase in known.items())
    return [(email, known.get(email, "(as you set it)")) for email, _ in ACCOUNTS]


def make_reports(count: int, seed: int) -> int:
    """Invented reports of the last days, if there is no report at all yet. → how many were made."""
    if not count or db.session.scalar(select(func.count()).select_from(Report)):
        db.session.rollback()
        return 0
    db.session.rollback()
    generator, made = Generator(crisis.read(crisis.DEFAULT), seed), 0
    invented = generator.batch(count, utcnow())
    pick = random.Random(seed)
    with click.progressbar(length=count, label=f"Inventing {count:,} reports", show_pos=False) as bar:
        while batch := list(islice(invented, BATCH)):
            messages = [_incoming(pick, f"{seed}:{number}", item) for number, item in enumerate(batch, made)]
            receipts = submit_many(db.session, messages)
            _settle(pick, batch, receipts)
            db.session.commit()
            made += len(batch)
            bar.update(min(len(batch), count - bar.pos))
        bar.update(count - bar.pos)
    analyse(db.session)
    db.session.commit()
    return made


def _incoming(pick: random.Random, number: str, item: Invented) -> Incoming:
    fields = item.fields
    verbatim = {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in fields.items()}
    channel = pick.choices([name for name, _ in CHANNELS], [share for _, share in CHANNELS])[0]
    seen = {Status.CLOSED: Status.PUBLISHED, Status.HIDDEN: Status.PENDING}.get(item.status, item.status)
    return Incoming(
        ReportDraft(**fields), channel, MARK + number, verbatim, received_at=item.received_at, status=seen,
        verification=item.verification, reason="invented for the demonstration",
    )  # fmt: skip


def _settle(pick: random.Random, batch, receipts) -> None:
    """Close and reject by an account's hand, so that the log of decisions looks like one; not by one that a visitor has, who
    would be offered to take back what they never did."""
    for item, receipt in zip(batch, receipts):
        if item.status is Status.CLOSED:
            _act(receipt.public_id, "close", reason="help arrived, says who asked")
        elif item.status is Status.HIDDEN:
            _act(receipt.public_id, "reject", reason=pick.choice(("spam", "unverifiable")))


def _act(public_id: str, action: str, **fields) -> None:
    revision = db.session.scalar(select(Report.revision).where(Report.public_id == public_id))
    perform(db.session, public_id, action, account_by_email(ROBOT), revision=revision, **fields)


# ---- reports that keep coming


def trickle(stop: threading.Event, seed: int) -> None:
    """A new report every few seconds; some of the invented ones that wait are published, some of these verified."""
    generator, pick = Generator(crisis.read(crisis.DEFAULT), seed + int(utcnow().timestamp())), random.Random()
    while not stop.wait(pick.uniform(2, 7)):
        try:
            submit_many(db.session, [_incoming(pick, f"live:{uuid.uuid4()}", generator.next(utcnow()))])
            db.session.commit()
            _look_after(pick)
        except DomainError:  # a person was quicker with the same report, or the database is busy: next time
            pass
        finally:
            db.session.rollback()
            db.session.remove()


def _look_after(pick: random.Random) -> None:
    """Publish invented reports that have waited, now and then, always when the queue is long. A person's never."""
    waiting = select(Report.public_id).join(Submission, Submission.report_id == Report.id)
    waiting = waiting.where(
        Report.status == Status.PENDING, ~Report.out_of_area, Report.merged_into_id.is_(None),
        Submission.external_id.startswith(MARK), Report.created_at < utcnow() - timedelta(seconds=8),
    ).order_by(Report.id)  # fmt: skip
    found = db.session.scalars(waiting.limit(QUEUE + 20)).all()
    if not found or len(found) < QUEUE and pick.random() < 0.25:
        return
    # mostly one of the newest, as the map is to move; the oldest when too many wait
    one = found[0] if len(found) >= QUEUE else pick.choice(found[-5:])
    _act(one, "publish")
    if pick.random() < 0.3:
        _act(one, "verify", evidence=pick.choice(EVIDENCE))
    db.session.commit()


# ---- the command


@click.command("demo")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--reports", default=1200, show_default=True, type=click.IntRange(0, 2_000_000), help="published ones")
@click.option("--seed", default=1, show_default=True, help="the same seed makes the same reports")
@click.option("--live/--no-live", default=True, show_default=True, help="let new reports come in all the time")
def demo_command(host, port, reports, seed, live):
    """A demonstration crisis in a folder of its own (instance/demo). Nobody and nothing in it is real.

    Reports are invented at the first start; later starts go on with what is there. Delete the folder to begin anew.
    """
    _check_port(host, port)
    app = prepare(host, port)
    with app.app_context():
        accounts = make_accounts()
        made = make_reports(reports, seed)
        _tell(accounts, made, live)
        db.session.remove()
        db.engine.dispose()
    beside = _start_trickle(seed) if live else None
    try:
        serve.run(host, port, quiet=True)
    finally:
        serve.stop_worker(beside)


def live(seed: int) -> None:
    """The trickle in a process of its own; it ends with the one that started it."""
    stop, parent = threading.Event(), os.getppid()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    def watch():
        while not stop.wait(2):
            if os.getppid() != parent:
                stop.set()

    threading.Thread(target=watch, daemon=True).start()
    with create_app().app_context():
        trickle(stop, seed)


def _start_trickle(seed: int) -> subprocess.Popen:
    command = [sys.executable, "-c", f"from crowdmap.demo import live; live({seed})"]
    return subprocess.Popen(command, start_new_session=True)


def _check_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            words = f"port {port} of {host} cannot be used ({error.strerror}): end what listens there, or say --port"
            raise click.ClickException(words) from None


def _tell(accounts, made: int, live: bool) -> None:
    base = settings().PUBLIC_URL
    click.echo()
    click.secho(settings().TITLE, bold=True)
    for name, path in (("Map", "/"), ("Report", "/report"), ("Desk", "/moderate"), ("Feed", "/feeds/all.geojson")):
        click.echo(f"  {name:<8}{base}{path}")
    click.echo("  Accounts")
    for email, passphrase in accounts:
        click.echo(f"    {email:<26}{passphrase}")
    click.echo(f"  Everything is invented; it lives in {settings().INSTANCE}.")
    click.echo(f"  {'New reports come in every few seconds. ' if live else ''}Ctrl-C ends it.")
    sys.stdout.flush()


COMMANDS = (demo_command,)
