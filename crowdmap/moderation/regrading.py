"""A category that asks for two people from now on, or no more: what one person alone verified is judged again.

Each report by itself, also one that was merged into another: its own grade stands where it is taken out again.
"""

from sqlalchemy import Text, cast, or_, select
from sqlalchemy.orm import Session

from crowdmap import jobs
from crowdmap.events import CategoryChanged, Event, on
from crowdmap.moderation.doing import keep
from crowdmap.moderation.evidence import judged
from crowdmap.moderation.merging import lock_reports
from crowdmap.moderation.models import Evidence
from crowdmap.reports.models import Report, Verification

BATCH = 200


@on(CategoryChanged)
def judge_category_again(session: Session, event: Event) -> None:
    """After the flag was changed: what one person alone verified falls back or rises, a few reports at a time."""
    if "two_people" in event.data["change"]:
        jobs.enqueue(session, regrade_category.__name__, code=event.data["code"], after=0)


@jobs.job
def regrade_category(session: Session, code: str, after: int) -> None:
    """Judge the next reports of a category again; a grade that changes leaves nobody's own decision."""
    further = cast(Report.more_categories, Text).contains(f'"{code}"', autoescape=True)  # a list of codes as JSON
    query = select(Report.id).where(
        Report.id > after, or_(Report.category == code, further), Report.id.in_(select(Evidence.report_id)),
        Report.verification.in_((Verification.VERIFIED, Verification.CORROBORATED)),
    )  # fmt: skip
    ids = list(session.scalars(query.order_by(Report.id).limit(BATCH)))
    for report in lock_reports(session, Report.id.in_(ids)) if ids else ():
        verification, words = judged(session, report)
        if verification is not report.verification:
            change = {"verification": [report.verification.value, verification.value]}
            report.verification, report.verification_reason = verification, words
            keep(session, report, None, "regrade", "how many people its category asks for was changed", change)
    if len(ids) == BATCH:
        jobs.enqueue(session, regrade_category.__name__, code=code, after=ids[-1])
