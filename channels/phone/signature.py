"""Signatures of the webhook: who sends proves that he knows the secret, and when he signed."""

from __future__ import annotations

import hmac
from hashlib import sha256

from crm.errors import NotAllowed

TIMESTAMP = "X-Onewindow-Timestamp"
SIGNATURE = "X-Onewindow-Signature"


def sign(secret: str, timestamp: str, path: str, body: bytes) -> str:
    """HMAC-SHA256 of the moment, the path and the body, in hexadecimal digits."""
    signed = f"{timestamp}.{path}.".encode() + body
    return hmac.new(secret.encode(), signed, sha256).hexdigest()


def check(secret: str, headers: dict[str, str], path: str, body: bytes, *, at: float, window: float) -> None:
    """Raises `NotAllowed`. Which part was wrong is told only where it helps nobody to guess."""
    timestamp, given = headers.get(TIMESTAMP, ""), headers.get(SIGNATURE, "")
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise NotAllowed(f"{TIMESTAMP}: expected seconds since 1970.", field=TIMESTAMP)
    right = sign(secret, timestamp, path, body).encode()
    signed = hmac.compare_digest(right, given.removeprefix("sha256=").lower().encode(errors="replace"))
    if not signed or not secret:
        raise NotAllowed(f"{SIGNATURE}: the signature is wrong.", field=SIGNATURE)
    if abs(at - int(timestamp)) > window:
        raise NotAllowed(f"{TIMESTAMP}: signed too long ago, or the clocks differ.", field=TIMESTAMP)
