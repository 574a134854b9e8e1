"""Texts for what reporters are often asked, in each language of the crisis, with blanks that the report fills.

The shipped ones stand in ``questions/<language>.toml``. A deployment's own words go before them, language by language;
what it takes away again is the shipped text. Where a language has none, the crisis's first one speaks, then English.
"""

import re
import tomllib
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import ForeignKey, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from crowdmap.accounts.models import Account
from crowdmap.config import settings
from crowdmap.db import UtcDateTime, db, insert_if_absent, upsert, utcnow
from crowdmap.errors import FieldError, NotAllowed, NotFound, ValidationFailed
from crowdmap.events import TextChanged, record
from crowdmap.web import Permission

FOLDER = Path(__file__).parent / "questions"
SHIPPED = tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))
BLANKS = ("place", "title")
MOST_TEXT = 1000
MOST_OWN = 50  # keys of a deployment's own
KEY = re.compile(r"[a-z][a-z0-9-]{1,39}\Z")
LAST = "en"

# key → (what a moderator reads, whether it waits for an answer)
NAMES = {
    "where": (_l("Where exactly?"), True),
    "people": (_l("How many people?"), True),
    "still-needed": (_l("Still needed?"), True),
    "pass-on": (_l("May we pass your number on?"), True),
    "arrived": (_l("Did help arrive?"), True),
    "thanks": (_l("Thank you"), False),
}


class CannedText(db.Model):
    """One text of this deployment: instead of a shipped one, or under a key of its own."""

    __tablename__ = "canned_text"
    __table_args__ = (UniqueConstraint("key", "language"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]
    language: Mapped[str]
    text: Mapped[str]
    asks: Mapped[bool] = mapped_column(default=True)  # waits for an answer; a shipped key knows it by itself
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    changed_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))


@dataclass(frozen=True)
class Canned:
    """One text as it is used. *own*: written here, not shipped; *borrowed*: the language asked for has none."""

    key: str
    language: str
    text: str
    asks: bool
    own: bool
    borrowed: bool = False

    @property
    def name(self) -> str:
        return str(NAMES[self.key][0]) if self.key in NAMES else self.key


@cache
def shipped(language: str) -> dict[str, dict[str, str]]:
    """``blanks`` and ``texts`` of a language; empty where it is not shipped."""
    path = FOLDER / f"{language}.toml"
    if language not in SHIPPED:
        return {"blanks": {}, "texts": {}}
    return tomllib.loads(path.read_text(encoding="utf-8"))


def languages() -> list[str]:
    """Those of the crisis first, then the others that are shipped."""
    return list(dict.fromkeys([*settings().LANGUAGES, *SHIPPED]))


def language_of(told: str | None) -> str:
    """The one of ``languages()`` that a report's language means ("ht-HT" is "ht"); without one, the crisis's first."""
    offered = languages()
    wish = (told or "").replace("_", "-")
    return next((one for one in (wish, wish.partition("-")[0].lower()) if one in offered), offered[0])


class Texts:
    """All texts of this deployment, read once."""

    def __init__(self, session: Session):
        rows = session.scalars(select(CannedText).order_by(CannedText.key, CannedText.language))
        self.own = {(row.key, row.language): row for row in rows}
        self.keys = list(dict.fromkeys([*NAMES, *(key for key, _language in self.own)]))

    def asks(self, key: str) -> bool:
        """Whether it waits for an answer."""
        if key in NAMES:
            return NAMES[key][1]
        return next(row.asks for (known, _language), row in self.own.items() if known == key)

    def exact(self, key: str, language: str) -> Canned | None:
        """The text of this very language."""
        row = self.own.get((key, language))
        text = row.text if row else shipped(language)["texts"].get(key)
        return None if text is None else Canned(key, language, text, self.asks(key), row is not None)

    def find(self, key: str, language: str) -> Canned | None:
        """The same, or what speaks for it; None where no text has this key."""
        if key not in self.keys:
            return None
        found = self.exact(key, language)
        if found is not None:
            return found
        others = dict.fromkeys([settings().LANGUAGES[0], LAST, *languages(), *(known for _key, known in self.own)])
        other = next(filter(None, (self.exact(key, one) for one in others)))
        return Canned(key, other.language, other.text, other.asks, other.own, borrowed=True)


