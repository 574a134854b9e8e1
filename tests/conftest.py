"""Fixtures of every test: the app on both databases, a live server, a real browser, the Haiti data.

What a machine does not have is skipped with its reason and counted at the end; with CI=true it is a failure.
"""

import contextvars
import os
import shutil
import sqlite3
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests import servers, warm

ROOT = Path(__file__).resolve().parent.parent
DATABASES = ("sqlite", "postgis")
CRISIS = "earthquake"
SETTINGS = {
    "SECRET_KEY": "only-for-tests-0123456789abcdef0123456789abcdef",
    "RATE_LIMITS": "off",
    "MIN_FILL_SECONDS": 0,
}
CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# With every processor busy a page takes its time; a test that means to measure says its own limit.
PATIENCE_MS = 20_000
IN_CI = os.environ.get("CI", "").lower() in {"true", "1", "yes"}

_missing: Counter[str] = Counter()
_notes: dict[str, str] = {}


def missing(what: str):
    """Skip this test because the machine lacks something; in CI, fail it. *what* is a sentence for the summary."""
    _missing[what] += 1
    if IN_CI:
        pytest.fail(f"with CI=true nothing may be skipped: {what}", pytrace=False)
    pytest.skip(what)


def pytest_generate_tests(metafunc):
    """Everything that touches a database runs on both, unless marked `databases(...)`."""
    if "database" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("databases")
        names = marker.args if marker else DATABASES
        if unknown := set(names) - set(DATABASES):
            raise pytest.UsageError(f"{metafunc.definition.nodeid}: no such database: {', '.join(sorted(unknown))}")
        metafunc.parametrize("database", names, indirect=True)


def pytest_sessionfinish(session):
    """With several processes (xdist) the one that prints the summary runs no tests: tell it what was met here."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["this_machine"] = {"missing": dict(_missing), "notes": _notes}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    met = getattr(node, "workeroutput", {}).get("this_machine", {"missing": {}, "notes": {}})
    _missing.update(met["missing"])
    _notes.update(met["notes"])


def pytest_terminal_summary(terminalreporter):
    if _notes or _missing:
        terminalreporter.section("this machine", sep="-")
    for note in _notes.values():
        terminalreporter.line(note)
    for what, number in sorted(_missing.items()):
        terminalreporter.line(f"{number} {'failed' if IN_CI else 'skipped'}: {what}", yellow=True)


warm.keep()


# --- databases --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Database:
    """A migrated database with the crisis's categories and nothing else. `url` is for SQLAlchemy."""

    name: str
    url: str


def _prepare(url: str, instance: Path):
    """Migrate the empty database at *url* and load the crisis into it."""
    from crowdmap import create_app
    from crowdmap.db import db, migrate
    from crowdmap.reports import crisis

    app = create_app({**SETTINGS, "DATABASE_URL": url, "INSTANCE": instance})
    migrate.upgrade(app)
    with app.app_context():
        crisis.load(CRISIS)
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory) -> Path:
    """A migrated file, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("sqlite-template")
    path = folder / "template.db"
    _prepare(f"sqlite:///{path}", folder)
    # All of it into the one file that is copied: nothing left in the write-ahead log.
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


@pytest.fixture(scope="session")
def _postgis(tmp_path_factory):
    """The cluster and the reason why there is none, one of them None: a session's fixture that skips would be cached."""
    try:
        cluster = servers.PostgisCluster()
    except servers.Missing as reason:
        yield None, str(reason)
        return
    try:
        _notes["postgis"] = f"{cluster.version()} from {cluster.programs}"
        _prepare(cluster.url(servers.TEMPLATE), tmp_path_factory.mktemp("postgis-template"))
        cluster.hang_up(servers.TEMPLATE)
        cluster.remember_seed()
        yield cluster, None
    finally:
        cluster.stop()


@pytest.fixture
def postgis_cluster(_postgis) -> servers.PostgisCluster:
    """The tests' own PostgreSQL; skips where there is none."""
    cluster, reason = _postgis
    return cluster or missing(reason)


@pytest.fixture(scope="session")
def _postgis_database(_postgis):
    """The one database that tests share, one after the other; made when the first of them asks."""
    cluster, _ = _postgis
    return cluster and cluster.create()


@pytest.fixture
def database(request, tmp_path) -> Database:
    """A fresh database, on SQLite and on PostGIS in turn."""
    if request.param == "sqlite":
        path = tmp_path / "crowdmap.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        yield Database("sqlite", f"sqlite:///{path}")
    else:
        cluster = request.getfixturevalue("postgis_cluster")
        name = request.getfixturevalue("_postgis_database")
        cluster.hang_up(name)
        cluster.reset(name)
        yield Database("postgis", cluster.url(name))


