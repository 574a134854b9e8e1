"""crowdmap simulate NAME: a day of a crisis, with invented messages and simulated people, in minutes."""

import math
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from flask import Flask
from sqlalchemy import func, inspect, select

from crowdmap import config, create_app
from crowdmap.accounts.models import Account
from crowdmap.accounts.passwords import new_passphrase
from crowdmap.accounts.roles import Role
from crowdmap.accounts.verbs import create_account
from crowdmap.db import analyse, clock, db, migrate
from crowdmap.errors import DomainError
from crowdmap.reports import crisis
from crowdmap.reports.models import Report, Submission
from crowdmap.simulate import messages, table
from crowdmap.simulate.day import LENGTH, Day
from crowdmap.simulate.scenario import SCENARIOS, NoCurve, Scenario, Skill, read_curve
from crowdmap.tasks import people
from crowdmap.tasks.figures import figures
from crowdmap.tasks.truth import CHANNEL

COORDINATOR = "coordinator@simulation.example"
ADDRESS = "@simulation.example"
MOST_SPEED = 1_000_000


class NotHere(DomainError):
    """The database that was named is a crisis of its own."""


class Speed(click.ParamType):
    name = "N|max"

    def convert(self, value, param, ctx):
        """→ simulated seconds in a real one, None: as fast as it goes."""
        if value is None or str(value).strip().lower() in ("max", "0"):
            return None
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not 0 < number <= MOST_SPEED:
            self.fail(f"{value!r} is no speed: say how many simulated seconds pass in a real one, such as 600, or max", param, ctx)
        return number


@click.command("simulate")
@click.argument("name", type=click.Choice(sorted(SCENARIOS)))
@click.option("--speed", default="600", show_default=True, type=Speed(), help="simulated seconds in a real one; max: as fast as it goes")
@click.option("--messages", "number", type=click.IntRange(1, 100_000), help="how many; default: the scenario's, 1,000")
@click.option("--volunteers", type=click.IntRange(0, 1000), help="default: the scenario's, 24")
@click.option("--moderators", type=click.IntRange(0, 100), help="default: the scenario's, 3")
@click.option("--skill", type=click.FloatRange(0, 1), help="share of right answers of every volunteer, in place of the scenario's table")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="the same seed makes the same day")
@click.option("--from", "curve", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="take the arrival curve of this Ushahidi export")
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), help="an instance folder to keep the day in; default: one that goes afterwards")
def simulate_command(name, speed, number, volunteers, moderators, skill, seed, curve, into):
    """A day of a crisis with invented messages and simulated volunteers and moderators; ends with a table of how the work went.

    It has a database of its own and never touches another crisis. A folder named with --into must be empty, or an instance
    without reports and accounts; the database of its crowdmap.toml is used. Ctrl-C ends it with the table of what is there.
    """
    scenario = SCENARIOS[name]
    template = crisis.read(scenario.template)
    scenario = scenario if skill is None else scenario.with_skill(skill)
    if curve is not None:
        scenario = _with_curve(scenario, template, curve)
    with _instance(into) as folder:
        app = _prepare(folder, scenario, template)
        with app.app_context():
            try:
                passphrase = _run(scenario, template, speed, number or scenario.messages, volunteers, moderators, seed)
            finally:
                db.session.remove()
                db.engine.dispose()
        if into is not None:
            click.echo(f"\nIt is kept in {into}. To look at it, at /work/figures too:")
            click.echo(f"  CROWDMAP_INSTANCE={into} crowdmap serve")
            click.echo(f"  {COORDINATOR}  {passphrase}")


def _with_curve(scenario: Scenario, template, path: Path) -> Scenario:
    local = scenario.start.astimezone(ZoneInfo(template.timezone)).replace(tzinfo=None)
    try:
        return replace(scenario, hours=read_curve(path, local))
    except NoCurve as error:
        raise click.BadParameter(f"{error}.", param_hint="--from") from None


# ---- a crisis of its own


@contextmanager
def _instance(into: Path | None):
    if into is not None:
        yield into
        return
    with tempfile.TemporaryDirectory(prefix="crowdmap-simulate-") as folder:
        yield Path(folder)


