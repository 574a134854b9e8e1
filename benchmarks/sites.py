"""Databases filled for measuring, and servers on them. Everything lives in a temporary folder unless --keep names one.

    with site("postgis", reports=100_000) as here:   # the demonstration's own code invents and stores them
        with here.app() as app, app.app_context(): …
        with here.server("--workers", "1") as server: server.url …
"""

import os
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from crowdmap import create_app, demo  # noqa: E402
from crowdmap.db import db  # noqa: E402
from tests.servers import LiveServer, PostgisCluster  # noqa: E402

DATABASES = ("sqlite", "postgis")


@dataclass
class Site:
    """One crisis to measure on. *version* names the database; *published* is the number of its public reports."""

    name: str
    version: str
    instance: Path
    url: str
    published: int = 0

    @property
    def settings(self) -> dict:
        return {"INSTANCE": self.instance, "DATABASE_URL": self.url, "RATE_LIMITS": False}

    @contextmanager
    def app(self):
        """The application in this process; no context of it is open."""
        app = create_app(self.settings)
        yield app
        with app.app_context():
            db.engine.dispose()

    @contextmanager
    def server(self, *options: str):
        """`crowdmap serve` in processes of its own, on a free port of the loopback."""
        server = LiveServer(self.settings, *options)
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def site(database: str, *, reports: int = 0, keep: Path | None = None, url: str = ""):
    """A crisis with so many published reports. *keep*: a folder in which SQLite's file stays for the next run; *url*: a
    PostGIS database to use in place of a cluster of our own; what is in it already stays."""
    with tempfile.TemporaryDirectory(prefix="crowdmap-bench-") as temporary:
        instance = Path(keep or temporary) / f"{database}-{reports}"
        instance.mkdir(parents=True, exist_ok=True)
        if database == "sqlite":
            yield _filled(Site(database, "", instance, f"sqlite:///{instance / 'crowdmap.db'}"), reports)
            return
        if url:
            yield _filled(Site(database, "", instance, url), reports)
            return
        cluster = PostgisCluster(durable=True)
        try:
            made = Site(database, cluster.version(), instance, cluster.url(cluster.create()))
            yield _filled(made, reports)
        finally:
            cluster.stop()


def _filled(made: Site, reports: int) -> Site:
    from sqlalchemy import func, select

    from crowdmap.db import engine_name
    from crowdmap.publishing.models import Audience, Publication

    os.environ["CROWDMAP_INSTANCE"], os.environ["CROWDMAP_DATABASE_URL"] = str(made.instance), made.url
    try:
        app = demo.prepare("127.0.0.1", 8000)
        with app.app_context():
            demo.make_accounts()
            demo.make_reports(reports, seed=1)
            vacuum()
            made.version = made.version or engine_name()
            seen = select(func.count()).where(Publication.audience == Audience.PUBLIC, Publication.status == "published")
            made.published = db.session.scalar(seen)
            db.session.remove()
            db.engine.dispose()
    finally:
        del os.environ["CROWDMAP_INSTANCE"], os.environ["CROWDMAP_DATABASE_URL"]
    return made


def vacuum() -> None:
    """What autovacuum does some minutes after so many rows: without it PostgreSQL reads no index alone. SQLite: the
    write-ahead log goes into the file."""
    words = {"sqlite": "PRAGMA wal_checkpoint(TRUNCATE)", "postgresql": "VACUUM ANALYZE"}[db.engine.dialect.name]
    db.session.rollback()
    raw = db.engine.raw_connection()
    try:
        if db.engine.dialect.name == "postgresql":
            raw.driver_connection.autocommit = True
        raw.driver_connection.execute(words)
    finally:
        raw.close()


def rss_mb(pid: int) -> float:
    """Resident memory of a process in MB (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ValueError(pid)


def serving_processes(server: LiveServer) -> list[int]:
    """The gunicorn workers: the server's children that are not crowdmap's background worker."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                words = (folder / "cmdline").read_bytes()
            except OSError:  # it ended meanwhile
                continue
            if parent == server.pid and b"--with-parent" not in words:
                found.append(int(folder.name))
    return sorted(found)
