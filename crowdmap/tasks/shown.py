"""What a volunteer sees of a report: its words with everybody's numbers masked, but what the work needs."""

from dataclasses import dataclass
from datetime import datetime

from babel import Locale, UnknownLocaleError

from crowdmap.config import settings
from crowdmap.language import language_name
from crowdmap.publishing import masks
from crowdmap.publishing.choices import Choices
from crowdmap.publishing.finders import KINDS
from crowdmap.publishing.finders.rules import rules_of
from crowdmap.reports.models import Report
from crowdmap.tasks.kinds import Item, TaskKind
from crowdmap.tasks.kinds.kind import primary


POSITIONS = ("position", "plus-code")


@dataclass(frozen=True)
class Message:
    """*language*: its code; *translation*: in the working language, where there is one. Nothing tells which report it is."""

    title: str
    text: str
    place: str
    kind: str | None = None
    language: str | None = None
    translation: str | None = None
    at: datetime | None = None


def message_of(kind: TaskKind, report: Report, *, called: bool = False) -> Message:
    """*called*: its reporter's contact is shown beside it, and that somebody looked is in the log."""
    stays = kind.stays if called or "everything" not in kind.stays else frozenset()

    def seen(name: str) -> str:
        return masked(getattr(report, name) or "", stays, report.mark_choices, masks.beside(report, name))

    return Message(
        seen("title"), seen("description"), seen("place"), report.kind.value, primary(report.language),
        seen("translation") or None, report.occurred_at or report.created_at,
    )  # fmt: skip


def message_of_item(item: Item) -> Message:
    return Message("", item.text, "", language=item.language)


def masked(text: str, stays: frozenset[str], chosen: Choices = None, near: masks.Beside = masks.ALONE) -> str:
    """As the public may read it; *stays*: "position" leaves coordinates, plus codes and links of maps, "everything" leaves
    all. *chosen*: what moderators decided of single marks."""
    if not text or "everything" in stays:
        return text
    kinds = tuple(kind for kind in KINDS if kind not in POSITIONS) if "position" in stays else tuple(KINDS)
    return masks.mask(text, rules_of(settings()), chosen, kinds, near)


def own_name(code: str) -> str:
    """What its speakers call it."""
    try:
        return Locale.parse(code).get_language_name() or code
    except (UnknownLocaleError, ValueError):
        return language_name(code)
