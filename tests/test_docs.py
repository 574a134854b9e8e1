"""The docs as a test: commands and addresses in them exist, links lead somewhere, examples run, tables are complete.

The tables of settings and commands in docs/operators.md are made from the code: `.venv/bin/python -m tests.test_docs`
writes them anew.
"""

import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import click
import pytest
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.exceptions import NotFound as NoSuchRoute
from werkzeug.routing import RequestRedirect

from crowdmap.cli import cli
from crowdmap.config import SETTINGS
from crowdmap.feeds.formats import FORMATS, SWITCHES
from crowdmap.feeds.layers import LAYERS
from crowdmap.filters import PARAMETERS
from crowdmap.moderation.actions import ACTIONS
from crowdmap.publishing.project import PROPERTIES
from tests.builders import make_key, make_report

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "benchmarks" / "README.md", *sorted((ROOT / "docs").glob("*.md")))
OPERATORS, AGENCIES, MODERATORS = (ROOT / "docs" / f"{name}.md" for name in ("operators", "agencies", "moderators"))
EXAMPLE = "https://map.example.org"
SAMPLES = {"layer": "all", "format": "geojson", "id": "abcdefghijkl", "action": "publish", "token": "AAAABBBB", "slug": "roads",
           "z": "8", "x": "76", "y": "114"}  # fmt: skip


# ---- tables made from the code


def settings_table() -> str:
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for setting in SETTINGS:
        default = str(setting.default)
        if isinstance(setting.default, bool):
            default = "on" if setting.default else "off"
        lines.append(f"| `CROWDMAP_{setting.name}` | {f'`{default}`' if default else ''} | {setting.help} |")
    return "\n".join(lines)


def commands_table() -> str:
    lines = ["| command | does |", "|---|---|"]
    for name, command in sorted(cli.commands.items()):
        if command.hidden:
            continue
        parts = command.commands.items() if isinstance(command, click.Group) else [("", command)]
        for part, one in parts:
            lines.append(f"| `crowdmap {name}{' ' + part if part else ''}{_arguments(one)}` | {_first_sentence(one)} |")
    return "\n".join(lines)


def _arguments(command: click.Command) -> str:
    words = [param.human_readable_name.upper() for param in command.params if isinstance(param, click.Argument)]
    options = [param for param in command.params if isinstance(param, click.Option) and not param.hidden]
    words += [f"{option.opts[-1]} …" if option.required else f"[{max(option.opts, key=len)}]" for option in options]
    return "".join(" " + word for word in words)


def _first_sentence(command: click.Command) -> str:
    return " ".join((command.help or "").strip().split("\n\n")[0].split())


TABLES = {"settings": settings_table, "commands": commands_table}


def with_tables(text: str) -> str:
    for name, make in TABLES.items():
        table = f"<!-- {name} -->\n{make()}\n<!-- /{name} -->"
        text, found = re.subn(rf"<!-- {name} -->.*?<!-- /{name} -->", lambda _, t=table: t, text, flags=re.DOTALL)
        assert found == 1, f"docs/operators.md has no place for the table of {name}"
    return text


def test_tables_of_settings_and_commands_are_those_of_the_code():
    text = OPERATORS.read_text(encoding="utf-8")
    assert text == with_tables(text), "run .venv/bin/python -m tests.test_docs to write them anew"


def test_tables_of_the_feeds_are_complete():
    text = AGENCIES.read_text(encoding="utf-8")
    for name in (*PARAMETERS, *LAYERS, *FORMATS, *SWITCHES, *PROPERTIES, "limit", "cursor"):
        assert re.search(rf"^\|[^|]*`{name}`", text, re.MULTILINE), f"docs/agencies.md has no row for {name}"


def test_every_action_has_a_row_with_its_key():
    text = MODERATORS.read_text(encoding="utf-8")
    for action in ACTIONS.values():
        assert f"| `{action.name}` ({action.key}) |" in text


# ---- links, addresses, commands


def test_links_lead_somewhere():
    lost = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if urlsplit(target).scheme:
                continue
            path, _, anchor = target.partition("#")
            found = (page.parent / path).resolve() if path else page
            if not found.exists() or anchor and anchor not in anchors(found):
                lost.append(f"{page.relative_to(ROOT)}: {target}")
    assert not lost, lost


def anchors(page: Path) -> set[str]:
    """The headings' anchors as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", without_code(page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def blocks(text: str) -> list[tuple[str, str]]:
    """(language, code) of each fenced block; the language "" also for what is indented by four."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return found + [("", line) for line in re.findall(r"^    (\S.*)$", without_code(text), re.MULTILINE)]


def without_code(text: str) -> str:
    return re.sub(r"^```\w*\n.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def code_lines(text: str) -> list[str]:
    """Lines of shell blocks, continued ones joined, and what stands in backticks."""
    shell = [code.replace("\\\n", " ") for language, code in blocks(text) if language in ("", "sh")]
    return [line for code in shell for line in code.splitlines()] + re.findall(r"`([^`\n]+)`", without_code(text))


@pytest.mark.databases("sqlite")
def test_addresses_exist(app):
    routes = app.url_map.bind("map.example.org")
    lost = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        found = {match[1] for line in code_lines(text) if (match := re.fullmatch(r"(?:(?:GET|POST|DELETE) )?(/[a-z]\S*)", line))}
        found |= set(re.findall(rf"{EXAMPLE}(/[^\s\"'`)\\]*)", text))
        for address in found:
            path = re.sub(r"<(\w+)>", lambda match: SAMPLES[match[1]], address.partition("?")[0])
            if "…" in path:
                path = path.partition("…")[0]
                known = any(rule.rule.startswith(path) for rule in app.url_map.iter_rules())
            else:
                known = is_route(routes, path)
            if not known:
                lost.append(f"{page.relative_to(ROOT)}: {address}")
    assert not lost, lost


def is_route(routes, path: str) -> bool:
    try:
        routes.match(path)
    except NoSuchRoute:
        return False
    except (MethodNotAllowed, RequestRedirect):
        pass
    return True


def test_commands_and_their_options_exist():
    wrong = []
    for page in PAGES:
        for line in code_lines(page.read_text(encoding="utf-8")):
            match = re.match(r"(?:\S*/)?crowdmap ([a-z][a-z-]*)(.*)", line)
            if not match:
                continue
            command = cli.commands.get(match[1])
            if command is None:
                wrong.append(f"{page.name}: {line}")
                continue
            words = match[2].partition("#")[0].split()
            if isinstance(command, click.Group) and words and words[0] in command.commands:
                command = command.commands[words[0]]
            known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)} | {"--help"}
            wrong += [f"{page.name}: {line}: {word}" for word in re.findall(r"--[a-z-]+", match[2].partition("#")[0]) if word not in known]
    assert not wrong, wrong