def _prepare(folder: Path, scenario: Scenario, template) -> Flask:
    """The instance with its tables and categories. Settings of the environment, which may be those of a real crisis, do
    not count: what the folder's own file does not say, the scenario says."""
    told = config.stored(folder)
    values = {**template.settings(), "title": f"{template.title} (simulation)", **{key.lower(): value for key, value in scenario.settings.items()}}
    database = told.get("database_url") or f"sqlite:///{folder.absolute() / 'crowdmap.db'}"
    wanted = {**values, **told}
    app = create_app({
        **{setting.name: setting.default for setting in config.SETTINGS}, **{name.upper(): value for name, value in wanted.items()},
        "INSTANCE": folder, "DATABASE_URL": database, "SECRET_KEY": told.get("secret_key", ""),
    })  # fmt: skip
    with app.app_context():
        _check_own(folder)
    config.write(folder, {name: value for name, value in values.items() if name not in told})
    migrate.upgrade(app)
    with app.app_context():
        crisis.load(scenario.template)
        db.session.remove()
    return app


def _check_own(folder: Path) -> None:
    """Raises NotHere for a database in which there is anything of anybody."""
    try:
        if not inspect(db.engine).has_table(Report.__tablename__):
            return
        reports = db.session.scalar(select(func.count()).select_from(Report))
        simulated = db.session.scalar(select(func.count()).select_from(Submission).where(Submission.channel == CHANNEL))
        accounts = db.session.scalar(select(func.count()).select_from(Account))
    finally:
        db.session.remove()
    if reports and simulated:
        raise NotHere(f"there was a simulation in {folder} already. Name another folder.")
    if reports or accounts:
        raise NotHere(f"{folder} is a crisis of its own, with {reports:,} reports and {accounts:,} accounts: nothing is simulated in it.")


# ---- the day


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _run(scenario: Scenario, template, speed, number: int, volunteers, moderators, seed: int) -> str:
    told = messages.make(scenario, template, seed, number)
    with clock(lambda: scenario.start):
        passphrase = new_passphrase()
        create_account(COORDINATOR, Role.COORDINATOR, passphrase, name="Coordinator")
        crowd = _volunteers(scenario, scenario.volunteers if volunteers is None else volunteers)
        desk = [_account(f"moderator{n}", Role.MODERATOR) for n in range(scenario.moderators if moderators is None else moderators)]
        db.session.commit()
    day = Day(db.session, scenario, told, seed, speed=speed)
    day.volunteers(crowd)
    day.moderators(desk)
    db.session.rollback()
    pace = "as fast as it goes" if speed is None else f"{speed:g} times as fast as the clock: {LENGTH / speed:,.0f} s"
    click.echo(f"{scenario.title[0].upper()}{scenario.title[1:]}: {len(told):,} messages, {_many(len(crowd), 'volunteer')}, {_many(len(desk), 'moderator')}, {pace}.")
    for skill in dict.fromkeys(skill for _account_, skill in crowd):
        _tell_skill(skill, sum(one is skill for _account_, one in crowd))
    began = time.monotonic()
    with click.progressbar(length=LENGTH, label="Simulating", show_pos=False, item_show_func=lambda _item: _progress(day)) as bar:
        day.seen = lambda day: bar.update(int(day.seconds) - bar.pos) if int(day.seconds) > bar.pos else None
        day.run()
    took = time.monotonic() - began
    analyse(db.session)
    if day.stopped:
        click.echo(f"Ended after {day.seconds / 3600:.1f} of 24 hours.")
    if day.late > 10:
        click.echo(f"This machine is slower than the speed asked for: it was up to {day.late:.0f} s behind.")
    click.echo(f"{day.seconds / 3600:.0f} hours in {took:.0f} s.\n")
    click.echo("\n".join(table.lines(figures(db.session))))
    db.session.rollback()
    return passphrase


def _progress(day: Day) -> str:
    return f"{day.done['received']:,} received, {day.done['publish']:,} on the map"


def _tell_skill(skill: Skill, number: int) -> None:
    shares = ", ".join(f"{kind} {skill.right[kind] * 100:.0f} % right in {skill.seconds[kind]:g} s" for kind in skill.kinds)
    click.echo(f"  {number} × {skill.name} ({', '.join(skill.languages)}): {shares}")


def _account(name: str, role: Role) -> Account:
    return create_account(name + ADDRESS, role, new_passphrase(), name=name)


def _volunteers(scenario: Scenario, number: int) -> list[tuple[Account, Skill]]:
    """Each sort by its share, mixed, so that the first to come are of every sort."""
    crowd, given = [], dict.fromkeys(range(len(scenario.skills)), 0)
    for n in range(number):
        at = max(given, key=lambda at: (scenario.skills[at].share * (n + 1) - given[at], -at))
        given[at] += 1
        skill = scenario.skills[at]
        account = _account(f"volunteer{n}", Role.VOLUNTEER)
        people.speak(db.session, account, list(skill.languages))
        if skill.calls:
            people.allow_calls(db.session, account, True)
        crowd.append((account, skill))
    return crowd


COMMANDS = (simulate_command,)
