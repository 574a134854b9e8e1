"""What is known of simulated messages, so that what people made of them can be measured. Of real ones nobody knows it.

A simulated message comes by a channel of its own, and says in its verbatim what is true of it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from crowdmap import geo
from crowdmap.reports.models import VISIBLE, Report, ReportPrivate, Submission
from crowdmap.tasks import agreement

CHANNEL = "simulation"
KEY = "truth"  # in the verbatim: {category, lon, lat, within_m}; no lon where nobody could know the place


@dataclass(frozen=True)
class Known:
    """Against the truth. *placed*: reports that had no point and got one, whose place is known; *wrong*: those of them
    farther from it than its words reach; *off_m*: their median distance. *shown*: reports on the map; *miscategorised*:
    those of them in a wrong category; *came_so*: those that came in a wrong one."""

    placed: int
    wrong: int
    off_m: float | None
    shown: int
    miscategorised: int
    came_so: int


def against(session: Session, placed: Collection[int], since: datetime | None = None) -> Known | None:
    """*placed*: ids of the reports that people placed. None where no message was simulated."""
    told = _told(session, since)
    if not told:
        return None
    off, wrong, shown, miscategorised, came_so = [], 0, 0, 0, 0
    for report, lon, lat in _reports(session, since):
        if report.id not in told:
            continue
        truth, as_told = told[report.id]
        if report.id in placed and lon is not None and truth.get("lon") is not None:
            metres = geo.distance_m(lon, lat, truth["lon"], truth["lat"])
            off.append(metres)
            wrong += metres > truth["within_m"]
        if report.status in VISIBLE and report.merged_into_id is None:
            shown += 1
            miscategorised += report.category != truth["category"]
            came_so += as_told != truth["category"]
    return Known(len(off), wrong, agreement.spread(off)[0], shown, miscategorised, came_so)


def _told(session: Session, since: datetime | None) -> dict[int, tuple[dict, str | None]]:
    """Report → (truth, the category it came in)."""
    query = select(Submission.report_id, Submission.verbatim).where(Submission.channel == CHANNEL)
    query = query if since is None else query.where(Submission.received_at >= since)
    return {key: (verbatim[KEY], verbatim.get("category")) for key, verbatim in session.execute(query) if key and KEY in verbatim}


def _reports(session: Session, since: datetime | None):
    query = select(Report, ReportPrivate.lon, ReportPrivate.lat).join(ReportPrivate, ReportPrivate.report_id == Report.id)
    query = query.where(Report.source == CHANNEL)
    return session.execute(query if since is None else query.where(Report.created_at >= since))