def fill(text: str, language: str, place: str | None, title: str | None) -> str:
    """The text with its blanks filled; a language's own words stand for what is not known."""
    words = shipped(language)["blanks"] or shipped(LAST)["blanks"]
    values = {"place": place, "title": title}
    return re.sub(r"\{(place|title)\}", lambda match: _one_line(values[match[1]]) or words[match[1]], text)


def _one_line(text: str | None) -> str:
    """What stands in the middle of a sentence: one line, not too long, without the full stop of its own end."""
    line = " ".join((text or "").split())
    return (line if len(line) <= 80 else line[:79].rstrip() + "…").rstrip(".")


# ---- a coordinator's changes; the caller commits


def check(text: str) -> None:
    """Raises ValidationFailed naming ``text`` for a blank that nothing fills, and for a lone brace."""
    rest = re.sub(r"\{(place|title)\}", "", text)
    wrong = re.search(r"\{[^{}]*\}|[{}]", rest)
    if wrong:
        names = ", ".join(f"{{{name}}}" for name in BLANKS)
        words = _("%(what)s is no blank that can be filled; there are %(names)s.", what=wrong[0][:40], names=names)
        raise ValidationFailed([FieldError("text", "unknown-blank", words)])


def check_language(language: str) -> None:
    if language not in languages():
        words = _("Choose one of the languages: %(all)s.", all=", ".join(languages()))
        raise ValidationFailed([FieldError("language", "unknown-language", words)])


def save(session: Session, actor: Account, key: str, language: str, text: str) -> None:
    """The text of a known key in one language; empty: the shipped one again, or none. Raises NotFound, ValidationFailed."""
    _check_actor(actor)
    texts = Texts(session)
    if key not in texts.keys:
        raise NotFound(_("There is no text %(key)s.", key=key[:40]))
    check_language(language)
    check(text)
    row = texts.own.get((key, language))
    if text == shipped(language)["texts"].get(key, ""):
        text = ""
    if not text:
        if row is not None:
            session.delete(row)
            record(session, TextChanged(account_id=actor.id, key=key, language=language))
        return
    if row is not None and row.text == text:
        return
    written = _values(actor, key, language, text, texts.asks(key))
    upsert(session, CannedText, [written], conflict=("key", "language"), update=("text", "changed_at", "changed_by_id"))
    if row is not None:
        session.expire(row)  # written past the session
    record(session, TextChanged(account_id=actor.id, key=key, language=language))


def add(session: Session, actor: Account, key: str, language: str, text: str, asks: bool) -> None:
    """A new key. Raises ValidationFailed."""
    _check_actor(actor)
    texts = Texts(session)
    if not KEY.match(key):
        words = _("Two to forty small letters, digits and hyphens, a letter first.")
        raise ValidationFailed([FieldError("key", "invalid", words)])
    if key in texts.keys:
        _refuse_taken()
    if len(texts.keys) >= MOST_OWN + len(NAMES):
        raise ValidationFailed([FieldError("key", "too-many", _("At most %(n)s texts of your own.", n=MOST_OWN))])
    check_language(language)
    check(text)
    if not insert_if_absent(session, CannedText, [_values(actor, key, language, text, asks)], conflict=("key", "language")):
        _refuse_taken()  # at this very moment
    record(session, TextChanged(account_id=actor.id, key=key, language=language))


def _refuse_taken():
    raise ValidationFailed([FieldError("key", "taken", _("There is a text with this key already."))])


def _values(actor: Account, key: str, language: str, text: str, asks: bool) -> dict:
    return {
        "key": key, "language": language, "text": text, "asks": asks, "changed_at": utcnow(), "changed_by_id": actor.id,
    }  # fmt: skip


def _check_actor(actor: Account) -> None:
    if not actor.can(Permission.ADMINISTER):
        raise NotAllowed()
