"""Marks by which two messages can be told to come from one person or to quote one message, kept as keyed hashes.

Telephone numbers and e-mail addresses, from the contact fields and from the words; numbers of messages that are quoted
(``[9710964]``, ``SMS 13715162``, ``Time: 2010-01-21 23:59:18``). Nothing can be read back from them, they are in no publication, and only the team's
search for duplicates asks for them. The hook before each commit keeps them in step with the words, also when those are
erased.
"""

import logging
import re

from sqlalchemy import ForeignKey, Index, LargeBinary, delete, insert, inspect, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from crowdmap.db import db, in_chunks
from crowdmap.publishing import masks
from crowdmap.publishing.finders.phones import in_digits
from crowdmap.reports.keyed import keyed_hash, one_spelling
from crowdmap.reports.models import Report

log = logging.getLogger(__name__)

PHONE, EMAIL, MESSAGE = "phone", "email", "message"
FOUND_BY = ("email", "position", "plus-code", "phone")  # finders; the others would take a number's place
TELLING_DIGITS = 8  # of a telephone number's end: with and without the country's code it is the same
MADE_OF = ("title", "description", "contact_phone", "contact_email")
BYTES = 16  # of the hash that are kept: 128 bits

# a number that some system of messages gave: alone in brackets, or after its word
_QUOTED = re.compile(r"\[(\d{4,12})\]|\b(?:id\w*|sms|msg|message|ticket)\s?(?:no\b\.?|[#:])?\s*+(?::\s*+)?#?(\d{4,12})\b", re.IGNORECASE)
# exports of other maps carry pseudonyms in place of what was masked: the same number has always the same one
_PSEUDONYM = re.compile(r"\[(phone|email|e-mail)[:\s](\w{1,16})\]", re.IGNORECASE)
# the moment a forwarded message carries, to the second
_MOMENT = re.compile(r"\b(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)\b")


class Mark(db.Model):
    """*kind*: phone, email or message; *hash*: the first 16 bytes of a keyed hash."""

    __tablename__ = "mark"
    __table_args__ = (Index("ix_mark_hash", "hash", "report_id"),)

    report_id: Mapped[int] = mapped_column(ForeignKey("report.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)


def in_text(text: str | None) -> set[tuple[str, str]]:
    """(kind, value) of each mark in the words; a telephone number's value is its last digits."""
    if not text or not any(c.isdecimal() or c == "@" for c in text):
        return set()
    seen = masks.plain(text)
    found = {(EMAIL if m[1][0] in "eE" else PHONE, "pseudonym " + m[2].lower()) for m in _PSEUDONYM.finditer(seen)}
    quoted = [(m.span(), m[1] or m[2]) for m in _QUOTED.finditer(seen)]
    found |= {(MESSAGE, number) for _, number in quoted} | {(MESSAGE, f"{m[1]} {m[2]}") for m in _MOMENT.finditer(seen)}
    for start, end, kind in masks.find(seen, kinds=FOUND_BY):
        if any(start < last and first < end for (first, last), _ in quoted):
            continue
        if kind == PHONE:
            found |= of_contact(in_digits(seen[start:end]), None)
        elif kind == EMAIL:
            found |= of_contact(None, seen[start:end])
    return found


def of_contact(phone: str | None, email: str | None) -> set[tuple[str, str]]:
    """The same of contact fields."""
    found = set()
    digits = "".join(c for c in phone or "" if c.isdecimal())
    if len(digits) >= 5:
        found.add((PHONE, digits[-TELLING_DIGITS:]))
    if email and "@" in email:
        found.add((EMAIL, one_spelling(email)))
    return found


def hashed(marks: set[tuple[str, str]]) -> set[tuple[str, bytes]]:
    return {(kind, keyed_hash("mark " + kind, value)[:BYTES]) for kind, value in marks}


def may_differ(obj) -> bool:
    """Whether what changed in a row is what marks are made of: a status is not."""
    columns = inspect(obj).attrs
    return any(name in columns and columns[name].history.has_changes() for name in MADE_OF)


def of_report(report: Report, private) -> set[tuple[str, bytes]]:
    """(kind, hash) of all marks of one report by itself; *private*: its private row, or None."""
    try:
        found = in_text(f"{report.title}\n{report.description}")
    except Exception as error:  # as in ``masks.mask``: no copy is found by its words, and it can be taken off the map
        log.error("the marks in the words of %s could not be read: %s", report.public_id, type(error).__name__)
        found = set()
    if private is not None:
        found |= of_contact(private.contact_phone, private.contact_email)
    return hashed(found)


def keep(session: Session, wanted: dict[int, set[tuple[str, bytes]]]) -> None:
    """Make the stored marks of these reports (id → marks) what they should be."""
    ids, have = sorted(wanted), {}
    for some in in_chunks(ids):
        query = select(Mark.report_id, Mark.kind, Mark.hash).where(Mark.report_id.in_(some))
        for report_id, kind, value in session.execute(query):
            have.setdefault(report_id, set()).add((kind, value))
    stale = [report_id for report_id in ids if have.get(report_id, set()) - wanted[report_id]]
    for some in in_chunks(stale):
        session.execute(delete(Mark).where(Mark.report_id.in_(some)))
    for report_id in stale:
        have.pop(report_id)
    rows = [
        {"report_id": report_id, "kind": kind, "hash": value}
        for report_id in ids
        for kind, value in sorted(wanted[report_id] - have.get(report_id, set()))
    ]
    if rows:
        session.execute(insert(Mark), rows)
