"""What each action takes, as it comes in: JSON at the API, a form at the desk."""

from datetime import datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from crowdmap.config import settings
from crowdmap.db import MOST_ID, utcnow
from crowdmap.moderation.actions import ACTIONS, REJECTIONS
from crowdmap.moderation.canned import MOST_TEXT
from crowdmap.moderation.grades import EvidenceKind
from crowdmap.moderation.marking import MOST_WORDS_LENGTH
from crowdmap.publishing.choices import ID as MARK_ID
from crowdmap.reports.models import Kind
from crowdmap.reports.texts import clean

Text = Annotated[str, AfterValidator(clean)]
Reason = Annotated[Text, Field(max_length=1000)]
Code = Annotated[str, Field(max_length=40)]
SEEN = r"^[a-z0-9]{1,40}:[0-9]{1,9}$"


def _or_none(value):
    """A form sends an empty text where nothing was chosen."""
    return None if value == "" else value


class ActionRequest(BaseModel):
    """*revision* is the report's revision that the moderator looked at."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    revision: Annotated[int | None, Field(ge=1, description="revision of the report that you saw")] = None
    reason: Reason = ""


class PublishRequest(ActionRequest):
    confirm: Annotated[bool, Field(description="yes, also outside the crisis area")] = False


class EvidenceRequest(ActionRequest):
    """A piece of evidence: by itself, or under the mark that it gives."""

    evidence: Annotated[Text, Field(max_length=2000, description="how you know; for the team alone")] = ""
    evidence_kind: Annotated[EvidenceKind | None, BeforeValidator(_or_none), Field(description="what kind of evidence it is")] = None
    organisation: Annotated[Text, Field(max_length=120, description="the organisation that stands for it, by name")] = ""


class CorroborateRequest(EvidenceRequest):
    sources: Annotated[
        int | None, BeforeValidator(_or_none), Field(ge=1, le=1000, description="how many independent sources; 2 where not given")
    ] = None


class AddEvidenceRequest(EvidenceRequest):
    sources: Annotated[
        int | None, BeforeValidator(_or_none), Field(ge=1, le=1000, description="kind source: how many there are; 1 where not given")
    ] = None


class OneEvidenceRequest(ActionRequest):
    evidence_id: Annotated[int | None, Field(ge=1, le=MOST_ID, description="number of the piece of evidence")] = None


class RejectRequest(ActionRequest):
    reason: Literal["", *REJECTIONS] = ""


class MergeRequest(ActionRequest):
    into: Annotated[str, Field(max_length=40, description="id of the report it belongs to")] = ""


class OtherRequest(ActionRequest):
    other: Annotated[str, Field(max_length=40, description="id of the other report")] = ""


class UndoRequest(ActionRequest):
    decision: Annotated[int | None, Field(ge=1, le=MOST_ID, description="number of your own decision of just now")] = None


class AskRequest(ActionRequest):
    """Own words, or a prepared text; *reason* is for the team and never sent."""

    text: Annotated[Text, Field(max_length=MOST_TEXT, description="own words")] = ""
    canned: Annotated[str, Field(max_length=80, description="key of a prepared text, or key:language")] = ""
    language: Annotated[str | None, Field(max_length=35, description="of the words; default: the report's")] = None


class EditRequest(ActionRequest):
    """Only the fields given are changed."""

    title: Annotated[Text, Field(max_length=200)] = ""
    description: Annotated[Text, Field(max_length=10_000)] = ""
    kind: Kind | None = None
    category: Annotated[str | None, Field(max_length=40)] = None
    categories: Annotated[list[Code] | None, Field(max_length=12)] = None
    people: Annotated[int | None, Field(ge=0, le=100_000_000)] = None
    quantity: Annotated[float | None, Field(ge=0, le=1e12)] = None
    unit: Annotated[Text, Field(max_length=40)] = ""
    place: Annotated[Text, Field(max_length=300)] = ""
    occurred_at: datetime | None = None

    @model_validator(mode="after")
    def _time_has_a_zone(self):
        if self.occurred_at is not None:
            moment = self.occurred_at
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=ZoneInfo(settings().TIMEZONE))
            if moment.year < 1900 or moment.year > 9000 or moment > utcnow() + timedelta(days=1):
                raise PydanticCustomError("time", "the time must lie between 1900 and tomorrow")
            if moment != self.occurred_at or self.occurred_at.tzinfo is None:
                self.occurred_at = moment
        return self


class MoveRequest(ActionRequest):
    lat: Annotated[float | None, Field(ge=-90, le=90)] = None
    lon: Annotated[float | None, Field(ge=-180, le=180)] = None
    accuracy_m: Annotated[float | None, Field(ge=0, le=1_000_000)] = None
    unplaced: Annotated[bool, Field(description="the place is not known after all")] = False


class MarkRequest(ActionRequest):
    mark: Annotated[str, Field(pattern=rf"^(?:{MARK_ID})?$", description="id of the mark, as /marks tells it")] = ""


class MaskRequest(MarkRequest):
    words: Annotated[Text, Field(max_length=MOST_WORDS_LENGTH, description="words of the report that no finder saw")] = ""


_OWN = {
    "publish": PublishRequest, "verify": EvidenceRequest, "corroborate": CorroborateRequest, "dispute": EvidenceRequest,
    "add-evidence": AddEvidenceRequest, "withdraw-evidence": OneEvidenceRequest,
    "reinstate-evidence": OneEvidenceRequest, "reject": RejectRequest, "merge": MergeRequest,
    "distinct": OtherRequest, "ask-again": OtherRequest, "edit": EditRequest, "move": MoveRequest,
    "keep-mark": MarkRequest, "mask-mark": MaskRequest, "undo": UndoRequest, "ask": AskRequest,
}  # fmt: skip
REQUESTS: dict[str, type[ActionRequest]] = {name: _OWN.get(name, ActionRequest) for name in ACTIONS}


class GroupDecision(BaseModel):
    """One decision for a group of suspected duplicates: merge all into the root, or keep that no two are the same."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["merge", "distinct"]
    root: Annotated[str, Field(max_length=40, description="id of the report that takes the others in; default: that of the address")] = ""
    members: Annotated[
        dict[Code, Annotated[int, Field(ge=1)]],
        Field(min_length=1, description="id → revision that you saw; the root may be among them"),
    ]
    reason: Reason = ""


class GroupForm(BaseModel):
    """The same from the page: each report as id:revision, so that a form without scripts carries both."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["merge", "distinct"]
    root: Annotated[str, Field(pattern=SEEN)]
    member: list[Annotated[str, Field(pattern=SEEN)]] = []
    next: Annotated[str, Field(max_length=40)] = ""
    reason: Reason = ""

    def seen(self) -> dict[str, int]:
        """All that were chosen, the root among them: id → revision."""
        return {name: int(revision) for name, _colon, revision in (one.partition(":") for one in [self.root, *self.member])}

    @property
    def root_id(self) -> str:
        return self.root.partition(":")[0]


class UndoForm(BaseModel):
    model_config = ConfigDict(extra="forbid")

    decision: Annotated[int, Field(ge=1, le=MOST_ID)]