@pytest.fixture
def app_settings(request, database, tmp_path) -> dict:
    """Settings of the app and of the live server in this test; `@pytest.mark.settings(NAME=value)` adds to them."""
    given = {**SETTINGS, "DATABASE_URL": database.url, "INSTANCE": tmp_path / "instance"}
    for marker in reversed(list(request.node.iter_markers("settings"))):
        given.update(marker.kwargs)
    return given


class Client(FlaskClient):
    """Each request in a context of its own: a test's open application context would lend it its `g` and its session,
    and whoever signed in with one client would be signed in with the next."""

    def open(self, *args, **kwargs):
        return contextvars.Context().run(super().open, *args, **kwargs)


@pytest.fixture
def app(app_settings):
    """The application on a fresh database. Unhandled errors reach the test instead of becoming a 500."""
    from crowdmap import create_app
    from crowdmap.db import db

    app = create_app(app_settings)
    app.testing = True
    app.test_client_class = Client
    with app.app_context():
        warm.share_statements(db.engine)
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def session(app):
    """db.session inside an application context that stays open through the test."""
    from crowdmap.db import db

    with app.app_context():
        yield db.session


# --- live server and browser ------------------------------------------------------------------------------------


@pytest.fixture
def serve(app_settings):
    """Start live servers: `serve("--threads", "16", TILE_URL="…")` → LiveServer. They share the test's database."""
    running = []

    def start(*options: str, **settings) -> servers.LiveServer:
        running.append(servers.LiveServer({**app_settings, **settings}, *options))
        return running[-1]

    yield start
    for server in running:
        server.cut()


@pytest.fixture
def live_server(serve) -> servers.LiveServer:
    """`crowdmap serve` on the test's database; what `app` and `session` commit, it shows."""
    return serve()


def chromium_path() -> str | None:
    """CROWDMAP_CHROMIUM, else the first Chromium on PATH."""
    names = (os.environ.get("CROWDMAP_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if name and (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
def _browser():
    """The browser and the reason why there is none, one of them None."""
    try:
        from playwright.sync_api import expect, sync_playwright
    except ImportError:
        yield None, "playwright is not installed (pip install 'crowdmap[browser]')"
        return
    path = chromium_path()
    if not path:
        yield None, "no Chromium was found (Debian: apt-get install chromium; or name one in CROWDMAP_CHROMIUM)"
        return
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_FLAGS))
        _notes["chromium"] = f"Chromium {browser.version} from {path}"
        yield browser, None
        browser.close()


@pytest.fixture
def browser(_browser):
    """A real Chromium, started once; skips where there is none. Most tests want `page`, `phone` or `new_page`."""
    found, reason = _browser
    return found or missing(reason)


def windows(browser):
    """See `new_page`; a generator, so that a test can watch it refuse."""
    contexts, errors = [], []

    def open_window(width: int = 1280, height: int = 800, allow: tuple[str, ...] = (), **options):
        context = browser.new_context(viewport={"width": width, "height": height}, locale="en-GB", **options)
        contexts.append(context)
        page = context.new_page()

        def note(text: str, where: str):
            if not any(part in text or part in where for part in ("/favicon.ico", *allow)):
                errors.append(f"{text} ({where})")

        page.on("console", lambda told: told.type == "error" and note(told.text, told.location.get("url", "")))
        page.on("pageerror", lambda error: note(str(error), page.url))
        page.set_default_timeout(PATIENCE_MS)
        return page

    yield open_window
    for context in contexts:
        context.close()
    assert not errors, "the browser's console shows errors:\n" + "\n".join(errors)


@pytest.fixture
def new_page(browser):
    """Open windows: `new_page(width=360, height=740, allow=("503",), **context)` → a playwright page of its own context.

    An error in a window's console, or one that its scripts did not catch, fails the test, unless the message or its
    address contains one of *allow*. A page blocked by the content security policy tells so in the console.
    """
    yield from windows(browser)


@pytest.fixture
def page(new_page):
    """A window as on a desk."""
    return new_page()


@pytest.fixture
def phone(new_page):
    """A window as on a small phone, with touch."""
    return new_page(width=360, height=740, has_touch=True, is_mobile=True, device_scale_factor=2)


# --- real data --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def _haiti():
    folder = ROOT.parent / "shared" / "haiti"
    found = (folder / "reports.csv").is_file()
    _notes["haiti"] = (
        "the 2010 Haiti map's reports are used" if found else "the 2010 Haiti map's reports are not here: tests with them skip"
    )
    return folder if found else None


@pytest.fixture
def haiti(_haiti) -> Path:
    """The folder with the 2010 Haiti map's reports.csv, categories.csv and roads.geojson, where it is present."""
    if _haiti is None:
        pytest.skip("the 2010 Haiti map's reports are not here")
    return _haiti
