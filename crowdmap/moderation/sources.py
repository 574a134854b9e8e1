"""Who sends, how far their own history lets one trust them, and whether what they send is held.

A source is known by what it sent from: a contact, a device, an account, an organisation. Only keyed hashes of the first two
are stored. Trust is for the team and its rules: it is in no publication and in no feed.
"""

import base64
import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import and_, bindparam, case, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from crowdmap.accounts.models import Account
from crowdmap.config import settings
from crowdmap.db import MOST_ID, utcnow
from crowdmap.errors import IllegalState, NotAllowed, NotFound
from crowdmap.events import SourceChanged, record
from crowdmap.moderation.models import Decision
from crowdmap.moderation.triage.models import SourceHold, SourceKind
from crowdmap.reports.keyed import keyed_hash
from crowdmap.reports.models import VISIBLE, Report, Status, Submission, Verification
from crowdmap.web import Permission

MOST_HISTORY = 200  # messages of a source that are looked at, the latest: who sends thousands is known by these as well
MERGED_ALONE = 0.8  # what was merged counts for, whose source had nothing published: a trust of 0.29
FALSE = ("spam", "false")
AS_FALSE = (Decision.action == "reject", Decision.reason.in_(FALSE))
# decisions by which a person said that a report may stand; what a rule published nobody has looked at
SAID_YES = ("publish", "verify", "corroborate", "close")
NETWORK = "network"  # among holds, beside the kinds of sources: it is none, for nobody knows who is behind it
RESTORED = "hidden with all of its source, and restored with it"  # why a report got back what it had: nobody judged it


