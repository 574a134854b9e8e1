"""Who reads: feeds, changes, stream, tiles and OGC API ask this, and nothing else, what a caller may see."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from crowdmap.filters import ReportFilter, Scope
from crowdmap.publishing.models import Audience


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


PUBLIC = Reader()


def reader() -> Reader:
    """Of this request."""
    return PUBLIC
