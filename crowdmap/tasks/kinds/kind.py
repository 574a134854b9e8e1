"""What a kind of task is made of. A new one is a file beside this and a line in ``kinds.KINDS``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from sqlalchemy.orm import Session

from crowdmap.reports.models import Report

URGENT = frozenset({"TRAP", "MED", "EMG", "MSUP", "WAT"})  # of the built-in templates: lives hang on these first


@dataclass(frozen=True)
class Setting:
    """What deciding whether a report needs something has to know. *working*: the working language; *share*: which part
    of the reports is coded twice."""

    working: str
    share: float


@dataclass(frozen=True)
class Verdict:
    """*agreed*: the value that holds. *more*: one more answer is asked for. Neither: a moderator decides."""

    agreed: dict | None = None
    more: bool = False


@dataclass(frozen=True)
class Item:
    """A practice message. *language*: what it is written in; *known*: the answer that is right, in a kind's own form.
    *why*: what is told of it afterwards; *hint*: what is told instead to whoever did not know, where *why* would be an
    answer to be pasted the next time."""

    key: str
    text: str
    known: Any
    language: str | None = None
    place: str = ""
    why: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Judged:
    """An answer to a practice item. *off_m*: of a placement, how far off."""

    good: bool
    words: str
    off_m: float | None = None


@dataclass(frozen=True)
class TaskKind:
    """*needed*: answers that must agree; *most*: answers after which a moderator decides. *form*: reads an answer.

    *wants(report, setting)*: whether the report needs it now. *language(report, setting)*: what whoever does it has to
    read beside the working language. *read(session, form)* → the answer as kept; raises ValidationFailed. *agree(values,
    report)* → Verdict. *fits(value, report)*: raises ValidationFailed for an answer that cannot be one to this report. *apply(session, task, report, value, account)*: put the agreed value into the report; returns
    whether that could be done, else a moderator decides. *items(session, languages)* and *judge(item, value)*: practice.
    *choose(value)* → the desk's action and its fields by which a moderator takes a proposal; *take(session, report, value,
    account, reason)*: does so where the desk has no such action, and none taken is asked anew of others. *again*: whether it is
    asked anew when what it brought is gone. *stays*: what is shown of the report unmasked, for the work needs it;
    "everything" from when the contact was asked for.
    """

    name: str
    label: Any
    ask: Any
    form: type[BaseModel]
    wants: Callable[[Report, Setting], bool]
    read: Callable[[Session, BaseModel], dict]
    agree: Callable[[Sequence[dict], Report], Verdict]
    apply: Callable[..., bool]
    items: Callable[[Session, Sequence[str]], list[Item]]
    judge: Callable[[Item, dict], Judged]
    choose: Callable[[dict], tuple[str, dict]] | None = None
    take: Callable[..., None] | None = None
    language: Callable[[Report, Setting], str | None] = lambda report, setting: None
    fits: Callable[[dict, Report], None] = lambda value, report: None
    needed: int = 1
    most: int = 3
    rank: int = 0  # among kinds: what others wait for comes first
    again: bool = False
    stays: frozenset[str] = field(default_factory=frozenset)
    lives: timedelta = timedelta(days=7)

    def priority(self, report: Report) -> int:
        """The lower the sooner: by kind, then by whether a life may hang on it, then by how many people."""
        urgent = 50 if URGENT & set(report.codes) else 0
        return 1000 - self.rank * 100 - urgent - min(40, (report.people or 0) // 25)


def primary(language: str | None) -> str | None:
    """"ht-HT" → "ht"."""
    return language.replace("_", "-").partition("-")[0].lower() if language else None


def foreign(report: Report, setting: Setting) -> str | None:
    """The language one has to read for this report, if it is another than the working language and nobody translated it."""
    told = primary(report.language)
    return told if told and told != primary(setting.working) and not report.translation else None