COLUMNS = {
    SourceKind.ACCOUNT: Submission.account_id, SourceKind.ORGANISATION: Submission.organisation,
    SourceKind.CONTACT: Submission.source_hash, SourceKind.DEVICE: Submission.device_hash,
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """*value* as the submission's column has it: an account's id, an organisation's slug, a hash."""

    kind: SourceKind
    value: int | str | bytes

    @property
    def sent(self):
        """The submissions' condition."""
        return COLUMNS[self.kind] == self.value

    @property
    def key(self) -> bytes:
        """As the tables of holds and sweeps keep it."""
        return self.value if isinstance(self.value, bytes) else str(self.value).encode()


def sources(sent) -> list[Source]:
    """All that is known of who sent a message (a Submission, or anything with its four columns), the surest first. A
    contact that is only the device again is left out."""
    found = []
    if sent.account_id is not None:
        found.append(Source(SourceKind.ACCOUNT, sent.account_id))
    if sent.organisation is not None:
        found.append(Source(SourceKind.ORGANISATION, sent.organisation))
    if sent.source_hash is not None and sent.source_hash != sent.device_hash:
        found.append(Source(SourceKind.CONTACT, sent.source_hash))
    if sent.device_hash is not None:
        found.append(Source(SourceKind.DEVICE, sent.device_hash))
    return found


def first_of(session: Session, report_id: int) -> Submission | None:
    """The message that a report was made from."""
    query = select(Submission).where(Submission.report_id == report_id)
    return session.scalar(query.order_by(Submission.id).limit(1))


def said_yes(decision) -> bool:
    """Whether a person said by this decision that the report may stand."""
    return decision.account_id is not None and decision.action in SAID_YES and decision.reason != RESTORED


# ---- trust


@dataclass(frozen=True)
class History:
    """Counts over the latest messages of a source that became reports. *published*: on the map, and a person said so;
    *verified*: of these; *false*: rejected as spam or false, itself or its root; *hidden*: for another reason; *merged*: into
    what is so published. *more*: there are older ones."""

    reports: int = 0
    published: int = 0
    verified: int = 0
    false: int = 0
    hidden: int = 0
    merged: int = 0
    age_hours: float = 0.0
    more: bool = False


def trust(history: History) -> float:
    """0 to 1. More published, verified, merged or time never lowers it; more false or hidden never raises it.

    Three published are 0.5 to 0.6, ten 0.8; one false among ten brings it down to 0.55; nothing known is 0. In the first
    day it grows by a fifth. What was merged alone never makes more than 0.3: anybody can copy what is on the map.
    """
    good = history.published + history.verified + min(history.merged / 2, history.published + MERGED_ALONE)
    settled = good + 2 + 6 * history.false + 2 * history.hidden
    return good / settled * (0.8 + 0.2 * min(1.0, max(0.0, history.age_hours) / 24))


def ceiling(kind: SourceKind) -> float:
    """A device is shared by whoever sits in the same network with the same program: it is never trusted far."""
    return 0.5 if kind is SourceKind.DEVICE else 1.0


def history(session: Session, source: Source, device: bytes | None = None) -> History:
    """One question, answered by an index. Where *device* is given, good reports count only if they came from it as well:
    anybody can type somebody else's telephone number."""
    return _history(counted(session, source), device)


def counted(session: Session, source: Source) -> list:
    """What its history is made of, by device."""
    return session.execute(_counting(source.kind), {"value": source.value}).all()


def trust_of(session: Session, sent, ask: Callable[[Session, Source], list] = counted) -> float:
    """Of who sent this message: by the surest of their sources that has a history. An account and an organisation have
    proved who they are; a contact counts together with its device, and a device by itself up to its ceiling. *ask*: who
    looks at many keeps the answers, for many share a device."""
    for source in sources(sent):
        found = _history(ask(session, source), sent.device_hash if source.kind is SourceKind.CONTACT else None)
        if found.reports:
            return min(ceiling(source.kind), trust(found))
    return 0.0


def _history(groups, device: bytes | None) -> History:
    """Groups by device added up."""
    good = [group for group in groups if device is None or group.device_hash == device]
    reports, since = sum(group.reports for group in groups), min((group.since for group in groups), default=None)
    return History(
        min(reports, MOST_HISTORY), sum(group.published for group in good), sum(group.verified for group in good),
        sum(group.false for group in groups), sum(group.hidden for group in groups), sum(group.merged for group in good),
        max(0.0, (utcnow() - since).total_seconds() / 3600) if since else 0.0, reports > MOST_HISTORY,
    )  # fmt: skip


@cache
def _counting(kind: SourceKind):
    """The latest reports of a source (``value``), counted by the device they came from. Made once: building the question
    took many times as long as its answer.

    Who was merged stands and falls with the root: what was merged is often a copy, and a flood is merged before its root is
    rejected.
    """
    s, other = Submission, aliased(Submission)
    latest = select(s.id, s.report_id, s.device_hash, s.received_at)
    latest = latest.where(s.report_id.is_not(None), COLUMNS[kind] == bindparam("value"))
    latest = latest.order_by(s.id.desc()).limit(MOST_HISTORY + 1).cte("latest")  # the index has them in this order
    d, r, up, root = Decision, Report, aliased(Report), aliased(Report)
    # where each is merged into, step by step; the top has no further one. Asked of the reports themselves ("merged into
    # nothing"), SQLite would read all of them
    climb = select(latest.c.report_id, up.id.label("at"), up.merged_into_id.label("into")).join(up, up.id == latest.c.report_id)
    climb = climb.cte("climb", recursive=True)
    climb = climb.union(select(climb.c.report_id, up.id, up.merged_into_id).join(up, up.id == climb.c.into))
    voice = exists().where(other.report_id == latest.c.report_id, other.id < latest.c.id)
    by_person = exists().where(d.report_id == root.id, d.account_id.is_not(None), d.action.in_(SAID_YES), d.reason != RESTORED)
    stands = and_(root.status.in_(VISIBLE), root.withdrawn_at.is_(None), by_person)
    false = or_(*(and_(one.status == Status.HIDDEN, exists().where(d.report_id == one.id, *AS_FALSE)) for one in (r, root)))
    numbers = {
        "published": and_(r.id == root.id, stands),
        "verified": and_(r.id == root.id, stands, r.verification == Verification.VERIFIED),
        "false": false, "hidden": and_(r.status == Status.HIDDEN, ~false),
        "merged": and_(r.id != root.id, r.status != Status.HIDDEN, stands),
    }  # fmt: skip
    sums = [func.sum(case((where, 1), else_=0)).label(name) for name, where in numbers.items()]
    query = select(latest.c.device_hash, func.count().label("reports"), func.min(latest.c.received_at).label("since"), *sums)
    query = query.select_from(latest).join(r, r.id == latest.c.report_id)
    query = query.join(climb, and_(climb.c.report_id == r.id, climb.c.into.is_(None))).join(root, root.id == climb.c.at).where(~voice)
    return query.group_by(latest.c.device_hash)


def in_words(found: History) -> str:
    """For the team: "known: 12 reports, 10 published, 1 false"."""
    if not found.reports:
        return _("not known before")
    reports = ngettext("known: %(num)s report", "known: %(num)s reports", found.reports)
    if found.more:
        reports = _("known: the latest %(n)s reports", n=found.reports)
    parts = [
        reports,
        _("%(n)s published", n=found.published),
        found.verified and _("%(n)s of them verified", n=found.verified),
        found.merged and _("%(n)s merged", n=found.merged),
        found.false and _("%(n)s spam or false", n=found.false),
        found.hidden and _("%(n)s hidden", n=found.hidden),
    ]
    return ", ".join(part for part in parts if part)


# ---- its page


def token(session: Session, source: Source) -> str | None:
    """The address of its page: no hash and no name, but a keyed reference to the first message it sent. None: it has none."""
    first = session.scalar(select(Submission.id).where(source.sent).order_by(Submission.id).limit(1))
    return None if first is None else f"{source.kind[0]}{first}-{_seal(source.kind, first)}"


def find(session: Session, text: str) -> Source:
    """The source that an address names. Raises NotFound; so it does when its first message was erased."""
    found = find_or_none(session, text)
    if found is None:
        raise NotFound()
    return found


def find_or_none(session: Session, text: str) -> Source | None:
    head, _dash, seal = text.partition("-")
    kind = next((kind for kind in SourceKind if kind[0] == head[:1]), None)
    number = head[1:]
    if kind is None or not (number.isascii() and number.isdecimal() and len(number) < 11 and int(number) <= MOST_ID):
        return None
    if not hmac.compare_digest(_seal(kind, int(number)).encode(), seal.encode()):
        return None
    value = session.scalar(select(COLUMNS[kind]).where(Submission.id == int(number)))
    return None if value is None else Source(kind, value)


def _seal(kind: SourceKind, first: int) -> str:
    return base64.b32encode(keyed_hash("source page", f"{kind} {first}")[:10]).decode().lower()


def name_of(session: Session, source: Source) -> str:
    """For the team, without what it was hashed from."""
    if source.kind is SourceKind.ACCOUNT:
        account = session.get(Account, source.value)
        return _("the account %(name)s", name=(account.name or account.email) if account else source.value)
    if source.kind is SourceKind.ORGANISATION:
        return _("the organisation %(name)s", name=source.value)
    return _("one telephone number or address") if source.kind is SourceKind.CONTACT else _("one device")


def made_by(source: Source):
    """Condition on reports: it was made from a message of this source, not only joined by one."""
    s, earlier = aliased(Submission), aliased(Submission)
    column = getattr(s, COLUMNS[source.kind].key)
    before = exists().where(earlier.report_id == s.report_id, earlier.id < s.id)
    return Report.id.in_(select(s.report_id).where(column == source.value, s.report_id.is_not(None), ~before))


# ---- held


def held(session: Session, known: list[Source]) -> SourceHold | None:
    """The hold on any of these sources, the latest."""
    if not known:
        return None
    h = SourceHold
    these = or_(*(and_(h.kind == source.kind, h.key == source.key) for source in known))
    return session.scalar(select(h).where(these, h.released_at.is_(None)).order_by(h.id.desc()).limit(1))


def network_of(sent) -> bytes | None:
    """The network by which a message is held or counted with others of it; none where an organisation proved who it is."""
    return None if sent.organisation is not None else sent.network_hash


def kept_back(sent, holds: set[tuple]) -> str | None:
    """Which of these holds (``holds_on``, ``all_held``) makes what *sent* wait: "held", one on a source of its own;
    "held-network", one on a device of its network; or None."""
    if any((source.kind, source.key) in holds for source in sources(sent)):
        return "held"
    return "held-network" if (NETWORK, network_of(sent)) in holds else None


def holds_on(session: Session, sent) -> set[tuple]:
    """The holds that may keep back what *sent*, as ``all_held`` says them."""
    h, network = SourceHold, network_of(sent)
    these = [and_(h.kind == source.kind, h.key == source.key) for source in sources(sent)]
    these += [h.network_hash == network] * (network is not None)
    return _holds(session, or_(*these)) if these else set()


def held_among(session: Session, known: list[Source]) -> set[Source]:
    """Which of these are held."""
    query = select(SourceHold.kind, SourceHold.key).where(SourceHold.key.in_([source.key for source in known]))
    there = {(row.kind, row.key) for row in session.execute(query.where(SourceHold.released_at.is_(None)))}
    return {source for source in known if (source.kind, source.key) in there}


def all_held(session: Session) -> set[tuple]:
    """(kind, key) of every source that is held now, and (NETWORK, hash) of every network of which a device is."""
    return _holds(session)


def _holds(session: Session, *which) -> set[tuple]:
    query = select(SourceHold.kind, SourceHold.key, SourceHold.network_hash).where(SourceHold.released_at.is_(None), *which)
    rows = session.execute(query).all()
    networks = {(NETWORK, row.network_hash) for row in rows if row.network_hash is not None} if settings().HOLD_NETWORK else set()
    return {(row.kind, row.key) for row in rows} | networks


def hold(session: Session, source: Source, actor: Account, reason: str = "") -> SourceHold:
    """From now on what this source sends waits for a person, and with a device all that comes from its network: what a program
    calls itself is soon changed. The caller commits. Raises NotAllowed, IllegalState."""
    _check(actor)
    if held(session, [source]) is not None:
        raise IllegalState(_("This source is held already."), code="already-so")
    network = None
    if source.kind is SourceKind.DEVICE:
        network = session.scalar(select(Submission.network_hash).where(source.sent).order_by(Submission.id.desc()).limit(1))
    return _hold(session, source, actor.id, reason, network)


def hold_erased(session: Session, sent: Submission, report: Report) -> None:
    """Before the erasure of *report*, made from *sent*, takes away by what its sources are known; the caller commits.

    What was rejected as spam or false, itself or its root, leaves their history with it, and erasing it would give them
    their trust back: they are held instead, each as long as nobody releases it. Not their network: nobody decided that.
    """
    root = report
    while root.merged_into_id is not None:
        root = session.get_one(Report, root.merged_into_id)
    fell = [one.id for one in (report, root) if one.status is Status.HIDDEN]
    if not fell or session.scalar(select(Decision.id).where(Decision.report_id.in_(fell), *AS_FALSE).limit(1)) is None:
        return
    known = sources(sent)
    already = held_among(session, known)
    for source in known:
        if source not in already:
            _hold(session, source, None, "")


def _hold(session: Session, source: Source, account_id: int | None, reason: str, network: bytes | None = None) -> SourceHold:
    made = SourceHold(kind=source.kind, key=source.key, network_hash=network, reason=reason, held_by_id=account_id)
    session.add(made)
    session.flush()
    record(session, SourceChanged(account_id=account_id, action="hold", hold_id=made.id))
    return made


def release(session: Session, source: Source, actor: Account) -> None:
    """End every hold on it: two who held it at once made two. Raises NotAllowed, IllegalState."""
    _check(actor)
    h = SourceHold
    query = select(h).where(h.kind == source.kind, h.key == source.key, h.released_at.is_(None)).order_by(h.id)
    found = session.scalars(query).all()
    if not found:
        raise IllegalState(_("This source is not held."), code="not-held")
    for one in found:
        one.released_at, one.released_by_id = utcnow(), actor.id
        record(session, SourceChanged(account_id=actor.id, action="release", hold_id=one.id))


def _check(actor: Account) -> None:
    if not actor.can(Permission.MODERATE):
        raise NotAllowed()


def known_of_report(session: Session, report: Report) -> Iterator[tuple[Source, History]]:
    """For the desk: each source of a report with its history."""
    first = first_of(session, report.id)
    for source in sources(first) if first is not None else ():
        yield source, history(session, source)
