"""Tracking tokens. Nothing here is stored in the clear."""

import base64
import hashlib
import hmac

from crowdmap.reports.keyed import derived_key

TOKEN_LENGTH = 28  # base32 characters of 5 bits: 140 bits


def tracking_token(submission_id: int) -> str:
    """28 base32 characters (140 bits): an HMAC-SHA256 over the submission's id, so that a repeat gets the same one."""
    digest = hmac.new(derived_key("tracking"), str(submission_id).encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode()[:TOKEN_LENGTH]


_LOOKALIKES = str.maketrans("018", "OIB")  # not in base32's alphabet, so each has one meaning


def tidy_token(text: str) -> str:
    """A token as people type it (any case, spaces or dashes between the groups, 0 for O) in its one spelling."""
    return "".join(c for c in text.upper() if c.isascii() and c.isalnum()).translate(_LOOKALIKES)


def token_hash(token: str) -> bytes:
    """SHA-256 of the token's one spelling: what is stored and looked up."""
    return hashlib.sha256(tidy_token(token).encode()).digest()


def grouped(token: str) -> str:
    """In groups of four, to write down."""
    return " ".join(token[i : i + 4] for i in range(0, len(token), 4))
