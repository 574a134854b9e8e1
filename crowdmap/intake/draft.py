"""A message in our own words: every channel parses what it received into this, and calls ``intake.submit``."""

import re
import unicodedata
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from crowdmap.config import settings
from crowdmap.db import utcnow
from crowdmap.reports.models import Kind, LocatedBy

MOST_TITLE, MOST_TEXT, MOST_WORDS = 200, 10_000, 300
_CONTROLS = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """NFC, no control characters and no bidi overrides (they can make a text read as another); line ends as \\n.

    Every script, emoji and apostrophe stays. A NUL is refused rather than dropped: nobody types it.
    """
    if "\0" in text:
        raise PydanticCustomError("nul", "a NUL character cannot be part of a text")
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise PydanticCustomError("surrogate", "the text holds half a character; please type it again")
    return _CONTROLS.sub("", unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))).strip()


def _email(text: str) -> str:
    if text and not re.fullmatch(r"[^@\s,;<>]{1,64}@[^@\s,;<>]+\.[^@\s,;<>.]+", text):
        raise PydanticCustomError("email", "this does not look like an e-mail address")
    return text


def _phone(text: str) -> str:
    if text and not 5 <= sum(c.isdigit() for c in text) <= 20:
        raise PydanticCustomError("phone", "a telephone number has between 5 and 20 digits")
    return text


Text = Annotated[str, AfterValidator(clean)]
Words = Annotated[Text, Field(max_length=MOST_WORDS)]


class ReportDraft(BaseModel):
    """The fields of ``POST /api/v1/reports``. lat, lon in degrees (EPSG:4326), accuracy_m in metres."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, str_strip_whitespace=False)

    kind: Kind | None = Field(None, description="need, offer, damage or information; absent: the category's own")
    category: Annotated[str, Field(min_length=1, max_length=40, description="code of the primary category")]
    categories: Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=12)] = []
    title: Annotated[Text, Field(max_length=MOST_TITLE)] = ""
    description: Annotated[Text, Field(max_length=MOST_TEXT)] = ""
    lat: Annotated[float | None, Field(ge=-90, le=90)] = None
    lon: Annotated[float | None, Field(ge=-180, le=180)] = None
    place: Words = ""
    accuracy_m: Annotated[float | None, Field(ge=0, le=1_000_000)] = None
    located_by: LocatedBy | None = None
    occurred_at: datetime | None = None
    people: Annotated[int | None, Field(ge=0, le=100_000_000)] = None
    quantity: Annotated[float | None, Field(ge=0, le=1e12)] = None
    unit: Annotated[Text, Field(max_length=40)] = ""
    language: Annotated[str | None, Field(max_length=35, pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")] = None
    contact_name: Words = ""
    contact_phone: Annotated[Text, Field(max_length=60), AfterValidator(_phone)] = ""
    contact_email: Annotated[Text, Field(max_length=254), AfterValidator(_email)] = ""
    client_id: UUID | None = None

    @model_validator(mode="after")
    def _point_is_whole(self):
        if (self.lat is None) != (self.lon is None):
            raise PydanticCustomError("half-point", "lat and lon go together")
        return self

    @model_validator(mode="after")
    def _time_has_a_zone(self):
        moment = self.occurred_at
        if moment is not None:
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=ZoneInfo(settings().TIMEZONE))
            try:
                too_late = moment > utcnow() + timedelta(days=1)
            except OverflowError:
                too_late = True
            if too_late or moment.year < 1900:
                raise PydanticCustomError("time", "the time must lie between 1900 and tomorrow")
            self.occurred_at = moment
        return self

    @property
    def placed(self) -> bool:
        return self.lat is not None
