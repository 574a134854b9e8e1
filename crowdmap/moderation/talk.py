"""Talking to the reporter: a moderator's question goes out through the outbox, and the answer is a letter to the team.

The words of both stand in rows that go with the submission when it is erased; the decision only says that somebody
asked. Who asked is known to the team alone.
"""

from dataclasses import dataclass, field

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crowdmap.accounts.models import Account
from crowdmap.db import seldom
from crowdmap.errors import DomainError, FieldError, Gone, IllegalState, ValidationFailed
from crowdmap.moderation import canned, merging
from crowdmap.moderation.canned import Canned, Texts
from crowdmap.reports import outbox
from crowdmap.reports.models import Letter, Report, Submission, Talk
from crowdmap.reports.outbox import Outgoing, State

MOST_OPEN = 5  # questions that wait for one reporter's answer
UNREAD = 20  # reports with an answer that the desk lists
IMPORTED = "import"  # its senders never had a page here


@dataclass(frozen=True)
class Question:
    """What was asked and what came back. *by*: who asked, for the team alone; "" where it is not told."""

    row: Outgoing
    answers: list[Letter] = field(default_factory=list)
    by: str = ""
    report: str = ""

    @property
    def waits(self) -> bool:
        """For a first answer. A notice waits for none."""
        open_ = self.row.state in (State.QUEUED, State.DELIVERED)
        return self.row.kind is outbox.Kind.QUESTION and open_ and not self.answers


@dataclass(frozen=True)
class Choice:
    """One prepared text as its reader would read it."""

    value: str  # key:language
    name: str
    text: str
    asks: bool


@dataclass(frozen=True)
class Conversation:
    """What the desk shows. *refusal*: why nobody can be asked, or "". *choices*: language → texts, the report's first."""

    questions: list[Question]
    refusal: str
    language: str
    choices: dict[str, list[Choice]]

    @property
    def waiting(self) -> int:
        return sum(question.waits for question in self.questions)


# ---- asking: an action like all others


def ask(doing) -> None:
    """Write to the one who reported it: own words (``text``), or a prepared text (``canned``: its key, or key:language).

    ``language``: of the words; default the report's. Raises ValidationFailed, IllegalState (taken back, nobody to ask,
    this or too much is asked already), Gone (erased).
    """
    session, report, fields = doing.session, doing.report, doing.fields
    submission = reader(session, report)
    text, key = fields.get("text") or "", fields.get("canned") or ""
    if not text and not key:
        raise ValidationFailed([FieldError("text", "required", _("Choose a prepared text, or write your own words."))])
    if text and key:
        words = _("Choose a prepared text or write your own words, not both. Nothing was sent.")
        raise ValidationFailed([FieldError("text", "ambiguous", words)])
    asks, language = True, fields.get("language") or canned.language_of(report.language)
    if text:
        canned.check_language(language)
    else:
        chosen = _chosen(session, key, language)
        asks, language, key = chosen.asks, chosen.language, chosen.key
        text = canned.fill(chosen.text, language, report.place, _title(report))
    if asks:
        _check_open(session, submission, text)
    row = outbox.put(
        session, submission.id, outbox.Kind.QUESTION if asks else outbox.Kind.NOTICE, text, language,
        account_id=doing.actor.id, canned=key or None, at=doing.at,
    )  # fmt: skip
    if asks and report.talk is not Talk.ANSWERED:  # an answer that nobody has read stays news
        report.talk = Talk.ASKED
    doing.change["question"] = [None, row.public_id]


def _check_open(session: Session, submission: Submission, text: str) -> None:
    """Raises IllegalState: enough is asked, or just this was, by a key pressed twice."""
    waiting = [one.row for one in of_submission(session, submission.id) if one.waits]
    if waiting and waiting[-1].body == text:
        raise IllegalState(_("This was asked already, and waits for its answer."), code="asked-already")
    if len(waiting) >= MOST_OPEN:
        words = _("%(n)s questions wait for an answer already. Let the reporter answer first.", n=MOST_OPEN)
        raise IllegalState(words, code="questions-open")


def _chosen(session: Session, key: str, language: str) -> Canned:
    key, _colon, named = key.partition(":")
    if named:
        language = named
    canned.check_language(language)
    found = Texts(session).find(key, language)
    if found is None:
        raise ValidationFailed([FieldError("canned", "unknown-text", _("There is no text %(key)s.", key=key[:40]))])
    return found


