"""The course of one report as others than the team may know it: the public without people, the reporter in plain words.

Both are pure functions over decisions. They tell what changed (a status, a mark, a place), whatever action changed it;
a name, a free word, a look at a contact, a note or a question of somebody else is in neither.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from crowdmap.moderation.sources import RESTORED, said_yes
from crowdmap.moderation.timeline import REPORTER, TEAM, Decided, Entry, Rows, after
from crowdmap.publishing.project import to_the_hour
from crowdmap.reports.models import VISIBLE, Status

REASONS = {
    "spam": _l("it was no report"),
    "false": _l("it turned out not to be so"),
    "unverifiable": _l("it could not be checked"),
    "out-of-area": _l("it lies outside the area of this map"),
}  # the only reasons that leave the team; free words never do
MARKS = {
    "verified": _l("Verified"), "corroborated": _l("Told by several"), "disputed": _l("Somebody says otherwise: disputed"),
    "unverified": _l("The mark was taken back: not verified"),
}  # fmt: skip
PUBLIC_FIELDS = frozenset({"title", "description", "kind", "category", "more_categories", "people", "quantity", "unit"})


def _status(one) -> tuple[str | None, str | None]:
    """(old, new) of a decision; an import's publishing tells only its name."""
    value = one.change.get("status")
    if isinstance(value, list) and len(value) == 2:
        return value[0], value[1]
    return (Status.PENDING, Status.PUBLISHED) if one.action == "publish" else (None, None)


def _because(one) -> str:
    return str(REASONS.get(one.reason, ""))


def _mistakes(decisions: Iterable) -> set[int]:
    """Ids of those that hid it and were taken back by hand: at once, or with all of their source. Why it was hidden is told
    to nobody any more, for it was not so."""
    found, hid = set(), None
    for one in decisions:
        new = _status(one)[1]
        if new == Status.HIDDEN:
            hid = one.id
        elif new is not None:
            if hid is not None and (one.action == "undo" or one.reason == RESTORED):
                found.add(hid)
            hid = None
    return found


def _by_rule(one) -> bool:
    """Published by no person, and by no file that knew how sure it is."""
    return one.action == "publish" and one.account_id is None and "status" in one.change


def _unread() -> str:
    return _("Put on the map, not checked yet")


def put_by_a_person(rows: Rows) -> bool:
    """Whether somebody of the team had said yes when it became public."""
    first = next((stage.at for stage in rows.stages if stage.name == "first-public"), None)
    own = (one for one in rows.decisions if one.report_id == rows.report_id)
    return first is not None and any(one.at <= first and said_yes(one) for one in own)


def public_entries(rows: Rows, received: datetime, *, coarse: bool) -> list[Entry]:
    """What became public, without people: no name, no free word, nothing from before it was public but when it came.

    *received* as the public feature tells it; *coarse*: a report of people's needs, whose times are cut to the hour
    (a moment would tell which message it was) and of whose place no change is told.
    """
    first = next((stage.at for stage in rows.stages if stage.name == "first-public"), None)
    if first is None:
        return []
    own = [one for one in rows.decisions if one.report_id == rows.report_id]
    by_rule = any(_by_rule(one) for one in own if one.at <= first)
    put = _("Checked and put on the map") if put_by_a_person(rows) else _unread() if by_rule else _("Put on the map")
    said = [Entry(received, "received", _("Received")), Entry(first, "on-map", put)]
    # what was known of its truth by then is told with its coming, not when somebody found it out
    marks = [after(one.change["verification"]) for one in own if one.at <= first and "verification" in one.change]
    mark, visible = marks[-1] if marks else None, True
    mistakes = _mistakes(own)
    if mark in MARKS and mark != "unverified":
        said.append(Entry(first, mark, str(MARKS[mark])))
    mark = None
    for one in own:
        if one.at <= first:
            continue
        old, new = _status(one)
        if new in VISIBLE and not visible:
            said.append(Entry(one.at, "on-map", _("Back on the map")))
            visible = True
            if mark in MARKS:
                said.append(Entry(one.at, mark, str(MARKS[mark])))
            mark = None
        if not visible:
            mark = after(one.change.get("verification")) or mark
            continue
        said += _while_public(one, old, new, rows, coarse, one.id in mistakes)
        visible = new is None or new in VISIBLE
    if coarse:
        said = [replace(entry, at=to_the_hour(entry.at), hourly=True) for entry in said]
    return list(dict.fromkeys(sorted(said, key=lambda entry: entry.at)))[::-1]


