"""Panels that features further right add to a report's page at the desk, which cannot know them."""

from collections.abc import Callable

from sqlalchemy.orm import Session

from crowdmap.reports.models import Report

PANELS: list[Callable[[Session, Report], tuple[str, dict] | None]] = []


def panel(function):
    """Register ``function(session, report)`` → (template, its values), or None where there is nothing to show."""
    PANELS.append(function)
    return function


def panels_of(session: Session, report: Report) -> list[tuple[str, dict]]:
    return [found for function in PANELS if (found := function(session, report))]
