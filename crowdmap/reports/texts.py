"""What people write, made safe to keep and to show; and the times they tell."""

import re
import unicodedata
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import PydanticCustomError, PydanticKnownError

from crowdmap.config import settings
from crowdmap.db import utcnow

_CONTROLS = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """NFC, no control characters and no bidi overrides (they can make a text read as another); line ends as \\n.

    Every script, emoji and apostrophe stays. A NUL is refused rather than dropped: nobody types it.
    """
    if "\0" in text:
        raise PydanticCustomError("nul", _("A NUL character cannot be part of a text."))
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise PydanticCustomError("surrogate", _("The text holds half a character; please type it again."))
    return _CONTROLS.sub("", unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))).strip()


_TIME = TypeAdapter(datetime)


def _time_of_text(value):
    if not isinstance(value, str):
        return value
    try:
        return _TIME.validate_python(value)
    except ValidationError:
        raise PydanticKnownError("datetime_parsing", {"error": "not a time"}) from None


# read here: what a model's "before" validator gives on is no JSON any more for pydantic, which then takes no text
Moment = Annotated[datetime, BeforeValidator(_time_of_text)]


def occurred(moment: datetime) -> datetime:
    """When something happened, with a zone: the crisis's where none was told. Raises PydanticCustomError for a time
    before 1900 or after tomorrow."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(settings().TIMEZONE))
    try:
        too_late = moment > utcnow() + timedelta(days=1)
    except OverflowError:
        too_late = True
    if too_late or moment.year < 1900:
        words = _("The time must lie between 1900 and tomorrow.")
        raise PydanticCustomError("time", words, {"field": "occurred_at"})
    return moment


class Situated(BaseModel):
    """A place and a time as they come in: lat, lon in degrees (EPSG:4326) go together, accuracy_m in metres. A field
    that is null counts as absent; a time without a zone is the crisis's."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    lat: Annotated[float | None, Field(ge=-90, le=90)] = None
    lon: Annotated[float | None, Field(ge=-180, le=180)] = None
    accuracy_m: Annotated[float | None, Field(ge=0, le=1_000_000)] = None
    occurred_at: Moment | None = None

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data):
        return {name: value for name, value in data.items() if value is not None} if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _point_is_whole(self):
        if (self.lat is None) != (self.lon is None):
            absent = "lat" if self.lat is None else "lon"
            raise PydanticCustomError("half-point", _("lat and lon go together."), {"field": absent})
        return self

    @model_validator(mode="after")
    def _time_has_a_zone(self):
        if self.occurred_at is not None:
            self.occurred_at = occurred(self.occurred_at)
        return self
