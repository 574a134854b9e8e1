"""The seq an audience has seen: the whole cost of a 304, so the question is put together once."""

from collections.abc import Iterable, Sequence

from flask import Flask
from sqlalchemy import bindparam, func, select

from crowdmap.db import db
from crowdmap.db.glance import Glance
from crowdmap.publishing.models import Audience, Head
from crowdmap.reports.models import Kind

_head = Head.__table__.c
_OF_ALL = select(func.max(_head.seq)).where(_head.audience == bindparam("audience"))
_OF_KINDS = _OF_ALL.where(_head.kind.in_(bindparam("kinds", expanding=True)))


HEADS = "SELECT audience, kind, seq FROM head"


def glancing(app: Flask) -> Glance:
    """The application's own look at all heads; the first time in its context."""
    known = app.extensions.get("crowdmap_heads")
    return known or app.extensions.setdefault("crowdmap_heads", Glance(db.engine, HEADS))


def of_audience(rows: Iterable[tuple], audience: Audience) -> dict[str, int]:
    """kind → seq."""
    return {kind: seq for whose, kind, seq in rows if whose == audience.value}


def of_kinds(heads: dict[str, int], kinds: Sequence[Kind]) -> int:
    """The highest of these kinds; of all, if none are named."""
    return max((heads.get(kind, 0) for kind in kinds or heads), default=0)


def head_now(app: Flask, audience: Audience, kinds: Sequence[Kind] = ()) -> int:
    """`head_seq` as committed just now, without a transaction of the session's where that can be."""
    try:
        rows = glancing(app).rows()
    except Exception:  # whatever the driver raises: the session meets the same trouble and has the words for it
        return head_seq(audience, kinds)
    return of_kinds(of_audience(rows, audience), kinds)


def heads_of(audience: Audience, kinds: Sequence[Kind] = ()) -> tuple:
    """(`head_seq` of all, `head_seq` of the kinds) as parts of another question; NULL for 0."""
    last = select(func.max(_head.seq)).where(_head.audience == audience)
    return last.scalar_subquery(), (last.where(_head.kind.in_(kinds)) if kinds else last).scalar_subquery()


def head_seq(audience: Audience, kinds: Sequence[Kind] = ()) -> int:
    """The last seq that changed what this audience sees of these kinds (of all, if none are named)."""
    given = {"audience": audience, "kinds": list(kinds)} if kinds else {"audience": audience}
    return db.session.connection().scalar(_OF_KINDS if kinds else _OF_ALL, given) or 0
