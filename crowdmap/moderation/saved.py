"""Named views of the desk: a filter and an order, somebody's own or shared by a coordinator."""

from dataclasses import dataclass
from urllib.parse import urlencode

from flask_babel import gettext as _
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from crowdmap.accounts.models import Account
from crowdmap.db import insert_if_absent
from crowdmap.errors import FieldError, NotAllowed, NotFound, ValidationFailed
from crowdmap.filters import ReportFilter
from crowdmap.moderation import listing
from crowdmap.moderation.desk_models import DeskView
from crowdmap.publishing.models import Audience, Publication
from crowdmap.web import Permission

MOST_OWN, MOST_SHARED = 20, 9
COUNTED_TO = 1000  # beyond it a tab says "1,000+": more digits tell nobody anything, and cost


@dataclass(frozen=True)
class View:
    """A tab. *query*: the desk's address for it, without the question mark; *own*: whoever asks may remove it."""

    id: int
    name: str
    chosen: ReportFilter
    order: str
    shared: bool
    own: bool

    @property
    def query(self) -> str:
        return query_of(self.chosen, self.order)


def query_of(chosen: ReportFilter, order: str) -> str:
    """The desk's query string of a filter and an order; the queue's own are left out, so that one thing has one address."""
    pairs = {**chosen.to_json(), "status": ",".join(chosen.statuses), "order": order}
    if chosen.statuses == listing.WAITING:
        del pairs["status"]
    if order == listing.usual_order(chosen):
        del pairs["order"]
    return urlencode(pairs)


def views(session: Session, actor: Account) -> list[View]:
    """Those that *actor* sees: the shared ones first, each in the order in which they were made."""
    query = select(DeskView).where(or_(DeskView.shared, DeskView.account_id == actor.id))
    rows = session.scalars(query.order_by(DeskView.shared.desc(), DeskView.id))
    return [
        View(row.id, row.name, ReportFilter.from_json(row.filter), row.order, row.shared, _may_change(row, actor))
        for row in rows
    ]


def keep(session: Session, actor: Account, name: str, chosen: ReportFilter, order: str, shared: bool = False) -> DeskView:
    """A new view; the caller commits. Raises NotAllowed (sharing is for coordinators), ValidationFailed."""
    if shared and not actor.can(Permission.ADMINISTER):
        raise NotAllowed(_("Only coordinators share views."))
    if not name:
        raise ValidationFailed([FieldError("name", "required", _("Give it a name."))])
    taken = select(DeskView.id).where(DeskView.name == name, or_(DeskView.account_id == actor.id, DeskView.shared))
    if session.scalar(taken.limit(1)) is not None:
        _refuse_taken()
    kept = DeskView.shared if shared else (DeskView.account_id == actor.id) & DeskView.shared.is_(False)
    most = MOST_SHARED if shared else MOST_OWN
    if session.scalar(select(func.count()).select_from(DeskView).where(kept)) >= most:
        raise ValidationFailed([FieldError("name", "too-many", _("At most %(n)s views. Remove one first.", n=most))])
    values = {"account_id": actor.id, "name": name, "filter": chosen.to_json(), "order": order, "shared": shared}
    made = insert_if_absent(session, DeskView, [values], conflict=("account_id", "name"))
    if not made:
        _refuse_taken()  # by the same person's other press, at this very moment
    return session.get_one(DeskView, made[0].id)


def _refuse_taken():
    raise ValidationFailed([FieldError("name", "taken", _("There is a view of this name already."))])


def remove(session: Session, actor: Account, view_id: int) -> None:
    """The caller commits. Raises NotFound, NotAllowed for a shared one of somebody else's."""
    view = session.get(DeskView, view_id)
    if view is None or not (view.shared or view.account_id == actor.id):
        raise NotFound(_("There is no such view."))
    if not _may_change(view, actor):
        raise NotAllowed(_("Only coordinators remove shared views."))
    session.delete(view)


def count(session: Session, chosen: ReportFilter, known: dict | None = None) -> int:
    """How many reports a view holds, at most COUNTED_TO + 1. *known*: `listing.counts`, where they were asked for already."""
    if listing.only_statuses(chosen):
        return listing.matching(session, chosen, known)
    found = chosen.select(Audience.STAFF, Publication.id).limit(COUNTED_TO + 1).subquery()
    return session.scalar(select(func.count()).select_from(found))


def _may_change(view: DeskView, actor: Account) -> bool:
    return actor.can(Permission.ADMINISTER) if view.shared else view.account_id == actor.id
