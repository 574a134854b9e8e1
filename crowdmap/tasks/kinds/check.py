"""Check: call back who reported, or compare. Only for volunteers whom a coordinator allowed it, for they see a contact."""

from typing import Annotated, Literal

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from crowdmap.moderation.doing import keep
from crowdmap.reports.models import Kind, Verification
from crowdmap.reports.texts import clean
from crowdmap.tasks.kinds.kind import Item, Judged, TaskKind, Verdict, foreign

NAME = "check"
HEARD = {
    "confirmed": _l("They say it is so"), "differs": _l("They say it is otherwise now"), "no-answer": _l("Nobody answered"),
    "wrong": _l("The number or address is wrong"),
}  # fmt: skip


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid")

    heard: Literal["confirmed", "differs", "no-answer", "wrong"]
    note: Annotated[str, AfterValidator(clean), Field(max_length=1000)] = ""


def wants(report, setting) -> bool:
    """What somebody needs or says is broken, and left a number or address for, while nobody knows whether it is so."""
    private = report.private
    reachable = private.contact_phone or private.contact_email
    asked = report.kind in (Kind.NEED, Kind.DAMAGE) and report.verification is Verification.UNVERIFIED
    return bool(reachable and asked)


def read(session, form: Form) -> dict:
    return {"heard": form.heard, "note": form.note}


def agree(values, report) -> Verdict:
    return Verdict(agreed=values[0]) if values else Verdict(more=True)


def apply(session, task, report, value, account) -> bool:
    """A note at the report, which a moderator weighs: calling back changes no grade by itself. What the reporter said
    stays in the answer alone, which an erasure empties; decisions are for good."""
    keep(session, report, account, "note", f"called back: {value['heard']}", bump=False)
    return True


def items(session, languages) -> list[Item]:
    told = _("Report: the well behind the school is dry, 200 people. You call, and they say:")
    return [
        Item("well-1", told + " " + _("“Yes, still dry. We walk two hours for water.”"), "confirmed", why=_("they say it is so")),
        Item("well-2", told + " " + _("“A lorry brings water every morning now, thank God.”"), "differs", why=_("it is otherwise now")),
        Item("well-3", told + " " + _("It rings and rings."), "no-answer", why=_("nobody answered")),
        Item("well-4", told + " " + _("“This is a bakery in another town, we know nothing of a well.”"), "wrong", why=_("the number is wrong")),
    ]


def judge(item: Item, value: dict) -> Judged:
    if value["heard"] == item.known:
        return Judged(True, _("Good: so did we."))
    return Judged(False, _("We chose another one: %(why)s", why=item.why))


KIND = TaskKind(
    NAME, _l("Check"), _l("Call back, and say what you heard"), Form, wants, read, agree, apply, items, judge,
    language=foreign, needed=1, rank=0, stays=frozenset({"everything"}),
)  # fmt: skip