def _while_public(one: Decided, old, new, rows: Rows, coarse: bool, mistaken: bool) -> Iterable[Entry]:
    if new == Status.CLOSED:
        yield Entry(one.at, "closed", _("Closed: it is dealt with"))
    elif new == Status.PUBLISHED and old == Status.CLOSED:
        yield Entry(one.at, "reopened", _("Open again"))
    elif new is not None and new not in VISIBLE:
        if mistaken:
            yield Entry(one.at, "off-map", _("Taken off the map by mistake"))
        else:
            yield Entry(one.at, "off-map", _("Taken off the map"), reason=_because(one))
    mark = after(one.change.get("verification"))
    if mark in MARKS:
        yield Entry(one.at, mark, str(MARKS[mark]))
    joined = after(one.change.get("taken_in"))
    if joined and rows.were_public.intersection([joined] if isinstance(joined, str) else joined):
        yield Entry(one.at, "joined", _("Reports of the same were joined"))
    if PUBLIC_FIELDS.intersection(one.change):
        yield Entry(one.at, "corrected", _("What it says was corrected"))
    if not coarse and {"point", "place"}.intersection(one.change):
        yield Entry(one.at, "moved", _("Its place was corrected"))


def reporter_entries(
    own: Iterable, root: Iterable, letters: Iterable, questions: Iterable, *, received: datetime, withdrawn: datetime | None,
    joined: datetime | None, original: bool, public: bool,
) -> list[Entry]:  # fmt: skip
    """What happened to one's own report, the newest first. *own*: decisions on it; *root*: those on the one that it was
    merged into. *joined*: when other senders' reports came to it, where they are with it still. *original*: the report
    is theirs, not only a voice for it; *public*: anybody can see it now."""
    own, root = list(own), list(root)
    mistakes = _mistakes(own) | _mistakes(root)
    merged = max((d.at for d in own if after(d.change.get("merged_into"))), default=None)
    said = [Entry(received, "received", _("You sent it"), REPORTER)]
    for one in own:
        if original or one.at >= received:
            said += _told_to_reporter(one, original, public, one.id in mistakes)
    for one in root:
        if merged is not None and one.at > merged:
            said += _told_to_reporter(one, False, public, one.id in mistakes)
    said += [Entry(one.at, one.about, str(LETTERS.get(one.about, LETTERS["message"])), REPORTER) for one in letters]
    said += [Entry(one.at, "ask", _("We wrote to you"), TEAM, question=one.public_id) for one in questions]
    if joined is not None:
        said.append(Entry(joined, "joined", _("Others told the same; it was joined with yours"), TEAM))
    if withdrawn is not None:
        said.append(Entry(withdrawn, "withdraw", _("You took it back"), REPORTER))
    return sorted(said, key=lambda entry: entry.at)[::-1]


LETTERS = {
    "message": _l("You wrote to us"), "correct": _l("You sent a correction"), "confirm": _l("You told us about the help"),
    "answer": _l("You answered"),
}  # fmt: skip


def _told_to_reporter(one, original: bool, public: bool, mistaken: bool) -> Iterable[Entry]:
    old, new = _status(one)
    if new == Status.PUBLISHED:
        words, unseen = _("Checked and put on the map"), _("Checked; known to those who help, not shown in public")
        if _by_rule(one):
            words, unseen = _unread(), _("Known to those who help, not checked yet")
        elif old == Status.CLOSED:
            words = _("Open again")
        elif one.reason == RESTORED or one.action == "undo" and old == Status.HIDDEN:
            words = _("Back on the map")
        yield Entry(one.at, "on-map", words if public else unseen, TEAM)
    elif mistaken:
        yield Entry(one.at, str(new), _("Hidden by mistake"), TEAM)
    elif new is not None:
        words = {
            Status.CLOSED: _("Closed: it is dealt with"), Status.HIDDEN: _("Those who check reports decided not to show it"),
            Status.PENDING: _("It waits to be checked again"),
        }  # fmt: skip
        yield Entry(one.at, str(new), words[Status(new)], TEAM, reason=_because(one))
    mark = after(one.change.get("verification"))
    if mark in MARKS:
        yield Entry(one.at, mark, str(MARKS[mark]), TEAM)
    if "merged_into" in one.change:
        joined = after(one.change["merged_into"])
        words = _("Joined with what others reported") if joined else _("It stands on its own again")
        yield Entry(one.at, "joined", words, TEAM)
    if original and one.action == "correct" and one.change.get("applied"):
        yield Entry(one.at, "correct", _("You corrected it"), REPORTER)
    elif original and one.action != "correct" and PUBLIC_FIELDS.union({"place", "occurred_at"}).intersection(one.change):
        yield Entry(one.at, "edit", _("Those who check reports corrected what it says"), TEAM)
    if original and "point" in one.change:
        yield Entry(one.at, "move", _("Those who check reports corrected its place"), TEAM)
