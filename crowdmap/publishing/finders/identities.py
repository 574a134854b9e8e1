"""ID-like numbers: what stands after a word such as CIN, NIF, passport or carte, in the languages of the crisis."""

import re
from collections.abc import Iterator

from crowdmap.publishing.finders.phones import is_amount, without_dates

LEAST_DIGITS = 4  # fewer are a house's or a room's

_WORD = (
    r"(?:i\.d\.|id|c\.i\.n|cin|n\.i\.f|nif|niu|ninu|dni|nie|ssn|social security|sécurité sociale"
    r"|identity|identification|identit[eé]|identidad|idantite|idantifikasyon"
    r"|passports?|passeports?|pasaportes?|pasp[oò]"
    r"|licen[cs]e|licencia|permis de conduire|lisans|matricule|matrikil|matr[ií]cula"
    r"|carte|kat elektoral|c[eé]dula|carn[eé]t?|sedil"
    r"|جواز السفر|جواز سفر|الهوية|هوية)"
)
# words that stand between it and the number
_BETWEEN = (
    r"(?:card|number|num|nos?|nr|n°|nº|numéro|numero|número|nimewo|nimero|nimewo|is|was|est|es|se|of|de|d|du|la|el|li|my|mwen"
    r"|national[e]?|nasyonal|nacional|elektoral|électorale?|electoral|électeur|voter|conduire|driver|رقم)"
)
_ID = re.compile(
    # no part of a longer word, of a link's query, of a pseudonym in brackets or of a system's id of a message
    rf"(?<![\w\[?&/=.-]){_WORD}(?!\w)(?:[\s:.,#'’()-]{{1,3}}{_BETWEEN}(?!\w)){{0,4}}[\s:.,#=()°-]{{0,4}}"
    r"((?:[^\W\d_]{1,4}[-./]?|(?-i:[A-Z]{1,3})\s)?\d[^\W_]{0,39}"
    r"(?:[-./]\s?[^\W_]{1,40}|\s(?=\d\d)[^\W_]{1,40}){0,8})",
    re.IGNORECASE,
)
# whether it can be there at all, in small letters: a pattern without a flag skips to where it may begin
_SOME_WORD = re.compile(rf"{_WORD}(?!\w)")
_SOME_NUMBER = re.compile(rf"\d(?:[-./\s]?[^\W_]){{{LEAST_DIGITS - 1},}}")
# "SMS id 13715162" is a message's number, by which the team finds its copies, and nobody's own
_MESSAGES = re.compile(r"(?:sms|msg|message|ticket|report|ushahidi|tweet)\s?$", re.IGNORECASE)


def find(text: str, rules) -> Iterator[tuple[int, int]]:
    if not _SOME_NUMBER.search(text) or not _SOME_WORD.search(text.lower()):
        return
    undated = without_dates(text)
    for match in _ID.finditer(undated):
        if _MESSAGES.search(undated, max(0, match.start() - 10), match.start()):
            continue
        start, end = match.span(1)
        # words glued on by a hyphen are none of it: CIN 0123456-Delmas
        while tail := re.search(r"[-./]\s?[^\W\d_]{3,}$", undated[start:end]):
            end = start + tail.start()
        number = undated[start:end]
        digits = sum(c.isdecimal() for c in number)
        if digits >= LEAST_DIGITS and sum(c.isalnum() for c in number) >= rules.id_length and not is_amount(number):
            yield start, end
