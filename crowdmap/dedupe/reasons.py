"""Why two reports are suspected to be the same, in words for the team.

The search keeps what can be told under ``evidence["told"]``; the numbers it reckons with stand beside it and are not
for people. Whatever is missing or not as expected is passed over: old rows must not break a page.
"""

from flask_babel import gettext as _
from flask_babel import ngettext


def in_words(evidence: dict | None) -> list[str]:
    """ ``["180 m", "40 min", "61 % of the words", "same number 27"]``; *evidence*: a suspicion's, or its "told" alone.

    Keys, all optional: metres, vague, hours, words (share 0..1), same_text, same_numbers [text], other_numbers
    [[text, text]], same_phone, same_email, same_message, translated.
    """
    told = _told(evidence)
    said = []
    metres, hours, share = (_number(told.get(name)) for name in ("metres", "hours", "words"))
    if metres is not None:
        distance = metres_in_words(metres)
        said.append(_("%(distance)s (place only roughly known)", distance=distance) if told.get("vague") is True else distance)
    elif told.get("vague") is True:
        said.append(_("place only roughly known"))
    if hours is not None:
        said.append(hours_in_words(hours))
    if told.get("same_text") is True:
        said.append(_("the same words"))
    elif share is not None and round(share * 100) > 0:
        said.append(_("%(n)s %% of the words", n=round(min(share, 1.0) * 100)))
    same = _texts(told.get("same_numbers"))
    if same:
        said.append(ngettext("same number %(numbers)s", "same numbers %(numbers)s", len(same), numbers=", ".join(same)))
    said += [_("numbers differ: %(one)s and %(other)s", one=one, other=other) for one, other in _pairs(told.get("other_numbers"))]
    for name, words in (
        ("same_phone", _("same telephone")), ("same_email", _("same e-mail")),
        ("same_message", _("same message quoted")), ("translated", _("the same in another language")),
    ):  # fmt: skip
        if told.get(name) is True:
            said.append(words)
    return said


def metres_in_words(metres: float) -> str:
    """ "180 m", "1.4 km", "73 km"."""
    if metres < 995:
        return _("%(n)s m", n=round(metres / 10) * 10)
    return _("%(n)s km", n=f"{metres / 1000:.1f}" if metres < 9_950 else f"{metres / 1000:,.0f}")


def hours_in_words(hours: float) -> str:
    """ "40 min", "5 h", "3 days"."""
    hours = abs(hours)
    if hours < 59.5 / 60:
        return _("%(n)s min", n=round(hours * 60))
    if hours < 36:
        return _("%(n)s h", n=round(hours))
    return ngettext("%(num)s day", "%(num)s days", round(hours / 24))


def _told(evidence) -> dict:
    if not isinstance(evidence, dict):
        return {}
    told = evidence.get("told", {} if "signals" in evidence else evidence)
    return told if isinstance(told, dict) else {}


def _number(value) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _texts(values) -> list[str]:
    return [str(value) for value in values] if isinstance(values, (list, tuple)) else []


def _pairs(values) -> list[tuple[str, str]]:
    pairs = values if isinstance(values, (list, tuple)) else []
    return [(str(pair[0]), str(pair[1])) for pair in pairs if isinstance(pair, (list, tuple)) and len(pair) == 2]
