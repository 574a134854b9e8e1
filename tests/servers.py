"""Real servers for the tests: a PostgreSQL with PostGIS of our own in a temporary folder, and `crowdmap serve`."""

import atexit
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import closing
from itertools import count
from pathlib import Path

from tests import nursery

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = "crowdmap_template"
SEED = "crowdmap_seed"
KEPT_TABLES = ("alembic_version", "spatial_ref_sys")


class Missing(Exception):
    """A server cannot be had on this machine; the message says what is not there."""


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on just now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def die_with_parent():
    """In a child on Linux: be told to stop when the test run is killed, so that nothing is left running."""
    if sys.platform == "linux":
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _stop(process: subprocess.Popen, first: int, then: int, seconds: float = 15):
    if process.poll() is None:
        process.send_signal(first)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(then)
            process.wait(5)


def _tail(path: Path, lines: int = 30) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else "(it wrote nothing)"


# --- PostgreSQL -------------------------------------------------------------------------------------------------


def postgres_programs() -> Path:
    """The folder with initdb and postgres: the newest Debian one, else from PATH, else from pg_config."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: [int(n) for n in p.parent.name.split(".")])
    candidates = list(reversed(versions))
    if on_path := shutil.which("postgres"):
        candidates.append(Path(on_path).resolve().parent)
    if config := shutil.which("pg_config"):
        told = subprocess.run([config, "--bindir"], capture_output=True, text=True).stdout.strip()
        candidates.append(Path(told))
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise Missing("no PostgreSQL server was found (Debian: apt-get install postgresql postgresql-postgis)")


def _unprivileged() -> dict:
    """Arguments for subprocess: PostgreSQL refuses to run as root, so there it runs as `postgres` or `nobody`."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise Missing("PostgreSQL does not run as root, and there is no user postgres or nobody")


