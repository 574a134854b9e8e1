"""The servers that feeds are held against: pygeoapi 0.21, tipg 1.6 and an nginx file, on the same rows.

Both are installed from PyPI into an environment of their own; nginx is Debian's. Each serves on the loopback with two
workers, as its documentation says.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import make_url, text

PYGEOAPI, TIPG = "pygeoapi==0.21.0", "tipg==1.6.1"
TABLE = "peer_reports"
PATIENCE_S = 60


def free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return line.getsockname()[1]


def environment(folder: Path, name: str, *packages: str) -> Path:
    """A virtual environment with these packages; → its bin folder. Made once in *folder*."""
    place = folder / f"venv-{name}"
    if not (place / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        pip = [place / "bin/pip", "install", "-q", "--disable-pip-version-check", *packages]
        subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
        (place / "ready").touch()
    return place / "bin"


def copy_rows(session) -> int:
    """What the public layer shows, as a plain table with an index of places, keyed and ordered as ours; → its rows."""
    session.execute(text(f"DROP TABLE IF EXISTS {TABLE}"))
    session.execute(text(f"""
        CREATE TABLE {TABLE} AS
        SELECT p.id, p.public_id, f->>'kind' AS kind, f->>'category' AS category, f->>'sector' AS sector, f->>'title' AS title,
            f->>'description' AS description, f->>'status' AS status, f->>'verification' AS verification,
            (f->>'voices')::int AS voices, (f->>'precision_m')::float AS precision_m, (f->>'people')::int AS people,
            (f->>'quantity')::float AS quantity, f->>'unit' AS unit, f->>'place' AS place, f->>'area' AS area,
            (f->>'claimed')::bool AS claimed, f->>'freshness' AS freshness, f->>'source' AS source,
            f->>'occurred_at' AS occurred_at, f->>'created_at' AS created_at, f->>'updated_at' AS updated_at,
            p.seq, f->>'url' AS url, p.geom
        FROM publication p, LATERAL (SELECT convert_from(p.feature, 'UTF8')::jsonb->'properties' AS f) told
        WHERE p.audience = 'public' AND p.status = 'published' AND p.lon IS NOT NULL
    """))  # fmt: skip
    session.execute(text(f"ALTER TABLE {TABLE} ADD PRIMARY KEY (id)"))
    session.execute(text(f"CREATE INDEX ON {TABLE} USING gist (geom)"))
    session.commit()
    session.execute(text(f"ANALYZE {TABLE}"))
    session.commit()
    return session.execute(text(f"SELECT count(*) FROM {TABLE}")).scalar()


@contextmanager
def _running(command: list, address: str, folder: Path, name: str, **variables: str):
    """A server process until the block ends; waits until *address* answers 200."""
    with open(folder / f"{name}.log", "wb") as log:
        process = subprocess.Popen(
            list(map(str, command)), cwd=folder, env={**os.environ, **variables}, stdout=log, stderr=log, start_new_session=True
        )
    try:
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                with urllib.request.urlopen(address, timeout=PATIENCE_S):
                    break
            except OSError as error:
                if process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"{name} did not start ({error}); see {folder / name}.log") from None
                time.sleep(0.3)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def _database(url: str) -> dict[str, str]:
    """host, port, user, dbname of a SQLAlchemy address; a socket's folder counts as host."""
    at = make_url(url)
    host = at.host or at.query.get("host") or "127.0.0.1"
    return {"host": host, "port": str(at.port or at.query.get("port") or 5432), "user": at.username or "postgres",
            "password": at.password or "none", "dbname": at.database}  # fmt: skip


