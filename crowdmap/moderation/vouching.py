"""A volunteer vouches for a report that everybody sees: "I know that this is so", and how. Two who do so independently
make it corroborated. Voices never do: anybody can add them, and as many as they like.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crowdmap.accounts.models import Account
from crowdmap.errors import FieldError, Gone, IllegalState, NotAllowed, StaleRevision, ValidationFailed
from crowdmap.events import Event, ReportSubmitted
from crowdmap.moderation.actions import lock_reports
from crowdmap.moderation.doing import keep
from crowdmap.moderation.evidence import found_by_machine
from crowdmap.moderation.merging import below
from crowdmap.moderation.models import Decision, VouchOrigin
from crowdmap.publishing.lookup import public_report
from crowdmap.reports.keyed import network_hash, one_spelling, source_hash
from crowdmap.reports.models import VISIBLE, Report, Submission, Verification
from crowdmap.web import Permission

NEEDED = 2
REASON = "two people of the team know it independently: {} and {}"


@dataclass(frozen=True)
class Vouched:
    """*counts*: whether the account is old enough to count towards corroborated; *corroborated*: whether the report became so
    by it. That it has a reporter's address or network is told to nobody: anybody may have joined by it, or ask."""

    report: Report
    counts: bool
    corroborated: bool


def vouch(
    session: Session, public_id: str, actor: Account, evidence: str, device: str | None = None, network: str | None = None
) -> Vouched:
    """Keep that *actor* knows it, and how; the caller commits. *device*, *network*: as ``web.client_device`` and
    ``client_source`` say it.

    Raises NotAllowed, NotFound and Gone (not public), ValidationFailed (no evidence), IllegalState: the report is not
    unverified, the account vouched already, or it told the report itself, signed in or from this device.
    """
    if not actor.can(Permission.VOUCH):
        raise NotAllowed()
    report_id = public_report(session, public_id)
    if not evidence:
        words = _("Say how you know: you saw it, you spoke to somebody there.")
        raise ValidationFailed([FieldError("evidence", "required", words)])
    (report,) = lock_reports(session, Report.id == report_id)
    _check(session, report, actor, device)
    kept = keep(session, report, actor, "vouch", evidence=evidence, bump=False)
    session.flush()
    if network:
        session.add(VouchOrigin(decision_id=kept.id, report_id=report.id, network_hash=network_hash(network)))
        session.flush()
    known_since = came_at(session, report)
    sure = independent(session, report, known_since)
    if len(sure) < NEEDED:
        return Vouched(report, counts(actor, known_since), False)
    words = REASON.format(*(account.name or account.email for account in sure[:NEEDED]))
    change = found_by_machine(session, report, words)
    change["vouched_by"] = [None, [account.id for account in sure[:NEEDED]]]
    keep(session, report, None, "corroborate", words, change)
    return Vouched(report, True, True)


def may_vouch(session: Session, public_id: str, actor: Account, verification: str) -> bool:
    """Whether to offer it, on the page of a public report."""
    if not actor.can(Permission.VOUCH) or verification != Verification.UNVERIFIED:
        return False
    report = session.get_one(Report, public_report(session, public_id))
    return actor.id not in {account.id for account in vouchers(session, report)}


def counts(account: Account, known_since: datetime) -> bool:
    """Whether an account's word makes a report surer: it was there before the report, so that nobody makes two accounts
    for their own, and it is still in use."""
    return account.is_active and account.created_at < known_since


def independent(session: Session, report: Report, known_since: datetime) -> list[Account]:
    """Of those who vouched, whose words count, in this order: of accounts that count, not by a reporter's address nor from a
    reporter's network, and one from each network."""
    members = [report, *below(session, report.id)]
    addresses = {one_spelling(member.private.contact_email) for member in members if member.private.contact_email}
    ids = [member.id for member in members]
    firsts = select(func.min(Submission.id)).where(Submission.report_id.in_(ids)).group_by(Submission.report_id)
    taken = set(session.scalars(select(Submission.network_hash).where(Submission.id.in_(firsts)))) - {None}
    found = []
    for account, network in _vouches(session, report):
        if counts(account, known_since) and one_spelling(account.email) not in addresses and network not in taken:
            found.append(account)
            taken |= {network} - {None}  # of what was vouched for before networks were kept, each counts
    return found


def came_at(session: Session, report: Report) -> datetime:
    """When the report came to this map: an imported one tells an earlier time of itself."""
    query = select(func.min(Event.at)).where(Event.report_id == report.id, Event.name == ReportSubmitted.__name__)
    return session.scalar(query) or report.created_at


def vouchers(session: Session, report: Report) -> Sequence[Account]:
    """Who vouched for it since its verification changed last, in this order."""
    return list(dict.fromkeys(account for account, _network in _vouches(session, report)))


def _vouches(session: Session, report: Report) -> Sequence:
    """(account, keyed hash of their network or None) of each."""
    graded = select(func.max(Decision.id)).where(
        Decision.report_id == report.id, Decision.action.in_(("verify", "corroborate", "dispute"))
    )
    since = session.scalar(graded) or 0
    query = select(Account, VouchOrigin.network_hash).join(Decision, Decision.account_id == Account.id)
    query = query.outerjoin(VouchOrigin, VouchOrigin.decision_id == Decision.id)
    query = query.where(Decision.report_id == report.id, Decision.action == "vouch", Decision.id > since)
    return session.execute(query.order_by(Decision.id)).all()


# ---- what must hold


def _check(session: Session, report: Report, actor: Account, device: str | None) -> None:
    """With the report locked: what was read before the lock may have changed."""
    if report.merged_into_id is not None:
        raise StaleRevision(_("This report was merged into another just now. Look at it again."))
    if report.status not in VISIBLE:
        raise Gone(_("This report is no longer public."))
    if report.verification is Verification.DISPUTED:
        raise IllegalState(_("This report is disputed. A moderator has to look at it."), code="disputed")
    if report.verification is not Verification.UNVERIFIED:
        raise IllegalState(_("Others know this already: the report is marked so."), code="already-so")
    if actor.id in {account.id for account in vouchers(session, report)}:
        raise IllegalState(_("You vouched for this report already."), code="vouched-already")
    if _told_it(session, report, actor, device):
        words = _("This report seems to have come from you or from your device. Somebody else has to vouch for it.")
        raise IllegalState(words, code="own-report")


def _told_it(session: Session, report: Report, actor: Account, device: str | None) -> bool:
    """Whether the account or the device sent the report, or one that was merged into it. Not whether the account has a
    reporter's address: addresses are not confirmed, and a refusal would tell whose it is."""
    ids = [report.id, *(member.id for member in below(session, report.id))]
    firsts = select(func.min(Submission.id)).where(Submission.report_id.in_(ids)).group_by(Submission.report_id)
    query = select(Submission.account_id, Submission.source_hash, Submission.device_hash).where(Submission.id.in_(firsts))
    own = source_hash(device) if device else None
    return any(
        sent.account_id == actor.id or (own is not None and own in (sent.source_hash, sent.device_hash))
        for sent in session.execute(query)
    )
