"""Decide of single marks in a report's words: masked for all beyond the team, or kept in the public text.

Every mark is masked until somebody keeps it. Whoever reads for the team sees all of them, with their kind and state.
"""

from dataclasses import dataclass

from flask_babel import gettext as _

from crowdmap.config import settings
from crowdmap.errors import FieldError, IllegalState, ValidationFailed
from crowdmap.publishing import choices
from crowdmap.publishing.choices import KEPT, MASKED
from crowdmap.publishing.finders import KINDS, WORDS, Found
from crowdmap.publishing.finders.rules import rules_of
from crowdmap.publishing.masks import beside, found_in, plain
from crowdmap.reports.models import Report

TEXTS = ("title", "description", "translation", "place", "unit")
MOST_WORDS_LENGTH = 300


@dataclass(frozen=True)
class Mark:
    """One mark as the desk shows it. *id* names it in actions, *text* is what it says, *mask* what the public reads
    instead while *state* is ``masked``."""

    id: str
    kind: str
    text: str
    state: str

    @property
    def masked(self) -> bool:
        return self.state == MASKED

    @property
    def label(self) -> str:
        return str(KINDS[self.kind].label)

    @property
    def mask(self) -> str:
        return KINDS[self.kind].mask


@dataclass(frozen=True)
class Marked:
    """A report's words with their marks. *pieces*: field → (text, its mark or None), in order, for fields with words.
    *marks*: each once, however often it stands there."""

    pieces: dict[str, list[tuple[str, Mark | None]]]
    marks: list[Mark]

    @property
    def masked(self) -> list[Mark]:
        return [mark for mark in self.marks if mark.masked]

    @property
    def kept(self) -> list[Mark]:
        return [mark for mark in self.marks if not mark.masked]


def marked(report: Report) -> Marked:
    """What stands in the report's words, by the same finders and decisions as the publication is made."""
    rules, chosen, by_id, pieces = rules_of(settings()), report.mark_choices, {}, {}
    for name in TEXTS:
        text = getattr(report, name)
        if not text:
            continue
        seen = plain(text)
        found = found_in(seen, rules, chosen, near=beside(report, name))
        if not found:
            pieces[name] = [(text, None)]
            continue
        parts, at = [], 0
        for one in found:
            mark = _mark(seen, one, chosen)
            parts += [(seen[at : one.start], None), (mark.text, by_id.setdefault(mark.id, mark))]
            at = one.end
        pieces[name] = [part for part in (*parts, (seen[at:], None)) if part[0]]
    return Marked(pieces, list(by_id.values()))


def _mark(seen: str, one: Found, chosen) -> Mark:
    text = seen[one.start : one.end]
    if one.kind == WORDS:
        inside = (
            words_id
            for words_id, state in (chosen or {}).items()
            if state == MASKED and words_id.startswith(WORDS) and any(choices.places_of(text, words_id))
        )
        return Mark(next(inside), WORDS, text, MASKED)
    mark_id = choices.id_of(one.kind, text)
    return Mark(mark_id, one.kind, text, (chosen or {}).get(mark_id, MASKED))


def keep_mark(doing) -> None:
    """Put one mark back into the public text: the one that ``mark`` names."""
    _decide(doing, _meant(doing), KEPT)


def mask_mark(doing) -> None:
    """Mask a mark again, or ``words`` that no finder saw. Raises ValidationFailed where neither or both are given."""
    words, mark = doing.fields.get("words"), doing.fields.get("mark")
    if bool(words) == bool(mark):
        _refuse("mark", "required", _("Say which mark, or which words."))
    _decide(doing, _new(doing.report, words) if words else _meant(doing), MASKED)


def _decide(doing, mark_id: str, state: str) -> None:
    chosen = dict(doing.report.mark_choices or {})
    was = chosen.get(mark_id, KEPT if mark_id.startswith(WORDS) else MASKED)
    if was == state:
        words = _("It is masked already.") if state == MASKED else _("It stands in the public text already.")
        raise IllegalState(words, code="already-so")
    doing.report.mark_choices = {**chosen, mark_id: state}
    doing.change[choices.short(mark_id)] = [was, state]


def _meant(doing) -> str:
    asked = doing.fields["mark"]
    ids = {mark.id for mark in marked(doing.report).marks}
    ids |= {one for one in doing.report.mark_choices or {} if one.startswith(WORDS)}
    meant = [one for one in ids if one == asked] or [one for one in ids if choices.is_meant(asked, one)]
    if len(meant) != 1:
        _refuse("mark", "unknown-mark", _("There is no such mark in the report's words."))
    return meant[0]


def _new(report: Report, words: str) -> str:
    """The id of words to be masked; they must stand in the report, and not be masked as they are."""
    words_id = choices.id_of_words(plain(words))
    if words_id is None:
        most = choices.MOST_WORDS
        _refuse("words", "too-many", _("Choose at least one word, and at most %(most)s.", most=most))
    there, open_somewhere = False, False
    rules, chosen = rules_of(settings()), report.mark_choices
    for name in TEXTS:
        seen = plain(getattr(report, name) or "")
        places = list(choices.places_of(seen, words_id))
        if not places:
            continue
        there = True
        hidden = [
            mark
            for mark in found_in(seen, rules, chosen, near=beside(report, name))
            if not choices.is_kept(mark.kind, seen[mark.start : mark.end], chosen)
        ]
        open_somewhere |= any(
            not any(mark.start <= place.start and place.end <= mark.end for mark in hidden) for place in places
        )
    if not there:
        _refuse("words", "not-there", _("These words do not stand in the report. Take them as they are written there."))
    if not open_somewhere:
        raise IllegalState(_("They are masked already."), code="already-so")
    return words_id


def _refuse(field: str, code: str, message: str):
    raise ValidationFailed([FieldError(field, code, message)])
