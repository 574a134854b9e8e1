"""A message in our own words: every channel parses what it received into this, and calls ``intake.submit``."""

import re
from typing import Annotated
from uuid import UUID

from flask_babel import gettext as _
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from crowdmap.reports.models import Kind, LocatedBy
from crowdmap.reports.texts import Situated, clean

MOST_TITLE, MOST_TEXT, MOST_WORDS = 200, 10_000, 300
NUMBERS = ("lat", "lon", "accuracy_m", "people", "quantity")


def _email(text: str) -> str:
    if text and not re.fullmatch(r"[^@\s,;<>]{1,64}@[^@\s,;<>]+\.[^@\s,;<>.]+", text):
        raise PydanticCustomError("email", _("This does not look like an e-mail address."))
    return text


def _phone(text: str) -> str:
    if text and not 5 <= sum(c.isdecimal() for c in text) <= 20:
        raise PydanticCustomError("phone", _("A telephone number has between 5 and 20 digits."))
    return text


Text = Annotated[str, AfterValidator(clean)]
Words = Annotated[Text, Field(max_length=MOST_WORDS)]
Phone = Annotated[Text, Field(max_length=60), AfterValidator(_phone)]
Email = Annotated[Text, Field(max_length=254), AfterValidator(_email)]


class ReportDraft(Situated):
    """The fields of ``POST /api/v1/reports``."""

    kind: Kind | None = Field(None, description="need, offer, damage or information; absent: the category's own")
    category: Annotated[str, Field(min_length=1, max_length=40, description="code of the primary category")]
    categories: Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=24)] = []
    title: Annotated[Text, Field(max_length=MOST_TITLE)] = ""
    description: Annotated[Text, Field(max_length=MOST_TEXT)] = ""
    place: Words = ""
    located_by: LocatedBy | None = None
    people: Annotated[int | None, Field(ge=0, le=100_000_000)] = None
    quantity: Annotated[float | None, Field(ge=0, le=1e12)] = None
    unit: Annotated[Text, Field(max_length=40)] = ""
    language: Annotated[str | None, Field(max_length=35, pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")] = None
    contact_name: Words = ""
    contact_phone: Phone = ""
    contact_email: Email = ""
    client_id: UUID | None = None

    @property
    def placed(self) -> bool:
        return self.lat is not None


def with_points(fields: dict) -> dict:
    """The fields of a form, where a number may be written with a comma: 18,543 is 18.543."""
    return {
        name: value.replace(",", ".") if name in NUMBERS and isinstance(value, str) and "." not in value else value
        for name, value in fields.items()
    }
