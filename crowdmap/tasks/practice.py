"""Practice: messages with known answers come first, each with a word on how it went; then the real work is open."""

from collections import Counter
from collections.abc import Sequence

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from crowdmap.accounts.models import Account
from crowdmap.config import settings
from crowdmap.db import utcnow
from crowdmap.errors import NotAllowed, NotFound
from crowdmap.tasks.kinds import KINDS, Item, Judged
from crowdmap.tasks.models import Answer, Given
from crowdmap.tasks.people import check_may_work, may, volunteer_of
from crowdmap.web import validate


def next_item(session: Session, account: Account, kind: str) -> Item | None:
    """The practice message to show next: one that was not met yet, else one that went wrong, else the one met longest
    ago. None: there is no practice of this kind for their languages. Raises NotFound, NotAllowed."""
    items = _items(session, account, kind)
    if not items:
        return None
    met = _met(session, account, kind)
    order = {item.key: number for number, item in enumerate(items)}
    return min(items, key=lambda item: (item.key in met, met.get(item.key, (False, 0)), order[item.key]))


def good_by_kind(session: Session, account: Account) -> Counter[str]:
    """How many practice messages of each kind somebody did well at their last try."""
    query = select(Answer.kind, Answer.practice, Answer.good).where(Answer.account_id == account.id, Answer.practice.is_not(None))
    last = {(kind, key): bool(good) for kind, key, good in session.execute(query.order_by(Answer.id))}
    return Counter(kind for (kind, _key), good in last.items() if good)


def needed(items: Sequence[Item]) -> int:
    """How many good ones of the practice messages of a kind open the real work."""
    return min(settings().WORK_UNLOCK, len(items))


def answer_practice(
    session: Session, account: Account, kind: str, key: str, value: dict, *, seconds: float | None = None
) -> tuple[Item, Judged, bool]:
    """Keep the answer and judge it; the caller commits. → the message, how it went, whether this opened the real work.

    Raises NotFound, NotAllowed, ValidationFailed.
    """
    items = _items(session, account, kind)
    item = next((item for item in items if item.key == key), None)
    if item is None:
        raise NotFound(_("There is no such practice message."))
    if value.get("unsure"):
        words = _("It tells of: %(words)s. You meet it again.", words=item.hint) if item.hint else _("This is what we had: %(why)s", why=item.why)
        told, judged, given = {}, Judged(False, words), Given.UNSURE
    else:
        told = KINDS[kind].read(session, validate(KINDS[kind].form, value))
        judged, given = KINDS[kind].judge(item, told), Given.ANSWER
    volunteer = volunteer_of(session, account, lock=True)
    session.add(
        Answer(
            account_id=account.id, kind=kind, given=given, value=told, practice=key, good=judged.good, off_m=judged.off_m,
            seconds=None if seconds is None else round(min(86_400.0, max(0.0, seconds)), 1),
        )
    )  # fmt: skip
    volunteer.practised += 1
    session.flush()
    fresh = kind not in volunteer.unlocked and good_by_kind(session, account)[kind] >= needed(items)
    if fresh:
        volunteer.unlocked = {**volunteer.unlocked, kind: utcnow().isoformat()}
    return item, judged, fresh


def _items(session: Session, account: Account, kind: str) -> list[Item]:
    check_may_work(account)
    if kind not in KINDS:
        raise NotFound(_("There is no work called %(kind)s.", kind=kind[:20]))
    volunteer = volunteer_of(session, account)
    if not may(volunteer, kind):
        raise NotAllowed(_("A coordinator has to allow you this first."))
    return KINDS[kind].items(session, volunteer.languages)


def _met(session: Session, account: Account, kind: str) -> dict[str, tuple[bool, int]]:
    """Key → (whether the last try was good, its number)."""
    query = select(Answer.practice, Answer.good, Answer.id).where(
        Answer.account_id == account.id, Answer.kind == kind, Answer.practice.is_not(None)
    )
    return {key: (bool(good), number) for key, good, number in session.execute(query.order_by(Answer.id))}