def test_words_of_dev_py_exist():
    usage = (ROOT / "dev.py").read_text(encoding="utf-8").split('"""')[1]
    for page in PAGES:
        for word in re.findall(r"python3 dev\.py (\w+)", page.read_text(encoding="utf-8")):
            assert f"python3 dev.py {word}" in usage, f"{page.name}: dev.py {word}"


# ---- examples


def examples(tool: str) -> list[list[str]]:
    """The command lines of docs/agencies.md that begin with *tool*."""
    lines = code_lines(AGENCIES.read_text(encoding="utf-8"))
    return [shlex.split(line) for line in lines if line.startswith(tool + " ")]


def as_request(words: list[str]) -> tuple[str, str, dict, str | None]:
    """method, address, headers and body of a curl command line."""
    method, headers, body, address = "GET", {}, None, ""
    words = iter(words[1:])
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "-d":
            body = next(words)
        elif word == "-o":
            next(words)
        elif word != "-N":
            address = word
    return method, address.removeprefix(EXAMPLE), headers, body


def test_curl_examples_are_answered(client, session):
    make_report(category="WAT", description="Water for 60 families")
    make_report(category="WAT", kind="offer")
    _key, text = make_key()
    found = examples("curl")
    assert len(found) > 8
    for words in found:
        method, address, headers, body = as_request([word.replace("$CROWDMAP_KEY", text) for word in words])
        answer = client.open(address, method=method, headers=headers, data=body)
        if "bbox=1,2,3" in address:
            assert answer.status_code == 400 and answer.json["errors"][0]["field"] == "bbox"
        elif address.endswith("/duplicates"):
            assert answer.status_code == 200 and set(answer.json) == {"candidates"}
        elif method == "POST":
            assert answer.status_code == 201, answer.text
            assert set(answer.json) == {"id", "tracking_token", "tracking_url", "status", "possible_duplicates"}
            assert client.open(address, method=method, headers=headers, data=body).status_code == 200
        elif address.startswith("/feeds/stream"):
            assert answer.mimetype == "text/event-stream"
            answer.close()
        elif urlsplit(address).path.endswith(tuple(f".{name}" for name in FORMATS if name != "geojson")):
            suffix = urlsplit(address).path.rpartition(".")[2]
            assert answer.status_code == 200 and answer.mimetype == FORMATS[suffix].MEDIA_TYPE, (address, answer.text)
        else:
            assert answer.status_code == 200, (address, answer.text)
            assert answer.json["type"] == "FeatureCollection"


def test_the_follower_stays_in_step(live_server, client, session, tmp_path):
    code = dict(blocks(AGENCIES.read_text(encoding="utf-8")))["python"]
    program, out = tmp_path / "follow.py", tmp_path / "needs.json"
    program.write_text(code.replace("time.sleep(5)", "time.sleep(0.1)"), encoding="utf-8")
    first = make_report(category="WAT", kind="need")
    make_report(category="WAT", kind="offer")
    process = subprocess.Popen([sys.executable, program, live_server.url, "kind=need", out], stderr=subprocess.PIPE, text=True)
    try:
        assert wait_for(lambda: in_file(out) == {first.public_id}), process.poll()
        second = make_report(category="WAT", kind="need")
        assert wait_for(lambda: in_file(out) == {first.public_id, second.public_id})
        first.withdrawn_at = first.created_at
        session.commit()
        assert wait_for(lambda: in_file(out) == {second.public_id})
    finally:
        process.terminate()
        _, told = process.communicate(timeout=10)
    assert told == ""


def in_file(path: Path) -> set[str] | None:
    try:
        return {feature["id"] for feature in json.loads(path.read_text(encoding="utf-8"))["features"]}
    except (OSError, ValueError):
        return None


def wait_for(condition, seconds: float = 15) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.databases("sqlite")
def test_gdal_reads_the_feed_as_the_examples_say(live_server, session, tmp_path):
    if not shutil.which("ogr2ogr"):
        from tests.conftest import missing

        missing("ogr2ogr was not found (Debian: apt-get install gdal-bin)")
    make_report(category="WAT", description="Water for 60 families")
    make_report(category="WAT", at=None, place="near the market")
    for tool in ("ogrinfo", "ogr2ogr"):
        for words in examples(tool):
            words = [word.replace(EXAMPLE, live_server.url) for word in words]
            done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stderr
            if tool == "ogrinfo":
                assert "Feature Count: 2" in done.stdout
    rows = (tmp_path / "needs.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 3 and "verification" in rows[0]
    assert (tmp_path / "needs.gpkg").stat().st_size > 10_000


if __name__ == "__main__":
    OPERATORS.write_text(with_tables(OPERATORS.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{OPERATORS.relative_to(ROOT)}: written")
