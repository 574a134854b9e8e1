"""What one audience may see of one report. Feeds, map, stream, tiles, search and counts read only this."""

from datetime import datetime
from enum import StrEnum

from geoalchemy2 import Geometry
from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from crowdmap.db import UtcDateTime, db, enum_text
from crowdmap.reports.models import Kind, Status, Verification


class Audience(StrEnum):
    PUBLIC = "public"
    STAFF = "staff"
    PARTNER = "partner"  # whoever reads with a key of an approved organisation


# everybody beyond the team: what becomes stricter leaves all of these at once
OUTSIDE = (Audience.PUBLIC, Audience.PARTNER)


class Publication(db.Model):
    """One row per (report, audience) that has ever been visible to it; a removed one stays as a tombstone.

    lon, lat, geom, cell, precision_m, place and all text are as *this audience* may know them; ``feature`` holds the
    encoded GeoJSON feature, so that serving a feed is joining bytes.
    """

    __tablename__ = "publication"
    __table_args__ = (
        UniqueConstraint("report_id", "audience"),
        Index("ix_publication_seq", "audience", "seq", unique=True),
        # PostgreSQL is asked for ids and seqs first, which these hold (db.joined), with the places that a box compares
        Index("ix_publication_list", "audience", "status", "kind", "id", postgresql_include=["seq", "lon", "lat"]),
        Index("ix_publication_order", "audience", "status", "id", postgresql_include=["seq", "lon", "lat"]),
        # covers the map's GROUP BY and counts without touching the rows, whose feature bytes are long
        Index(
            "ix_publication_cell", "audience", "status", "cell", "kind", "lon", "lat", "verification", "happened_at",
            postgresql_include=["id", "seq"],  # SQLite's indexes hold the id anyway; the join with the categories asks for it
        ),  # fmt: skip
        Index("ix_publication_public_id", "public_id"),
        Index("ix_publication_tile", "audience", "kind", "tile16", "happened_at"),  # the latest near a place, however dense
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"))
    audience: Mapped[Audience] = mapped_column(enum_text(Audience))
    public_id: Mapped[str]
    seq: Mapped[int] = mapped_column(BigInteger)
    first_seq: Mapped[int] = mapped_column(BigInteger)
    removed: Mapped[str | None]  # None, or why: removed | merged
    merged_into: Mapped[str | None]  # public id of the root, only where this audience sees it
    kind: Mapped[Kind | None] = mapped_column(enum_text(Kind))
    category: Mapped[str | None]
    status: Mapped[Status | None] = mapped_column(enum_text(Status))
    verification: Mapped[Verification | None] = mapped_column(enum_text(Verification))
    out_of_area: Mapped[bool] = mapped_column(default=False)
    happened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # occurred_at, else created_at
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lon: Mapped[float | None]
    lat: Mapped[float | None]
    geom: Mapped[object | None] = mapped_column(Geometry("POINT", srid=4326, spatial_index=True))
    cell: Mapped[int | None] = mapped_column(BigInteger)
    tile16: Mapped[int | None] = mapped_column(BigInteger)  # the cell at zoom 16: some 600 m wide
    precision_m: Mapped[float | None]
    area: Mapped[str | None]
    search_text: Mapped[str] = mapped_column(default="")  # folded words
    digest: Mapped[bytes | None] = mapped_column(LargeBinary)  # of the feature without seq and updated_at
    feature: Mapped[bytes | None] = mapped_column(LargeBinary)


class PublicationCategory(db.Model):
    """A publication under each of its categories, so that a filter by category is an index look-up."""

    __tablename__ = "publication_category"
    __table_args__ = (Index("ix_publication_category_code", "code", "publication_id"),)

    publication_id: Mapped[int] = mapped_column(ForeignKey("publication.id", ondelete="CASCADE"), primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    sector: Mapped[str]


class Head(db.Model):
    """The last seq that changed what an audience sees of a kind; an ETag needs no more."""

    __tablename__ = "head"

    audience: Mapped[Audience] = mapped_column(enum_text(Audience), primary_key=True)
    kind: Mapped[Kind] = mapped_column(enum_text(Kind), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)


class CellCount(db.Model):
    """How many published reports an audience sees in one cell of the map's grid, and the sums of their coordinates.

    *level* is the zoom whose tiles are the cells (a map of zoom z draws cells of level z + 2), UNPLACED for reports whose
    place is not known; *cell* is the tile's number in Morton order at that level. Each report is counted once under the
    category "" and once under each of its categories, so that a filter by one category is exact as well. Kept by
    ``publishing.counts`` in the transaction that changes the publications; no row has n = 0.
    """

    __tablename__ = "cell_count"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 (found by the key and read in its order)

    audience: Mapped[Audience] = mapped_column(enum_text(Audience), primary_key=True)
    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    category: Mapped[str] = mapped_column(primary_key=True)
    cell: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[Kind] = mapped_column(enum_text(Kind), primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)
    lon: Mapped[int] = mapped_column(BigInteger)  # the sum, in 1e-7 of a degree: whole numbers add up the same in any order
    lat: Mapped[int] = mapped_column(BigInteger)
