"""The log of one report as a timeline: everything that was done to it, for the team. (``timeline_told`` tells the course
of it to the public and to its reporter.)

A pure function over rows (``timeline_rows`` reads them) to entries, the newest first. How an action reads stands in
READINGS; one that is not there is read by its name, so that a new action needs nothing here. What is no decision joins
by ``@source``.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from crowdmap.moderation.grades import REASONS
from crowdmap.moderation.shown import told

ROLES = TEAM, REPORTER, OTHER, ORGANISATION, MACHINE = "team", "reporter", "other", "organisation", "machine"


# ---- what comes in


class Decided(NamedTuple):
    """A decision with the name of its account."""

    id: int
    report_id: int
    account_id: int | None
    action: str
    reason: str
    evidence: str | None
    change: dict
    at: datetime
    name: str | None = None


class Received(NamedTuple):
    """A message of the report or of one merged into it, without a word of it; *first*: a report was made from it."""

    report_id: int
    channel: str
    at: datetime
    first: bool


class Asked(NamedTuple):
    """A question or notice of the outbox; *name*: whose."""

    public_id: str
    report_id: int
    kind: str
    body: str
    state: str
    error: str | None
    at: datetime
    name: str | None


class Stage(NamedTuple):
    """When the public first saw it, or when it left the public by something that is no decision on it."""

    name: str  # first-public | left-public
    at: datetime


@dataclass(frozen=True)
class Rows:
    """All that a report's timeline is made of. *ids*: of the report and of all in its tree, with their public ids;
    *were_public*: public ids of those in the tree that the public has seen."""

    report_id: int
    ids: dict[int, str]
    decisions: list[Decided] = field(default_factory=list)
    messages: list[Received] = field(default_factory=list)
    letters: list[Any] = field(default_factory=list)  # rows with report_id, about, text, data, at
    questions: list[Asked] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    were_public: frozenset[str] = frozenset()
    more: list["Entry"] = field(default_factory=list)


# ---- what comes out


@dataclass(frozen=True)
class Change:
    """One field: from → to, as words; both None where only the field is named, for its words outlive no erasure."""

    name: str
    label: str
    old: str | None = None
    new: str | None = None


@dataclass(frozen=True)
class Entry:
    """One line. *by*: a name of the team or of an organisation; None where *role* says all that is said. *report*: the
    public id of another report that it was done to. *text*: words of a question, letter or answer."""

    at: datetime
    action: str
    words: str
    role: str = MACHINE
    by: str | None = None
    report: str | None = None
    changes: tuple[Change, ...] = ()
    reason: str = ""
    evidence: str = ""
    text: str = ""
    question: str | None = None
    state: str | None = None
    hourly: bool = False  # the moment is cut to the hour


# ---- how an action reads


@dataclass(frozen=True)
class Reading:
    """*words* follow a name. *role*: who does it where no account did. *instead*: field of the change → other words.
    *names*: its change lists names of fields, not from → to. *by_reason*: without an account the reason says who."""

    words: Any
    role: str = MACHINE
    instead: dict[str, Any] = field(default_factory=dict)
    names: bool = False
    by_reason: bool = False


READINGS: dict[str, Reading] = {
    "publish": Reading(_l("published it")),
    "verify": Reading(_l("verified it")),
    "corroborate": Reading(_l("marked it as told by several")),
    "dispute": Reading(_l("disputed it")),
    "hide": Reading(_l("hid it")),
    "reject": Reading(_l("rejected it")),
    "restore": Reading(_l("put it back into the queue")),
    "close": Reading(_l("closed it")),
    "reopen": Reading(_l("opened it again")),
    "merge": Reading(_l("merged it into another report"), instead={"taken_in": _l("merged another report into it")}),
    "unmerge": Reading(_l("took it out of another report"), instead={"taken_in": _l("let a merged report go")}),
    "distinct": Reading(_l("said that it is not the same as another report")),
    "ask-again": Reading(_l("lets it be asked again whether they are the same")),
    "edit": Reading(_l("corrected it")),
    "move": Reading(_l("moved it")),
    "note": Reading(_l("noted")),
    "keep-mark": Reading(_l("let a personal mark stand in the public text")),
    "mask-mark": Reading(_l("masked words for the public")),
    "add-evidence": Reading(_l("added evidence")),
    "withdraw-evidence": Reading(_l("withdrew evidence")),
    "reinstate-evidence": Reading(_l("let evidence stand again")),
    "regrade": Reading(_l("graded it anew")),
    "undo": Reading(_l("took back what was done")),
    "translate": Reading(_l("translated it")),
    "review": Reading(_l("left it to a person")),
    "assign": Reading(_l("assigned it")),
    "escalate": Reading(_l("raised it in the queue")),
    "ask": Reading(_l("wrote to the reporter")),
    "vouch": Reading(_l("vouches for it")),
    "see-contact": Reading(_l("saw the contact"), role=ORGANISATION, by_reason=True),
    "correct": Reading(_l("corrected what was told"), role=REPORTER, names=True),
    "withdraw": Reading(_l("took it back"), role=REPORTER),
    "erase": Reading(_l("had it erased"), role=REPORTER),
    "confirm": Reading(_l("said whether help arrived"), role=REPORTER),
    "message": Reading(_l("wrote to the team"), role=REPORTER),
    "answer": Reading(_l("answered"), role=REPORTER),
}
LABELS = {
    "status": _l("status"), "verification": _l("verification"), "kind": _l("kind"), "category": _l("category"),
    "more_categories": _l("categories"), "people": _l("people"), "quantity": _l("quantity"), "unit": _l("unit"),
    "title": _l("title"), "description": _l("description"), "place": _l("place in words"), "point": _l("point"),
    "occurred_at": _l("time"), "out_of_area": _l("outside the area"), "merged_into": _l("merged into"),
    "taken_in": _l("taken in"), "distinct_from": _l("not the same as"), "applied": _l("changed at once"),
    "asked": _l("asked for"), "arrived": _l("arrived"), "assigned_to": _l("assigned to"), "evidence": _l("evidence"),
    "settled": _l("settled by it"), "translation": _l("translation"),
}  # fmt: skip
# ids that no reader knows anything by
UNSAID = frozenset({"vouched_by", "question", "placed_by", "categorised_by"})


class Wording:
    """Words in the reader's language, each looked up once a timeline: a translation costs as much as a row."""

    def __init__(self):
        self._labels: dict[str, str] = {}
        self._words: dict[int, str] = {}

    def label(self, name: str) -> str:
        if name not in self._labels:
            self._labels[name] = str(LABELS.get(name) or name.replace("_", " "))
        return self._labels[name]

    def said(self, lazy) -> str:
        """*lazy*: of READINGS, which stay."""
        if isinstance(lazy, str):
            return lazy
        if id(lazy) not in self._words:
            self._words[id(lazy)] = str(lazy)
        return self._words[id(lazy)]


