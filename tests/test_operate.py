"""What an operator types wrong, or twice, is answered with a sentence."""

import click
import pytest
from click.testing import CliRunner
from flask.cli import ScriptInfo

from crowdmap import config, create_app
from crowdmap.cli import cli


@pytest.fixture
def run(tmp_path):
    """Runs a command on an instance of its own, with nothing in it yet."""

    def invoke(*args):
        info = ScriptInfo(create_app=lambda: create_app({"INSTANCE": tmp_path / "instance"}))
        return CliRunner().invoke(cli, args, obj=info, prog_name="crowdmap")

    return invoke


@pytest.mark.parametrize("command", [("user", "list"), ("republish",), ("overlay", "list")])
def test_without_tables_a_command_says_so(run, command):
    told = run(*command)
    assert told.exit_code == 1 and isinstance(told.exception, SystemExit)
    assert "no such table" in told.output and "crowdmap doctor" in told.output


@pytest.mark.parametrize("port", ["0", "99999", "banana"])
def test_a_port_that_cannot_be_is_wrong_usage(run, port):
    told = run("serve", "--port", port)
    assert told.exit_code == click.UsageError.exit_code and "--port" in told.output


def test_starting_again_keeps_what_is_set(run, tmp_path):
    assert run("init", "--template", "generic", "--title", "Flood").exit_code == 0
    config.write(tmp_path / "instance", {"area": [5, 44, 8, 46]})
    again = run("init", "--template", "earthquake")
    assert again.exit_code == 0, again.output
    kept = config.stored(tmp_path / "instance")
    assert (kept["title"], kept["area"], kept["timezone"]) == ("Flood", [5, 44, 8, 46], "UTC")


def test_a_file_that_cannot_be_written_is_named(run, tmp_path):
    assert run("init", "--template", "generic").exit_code == 0
    told = run("template", "export", "--out", str(tmp_path / "nowhere" / "mine.toml"))
    assert told.exit_code == 1 and "mine.toml: No such file or directory." in told.output


def test_doctor_names_a_setting_that_does_not_exist(run, monkeypatch):
    run("init", "--template", "generic")
    monkeypatch.setenv("CROWDMAP_TILEURL", "https://tiles.example/{z}/{x}/{y}.png")
    told = run("doctor")
    assert told.exit_code == 1 and "CROWDMAP_TILEURL" in told.output
