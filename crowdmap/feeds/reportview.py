"""An encoded feature as templates want it."""

from dataclasses import dataclass
from datetime import datetime

import orjson
from flask_babel import gettext as _

from crowdmap.publishing.project import to_the_hour


@dataclass(frozen=True)
class ReportView:
    """A public feature as templates want it: attributes, and moments as datetimes."""

    id: str
    feature: dict
    created_at: datetime
    occurred_at: datetime | None
    updated_at: datetime

    def __getattr__(self, name):
        try:
            return self.feature["properties"][name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def placed(self) -> bool:
        return self.feature["geometry"] is not None

    @property
    def title(self) -> str:
        words = self.feature["properties"]["title"] or self.feature["properties"]["description"] or ""
        return words.strip().split("\n")[0][:120] or _("Report without words")

    @property
    def hourly(self) -> bool:
        """Its times are cut to the hour, and a minute shown of them would be wrong. No property tells it: one whole hour may
        be what the reporter said, but two moments of this server fall on one by chance once in thirteen million reports."""
        return self.created_at == to_the_hour(self.created_at) and self.updated_at == to_the_hour(self.updated_at)

    @property
    def happened_at(self) -> datetime:
        return self.occurred_at or self.created_at


def view_of(data: bytes) -> ReportView:
    feature = orjson.loads(data)
    told = feature["properties"]
    created, occurred, updated = (
        datetime.fromisoformat(told[name]) if told[name] else None for name in ("created_at", "occurred_at", "updated_at")
    )
    return ReportView(feature["id"], feature, created, occurred, updated)
