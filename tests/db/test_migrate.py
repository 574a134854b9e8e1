"""One history of migrations, whole or not at all, on both databases."""

import multiprocessing
import shutil

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from crowdmap.db import DatabaseUnsuitable, db, migrate
from tests.db.conftest import bare_app

spawn = multiprocessing.get_context("spawn")

FIRST = '''
import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from crowdmap.db import search

revision, down_revision = "1", None


def upgrade():
    op.create_table("parent", sa.Column("id", sa.Integer(), primary_key=True))
    op.create_geospatial_table(
        "place",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("parent_id", sa.Integer(), sa.ForeignKey("parent.id", ondelete="CASCADE")),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("geom", Geometry("POINT", srid=4326, spatial_index=False)),
    )
    op.create_geospatial_index("idx_place_geom", "place", ["geom"], postgresql_using="gist")
    search.create(op, "place")
    op.execute("INSERT INTO parent VALUES (1)")
    op.execute("INSERT INTO place VALUES (1, 1, 'water', ST_GeomFromEWKT('SRID=4326;POINT(1 2)'))")


def downgrade():
    search.drop(op, "place")
    op.drop_geospatial_index("idx_place_geom", table_name="place", column_name="geom")
    op.drop_geospatial_table("place")
    op.drop_table("parent")
'''

SECOND = '''
import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry

revision, down_revision = "2", "1"


def upgrade():
    op.add_column("place", sa.Column("name", sa.Text()))
    area = Geometry("POLYGON", srid=4326, dimension=2, spatial_index=False)
    op.add_geospatial_column("place", sa.Column("area", area))
    op.create_geospatial_index("idx_place_area", "place", ["area"], postgresql_using="gist")
    op.execute("UPDATE place SET area = ST_GeomFromEWKT('SRID=4326;POLYGON((0 0, 1 0, 1 1, 0 0))')")


def downgrade():
    op.drop_geospatial_index("idx_place_area", table_name="place", column_name="area")
'''

FAILING = '''
from alembic import op

revision, down_revision = "3", "2"


def upgrade():
    op.execute("CREATE TABLE half (id INTEGER)")
    op.execute("DELETE FROM place")
    raise RuntimeError("in the middle")
'''

BREAKING = '''
from alembic import op

revision, down_revision = "3", "2"


def upgrade():
    op.execute("DELETE FROM parent")
'''


@pytest.fixture
def history(tmp_path, monkeypatch):
    """A migrations folder of the test's own: history(text, …) fills it."""
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    for name in ("env.py", "script.py.mako", "alembic.ini"):
        shutil.copy(migrate.folder() / name, folder)
    monkeypatch.setattr(migrate, "folder", lambda: folder)

    def fill(*scripts):
        for i, script in enumerate(scripts, 1):
            (folder / "versions" / f"{i}.py").write_text(script)

    return fill


@pytest.fixture
def app(own_database):
    app = bare_app(own_database.url)
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def ask(app, query):
    with app.app_context(), db.engine.connect() as connection:
        return connection.execute(text(query)).scalar()


def tables(app):
    with app.app_context(), db.engine.connect() as connection:
        return set(inspect(connection).get_table_names())


def test_up_with_rows_in(app, history):
    history(FIRST, SECOND)
    assert migrate.current(app) is None
    assert not migrate.is_current(app)
    migrate.upgrade(app, "1")
    assert (migrate.current(app), migrate.is_current(app)) == ("1", False)
    migrate.upgrade(app)
    assert (migrate.current(app), migrate.is_current(app)) == ("2", True)
    migrate.upgrade(app)  # nothing to do
    assert ask(app, "SELECT ST_X(geom) FROM place WHERE name IS NULL AND area IS NOT NULL") == 1
    if app.config["SQLALCHEMY_DATABASE_URI"].get_backend_name() == "sqlite":
        assert ask(app, "SELECT CheckSpatialIndex('place', 'geom') + CheckSpatialIndex('place', 'area')") == 2
        assert ask(app, "SELECT count(*) FROM place_fts WHERE place_fts MATCH 'water'") == 1


