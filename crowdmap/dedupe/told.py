"""What of a pair can be told to the team in words; reasons.py says it in the reader's language."""

from crowdmap.dedupe import signals
from crowdmap.dedupe.side import Side
from crowdmap.publishing.marks import EMAIL, MESSAGE, PHONE

MOST = 3


def told(a: Side, b: Side) -> dict:
    """metres, vague, hours, words (share 0..1), same_text, same_numbers, other_numbers, same_phone, same_email,
    same_message, translated; what is not so, or not known, is left out."""
    metres, hours, words = signals.metres(a, b), signals.hours(a, b), signals.words_contained(a, b)
    mine, theirs = dict(_by_word(a)), dict(_by_word(b))
    shared = sorted(number for number in a.numbers & b.numbers if number > 3)
    differing = sorted(
        (str(min(mine[word])), str(min(theirs[word])))
        for word in mine.keys() & theirs.keys()
        if not mine[word] & theirs[word]
    )
    found = {
        "metres": None if metres is None else round(metres), "hours": None if hours is None else round(hours, 2),
        "vague": metres is not None and signals.slack_m(a, b) > signals.NEAR_M or signals.is_default(a, b),
        "words": None if words is None else round(words, 2), "same_text": bool(signals.same_text(a, b)),
        "same_numbers": [str(number) for number in shared[:MOST]], "other_numbers": differing[:MOST],
        **{f"same_{kind}": bool(signals.marks_of(a, kind) & signals.marks_of(b, kind)) for kind in (PHONE, EMAIL, MESSAGE)},
        "translated": bool(signals.other_language(a, b)) and (signals.meaning_contained(a, b) or 0) >= 0.6,
    }  # fmt: skip
    # a distance of 0 is told, and 0 equals False
    return {name: value for name, value in found.items() if value is not None and value is not False and value != []}


def _by_word(side: Side):
    found = {}
    for word, number in side.place_numbers:
        found.setdefault(word, set()).add(number)
    return found
