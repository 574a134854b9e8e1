"""Translate: the words into the crisis's working language. The original stays as it is, and the translation beside it."""

import re
from typing import Annotated

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from crowdmap.db.search import fold
from crowdmap.moderation.doing import keep
from crowdmap.reports.texts import clean
from crowdmap.tasks.kinds import sayings
from crowdmap.tasks.kinds.kind import Item, Judged, TaskKind, Verdict, foreign

NAME = "translate"


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
    """Good when nothing of what matters is missing: each of its facts is there in one of the words that tell it."""
    words = f" {fold(value['text'])} "
    missing = [group[0] for group in item.known if not any(re.search(rf" {re.escape(fold(word))}", words) for word in group)]
    if missing:
        told = _("Something is missing: %(words)s. A good translation: “%(text)s”", words=", ".join(missing), text=item.why)
        return Judged(False, told)
    return Judged(True, _("Good: all that matters is there. We had: “%(text)s”", text=item.why))


KIND = TaskKind(
    NAME, _l("Translate"), _l("Say in %(language)s what this message says"), Form, wants, read, agree, apply, items, judge,
    language=foreign, needed=1, rank=3, again=True,
)  # fmt: skip
