"""The seq an audience has seen: the whole cost of a 304, so the question is put together once."""

from collections.abc import Sequence

from sqlalchemy import bindparam, func, select

from crowdmap.db import db
from crowdmap.publishing.models import Audience, Head
from crowdmap.reports.models import Kind

_head = Head.__table__.c
_OF_ALL = select(func.max(_head.seq)).where(_head.audience == bindparam("audience"))
_OF_KINDS = _OF_ALL.where(_head.kind.in_(bindparam("kinds", expanding=True)))


def head_seq(audience: Audience, kinds: Sequence[Kind] = ()) -> int:
    """The last seq that changed what this audience sees of these kinds (of all, if none are named)."""
    given = {"audience": audience, "kinds": list(kinds)} if kinds else {"audience": audience}
    return db.session.connection().scalar(_OF_KINDS if kinds else _OF_ALL, given) or 0
