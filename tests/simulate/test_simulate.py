"""`crowdmap simulate`: a day of messages through the real doors, and a table that is that of /work/figures."""

import re
from datetime import datetime

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select

from crowdmap import config, create_app
from crowdmap.accounts.models import Account
from crowdmap.accounts.queries import account_by_email
from crowdmap.cli import cli
from crowdmap.db import db
from crowdmap.moderation.models import Decision
from crowdmap.reports import crisis
from crowdmap.reports.models import VISIBLE, LocatedBy, Report, Submission
from crowdmap.simulate import messages
from crowdmap.simulate.cli import COORDINATOR
from crowdmap.simulate.scenario import HAITI, SCENARIOS, NoCurve, read_curve
from crowdmap.tasks.figures import figures
from tests.builders import make_report, sign_in

ROW = re.compile(r"^(received|translated|placed|on the map|verified)\s+([\d,]+)\s+(\S+)\s+(\S+)$", re.MULTILINE)
SCENARIO = SCENARIOS["haiti2010"]


def simulate(*options, name="haiti2010"):
    return CliRunner().invoke(cli, ["simulate", name, *map(str, options)])


def small(folder, *options):
    return simulate("--speed", "max", "--messages", 20, "--volunteers", 4, "--moderators", 1, "--into", folder, *options)


def rows(text: str) -> dict[str, tuple[str, str, str]]:
    return {name: (n, median, p90) for name, n, median, p90 in ROW.findall(text)}


def table(text: str) -> str:
    return text[text.index("step  ") : text.index("It is kept")]


@pytest.fixture
def opened():
    """The application of an instance folder, with its context."""
    contexts = []

    def open_app(folder, url=None):
        app = create_app({"INSTANCE": folder, "DATABASE_URL": url or f"sqlite:///{folder / 'crowdmap.db'}"})
        app.testing = True
        contexts.append(app.app_context())
        contexts[-1].push()
        return app

    yield open_app
    for context in reversed(contexts):
        db.session.remove()
        db.engine.dispose()
        context.pop()


@pytest.mark.databases("sqlite")
def test_the_table_is_the_database_and_the_page_and_the_same_again(tmp_path, opened):
    done = small(tmp_path / "one")
    assert done.exit_code == 0, done.output
    told = rows(done.output)
    assert list(told) == ["received", "translated", "placed", "on the map", "verified"]
    again = small(tmp_path / "two")
    assert table(again.output) == table(done.output)

    app = opened(tmp_path / "one")
    count = lambda *where: db.session.scalar(select(func.count()).select_from(Report).where(*where))  # noqa: E731
    assert told["received"][0] == "20" == str(db.session.scalar(select(func.count()).select_from(Submission)))
    published = db.session.scalar(select(func.count(Decision.report_id.distinct())).where(Decision.action == "publish"))
    assert int(told["on the map"][0]) == published > 0 and count(Report.translation.is_not(None)) == int(told["translated"][0]) > 0
    found = figures(db.session)
    assert found.known.shown == count(Report.status.in_(VISIBLE), Report.merged_into_id.is_(None))
    assert int(told["placed"][0]) == found.step("placed").n >= found.known.placed > 0
    account = account_by_email(COORDINATOR)
    page = sign_in(app.test_client(), account).get("/work/figures").text
    for name, figures_of_step in told.items():
        cells = "".join(f'<td class="number">{cell}</td>' for cell in figures_of_step)
        assert f'<th scope="row">{name}</th>{cells}' in page
    wrong = re.search(r"^wrong placements\s+(\d+) of", done.output, re.MULTILINE)[1]
    assert re.search(rf'of these at a wrong place</th><td class="number">{wrong}\b', page)


def test_it_runs_on_either_database_and_not_where_somebody_works_already(database, tmp_path, opened):
    folder = tmp_path / "day"
    config.write(folder, {"database_url": database.url})
    done = simulate("--speed", "max", "--messages", 6, "--volunteers", 2, "--moderators", 1, "--into", folder)
    assert done.exit_code == 0, done.output
    assert rows(done.output)["received"][0] == "6"
    again = small(folder)
    assert again.exit_code == 1 and "there was a simulation" in again.output


