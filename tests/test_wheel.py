"""The wheel: it carries static files, templates and migrations, and works where there is no checkout and no Node."""

import os
import shutil
import site
import subprocess
import sys
import sysconfig
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.servers import LiveServer

ROOT = Path(__file__).resolve().parent.parent
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]


def run(*command, cwd, **options):
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(*PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, ROOT, cwd=folder)
    return next(folder.glob("crowdmap-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The bin folder of a fresh environment with the wheel; what the wheel needs is lent from here."""
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    bin_folder = folder / Path(sysconfig.get_path("scripts")).name
    run(*PIP, "--python", bin_folder / "python", "install", "--no-deps", "--no-index", wheel, cwd=folder)
    packages = Path(
        run(bin_folder / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip()
    )
    # A folder that a .pth adds has its own .pth files ignored, so the checkout's editable install does not come along.
    (packages / "lent.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    return bin_folder


def test_what_the_wheel_carries(wheel):
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
        metadata = next(name for name in inside if name.endswith(".dist-info/METADATA"))
        described = archive.read(metadata).decode()
    for folder in ("static", "templates", "migrations"):
        ours = {
            f"crowdmap/{path.relative_to(ROOT).as_posix()}"
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts and ".webassets-cache" not in path.parts
        }
        assert ours and ours <= inside, f"not in the wheel: {sorted(ours - inside)[:5]}"
    assert "crowdmap/static/dist/manifest.json" in inside
    assert any(name.startswith("crowdmap/migrations/versions/") for name in inside)
    assert any(name.startswith("crowdmap/reports/crises/") and name.endswith(".toml") for name in inside)
    assert not [name for name in inside if name.startswith(("tests/", "node_modules/")) or name.endswith(".pyc")]
    assert "License-Expression: AGPL-3.0-or-later" in described


def test_the_installed_crowdmap_serves_the_map(installed, tmp_path):
    """Migrations, templates, bundles and icons all come from the wheel, in a folder that has nothing else."""
    script = """if True:
        import re, crowdmap
        from crowdmap import create_app
        from crowdmap.db import migrate
        app = create_app({"SECRET_KEY": "only-for-tests"})
        migrate.upgrade(app)
        client = app.test_client()
        page = client.get("/")
        assert page.status_code == 200, page.status
        addresses = set(re.findall(r'(?:src|href|data-sprite)="(/static/[^"#]+)', page.text))
        for address in addresses:
            assert client.get(address).status_code == 200, address
        for part in ("base", "map", "icons"):
            assert any(f"/dist/{part}." in address for address in addresses), part
        print(crowdmap.__file__)
    """
    told = run(installed / "python", "-c", script, cwd=tmp_path, env=_without_node(tmp_path))
    assert str(installed.parent) in told, "the checkout was used instead of the wheel"


def test_the_installed_demo_answers_without_node(installed, tmp_path):
    demo = LiveServer(
        {"INSTANCE": tmp_path / "instance"},
        command=(installed / "crowdmap", "demo", "--reports", "20", "--no-live"),
        cwd=tmp_path,
        env=_without_node(tmp_path),
        seconds=60,
    )
    try:
        with urllib.request.urlopen(demo.url + "/") as page:
            assert b"/static/dist/map." in page.read()
        with urllib.request.urlopen(demo.url + "/feeds/all.geojson") as feed:
            assert b'"features"' in feed.read()
    finally:
        demo.stop()


def _without_node(folder: Path) -> dict:
    """An environment whose PATH leads to an empty folder."""
    empty = folder / "empty"
    empty.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CROWDMAP_", "PYTHONPATH"))}
    return {**kept, "PATH": str(empty)}


def test_a_wheel_is_not_built_without_the_assets(tmp_path):
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "crowdmap").mkdir()
    (tmp_path / "crowdmap" / "__init__.py").touch()
    done = subprocess.run(
        [*PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path / "out", tmp_path], capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "Run `python3 dev.py assets` first" in done.stdout + done.stderr
