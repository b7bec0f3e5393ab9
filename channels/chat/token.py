"""How a visitor is recognised: a secret that his browser keeps, and the public name made from it."""

from __future__ import annotations

import re
import secrets
from hashlib import sha256

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
VISITOR_ID_LENGTH = 32


def new_token() -> str:
    """A secret of 256 bits, made for one browser."""
    return secrets.token_urlsafe(32)


def visitor_of(token: str) -> str:
    """The visitor's public id; empty where this is no token of ours.

    It is a hash, so the server keeps no tokens, and who sees the id cannot speak for the visitor.
    """
    if not _TOKEN.fullmatch(token):
        return ""
    return sha256(b"onewindow visitor " + token.encode()).hexdigest()[:VISITOR_ID_LENGTH]