def test_a_real_crisis_stays_untouched(app, session, database, tmp_path):
    make_report()
    folder = tmp_path / "real"
    config.write(folder, {"database_url": database.url, "title": "A real one"})
    before = (folder / "crowdmap.toml").read_text()
    done = small(folder)
    assert done.exit_code == 1 and "a crisis of its own, with 1 reports" in done.output
    assert (folder / "crowdmap.toml").read_text() == before
    assert session.scalar(select(func.count()).select_from(Report)) == 1 and session.scalar(select(func.count()).select_from(Account)) == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--speed", "fast"), "is no speed"), (("--speed", "-1"), "is no speed"), (("--speed", "nan"), "is no speed"),
        (("--speed", "inf"), "is no speed"), (("--messages", "0"), "1<=x"), (("--skill", "2"), "0<=x<=1"),
        (("--volunteers", "many"), "not a valid integer"), (("--from", "nowhere.csv"), "does not exist"),
    ],
)  # fmt: skip
def test_rubbish_is_refused_in_words(options, words):
    done = simulate(*options)
    assert done.exit_code == 2 and words in done.output and "Traceback" not in done.output


def test_an_unknown_scenario_and_a_file_without_times_are_refused(tmp_path):
    assert simulate(name="atlantis2020").exit_code == 2
    for text, words in (("a,b\n1,2\n", "no column"), ("INCIDENT DATE\nyesterday\n", "record 2"), ("INCIDENT DATE\n01/05/2011 10:00\n", "has nothing")):
        (tmp_path / "file.csv").write_text(text)
        done = simulate("--from", tmp_path / "file.csv")
        assert done.exit_code == 2 and words in done.output, done.output


def test_the_curve_is_that_of_the_real_file(haiti, tmp_path):
    start = datetime(2010, 1, 12, 16, 53)
    assert read_curve(haiti / "reports.csv", start) == HAITI
    with pytest.raises(NoCurve):
        read_curve(haiti / "categories.csv", start)


def test_a_clock_of_24_hours_is_taken_as_it_is(tmp_path):
    lines = [f"12/01/2010 {hour}:10" for hour in (17, 18, 20)] + [f"13/01/2010 {hour:02}:10" for hour in (2, 15, 16)]
    (tmp_path / "file.csv").write_text("\n".join(["INCIDENT DATE", *lines]))
    curve = read_curve(tmp_path / "file.csv", datetime(2010, 1, 12, 16, 53))
    assert [hour for hour, weight in enumerate(curve) if weight] == [1, 2, 4, 10, 23]


def test_messages_are_the_same_for_a_seed_and_tell_what_is_true_of_them():
    template = crisis.read(SCENARIO.template)
    told = messages.make(SCENARIO, template, 7, 400)
    assert told == messages.make(SCENARIO, template, 7, 400) != messages.make(SCENARIO, template, 8, 400)
    assert [message.at for message in told] == sorted(message.at for message in told)
    assert all(0 <= (message.at - SCENARIO.start).total_seconds() < 86400 for message in told)
    share = lambda what: sum(map(what, told)) / len(told)  # noqa: E731
    assert 0.6 < share(lambda m: "lon" not in m.fields) < 0.9
    assert 0.25 < share(lambda m: m.fields["category"] != m.truth["category"]) < 0.45
    assert 0.04 < share(lambda m: m.root != m.number) < 0.12
    assert {"ht", "fr", "en"} == {message.fields["language"] for message in told}
    assert any(message.fields.get("contact_phone") for message in told) and any(message.junk for message in told)
    town = next(message for message in told if message.town)
    assert town.town in {one.code for one in template.towns} and town.fields.get("located_by") in (None, LocatedBy.TOWN)


def test_everybody_good_makes_no_mistakes():
    skilled = SCENARIO.with_skill(1)
    assert {share for skill in skilled.skills for share in skill.right.values()} == {1}
    assert SCENARIO.skills[0].right["place"] == 0.85
