"""Invitations: a link made for a customer we know, that ties his Telegram to him when he opens it."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from datetime import UTC, datetime
from typing import NamedTuple

from crm.errors import BadInput

_SIGNATURE = 16
_LONGEST = 48  # bytes that fit in the 64 letters that Telegram passes on
_PLAIN, _HEX = b"\x01", b"\x02"


class Invitation(NamedTuple):
    """What a link proves. `mark` is the link's own, so that it can be used once."""

    customer_id: str
    until: datetime
    mark: str


class Invitations:
    """Makes and opens them: our signature over the bot, the customer and the time."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def make(self, bot: int, customer_id: str, until: datetime) -> str:
        """What stands behind `start=` in the link. Raises `BadInput`."""
        body = int(until.timestamp()).to_bytes(5, "big") + _packed(customer_id)
        token = body + self._sign(bot, body)
        if len(token) > _LONGEST:
            raise BadInput("This customer's id is too long for a link.", field="customer_id")
        return urlsafe_b64encode(token).decode().rstrip("=")

    def open(self, bot: int, start: str) -> Invitation | None:
        """What it proves; None for what is not ours."""
        try:
            token = urlsafe_b64decode(start + "=" * (-len(start) % 4))
        except (Base64Error, ValueError):
            return None
        body, signature = token[:-_SIGNATURE], token[-_SIGNATURE:]
        if len(body) < 7 or not hmac.compare_digest(self._sign(bot, body), signature):
            return None
        until = datetime.fromtimestamp(int.from_bytes(body[:5], "big"), UTC)
        return Invitation(_unpacked(body[5:]), until, signature.hex())

    def _sign(self, bot: int, body: bytes) -> bytes:
        return hmac.digest(self._secret, b"onewindow telegram %d " % bot + body, "sha256")[:_SIGNATURE]


def webhook_secret(secret: bytes, bot: int) -> str:
    """What Telegram says with each call, so that we know it is him."""
    return hmac.digest(secret, b"onewindow telegram webhook %d" % bot, "sha256").hex()


def _packed(customer_id: str) -> bytes:
    try:
        packed = bytes.fromhex(customer_id)
    except ValueError:
        return _PLAIN + customer_id.encode()
    return _HEX + packed if packed.hex() == customer_id else _PLAIN + customer_id.encode()


def _unpacked(packed: bytes) -> str:
    return packed[1:].hex() if packed[:1] == _HEX else packed[1:].decode("utf-8", "replace")
