"""Types that mean the same on both databases."""

from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

import pytest
from sqlalchemy import exc, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from crowdmap.db import Json, UtcDateTime, db, enum_text, utcnow


class Base(DeclarativeBase):
    pass


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Sample(Base):
    __tablename__ = "sample"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    data: Mapped[object | None] = mapped_column(Json)
    colour: Mapped[Colour | None] = mapped_column(enum_text(Colour))


@pytest.fixture
def samples(app):
    with app.app_context():
        with db.engine.begin() as connection:
            Base.metadata.create_all(connection)
        yield Sample
        db.session.remove()
        with db.engine.begin() as connection:
            Base.metadata.drop_all(connection)


def stored(**values):
    sample = Sample(**values)
    db.session.add(sample)
    db.session.commit()
    db.session.refresh(sample)
    return sample


def test_times_are_utc_and_aware(samples):
    port_au_prince = timezone(timedelta(hours=-5))
    at = stored(at=datetime(2010, 1, 12, 16, 53, 10, 123456, tzinfo=port_au_prince)).at
    assert at == datetime(2010, 1, 12, 21, 53, 10, 123456, tzinfo=UTC)
    assert at.tzinfo is UTC
    assert stored(at=None).at is None
    assert utcnow().tzinfo is UTC


def test_times_compare_in_the_database(samples):
    stored(at=datetime(2010, 1, 12, 12, tzinfo=UTC))
    later = datetime(2010, 1, 12, 14, tzinfo=timezone(timedelta(hours=3)))  # 11 in UTC
    assert db.session.scalar(select(Sample.id).where(Sample.at > later))
    assert db.session.scalar(select(Sample.id).where(Sample.at < later)) is None


def test_naive_times_are_refused(samples):
    with pytest.raises(exc.StatementError, match="no time zone"):
        stored(at=datetime(2010, 1, 12))
    db.session.rollback()


@pytest.mark.parametrize("data", [{"a": [1, 2.5, None, "é🔥"]}, [], {}, "text", 0, False])
def test_json_comes_back(samples, data):
    assert stored(data=data).data == data


def test_no_json_is_null(samples):
    stored(data=None)
    assert db.session.scalar(text("SELECT count(*) FROM sample WHERE data IS NULL")) == 1


def test_enums_are_words_in_the_table(samples):
    assert stored(colour=Colour.RED).colour is Colour.RED
    assert stored(colour="green").colour is Colour.GREEN
    assert db.session.scalars(text("SELECT colour FROM sample ORDER BY id")).all() == ["red", "green"]
    assert db.session.scalar(select(Sample.colour).where(Sample.colour == Colour.RED)) is Colour.RED
    with pytest.raises(exc.StatementError):
        stored(colour="blue")
    db.session.rollback()