class PostgisCluster:
    """A PostgreSQL server of the tests' own: in a temporary folder, on a unix socket, gone at the end.

    Durability is off, so it must never hold anything but tests; *durable* leaves it and the vacuum on, to measure.
    """

    def __init__(self, *, durable: bool = False):
        self.durable = durable
        try:
            import psycopg
        except ImportError:
            raise Missing("psycopg is not installed (pip install 'crowdmap[postgres]')") from None
        self._connect = psycopg.connect
        self.programs = postgres_programs()
        self.who = _unprivileged()
        # Short on purpose: a unix socket's path may have no more than 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="crowdmap-pg-"))
        self.port = free_port()
        self._numbers = count(1)
        self._process = None
        atexit.register(self.stop)
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _run(self, *command):
        done = subprocess.run(
            [str(part) for part in command], cwd=self.folder, capture_output=True, text=True, env=self._environment(), **self.who
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")

    @staticmethod
    def _environment():
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return {**kept, "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    def _start(self):
        if self.who:
            os.chown(self.folder, self.who["user"], self.who["group"])
        data, log = self.folder / "data", self.folder / "log"
        initdb = [self.programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
        # The locale decides whether lower('É') is 'é'; some systems do not know C.UTF-8.
        try:
            self._run(*initdb, "--locale=C.UTF-8")
        except RuntimeError:
            shutil.rmtree(data, ignore_errors=True)
            self._run(*initdb)
        risky = () if self.durable else ("fsync", "synchronous_commit", "full_page_writes", "autovacuum")
        off = [f"-c{name}=off" for name in risky]
        sizes = ["-cshared_buffers=128MB", "-cmax_connections=200", "-cmax_wal_size=1GB", "-clisten_addresses="]
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [self.programs / "postgres", "-D", data, "-k", self.folder, "-p", str(self.port), *off, *sizes],
                stdout=out, stderr=out, cwd=self.folder, env=self._environment(),
                start_new_session=True, preexec_fn=die_with_parent, **self.who,
            )  # fmt: skip
        self._wait(log)
        with self._admin() as admin:
            if not admin.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'postgis'").fetchone():
                raise Missing("PostgreSQL was found, PostGIS was not (Debian: apt-get install postgresql-postgis)")
            admin.execute(f"CREATE DATABASE {TEMPLATE}")
        with self._admin(TEMPLATE) as admin:
            admin.execute("CREATE EXTENSION IF NOT EXISTS postgis")

    def _wait(self, log: Path, seconds: float = 30):
        end = time.monotonic() + seconds
        while True:
            try:
                self._admin().close()
                return
            except Exception as error:
                if self._process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"PostgreSQL did not start: {error}\n{_tail(log)}") from error
            time.sleep(0.05)

    def _admin(self, database: str = "postgres"):
        return self._connect(host=str(self.folder), port=self.port, user="postgres", dbname=database, autocommit=True)

    def url(self, database: str) -> str:
        """The address for SQLAlchemy of one of the cluster's databases."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}&port={self.port}"

    def version(self) -> str:
        with self._admin(TEMPLATE) as admin:
            row = admin.execute("SELECT current_setting('server_version'), postgis_lib_version()").fetchone()
        return f"PostgreSQL {row[0]}, PostGIS {row[1]}"

    def remember_seed(self):
        """Keep what the template database holds now, so that `reset` can bring a copy back to it."""
        with self._admin(TEMPLATE) as admin:
            admin.execute(f"CREATE SCHEMA {SEED}")
            for table in _tables(admin):
                if table not in KEPT_TABLES and admin.execute(f'SELECT EXISTS (SELECT FROM public."{table}")').fetchone()[0]:
                    admin.execute(f'CREATE TABLE {SEED}."{table}" AS TABLE public."{table}"')
            admin.execute(
                f"CREATE TABLE {SEED}.sequences_ AS SELECT sequencename::text AS name, last_value"
                " FROM pg_sequences WHERE schemaname = 'public'"
            )

    def create(self) -> str:
        """A new database like the template; returns its name."""
        name = f"crowdmap_{next(self._numbers)}"
        with self._admin() as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        return name

    def reset(self, database: str):
        """Bring a database back to the template's rows and sequences.

        DELETE from the few tables that have rows, without their triggers: TRUNCATE makes new files for every table
        and takes some hundred milliseconds; this takes about ten.
        """
        with self._admin(database) as admin, admin.transaction():
            admin.execute("SET LOCAL session_replication_role = replica")
            seeded = {row[0] for row in admin.execute("SELECT tablename::text FROM pg_tables WHERE schemaname = %s", [SEED])}
            tables = [table for table in _tables(admin) if table not in KEPT_TABLES]
            full = admin.execute(
                " UNION ALL ".join(f"(SELECT '{table}' FROM public.\"{table}\" LIMIT 1)" for table in tables)
            )
            for (table,) in full.fetchall():
                admin.execute(f'DELETE FROM public."{table}"')
            for table in sorted(seeded - {"sequences_"}):
                columns = ", ".join(
                    f'"{row[0]}"'
                    for row in admin.execute(
                        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public'"
                        " AND table_name = %s AND is_generated = 'NEVER'",
                        [table],
                    )
                )
                admin.execute(
                    f'INSERT INTO public."{table}" ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {SEED}."{table}"'
                )
            admin.execute(
                "SELECT setval(format('public.%I', now.sequencename)::regclass,"
                " coalesce(seed.last_value, now.start_value), seed.last_value IS NOT NULL)"
                f" FROM pg_sequences now LEFT JOIN {SEED}.sequences_ seed ON seed.name = now.sequencename"
                " WHERE now.schemaname = 'public' AND now.last_value IS DISTINCT FROM seed.last_value"
            )

    def hang_up(self, database: str):
        """End every connection to *database*, also those that a test forgot."""
        with self._admin() as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
                [database],
            )

    def stop(self):
        """Stop the server and remove its folder; safe to call twice."""
        if self._process is not None:
            # PostgreSQL's "fast shutdown", which does not wait for clients, and its "immediate" one.
            _stop(self._process, signal.SIGINT, signal.SIGQUIT)
            self._process = None
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.stop)


def _tables(connection) -> list[str]:
    """Tables of the schema public that no extension owns."""
    rows = connection.execute(
        "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND c.relkind = 'r' AND NOT EXISTS"
        " (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') ORDER BY 1"
    )
    return [row[0] for row in rows]


# --- crowdmap serve ---------------------------------------------------------------------------------------------


SERVE = (sys.executable, "-c", "import sys; from crowdmap.cli import main; sys.exit(main())", "serve", "--host", "127.0.0.1")
NURSERY = nursery.Nursery()


class LiveServer:
    """`crowdmap serve` as its users run it: own process, own port, own instance folder; or another *command* that serves.

    *settings* are CROWDMAP_ settings by name, *options* more words of the command line. `url` has no slash at its end.
    *port*: that of a server before it, which came back.
    Raises RuntimeError with the end of the server's log when it does not answer within *seconds*.
    """

    def __init__(self, settings: dict, *options: str, command=SERVE, cwd: Path = ROOT, env: dict | None = None, seconds: float = 30, port: int | None = None):
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        instance = Path(settings["INSTANCE"])
        instance.mkdir(parents=True, exist_ok=True)
        self.log = instance / f"serve-{self.port}.log"
        inherited = {name: value for name, value in (env or os.environ).items() if not name.startswith("CROWDMAP_")}
        given = {f"CROWDMAP_{name}": _as_text(value) for name, value in {"PUBLIC_URL": self.url, **settings}.items()}
        words = [*map(str, command), "--port", str(self.port), *options]
        environment = {**inherited, **given, "PYTHONUNBUFFERED": "1"}
        self.log.write_bytes(b"")
        if nursery.HERE and command is SERVE and cwd == ROOT and env is None:
            self.process = NURSERY.start(words[words.index("serve") :], env=environment, log=self.log)
        else:
            with self.log.open("ab") as out:
                self.process = subprocess.Popen(
                    words, cwd=cwd, env=environment, stdout=out, stderr=subprocess.STDOUT,
                    start_new_session=True, preexec_fn=die_with_parent,
                )  # fmt: skip
        atexit.register(self.stop)
        try:
            self._wait(seconds)
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        return self.process.pid

    def output(self) -> str:
        """Everything the server has printed so far."""
        return self.log.read_text(errors="replace")

    def _wait(self, seconds: float):
        end = time.monotonic() + seconds
        while True:
            try:
                with urllib.request.urlopen(self.url + "/healthz", timeout=2):
                    return
            except urllib.error.HTTPError as error:
                problem = error
            except OSError as error:
                problem = error
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the server did not start: {problem}\n{_tail(self.log)}")
            time.sleep(0.05)

    def stop(self):
        """Ctrl-C: open streams are not waited for. Safe to call twice."""
        _stop(self.process, signal.SIGINT, signal.SIGKILL)
        atexit.unregister(self.stop)

    def cut(self):
        """End it and what it started at once, without the two seconds that an orderly end takes."""
        if isinstance(self.process, nursery.Nursling) and self.process.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
            self.process.wait(15)
        self.stop()


def _as_text(value) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
