"""Names of people where the words around them say that it is one: "my name is …", "mwen rele …", "Mme …", "signed …".

Names elsewhere are not found: the same words name streets, churches and towns, and a map without those is no help.
After a salutation a name is taken as it is written on a telephone: any case, accents lost, up to five words.
"""

import re
from collections.abc import Iterator

MOST_WORDS, MOST_UNCAPITALISED, MOST_TITLES = 5, 3, 2

_S = r"(?:[^\S\n]{1,3})"
# what is said before one's own name, in any case
_SAID = re.compile(
    rf"(?<!\w)(?:my{_S}(?:full{_S})?name(?:{_S}is|['’]s|{_S}?:)|i{_S}am{_S}called|i['’]?m{_S}called"
    rf"|je{_S}m['’]?{_S}?appell?e|je{_S}me{_S}nomme|mon{_S}nom(?:{_S}est|{_S}c['’]?{_S}?est|{_S}?:)"
    rf"|m['’]appell?e|(?:mwen|mwn|moin|mw|m){_S}?rele|yo{_S}rele{_S}(?:mwen|mwn|m)|non{_S}(?:mwen|mwn|m|mw){_S}se"
    rf"|me{_S}llamo|mi{_S}nombre(?:{_S}completo)?(?:{_S}es|{_S}?:)|اسمي|إسمي)(?!\w)",
    re.IGNORECASE,
)
# a field of a form that was pasted: at the beginning of a line or a sentence
_FIELD = re.compile(
    rf"(?:^|(?<=[\n.;|,-]))[^\S\n]{{0,4}}(?:(?:full|first|last|contact|sender){_S})?(?:name|nom|nombre|non)s?{_S}?:", re.IGNORECASE
)
_SIGNED = re.compile(
    rf"(?<!\w)(?:signed|signée?|siyen|firmad[oa])(?:{_S}(?:by|par|pa|por))?[^\S\n]?[:,.\-–—]?\s{{0,3}}(?=\w)", re.IGNORECASE
)
_TITLES = (
    "mr mrs ms miss mister madam madame madan mme mmes mlle mademoiselle monsieur msye misye madmwazel dr doctor docteur "
    "dokte pastor pasteur paste rev reverend father frere fre sister soeur sœur padre prof professor professeur sr sra "
    "srta senor senora senorita don doña"
).split()
_TITLE = re.compile(
    r"(?<![\w.])(?:(?:mr|mrs|ms|miss|mister|madame?|madan|mmes?|mlle|mademoiselle|monsieur|msye|misye|madmwaz[eè]l|dr|doctor"
    r"|docteur|dokt[eè]|pastor|pasteur|past[eè]|rev|reverend|révérend|father|frère|sister|s[oœ]eur|sœur|père|padre|prof"
    r"|professor|professeur|sra?|srta|señor(?:a|ita)?|doña)\b\.?|(?-i:M)\.)[^\S\n]{0,2}(?=[^\W\d_])",
    re.IGNORECASE,
)
# a street, a school or a church that is named after somebody
_NAMED_AFTER = re.compile(
    r"(?:rue|ruelle|ru|ri|ave?|avenue|av\.|boulevard|blvd|street|st\.|route|wout|impasse|enpas|calle|avenida|[eé]cole|lek[oò]l|lycée"
    r"|school|hospital|h[oô]pital|lopital|clinic|clinique|church|[eé]glise|legliz|parc|park|camp|kan|place|plas)\s{1,2}$",
    re.IGNORECASE,
)
_BEFORE_ITS_PLACE = re.compile(r"\s{1,2}(?:street|str?\.|road|avenue|ave\.|school|hospital|clinic|church)(?!\w)", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|[*?]{1,3}(?=[^\W\d_])|['’´-](?=[^\W\d_]))*")
# between two words of a name: white space, an initial's full stop
_BETWEEN = re.compile(r"\.?[^\S\n]{1,2}|\.(?=[^\W\d_])")
_LEAD = re.compile(r"[\s:,\"“«'(\-–—]{0,3}")
_PARTICLES = frozenset("de du des la le les da do dos del van von der den ben bin ibn al el st ste saint sainte jn jr".split())
# after these a name is over, and where one of them stands first none was told
_NO_NAME = frozenset(
    (
        "i im am is are was were be been and or but so because from in at on by for to with of the a an this that there "
        "we you he she they it my our your his her their its who what where live lives living leave stay staying sleep "
        "please pls thank thanks telephone tel phone number num cell call time category address not no need needs help "
        "have has had will would can could coordinator president director student responsible representative "
        "mwen mwn moin m w n l y map nap nou ou li yo nan kay se ki te ta gen genyen pa pou e ak avek avem rete abite viv "
        "mande bezwen sil svp tanpri souple mesi nimewo nimero telefon depi sou zon anba jodi fe chef komite responsab "
        "je j suis et vis habite demeure a à au aux dans en sur mon ma mes nous vous il elle on merci numero numéro ai avec "
        "pour par que qui est sont ici chez "
        "soy vivo y o en mi mis tengo tenemos estoy estamos gracias muchas por favor necesito con desde donde somos hay "
        "no san tou deja jwenn wè bay vin kote konsa "
        "ap lan tout moun ede "
        "red cross medical clinic clinique hospital hopital hôpital lopital church school center centre foundation"
    ).split()
)  # fmt: skip


# whether any of them can be there at all, in small letters: a pattern without a flag skips to where it may begin
_SOME_WORDS = re.compile(r"name|nom[ b\s:]|non[ \s:]|rele|appel|called|llamo|sign|siyen|firmad|إ?اسمي")
_SOME_TITLE = re.compile(
    r"(?:m[rm]s?|ms|miss|mister|madame?|madan|mmes|mlle|mademoiselle|monsieur|msye|misye|madmwaz|dr|do[ck]t|past|rev|rév|father|frère"
    r"|sister|s[oœ]|père|padre|prof|sr|señor|doña|m\.)"
)
_CONTRACTED = re.compile(r"(?:i|we|you|he|she|it|they|j|c)['’]")  # I'm, j'habite


def find(text: str, _rules) -> Iterator[tuple[int, int]]:
    small = text.lower()
    if _SOME_WORDS.search(small):
        for match in (*_SAID.finditer(text), *_FIELD.finditer(text)):
            if span := _name_at(text, match.end(), any_case=match.re is _SAID):
                yield span
        for match in _SIGNED.finditer(text):
            if span := _name_at(text, match.end()):
                yield span
    for match in _TITLE.finditer(text) if _SOME_TITLE.search(small) else ():
        if _NAMED_AFTER.search(text, max(0, match.start() - 14), match.start()):
            continue
        span = _name_at(text, match.end(), most=3)
        # in capitals, M. is more often the end of a sentence than a monsieur
        in_capitals = span and match.group().startswith("M.") and text[span[0] : span[0] + 2].isupper()
        if span and not in_capitals and not _BEFORE_ITS_PLACE.match(text, span[1]):
            yield span


def _name_at(text: str, at: int, *, any_case: bool = False, most: int = MOST_WORDS) -> tuple[int, int] | None:
    """The words of a name from here on; *any_case*: also where nothing is capitalised."""
    at = _LEAD.match(text, at).end()
    words: list[re.Match] = []
    titles = 0
    while len(words) < most and (word := _WORD.match(text, at)):
        said = word.group().lower()
        if not words and said in _TITLES and titles < MOST_TITLES:  # my name is Rev. Dr. Jean
            titles += 1
        elif said in _PARTICLES and _capital_follows(text, word.end()) or words and _is_initial(text, word):
            words.append(word)
        elif said in _NO_NAME or _CONTRACTED.match(said) or not _belongs(word.group(), words, any_case):
            break
        else:
            words.append(word)
        between = _BETWEEN.match(text, word.end())
        if not between or between.group()[0] == "." and words and not _is_short(word.group()):
            break
        at = between.end()
    return (words[0].start(), words[-1].end()) if words else None


def _belongs(word: str, before: list[re.Match], any_case: bool) -> bool:
    if word[0].isupper():
        # all in capitals, the next sentence is no more to be told from the name than in small letters
        return len(before) < MOST_UNCAPITALISED or not all(w.group().isupper() for w in before)
    if not any_case:
        return False
    first = before[0].group() if before else ""
    return not first[:1].isupper() and len(before) < MOST_UNCAPITALISED


def _capital_follows(text: str, at: int) -> bool:
    """After this particle, or one more (de la Cruz)."""
    for _particle in range(2):
        between = _BETWEEN.match(text, at)
        if between is None or text[between.end() : between.end() + 1].isupper():
            return between is not None
        word = _WORD.match(text, between.end())
        if word is None or word.group() not in _PARTICLES:
            return False
        at = word.end()
    return False


def _is_initial(text: str, word: re.Match) -> bool:
    return len(word.group()) == 1 and word.group().isupper() and text[word.end() : word.end() + 1] == "."


def _is_short(word: str) -> bool:
    """An initial or an abbreviation, whose full stop ends no sentence."""
    return len(word) == 1 or word.lower() in _PARTICLES or word.lower() in _TITLES
