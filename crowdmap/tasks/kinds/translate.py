"""Translate: the words into the crisis's working language. The original stays as it is, and the translation beside it."""

import re
from typing import Annotated

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import select

from crowdmap.db.search import fold
from crowdmap.errors import FieldError, ValidationFailed
from crowdmap.moderation.doing import keep
from crowdmap.reports.models import Status
from crowdmap.reports.texts import clean
from crowdmap.tasks.kinds import sayings
from crowdmap.tasks.kinds.kind import Item, Judged, TaskKind, Verdict, foreign, primary
from crowdmap.tasks.models import Answer, Volunteer
from crowdmap.web import Permission

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
    """At once only where one of the team reads it before everybody does: anybody may work here, and what they write
    stands beside a stranger's words as if it were these."""
    read_first = report.status is Status.PENDING and practised(session, account, primary(report.language))
    if not (read_first or account.can(Permission.MODERATE)):
        return False
    take(session, report, value, account)
    return True


def take(session, report, value, account, reason="") -> None:
    """A new revision: whoever is about to publish the report has not seen this yet."""
    report.translation = value["text"]
    keep(session, report, account, NAME, reason, change={"translation": None})


def practised(session, account, language: str | None) -> bool:
    """Whether somebody did a practice message in *language* well, at the last try. Whom the work was opened to by hand has
    none, and may do without it where there is some."""
    volunteer = session.get(Volunteer, account.id)
    keys = {item.key for item in items(session, [language])}
    if volunteer is None or NAME not in volunteer.unlocked or not keys:
        return False
    query = select(Answer.practice, Answer.good).where(Answer.account_id == account.id, Answer.kind == NAME, Answer.practice.is_not(None))
    last = {key: good for key, good in session.execute(query.order_by(Answer.id))}
    return not last or any(good for key, good in last.items() if key in keys)


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
    take=take, language=foreign, fits=fits, needed=1, rank=3, again=True,
)  # fmt: skip
