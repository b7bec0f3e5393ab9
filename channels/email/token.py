"""Our own signed tag in an address: whoever answers to it, from wherever, finds his case."""

from __future__ import annotations

import hmac
import re
from base64 import b32decode, b32encode
from binascii import Error as Base32Error
from typing import Literal

from channels.email.mailboxes import split_address
from crm.errors import BadInput

Kind = Literal["case", "bounce"]

_LETTERS = {"case": "c", "bounce": "b"}
_SIGNATURE = 13  # base32 letters: 65 bits
_TAG = re.compile(r"([cb])([xot][a-z2-7]{1,80})\.([a-z2-7]{13})\Z")
_LOCAL_LIMIT = 64  # RFC 5321, 4.5.3.1.1


class AddressToken:
    """Makes and verifies `local+c<id>.<signature>@domain`.

    Only letters that survive a change of case: some systems write addresses in capitals.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 16:
            raise BadInput("the installation secret must be at least 16 bytes", field="secret")
        self._secret = secret

    def make(self, mailbox: str, kind: Kind, id: str) -> str:
        """The mailbox's address with a tag that proves this id."""
        local, domain = split_address(mailbox)
        body = _LETTERS[kind] + _pack(id)
        tagged = f"{local}+{body}.{self._sign(body)}"
        if len(tagged) > _LOCAL_LIMIT:
            raise BadInput(f"{local!r} is too long: a tag must fit beside it in 64 letters", field="mailbox")
        return f"{tagged}@{domain}"

    def verify(self, address: str, kind: Kind = "case") -> str:
        """The id that the address proves; empty where there is no tag of ours or it is forged."""
        local = address.strip().strip("<>").rpartition("@")[0] or address
        match = _TAG.match(local.rpartition("+")[2].lower())
        if match is None or match[1] != _LETTERS[kind]:
            return ""
        letter, packed, signature = match.groups()
        if not hmac.compare_digest(self._sign(letter + packed), signature):
            return ""
        return _unpack(packed)

    def verify_bounce(self, address: str) -> str:
        """The key of the answer that this address takes the bounces of; empty where it proves none."""
        proven = self.verify(address, "bounce")
        return f"{proven}@{split_address(address)[1]}" if proven else ""

    def _sign(self, body: str) -> str:
        digest = hmac.digest(self._secret, b"onewindow address " + body.encode(), "sha256")
        return b32encode(digest).decode().lower()[:_SIGNATURE]


def _pack(id: str) -> str:
    """Hexadecimal ids, which ours are, as the bytes they stand for: 32 digits fit in 26 letters.

    `x` marks digits, `o` an odd number of them behind a zero of ours, `t` any other text.
    """
    mark, digits = ("o", f"0{id}") if len(id) % 2 else ("x", id)
    try:
        content = bytes.fromhex(digits)
    except ValueError:
        content = b""
    plain = content.hex() == digits and content
    return mark + _base32(content) if plain else "t" + _base32(id.encode())


def _unpack(packed: str) -> str:
    body = packed[1:].upper()
    try:
        content = b32decode(body + "=" * (-len(body) % 8))
        if packed[0] == "o":
            return content.hex()[1:]
        return content.hex() if packed[0] == "x" else content.decode()
    except (Base32Error, UnicodeDecodeError):
        return ""


def _base32(content: bytes) -> str:
    return b32encode(content).decode().rstrip("=").lower()