def test_down_and_up_again(app, history):
    history(FIRST, SECOND)
    migrate.upgrade(app)
    with app.app_context():
        flask_migrate.downgrade(directory=str(migrate.folder()), revision="1")
        flask_migrate.downgrade(directory=str(migrate.folder()), revision="base")
    assert not tables(app) & {"place", "parent", "place_fts", "idx_place_geom"}
    migrate.upgrade(app)
    assert ask(app, "SELECT count(*) FROM place") == 1


def test_a_migration_that_fails_leaves_nothing(app, history):
    history(FIRST, SECOND, FAILING)
    with pytest.raises(RuntimeError, match="in the middle"):
        migrate.upgrade(app)
    assert migrate.current(app) is None  # all or nothing
    assert not tables(app) & {"half", "place", "parent"}
    history(FIRST, SECOND, SECOND.replace('"2", "1"', '"3", "2"').replace("area", "zone").replace('"name"', '"title"'))
    migrate.upgrade(app)
    assert migrate.current(app) == "3"


@pytest.mark.databases("sqlite")
def test_a_migration_that_breaks_references_leaves_nothing(app, history):
    """Foreign keys are off while migrating, or a table copy would delete what refers to it; so they are checked."""
    history(FIRST, SECOND)
    migrate.upgrade(app)
    history(FIRST, SECOND, BREAKING)
    with pytest.raises(RuntimeError, match="references"):
        migrate.upgrade(app)
    assert (migrate.current(app), ask(app, "SELECT count(*) FROM parent")) == ("2", 1)
    assert ask(app, "PRAGMA foreign_keys") == 1


def _upgrade(url, results):
    try:
        migrate.upgrade(bare_app(url))
        results.put(None)
    except BaseException as error:
        results.put(repr(error))


def test_processes_that_start_together_migrate_once(app, own_database):
    results = spawn.Queue()
    processes = [spawn.Process(target=_upgrade, args=(own_database.url, results)) for _ in range(2)]
    for process in processes:
        process.start()
    assert [results.get(timeout=120) for _ in processes] == [None] * 2
    for process in processes:
        process.join()
    assert migrate.is_current(app)


@pytest.mark.databases("postgis")
def test_postgis_is_enabled_where_it_may_be_and_asked_for_where_not(app, history, cluster):
    history(FIRST)
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("DROP EXTENSION postgis"))
    migrate.upgrade(app)
    assert ask(app, "SELECT ST_X(geom) FROM place") == 1

    with cluster._admin() as admin:
        admin.execute("CREATE ROLE nobody_special LOGIN")
        admin.execute("CREATE DATABASE bare OWNER nobody_special TEMPLATE template0")
    bare = bare_app(cluster.url("bare").replace("postgres@", "nobody_special@"))
    with pytest.raises(DatabaseUnsuitable, match="CREATE EXTENSION postgis"):
        migrate.upgrade(bare)
    with bare.app_context():
        db.engine.dispose()


def test_the_models_are_what_the_migrations_make(own_database, tmp_path):
    """Autogenerate finds nothing to do, and the whole history can be undone and done again."""
    from crowdmap import create_app

    app = create_app({"DATABASE_URL": own_database.url, "INSTANCE": tmp_path / "instance"})
    migrate.upgrade(app)
    options = app.extensions["migrate"].configure_args
    for _ in range(2):
        with app.app_context(), db.engine.connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"compare_type": True, "include_object": options["include_object"]}
            )
            assert compare_metadata(context, db.metadata) == []
        with app.app_context():
            flask_migrate.downgrade(directory=str(migrate.folder()), revision="base")
        left = {"alembic_version", "spatial_ref_sys", "sqlite_sequence"}
        mine = set(db.metadata.tables) & tables(app)
        assert mine - left == set()
        migrate.upgrade(app)
    with app.app_context():
        db.engine.dispose()
