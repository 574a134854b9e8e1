"""Overlays: the operator's own lines, areas and places, drawn quietly under the reports."""

from datetime import datetime

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from crowdmap.db import Json, UtcDateTime, db, utcnow


class Overlay(db.Model):
    __tablename__ = "overlay"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    geojson: Mapped[bytes] = mapped_column(LargeBinary)  # encoded once, served as it is
    bbox: Mapped[list] = mapped_column(Json)  # west, south, east, north
    features: Mapped[int]
    places: Mapped[list] = mapped_column(Json, default=list)  # [name, folded name, lon, lat] for the search box
    position: Mapped[int] = mapped_column(default=0)
    added_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