def reader(session: Session, report: Report) -> Submission:
    """The message whose sender can be asked: the one that the report was made from. Raises IllegalState, Gone."""
    if report.erased_at is not None:
        raise Gone(_("Its reporter had it erased; nobody can be asked any more."), code="erased")
    query = select(Submission).where(Submission.report_id == report.id).order_by(Submission.id).limit(1)
    found = session.scalar(query)
    if report.withdrawn_at is not None or found is not None and found.withdrawn_at is not None:
        raise IllegalState(_("Its reporter took it back, and is not asked any more."), code="withdrawn")
    if found is None or found.token_hash is None or found.channel == IMPORTED:
        raise IllegalState(_("It came from another map or a file: its reporter has no page here."), code="nobody-to-ask")
    return found


def read_by(session: Session, report: Report, revision: int | None) -> None:
    """Somebody does something with the report as it stands at *revision*, and so has read the answers to it and to what
    was merged into it: they are no news any more."""
    if revision == report.revision:
        for member in (report, *merging.below(session, report.id)):
            if member.talk is Talk.ANSWERED:
                member.talk = None


# ---- what was said


def of_submission(session: Session, submission_id: int) -> list[Question]:
    """For its sender, in the order of asking; nobody's name."""
    query = select(Outgoing).where(Outgoing.submission_id == submission_id).order_by(Outgoing.id)
    rows = list(session.scalars(query))
    answers = _answers(session, rows)
    return [Question(row, answers.get(row.id, [])) for row in rows]


def conversation(session: Session, report: Report, ids: list[int]) -> Conversation:
    """For the desk: the talk with the reporters of *ids* (the report and what was merged into it), the newest first, and
    what can be sent to the reporter of *report*."""
    query = select(Outgoing, func.coalesce(Account.name, Account.email), Report.public_id)
    query = query.join(Submission, Submission.id == Outgoing.submission_id).join(Report, Report.id == Submission.report_id)
    query = query.outerjoin(Account, Account.id == Outgoing.account_id).where(Submission.report_id.in_(ids))
    found = session.execute(query.order_by(Outgoing.id.desc())).all()
    answers = _answers(session, [row for row, _by, _id in found])
    questions = [Question(row, answers.get(row.id, []), by or "", public_id) for row, by, public_id in found]
    language = canned.language_of(report.language)
    try:
        reader(session, report)
    except DomainError as error:
        return Conversation(questions, error.message, language, {})
    return Conversation(questions, "", language, _choices(session, report, language))


def _choices(session: Session, report: Report, language: str) -> dict[str, list[Choice]]:
    texts, title = Texts(session), _title(report)
    found: dict[str, list[Choice]] = {}
    for one in dict.fromkeys([language, *canned.languages()]):
        known = filter(None, (texts.exact(key, one) for key in texts.keys))
        found[one] = [
            Choice(f"{text.key}:{one}", text.name, canned.fill(text.text, one, report.place, title), text.asks)
            for text in known
        ]
    return {one: choices for one, choices in found.items() if choices or one == language}


def _title(report: Report) -> str:
    return report.title or report.description.partition("\n")[0]


def _answers(session: Session, rows: list[Outgoing]) -> dict[int, list[Letter]]:
    if not rows:
        return {}
    found: dict[int, list[Letter]] = {}
    query = select(Letter).where(Letter.question_id.in_([row.id for row in rows])).order_by(Letter.id)
    for letter in session.scalars(query):
        found.setdefault(letter.question_id, []).append(letter)
    return found


@dataclass(frozen=True)
class Unread:
    """Reports whose reporter answered since anybody did something with them: how many, and the latest of them."""

    all: int
    reports: list[Report]


def unread(session: Session) -> Unread:
    where = (seldom(Report.talk == Talk.ANSWERED), Report.withdrawn_at.is_(None))
    count = session.scalar(select(func.count()).select_from(Report).where(*where))
    if not count:
        return Unread(0, [])
    last = select(func.max(Letter.id)).where(Letter.report_id == Report.id, Letter.about == "answer").scalar_subquery()
    return Unread(count, list(session.scalars(select(Report).where(*where).order_by(last.desc()).limit(UNREAD))))
