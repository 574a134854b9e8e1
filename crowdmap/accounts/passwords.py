"""Passwords and secrets. Hashing takes tens of milliseconds and 19 MiB: never while a write transaction is open."""

import functools
import hashlib
import re
import secrets
import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from flask_babel import gettext as _

from crowdmap.errors import Busy, FieldError

LEAST, MOST = 12, 256

# OWASP's second choice for argon2id: it also runs on a Raspberry Pi.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)

# Two at a time, so that a flood of sign-ins takes neither all memory nor all cores from those who report.
_places = threading.BoundedSemaphore(2)
_PATIENCE_S = 10

# What the longest entries of leaked lists are made of. A password that is nothing but these is guessed first.
_COMMON = (
    "correcthorsebatterystaple", "administrator", "letmeinplease", "iloveyouforever", "trustnoone", "qwertyuiop",
    "asdfghjkl", "zxcvbnm", "1qaz2wsx3edc", "qazwsxedc", "password", "passwort", "motdepasse", "contrasena", "modpas",
    "welcome", "letmein", "iloveyou", "jetaime", "teamo", "sunshine", "princess", "football", "baseball", "superman",
    "batman", "dragon", "monkey", "master", "shadow", "michael", "jennifer", "jordan", "charlie", "liverpool",
    "chelsea", "arsenal", "barcelona", "computer", "internet", "samsung", "android", "google", "facebook", "whatsapp",
    "crowdmap", "volunteer", "moderator", "coordinator", "crisis", "disaster", "emergency", "earthquake", "haiti",
    "redcross", "unicef", "secret", "changeme", "default", "manager", "abcdefghijkl", "abcdef", "abc", "qwerty",
    "azerty", "qwertz", "asdf", "admin", "login", "user", "test", "demo", "root", "hello", "bonjour", "bonjou",
    "freedom", "whatever", "jesus", "summer", "winter", "spring", "autumn", "monday", "january", "love", "the", "my",
    "is", "pass", "word",
)  # fmt: skip
_PLAIN = str.maketrans("0134578@$!|", "oieastbasil")


def normal_email(text: str) -> str:
    """The one spelling of an e-mail address: no spaces around, NFKC, case folded (mail servers do not tell case)."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def weakness(password: str, *, email: str = "", name: str = "") -> FieldError | None:
    """What is wrong with a new password, or None. Length counts, not mixtures (NIST SP 800-63B §5.1.1.2)."""
    if len(password) < LEAST:
        return _fault("too-short", _("Use at least %(n)s characters. A few words in a row are easy to keep.", n=LEAST))
    if len(password) > MOST:
        return _fault("too-long", _("Use at most %(n)s characters.", n=MOST))
    folded = unicodedata.normalize("NFKC", password).casefold()
    if len(set(folded)) < 5 or _left_of(folded, set(_COMMON)) < 4:
        return _fault("too-common", _("Many people use a password like this, so it is tried first. Choose another."))
    own = {part for part in (normal_email(email), normal_email(email).partition("@")[0], name.casefold()) if part}
    if _left_of(folded, own) < 4:
        return _fault("about-you", _("This is too close to your e-mail address or name."))
    return None


def _fault(code: str, message: str) -> FieldError:
    return FieldError("password", code, message)


def _left_of(folded: str, words: set[str]) -> int:
    """How many letters stay when the words, figures and marks are taken away, in whichever spelling fewest do."""
    core = re.sub(r"[\W\d_]+$", "", folded)  # a year at the end stays a year
    spellings = {folded, folded.translate(_PLAIN), core.translate(_PLAIN)}
    spellings |= {re.sub(r"[\W_]+", "", spelling) for spelling in spellings}
    left = len(folded)
    for rest in spellings:
        for word in sorted(words, key=len, reverse=True):
            rest = rest.replace(word, " ")
        left = min(left, len(re.sub(r"[\W\d_]+", "", rest)))
    return left


def hash_password(password: str) -> str:
    """argon2id of the NFKC form, so that the same keys on another keyboard give the same hash."""
    with _place():
        return _hasher.hash(_bytes(password))


def verify(password_hash: str | None, password: str) -> bool:
    """Whether it is the password. None (no such account) takes the same time and is always false."""
    with _place():
        try:
            _hasher.verify(password_hash or _nobody(), _bytes(password))
        except (VerifyMismatchError, InvalidHashError):
            return False
    return password_hash is not None


def outdated(password_hash: str) -> bool:
    """Whether a hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


class _place:
    def __enter__(self):
        if not _places.acquire(timeout=_PATIENCE_S):
            raise Busy(_("Many people are signing in just now. Please try again in a moment."))

    def __exit__(self, *_exc):
        _places.release()


def _bytes(password: str) -> bytes:
    return unicodedata.normalize("NFKC", password[: MOST * 2]).encode("utf-8", "surrogatepass")


@functools.cache
def _nobody() -> str:
    return _hasher.hash(secrets.token_bytes(16))


def new_secret() -> str:
    """160 random bits for a cookie or a link."""
    return secrets.token_urlsafe(20)


def digest(secret: str) -> str:
    """How a random secret is stored: SHA-256 in hex. It needs no salt, being random itself."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def new_passphrase() -> str:
    """A password to dictate: four groups of three syllables, 78 bits, such as ``bilotu-kamedi-…``."""
    syllables = [c + v for c in "bdfghjklmnprstvz" for v in "aeiou"] + [c + "y" for c in "bdklmt"]
    groups = ("".join(secrets.choice(syllables) for _i in range(3)) for _g in range(4))
    return "-".join(groups)
