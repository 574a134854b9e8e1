"""The layers that a deployment names itself."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from crowdmap.db import Json, UtcDateTime, db, utcnow


class OwnLayer(db.Model):
    """A filter with a name. It never changes, and a name is given once: whoever follows a layer's changes would never
    hear what left it because it means something else now. A removed one keeps its row, so that the name stays taken."""

    __tablename__ = "layer"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(40), unique=True)
    title: Mapped[str] = mapped_column(String(80))
    filter: Mapped[dict] = mapped_column(Json)  # as ReportFilter.to_json() writes it
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