def reading_of(action: str) -> Reading:
    """An action that nobody described is read by its name."""
    return READINGS.get(action) or Reading(action.replace("-", " ").replace("_", " "))


Source = Callable[[Any, dict[int, str]], Iterable[Entry]]
SOURCES: list[Source] = []


def source(function: Source) -> Source:
    """Register ``function(session, ids) -> entries``: what was done to these reports (id → public id) and stands in a
    table of its own. For the team alone."""
    SOURCES.append(function)
    return function


# ---- for the team


def entries(rows: Rows) -> list[Entry]:
    """Everything, the newest first."""
    letters = {(one.report_id, one.about, one.at): one for one in rows.letters}
    questions = {one.public_id: one for one in rows.questions}
    wording = Wording()
    found = [_received(rows, one) for one in rows.messages]
    decided = []
    for one in rows.decisions:
        letter = letters.pop((one.report_id, one.action, one.at), None)
        asked = questions.pop(after(one.change.get("question")), None)
        decided.append(_decided(rows, one, letter, asked, wording))
    # what was handed over with a message from another report has its decision there
    found += [_letter(rows, one, wording) for one in letters.values()]
    found += [_asked(rows, one, wording) for one in questions.values()]
    found += decided + [_stage(one) for one in rows.stages] + rows.more
    return sorted(found, key=lambda entry: entry.at)[::-1]  # of one moment, what was done last comes first


