"""The database layer without the features that stand on it: a bare application, and a table with a place and words."""

from types import SimpleNamespace

import pytest
from flask import Flask
from geoalchemy2 import Geometry
from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from crowdmap import create_app
from crowdmap import db as layer
from crowdmap.db import db, migrate, search
from tests import servers
from tests.conftest import SETTINGS, Database, missing


def spot_model():
    """Made anew for each test: GeoAlchemy2 takes the spatial index off a table that it creates on SQLite."""

    class Base(DeclarativeBase):
        pass

    class Spot(Base):
        __tablename__ = "spot"
        __table_args__ = (UniqueConstraint("channel", "number"),)

        id: Mapped[int] = mapped_column(primary_key=True)
        channel: Mapped[str] = mapped_column(default="web")
        number: Mapped[int | None]
        lon: Mapped[float | None]
        lat: Mapped[float | None]
        geom: Mapped[object | None] = mapped_column(Geometry("POINT", srid=4326, spatial_index=True))
        search_text: Mapped[str] = mapped_column(default="")

    return Spot


@pytest.fixture(scope="session")
def _bare_cluster():
    """The cluster and the reason why there is none, one of them None."""
    try:
        cluster = servers.PostgisCluster()
    except servers.Missing as reason:
        yield None, str(reason)
        return
    yield cluster, None
    cluster.stop()


@pytest.fixture
def cluster(_bare_cluster):
    found, reason = _bare_cluster
    return found or missing(reason)


@pytest.fixture(scope="session")
def _shared_database(_bare_cluster):
    cluster, _ = _bare_cluster
    return cluster and cluster.url(cluster.create())


@pytest.fixture
def database(request, tmp_path) -> Database:
    """A database without tables, on SQLite and on PostGIS in turn. Tests remove what they make."""
    if request.param == "sqlite":
        return Database("sqlite", f"sqlite:///{tmp_path / 'empty.db'}")
    request.getfixturevalue("cluster")
    return Database("postgis", request.getfixturevalue("_shared_database"))


@pytest.fixture
def own_database(request, database) -> Database:
    """One that no other test has seen or will see."""
    if database.name == "sqlite":
        return database
    cluster = request.getfixturevalue("cluster")
    return Database("postgis", cluster.url(cluster.create()))


def bare_app(url: str) -> Flask:
    app = Flask(__name__)
    app.config["CROWDMAP"] = SimpleNamespace(DATABASE_URL=url)
    layer.init_app(app)
    return app


@pytest.fixture
def app(database):
    app = bare_app(database.url)
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def spots(app):
    """The empty table, inside an application context."""
    model = spot_model()
    with app.app_context():
        with db.engine.begin() as connection:
            model.metadata.create_all(connection)
            search.create(connection, "spot")
        yield model
        db.session.remove()
        with db.engine.begin() as connection:
            search.drop(connection, "spot")
            model.metadata.drop_all(connection)


@pytest.fixture
def migrated(request, own_database, tmp_path):
    """The application on a database of its own, brought there by the migrations; with the settings of the test's mark."""
    mark = request.node.get_closest_marker("settings")
    settings = {**SETTINGS, **(mark.kwargs if mark else {}), "DATABASE_URL": own_database.url, "INSTANCE": tmp_path / "instance"}
    app = create_app(settings)
    migrate.upgrade(app)
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
