"""What a crisis sets of how marks are found."""

from functools import cache
from typing import NamedTuple

from babel.core import get_global


class Rules(NamedTuple):
    """*regions*: countries (ISO 3166-1) whose own way of writing telephone numbers is known; *id_length*: how many
    letters and digits an ID-like number has at least."""

    regions: tuple[str, ...] = ()
    id_length: int = 5


def rules_of(settings) -> Rules:
    """As the settings say; without PHONE_REGIONS the country that the time zone lies in."""
    return Rules(settings.PHONE_REGIONS or _regions_of(settings.TIMEZONE), settings.ID_LENGTH)


@cache
def _regions_of(zone: str) -> tuple[str, ...]:
    territory = get_global("zone_territories").get(zone, "")
    return (territory,) if territory.isalpha() else ()  # "001" is the world: UTC