@contextmanager
def tipg(folder: Path, url: str):
    """→ (address of the items, address of tiles with {z}/{x}/{y})."""
    bin, port, d = environment(folder, "tipg", TIPG, "uvicorn"), free_port(), _database(url)
    base = f"http://127.0.0.1:{port}"
    items = f"{base}/collections/public.{TABLE}/items"
    connection = f"postgresql://{d['user']}:{d['password']}@{quote(d['host'], safe='')}:{d['port']}/{d['dbname']}"
    command = [bin / "uvicorn", "tipg.main:app", "--host", "127.0.0.1", "--port", port, "--workers", 2, "--no-access-log"]
    with _running(
        command, items + "?limit=1", folder, "tipg", DATABASE_URL=connection, TIPG_MAX_FEATURES_PER_QUERY="10000",
        TIPG_MAX_FEATURES_PER_TILE="1000000", TIPG_DB_SCHEMAS='["public"]',
    ):  # fmt: skip
        yield items, f"{base}/collections/public.{TABLE}/tiles/WebMercatorQuad/{{z}}/{{x}}/{{y}}"


@contextmanager
def pygeoapi(folder: Path, url: str):
    """→ address of the items."""
    bin, port, d = environment(folder, "pygeoapi", PYGEOAPI, "gunicorn", "psycopg2-binary", "geoalchemy2"), free_port(), _database(url)
    base = f"http://127.0.0.1:{port}"
    config, openapi = folder / "pygeoapi.yml", folder / "pygeoapi-openapi.yml"
    config.write_text(f"""
server:
  bind: {{host: 127.0.0.1, port: {port}}}
  url: {base}
  mimetype: application/json; charset=UTF-8
  encoding: utf-8
  languages: [en-US]
  limits: {{default_items: 1000, max_items: 10000}}
  map: {{url: "{base}", attribution: none}}
logging: {{level: ERROR}}
metadata:
  identification: {{title: peer, description: peer, keywords: [peer], keywords_type: theme, terms_of_service: none, url: "{base}"}}
  license: {{name: none, url: "{base}"}}
  provider: {{name: peer, url: "{base}"}}
  contact: {{name: peer, email: peer@example.org}}
resources:
  {TABLE}:
    type: collection
    title: peer
    description: peer
    keywords: [peer]
    links: []
    extents: {{spatial: {{bbox: [-180, -90, 180, 90], crs: "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}}}}
    providers:
      - type: feature
        name: PostgreSQL
        data: {{host: "{d['host']}", port: {d['port']}, dbname: {d['dbname']}, user: {d['user']}, password: "{d['password']}", search_path: [public]}}
        id_field: id
        table: {TABLE}
        geom_field: geom
""")  # fmt: skip
    variables = {"PYGEOAPI_CONFIG": str(config), "PYGEOAPI_OPENAPI": str(openapi)}
    made = [bin / "pygeoapi", "openapi", "generate", config, "--output-file", openapi]
    subprocess.run(made, check=True, env={**os.environ, **variables}, capture_output=True)
    command = [bin / "gunicorn", "-w", 2, "-b", f"127.0.0.1:{port}", "--timeout", 300, "pygeoapi.flask_app:APP"]
    items = f"{base}/collections/{TABLE}/items"
    with _running(command, items + "?limit=1&f=json", folder, "pygeoapi", **variables):
        yield items


@contextmanager
def nginx(folder: Path, files: dict[str, bytes]):
    """→ base address of these files."""
    if not shutil.which("nginx") and not Path("/usr/sbin/nginx").exists():
        raise RuntimeError("nginx is needed: apt-get install nginx-light")
    root, port = folder / "files", free_port()
    root.mkdir(exist_ok=True)
    for name, data in files.items():
        (root / name).write_bytes(data)
    config = folder / "nginx.conf"
    config.write_text(f"""
daemon off; worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log; user root;
events {{ worker_connections 512; }}
http {{ access_log off; sendfile on; keepalive_requests 1000000; default_type application/geo+json;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen 127.0.0.1:{port}; root {root}; }} }}
""")  # fmt: skip
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    with _running([program, "-c", config, "-p", folder], f"http://127.0.0.1:{port}/{next(iter(files))}", folder, "nginx"):
        yield f"http://127.0.0.1:{port}"