def _elsewhere(rows: Rows, report_id: int) -> str | None:
    return None if report_id == rows.report_id else rows.ids.get(report_id)


def _received(rows: Rows, one: Received) -> Entry:
    words = _("sent a message (%(channel)s)", channel=one.channel)
    if not one.first:
        words = _("told the same (%(channel)s)", channel=one.channel)
    return Entry(one.at, "received", words, REPORTER if one.first else OTHER, report=_elsewhere(rows, one.report_id))


def _decided(rows: Rows, one: Decided, letter, asked: Asked | None, wording: Wording) -> Entry:
    reading = reading_of(one.action)
    words = next((words for name, words in reading.instead.items() if name in one.change), reading.words)
    role, by, reason = TEAM if one.account_id is not None else reading.role, one.name, one.reason
    if one.account_id is None and reading.by_reason:
        by, reason = reason, ""
    reason = wording.said(REASONS.get(reason, reason))
    return Entry(
        one.at, one.action, wording.said(words), role, by, _elsewhere(rows, one.report_id),
        _changes(one.change, reading.names, wording), reason, one.evidence or "",
        text=asked.body if asked else _words_of(letter, wording) if letter else "",
        question=asked.public_id if asked else None, state=_state(asked) if asked else None,
    )  # fmt: skip


def _letter(rows: Rows, one, wording: Wording) -> Entry:
    words, elsewhere = wording.said(reading_of(one.about).words), _elsewhere(rows, one.report_id)
    return Entry(one.at, one.about, words, REPORTER, report=elsewhere, text=_words_of(one, wording))


def _asked(rows: Rows, one: Asked, wording: Wording) -> Entry:
    return Entry(
        one.at, "ask", wording.said(READINGS["ask"].words), TEAM, one.name, _elsewhere(rows, one.report_id), text=one.body,
        question=one.public_id, state=_state(one),
    )  # fmt: skip


def _state(one: Asked) -> str | None:
    """Only what the team must know: that it does not arrive."""
    if one.state == "failed":
        return _("It could not be delivered: %(why)s.", why=one.error) if one.error else _("It could not be delivered.")
    return {"queued": _("It is on its way."), "cancelled": _("Taken back with the report.")}.get(one.state)


def _stage(one: Stage) -> Entry:
    words = {"first-public": _("showed it to the public for the first time"), "left-public": _("took it off the public map")}[one.name]
    return Entry(one.at, one.name, words, MACHINE)


def _words_of(letter, wording: Wording) -> str:
    """Without contact: that is looked up, and each look is kept."""
    if letter.about == "confirm":
        arrived = _("Help arrived.") if letter.data.get("arrived") else _("Help has not arrived.")
        return f"{arrived} {letter.text}".strip()
    said = "\n".join(f"{wording.label(name)}: {words}" for name, words in told(letter.data))
    return "\n".join(filter(None, (letter.text, said)))


def _changes(change: dict, names: bool, wording: Wording) -> tuple[Change, ...]:
    found, label = [], wording.label
    for name, value in (change or {}).items():
        if name in UNSAID:
            continue
        if names and isinstance(value, list):
            if value:
                found.append(Change(name, label(name), new=", ".join(map(label, value))))
        elif isinstance(value, list) and len(value) == 2:
            found.append(Change(name, label(name), _plain(value[0], label), _plain(value[1], label)))
        elif value is None:
            found.append(Change(name, label(name)))
        else:
            found.append(Change(name, label(name), new=_plain(value, label)))
    return tuple(found)


def _plain(value, label) -> str:
    if value in (None, "", []):
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, dict):
        return ", ".join(f"{label(str(name))}: {_plain(part, label)}" for name, part in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def after(value) -> Any:
    """What a change led to."""
    return value[1] if isinstance(value, list) and len(value) == 2 else value
