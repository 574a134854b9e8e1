"""What a format is told beside the features, and the switches it may have."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from crowdmap.errors import InvalidParameter
from crowdmap.geo import Extent


@dataclass(frozen=True)
class Switch:
    """A parameter of one format alone, 0 or 1 in the query string."""

    name: str
    default: bool
    words: str

    def read(self, args) -> bool:
        """Its value in *args*, a MultiDict. Raises InvalidParameter."""
        given = args.getlist(self.name)
        if len(given) > 1:
            raise InvalidParameter(f"{self.name} may be given once", field=self.name)
        if not given or given[0] == "":
            return self.default
        if given[0] not in ("0", "1"):
            raise InvalidParameter(f"{self.name} is 0 or 1", field=self.name)
        return given[0] == "1"


@dataclass(frozen=True)
class Collection:
    """What stands around the features. *links* are {href, rel, type, title}; *matched* counts all that the filter finds,
    *returned* those that follow. *address* is this answer's without the format's switches, *identity* the whole list's.
    *extent* is complete once the features have been taken. *switches* has a value for each of the format's."""

    title: str
    links: list[dict]
    license: str
    attribution: str
    time_stamp: str
    matched: int
    returned: int
    seq: int
    layer: str
    address: str
    identity: str
    extent: Extent
    switches: Mapping[str, bool] = field(default_factory=dict)

    def following(self) -> str | None:
        """The address of the next page."""
        return next((link["href"] for link in self.links if link["rel"] == "next"), None)
