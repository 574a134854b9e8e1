"""The architecture as a test: which way imports point, who may name a database, what must be declared and described."""

import ast
import re
from pathlib import Path

import pytest

import crowdmap
from crowdmap import FEATURES
from crowdmap.cli import cli
from crowdmap.config import SETTINGS
from crowdmap.feeds.formats import FORMATS
from crowdmap.moderation.actions import ACTIONS
from crowdmap.web import access_of

PACKAGE = Path(crowdmap.__file__).parent
ROOT = PACKAGE.parent

# DESIGN: a module imports only leftward; what must flow right flows as an event
ARROWS = (
    "config", "errors", "geo", "db", "events", "jobs", "web", "language", "problems", "assets", "accounts", "reports",
    "publishing", "filters", "dedupe", "moderation", "intake", "organisations", "matching", "tasks", "feeds", "maps",
    "alerts", "progress", "openapi", "serve", "operate", "demo", "simulate",
)  # fmt: skip
EDGE = {"config", "errors", "geo"}  # these three know each other
COMPOSERS = {"__init__", "cli"}  # create_app and the command line put everything together

# what stands on purpose against the arrows, each with its reason
EXCEPTIONS = {
    ("moderation", "feeds"): "the desk's live queue is the same stream as everybody's",
}


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        if "__pycache__" not in path.parts:
            yield path, ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "crowdmap":
            parts = node.module.split(".")
            names = [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
            yield from ((name, node.lineno) for name in names)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("crowdmap."):
                    yield alias.name.split(".")[1], node.lineno


def test_features_are_listed_in_the_order_of_the_arrows():
    assert [ARROWS.index(name) for name in FEATURES] == sorted(ARROWS.index(name) for name in FEATURES)


def test_modules_import_only_leftward():
    wrong = []
    for path, module in modules():
        here = module.split(".")[0]
        if here in COMPOSERS:
            continue
        assert here in ARROWS, f"{here} has no place in the arrows"
        for name, line in imported(ast.parse(path.read_text(encoding="utf-8"))):
            if name not in ARROWS or name == here or {name, here} <= EDGE or (here, name) in EXCEPTIONS:
                continue
            if ARROWS.index(name) > ARROWS.index(here):
                wrong.append(f"crowdmap/{path.relative_to(PACKAGE)}:{line} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_only_db_knows_which_database():
    dialect = re.compile(r"""["'](sqlite|postgresql|postgis)["']|dialect\.name""")
    wrong = [
        f"{module}:{number}"
        for path, module in modules()
        if not module.startswith("db.")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if dialect.search(line)
    ]
    assert not wrong, wrong


def test_only_config_reads_the_environment():
    allowed = {"config", "serve", "demo"}  # these two hand settings to the processes they start
    wrong = [module for path, module in modules() if "os.environ" in path.read_text(encoding="utf-8")]
    assert set(wrong) <= allowed


def test_verbs_and_models_do_not_know_of_requests():
    wrong = []
    for path, module in modules():
        if path.stem in ("models", "signals", "project", "masks", "generate"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and node.module == "flask":
                    wrong.append(module)
    assert not wrong


def test_public_code_never_imports_the_private_model():
    allowed = {"publishing.project", "publishing.hook", "publishing.preview"}
    wrong = [
        module
        for path, module in modules()
        if module.split(".")[0] in ("feeds", "maps", "filters", "dedupe", "progress", "publishing")
        and module not in allowed
        and "ReportPrivate" in path.read_text(encoding="utf-8")
    ]
    assert not wrong


def test_no_drawers_and_no_module_that_wants_to_be_two():
    for path, module in modules():
        assert path.name not in ("utils.py", "helpers.py", "misc.py", "common.py", "managers.py")
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, module


@pytest.mark.databases("sqlite")
def test_every_route_declares_who_may_call_it(app):
    undeclared = [str(rule) for rule in app.url_map.iter_rules() if access_of(app, rule.endpoint) is None]
    assert not undeclared


@pytest.fixture(scope="module")
def docs() -> str:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


def test_every_setting_is_described(docs):
    assert not [setting.name for setting in SETTINGS if setting.name not in docs]


def test_every_command_is_described(docs):
    assert not [name for name, it in cli.commands.items() if not it.hidden and f"crowdmap {name}" not in docs]


def test_every_format_and_action_is_described(docs):
    assert not [name for name in FORMATS if f"`{name}`" not in docs]
    assert not [name for name in ACTIONS if f"`{name}`" not in docs]


def test_digits_are_asked_for_by_isdecimal():
    """str.isdigit and isnumeric hold signs such as ❶ and ² that int() does not take."""
    wrong = [module for path, module in modules() if re.search(r"\.is(digit|numeric)\(", path.read_text(encoding="utf-8"))]
    assert not wrong
