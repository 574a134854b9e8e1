""""I need this too": another message for a report that is public already."""

from typing import Annotated
from uuid import UUID

import orjson
from flask_babel import gettext as _
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from crowdmap.errors import Gone, NotFound
from crowdmap.intake.draft import MOST_TEXT, ReportDraft, Text
from crowdmap.publishing.models import Audience, Publication
from crowdmap.reports.models import Report


class Voice(BaseModel):
    """What comes with "me too": words if one likes, and the same key as a report's against doubles."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[Text, Field(max_length=MOST_TEXT, description="what you want to add, in your own words")] = ""
    client_id: Annotated[UUID | None, Field(description="your own key: a repeat is the same voice")] = None


def target(session: Session, public_id: str) -> Report:
    """The report that a voice for *public_id* is for: the root where it was merged. Raises NotFound, Gone."""
    seen = set()
    while True:
        query = select(Publication.report_id, Publication.removed, Publication.merged_into)
        row = session.execute(
            query.where(Publication.audience == Audience.PUBLIC, Publication.public_id == public_id)
        ).one_or_none()
        if row is None or public_id in seen:
            raise NotFound(_("There is no report %(id)s, or it is not public.", id=public_id[:40]))
        if row.removed is None:
            return session.get_one(Report, row.report_id)
        if row.merged_into is None:
            raise Gone(_("This report is no longer public."))
        seen.add(public_id)
        public_id = row.merged_into


def as_draft(voice: Voice, report: Report) -> ReportDraft:
    return ReportDraft(category=report.category, kind=report.kind, description=voice.text)


def public_feature(session: Session, report_id: int) -> dict | None:
    """The GeoJSON feature of a report as anybody sees it now; None where nobody may."""
    query = select(Publication.feature).where(
        Publication.audience == Audience.PUBLIC, Publication.report_id == report_id, Publication.removed.is_(None)
    )
    feature = session.scalar(query)
    return None if feature is None else orjson.loads(feature)
