"""Volunteers: which languages they know, which kinds of work are open to them, and the path ahead."""

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crowdmap.accounts.models import Account
from crowdmap.accounts.roles import Role
from crowdmap.config import settings
from crowdmap.db import insert_if_absent, utcnow
from crowdmap.errors import FieldError, NotAllowed, NotFound, ValidationFailed
from crowdmap.events import AccountEvent, record
from crowdmap.tasks.kinds import KINDS, check
from crowdmap.tasks.kinds.kind import primary
from crowdmap.tasks.models import Answer, Given, Volunteer
from crowdmap.web import Permission

MOST_LANGUAGES = 12


def volunteer_of(session: Session, account: Account, *, lock: bool = False) -> Volunteer:
    """The profile; a new one, not stored yet, where there is none. *lock*: stored, and held to the commit."""
    query = select(Volunteer).where(Volunteer.account_id == account.id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.scalar(query)
    fresh = dict(account_id=account.id, languages=[], unlocked={}, may_call=False, answered=0, practised=0)
    if found is None and lock:
        insert_if_absent(session, Volunteer, [{**fresh, "created_at": utcnow()}], conflict=("account_id",))
        found = session.scalar(query)
    return found or Volunteer(**fresh)


def check_may_work(account: Account) -> None:
    """Raises NotAllowed."""
    if not account.can(Permission.WORK):
        raise NotAllowed()


def speak(session: Session, account: Account, languages: list[str]) -> Volunteer:
    """Say which languages one reads; the caller commits. Raises ValidationFailed."""
    check_may_work(account)
    codes = list(dict.fromkeys(code for language in languages if (code := primary(language.strip()))))
    if not codes or len(codes) > MOST_LANGUAGES:
        raise ValidationFailed([FieldError("languages", "required", _("Choose between 1 and %(n)s languages.", n=MOST_LANGUAGES))])
    for code in codes:
        if not (code.isascii() and code.isalpha() and 2 <= len(code) <= 3):
            raise ValidationFailed([FieldError("languages", "unknown-language", _("There is no language %(code)s.", code=code[:20]))])
    volunteer = volunteer_of(session, account, lock=True)
    volunteer.languages = codes
    return volunteer


def unlock(session: Session, account: Account, *kinds: str) -> Volunteer:
    """Open kinds of work to somebody without practice; the caller commits. Raises NotFound for a kind that is none."""
    volunteer = volunteer_of(session, account, lock=True)
    for kind in kinds:
        if kind not in KINDS:
            raise NotFound(_("There is no work called %(kind)s.", kind=kind[:20]))
    volunteer.unlocked = {**{kind: utcnow().isoformat() for kind in kinds}, **volunteer.unlocked}
    return volunteer


def allow_calls(session: Session, account: Account, allowed: bool, *, by: int | None = None) -> Volunteer:
    """Whether somebody may call reporters back, and so see their contact, one at a time; the caller commits. *by*: id of the
    account that says so. Raises ValidationFailed for an account that does no volunteers' work."""
    if allowed and not account.can(Permission.WORK):
        raise ValidationFailed([FieldError("allowed", "no-volunteer", _("This account does no volunteers' work."))])
    volunteer = volunteer_of(session, account, lock=True)
    if volunteer.may_call != allowed:
        volunteer.may_call = allowed
        record(session, AccountEvent(account_id=by, action="calls-allowed" if allowed else "calls-ended", about=account.id))
    return volunteer


def may(volunteer: Volunteer, kind: str) -> bool:
    """Whether this kind can be theirs at all, with or without practice."""
    return kind != check.NAME or volunteer.may_call


def open_kinds(session: Session, account: Account, volunteer: Volunteer | None = None) -> list[str]:
    """What somebody may do for real: what they practised, and what there is no practice for in their languages.
    *volunteer*: their profile, where it is at hand."""
    volunteer = volunteer or volunteer_of(session, account)

    def learned(name: str) -> bool:
        return name in volunteer.unlocked or not settings().WORK_UNLOCK or not KINDS[name].items(session, volunteer.languages)

    return [name for name in KINDS if may(volunteer, name) and learned(name)]


# ---- the path


@dataclass(frozen=True)
class Step:
    """One of the path; *state*: done, now or ahead; *words*: what leads on from here."""

    name: str
    label: Any
    state: str
    words: str = ""


def path(session: Session, account: Account) -> list[Step]:
    """Reader → reporter → translator → placer → moderator, with the next step in words; what there is no practice for in
    their languages is passed over."""
    volunteer = volunteer_of(session, account)
    goal = settings().WORK_UNLOCK
    learned = {name: name in volunteer.unlocked for name in ("translate", "place")}
    at_desk = account.role is not Role.VOLUNTEER
    real = session.scalar(
        select(func.count()).where(Answer.account_id == account.id, Answer.task_id.is_not(None), Answer.given == Given.ANSWER)
    )
    lines = (
        ("reader", _("Reader"), True, ""),
        ("reporter", _("Reporter"), True, ""),  # anybody may report, and has an account beside
        ("translator", _("Translator"), learned["translate"], _("Translate %(n)s practice messages well.", n=goal)),
        ("placer", _("Placer"), learned["place"], _("Place %(n)s practice messages well.", n=goal)),
        ("moderator", _("Moderator"), at_desk, _("A coordinator makes you one: tell them what you did here (%(n)s answers so far).", n=real or 0)),
    )
    closed = {of for of, kind in (("translator", "translate"), ("placer", "place")) if not KINDS[kind].items(session, volunteer.languages)}
    now = next((name for name, _label, done, _words in lines if not done and name not in closed), None)
    return [Step(name, label, "done" if done else "now" if name == now else "ahead", words if name == now else "") for name, label, done, words in lines]
