"""Signatures after the Standard Webhooks convention: HMAC-SHA256 over id, timestamp and body.

The secret is derived from SECRET_KEY and the subscription's unguessable id, so it is stored nowhere and can be shown
only by whoever makes the subscription.
"""

import base64
import hashlib
import hmac

from crowdmap.reports.keyed import keyed_hash


def secret_of(public_id: str) -> str:
    """``whsec_`` and 32 bytes in base64."""
    return "whsec_" + base64.b64encode(keyed_hash("webhook", public_id)).decode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of the header ``webhook-signature``; *timestamp* in seconds since 1970."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def headers(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    return {
        "webhook-id": message_id, "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret, message_id, timestamp, body),
    }  # fmt: skip
