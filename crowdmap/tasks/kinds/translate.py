"""Translate: the words into the crisis's working language. The original stays as it is, and the translation beside it."""

import re
from typing import Annotated

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from crowdmap.db.search import fold
from crowdmap.errors import FieldError, ValidationFailed
from crowdmap.moderation.doing import keep
from crowdmap.reports.texts import clean
from crowdmap.tasks.kinds import sayings
from crowdmap.tasks.kinds.kind import Item, Judged, TaskKind, Verdict, foreign

NAME = "translate"
MOST_TIMES = 3  # as long as the message: no two languages are further apart
MOST_BESIDE = 200  # characters: a word may take a sentence


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, AfterValidator(clean), Field(min_length=2, max_length=10_000)]


def wants(report, setting) -> bool:
    return foreign(report, setting) is not None and bool(report.description or report.title)


def read(session, form: Form) -> dict:
    return {"text": form.text}


def agree(values, report) -> Verdict:
    return Verdict(agreed=values[0]) if values else Verdict(more=True)


def apply(session, task, report, value, account) -> bool:
    """No new revision: it takes nothing from a moderator who is deciding."""
    report.translation = value["text"]
    keep(session, report, account, NAME, change={"translation": None}, bump=False)
    return True


def items(session, languages) -> list[Item]:
    """Those in a language that the volunteer knows."""
    return sayings.in_languages(languages)


def judge(item: Item, value: dict) -> Judged:
    """Good when nothing of what matters is missing (each of its facts is there in one of the words that tell it) and
    nothing else is there: not the message itself, not what another one tells, not words upon words. The translation is
    told with a good answer alone, or the next one would be pasted."""
    text = fold(value["text"])
    missing = [group[0] for group in item.known if not _tells(text, group)]
    if missing:
        return Judged(False, _("Something is missing: %(words)s. You meet it again.", words=", ".join(missing)))
    stuffed = fold(item.text) in text or any(all(_tells(text, group) for group in facts) for facts in sayings.others(item.key))
    if stuffed or len(value["text"]) > MOST_TIMES * len(item.why):
        return Judged(False, _("All that matters is there, and more than the message says. Say what it says, no more. You meet it again."))
    return Judged(True, _("Good: all that matters is there. We had: “%(text)s”", text=item.why))


def _tells(folded: str, group: tuple[str, ...]) -> bool:
    return any(re.search(rf" {re.escape(fold(word))}", f" {folded} ") for word in group)


def fits(value: dict, report) -> None:
    """No translation is several times as long as the message; what is, would be everybody's to read. Raises
    ValidationFailed."""
    most = MOST_TIMES * len(f"{report.title or ''}\n{report.description or ''}") + MOST_BESIDE
    if len(value["text"]) > most:
        words = _("At most %(n)s characters: that is %(times)s times as long as the message. Say what it says, no more.", n=most, times=MOST_TIMES)
        raise ValidationFailed([FieldError("text", "too-long", words)])


KIND = TaskKind(
    NAME, _l("Translate"), _l("Say in %(language)s what this message says"), Form, wants, read, agree, apply, items, judge,
    language=foreign, fits=fits, needed=1, rank=3, again=True,
)  # fmt: skip
