"""How to reach who reported: one report at a time, and each look is kept."""

from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from crowdmap.accounts.models import Account
from crowdmap.errors import NotFound
from crowdmap.moderation.doing import keep
from crowdmap.reports.models import Report


@dataclass(frozen=True)
class Contact:
    id: str
    contact_name: str | None
    contact_phone: str | None
    contact_email: str | None


def see_contact(session: Session, public_id: str, actor: Account) -> Contact:
    """Name, telephone and e-mail as given, with a decision "see-contact"; the caller commits, before it shows them.

    Raises NotFound.
    """
    report = session.scalar(select(Report).where(Report.public_id == public_id))
    if report is None:
        raise NotFound(_("There is no report %(id)s.", id=public_id[:40]))
    private = report.private
    keep(session, report, actor, "see-contact", bump=False)
    return Contact(report.public_id, private.contact_name, private.contact_phone, private.contact_email)
