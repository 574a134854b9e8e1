"""Who reads: feeds, changes, stream, tiles and OGC API ask this, and nothing else, what a caller may see."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from crowdmap.db import db
from crowdmap.filters import ReportFilter, Scope
from crowdmap.organisations.gate import current_key
from crowdmap.publishing.models import Audience, Publication
from crowdmap.reports.models import VISIBLE


@dataclass(frozen=True)
class Reader:
    """One audience, held to a scope.

    *since*: the seq at which the scope last changed; from an older cursor nobody can go on (410). *still_allowed* is
    asked by open streams every few seconds, in an application context.
    """

    audience: Audience = Audience.PUBLIC
    scope: Scope = Scope()
    since: int = 0
    still_allowed: Callable[[], bool] | None = None

    @property
    def public(self) -> bool:
        """Whether everybody gets the same, so that a cache between may keep it."""
        return self.audience is Audience.PUBLIC and self.scope == Scope()

    def hold(self, chosen: ReportFilter) -> ReportFilter:
        """The filter within what this reader may see."""
        return replace(chosen, scope=self.scope)

    def sees(self, publication_id: int) -> bool:
        """Whether a publication of this audience lies within the scope."""
        if self.scope == Scope():
            return True
        held = self.hold(ReportFilter(statuses=tuple(sorted(VISIBLE))))
        return db.session.scalar(held.select(self.audience, Publication.id).where(Publication.id == publication_id)) is not None


PUBLIC = Reader()


def reader() -> Reader:
    """Of this request: what its key opens, else the public. A key that opens nothing was refused before."""
    key = current_key()
    return PUBLIC if key is None else Reader(key.audience, key.scope, key.since, key.still_good)
