"""Keyed hashes: what must be recognised again but never read back, such as a telephone number."""

import hashlib
import hmac
import re

from crowdmap.config import settings


def derived_key(purpose: str) -> bytes:
    """A key of its own for each purpose (HKDF-like: one HMAC over the purpose's name)."""
    return hmac.new(settings().SECRET_KEY.encode(), b"crowdmap " + purpose.encode(), hashlib.sha256).digest()


def keyed_hash(purpose: str, text: str) -> bytes:
    """HMAC-SHA256 of *text* under the purpose's key, 32 bytes."""
    return hmac.new(derived_key(purpose), text.encode(), hashlib.sha256).digest()


def source_hash(key: str) -> bytes:
    """Keyed hash of who sends: the same telephone number or address gives the same hash, however it is written."""
    return keyed_hash("source", one_spelling(key))


def network_hash(network: str) -> bytes:
    """Keyed hash of a network, as ``web.client_source`` says it."""
    return keyed_hash("network", network)


def one_spelling(contact: str) -> str:
    """A telephone number as its digits without leading zeros, an e-mail address in lower case; anything else as it is."""
    if "@" in contact:
        return contact.strip().lower()
    if re.fullmatch(r"[+\d\s().\-/]+", contact):
        return "".join(c for c in contact if c.isdecimal()).lstrip("0")
    return contact
