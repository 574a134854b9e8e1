"""Categorise: a sample of the reports is coded by two who see neither the present category nor each other's."""

import hashlib
from dataclasses import replace
from typing import Annotated

from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from crowdmap.errors import FieldError, ValidationFailed
from crowdmap.moderation import editing
from crowdmap.moderation.doing import Doing, keep
from crowdmap.moderation.shown import category_name
from crowdmap.reports.models import Category, Policy
from crowdmap.tasks.kinds import sayings
from crowdmap.tasks.kinds.kind import Item, Judged, TaskKind, Verdict, foreign

NAME = "categorise"
REASON = "two volunteers who did not see it put it here, independently of each other"


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid")

    category: Annotated[str, Field(min_length=1, max_length=40)]


def in_sample(report_id: int, share: float) -> bool:
    """The same reports whenever one asks; a larger share holds the smaller one's."""
    number = int.from_bytes(hashlib.sha256(b"sample %d" % report_id).digest()[:8], "big")
    return number < share * 2**64


def wants(report, setting) -> bool:
    return bool(report.description or report.title) and in_sample(report.id, setting.share)


def choices(session) -> list[Category]:
    """What can be chosen. Those that are for the team only can: a volunteer may see that a report belongs there."""
    return list(session.scalars(select(Category).where(Category.active).order_by(Category.position, Category.code)))


def read(session, form: Form) -> dict:
    """Raises ValidationFailed."""
    category = session.get(Category, form.category)
    if category is None or not category.active:
        raise ValidationFailed([FieldError("category", "unknown-category", _("Choose one of the categories."))])
    return {"category": category.code}


def agree(values, report) -> Verdict:
    """Of two who agree the code; of two who differ, the report's own where one of them said it."""
    codes = [value["category"] for value in values]
    twice = next((code for code in codes if codes.count(code) >= KIND.needed), None)
    if twice:
        return Verdict(agreed={"category": twice, "by": [v["by"] for v in values if "by" in v and v["category"] == twice]})
    if len(codes) < KIND.needed:
        return Verdict(more=True)
    return Verdict(agreed={"category": report.category}) if report.category in codes else Verdict()


def apply(session, task, report, value, account) -> bool:
    """Change it where that makes nothing more or less public; else a moderator decides."""
    if value["category"] in report.codes:
        return True
    old, new = session.get(Category, report.category), session.get(Category, value["category"])
    same = old is not None and new is not None and (old.policy, old.kind) == (new.policy, new.kind)
    if not same or Policy.RESTRICTED in (old.policy, new.policy):
        return False
    doing = Doing(session, report, None, REASON, {"category": new.code})
    editing.edit(doing)
    doing.change["categorised_by"] = [None, sorted(value.get("by", []))]
    keep(session, report, None, "edit", REASON, doing.change, at=doing.at)
    return True


def choose(value: dict) -> tuple[str, dict]:
    return "edit", {"category": value["category"]}


def items(session, languages) -> list[Item]:
    language = str(get_locale() or "")
    named = {one.code: category_name(one, language) for one in choices(session)}
    return [
        replace(item, why=_("%(category)s (%(why)s)", category=" / ".join(named[code] for code in item.known if code in named), why=item.why))
        for item in sayings.with_category() if named.keys() & set(item.known)
    ]  # fmt: skip


def judge(item: Item, value: dict) -> Judged:
    if value["category"] in item.known:
        return Judged(True, _("Good: so did we."))
    return Judged(False, _("We chose another one: %(why)s", why=item.why))


KIND = TaskKind(
    NAME, _l("Categorise"), _l("What is this about?"), Form, wants, read, agree, apply, items, judge, choose,
    language=foreign, needed=2, most=2, rank=1,
)  # fmt: skip
