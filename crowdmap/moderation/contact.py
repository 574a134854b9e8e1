"""How to reach who reported, and who told the same: one report at a time, and each look is kept."""

from collections.abc import Iterable
from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crowdmap.accounts.models import Account
from crowdmap.errors import NotFound
from crowdmap.filters import ReportFilter
from crowdmap.moderation.doing import keep
from crowdmap.moderation.merging import below
from crowdmap.publishing import hook
from crowdmap.publishing.models import Publication
from crowdmap.publishing.project import AUDIENCES, Tree, strictest, timestamp
from crowdmap.reports.models import VISIBLE, Letter, Report, ReportPrivate, Submission
from crowdmap.reports.texts import clean

FIELDS = ("contact_name", "contact_phone", "contact_email")
NOBODY = (None,) * len(FIELDS)


@dataclass(frozen=True)
class Other:
    """Somebody else who told the same, as they gave it; *received_at*: when, RFC 3339. *taken_back*: they withdrew it."""

    contact_name: str | None
    contact_phone: str | None
    contact_email: str | None
    received_at: str
    taken_back: bool = False


@dataclass(frozen=True)
class Contact:
    """*others*: those who added their voice, and the reporters and voices of what was merged into it, the oldest first;
    last those who took theirs back. *taken_back*: its own reporter did."""

    id: str
    contact_name: str | None
    contact_phone: str | None
    contact_email: str | None
    others: list[Other]
    taken_back: bool = False

    @property
    def given(self) -> bool:
        """Whether anybody can be reached at all."""
        return bool(self.others or self.contact_name or self.contact_phone or self.contact_email)


def see_contact(session: Session, public_id: str, actor: Account) -> Contact:
    """Names, telephones and e-mails as given, with a decision "see-contact"; the caller commits, before it shows them.

    Raises NotFound.
    """
    report = session.scalar(select(Report).where(Report.public_id == public_id))
    if report is None:
        raise NotFound(_("There is no report %(id)s.", id=public_id[:40]))
    keep(session, report, actor, "see-contact", bump=False)
    return contact_of(session, report)


def see_contact_by_key(session: Session, public_id: str, key) -> Contact:
    """The same for an organisation whose *key* was granted it, of a report that the key may read; the decision names
    both. Nobody who took back what they told, and of what was merged into it only reports that this key could read by
    themselves. Raises NotFound."""
    chosen = ReportFilter(statuses=tuple(sorted(VISIBLE)), scope=key.scope)
    query = chosen.select(key.audience, Publication.report_id).where(Publication.public_id == public_id)
    report_id = session.scalar(query)
    if report_id is None:
        raise NotFound(_("There is no report %(id)s.", id=public_id[:40]))
    report = session.get_one(Report, report_id)
    keep(session, report, None, "see-contact", f"{key.organisation} ({key.slug}), key {key.public_id}", bump=False)
    return contact_of(session, report, key)


def contact_of(session: Session, report: Report, key=None) -> Contact:
    """The same without a look being kept: for the code only, to know whether there is any. *key*: what it may be told."""
    members = [report, *below(session, report.id)]
    if key is not None:
        members = _opened(session, members, key)
    own = _of_private(report.private) if report in members else NOBODY
    gone = report.withdrawn_at is not None and own != NOBODY
    seen, others = {NOBODY} if gone else {NOBODY, own}, []
    # who took one back and tells another still is listed as telling it
    for taken_back, moment, given in sorted(_given(session, report, members), key=lambda one: one[:2]):
        if given in seen or (taken_back and (key is not None or given == own)):
            continue
        seen.add(given)
        others.append(Other(*given, timestamp(moment), taken_back))
    return Contact(report.public_id, *own, others, gone)


def is_given(members: Iterable[Report], messages: Iterable[Submission], letters: Iterable[Letter]) -> bool:
    """Whether `contact_of` a report finds any: from what was read of it and of all that was merged into it, in the order in
    which it came."""
    if any(_of_private(member.private) != NOBODY for member in members if member.private is not None):
        return True
    first, corrected = {}, _corrected(letters)
    for message in messages:
        if first.setdefault(message.report_id, message) is not message:
            if _of_words({**message.verbatim, **corrected.get(message.id, {})}) != NOBODY:
                return True
    return False


def _corrected(letters: Iterable[Letter]) -> dict[int, dict]:
    """Message → what its sender corrected since."""
    found: dict[int, dict] = {}
    for letter in letters:
        if letter.about == "correct":
            found.setdefault(letter.submission_id, {}).update(letter.data)
    return found


def _opened(session: Session, members: list[Report], key) -> list[Report]:
    """Of a tree that *key* reads: its root, and what the key could read if it stood by itself; without those withdrawn."""
    setting = hook.crisis(session)

    def readable(report: Report) -> bool:
        tree = Tree(report, [report], {report.id: report.private} if report.private else {}, 1, 1)
        tree.policy = strictest(tree, setting)
        view = AUDIENCES[key.audience](tree, setting)
        if view is None:
            return False
        seen, sectors = view.columns, {setting.categories[code].sector for code in view.codes if code in setting.categories}
        return key.scope.opens(seen["kind"], sectors, seen["area"], seen["lon"], seen["lat"])

    root, *merged = members
    return [*([root] if root.withdrawn_at is None else []), *filter(readable, merged)]


def _given(session: Session, report: Report, members: list[Report]):
    """(whether it was taken back, received_at, contact) of each message of *members*, but the first one of *report*.

    A report's first message gave what its private row holds, which its reporter may have corrected since; that of a
    voice stands in the message alone, and in its corrections.
    """
    withdrawn = {member.id for member in members if member.withdrawn_at is not None}
    ids = [member.id for member in members]
    firsts = select(func.min(Submission.id)).where(Submission.report_id.in_(ids)).group_by(Submission.report_id)
    first = set(session.scalars(firsts))
    private = {row.report_id: row for row in session.scalars(select(ReportPrivate).where(ReportPrivate.report_id.in_(ids)))}
    corrected: dict[int, dict] = {}
    corrections = select(Letter).where(Letter.report_id.in_(ids), Letter.about == "correct").order_by(Letter.id)
    for letter in session.scalars(corrections):
        corrected.setdefault(letter.submission_id, {}).update(letter.data)
    for message in session.scalars(select(Submission).where(Submission.report_id.in_(ids))):
        if message.id not in first:
            told = {**message.verbatim, **corrected.get(message.id, {})}
            yield message.withdrawn_at is not None, message.received_at, _of_words(told)
        elif message.report_id != report.id:
            yield message.report_id in withdrawn, message.received_at, _of_private(private[message.report_id])


def _of_private(private: ReportPrivate) -> tuple:
    return tuple(getattr(private, name) or None for name in FIELDS)


def _of_words(told: dict) -> tuple:
    return tuple(clean(str(told[name])) or None if told.get(name) else None for name in FIELDS)
