"""Passwords: hashed with argon2id, away from the loop, and as slowly for a login that does not exist."""

from __future__ import annotations

import asyncio
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from crm.errors import BadInput

SHORTEST = 10
LONGEST = 256

_HASHER = PasswordHasher()
# Each hash takes 64 MiB and a core for a moment: a crowd at the door waits in line.
_AT_ONCE = asyncio.Semaphore(2)


def hash_password(password: str) -> str:
    """The hash to keep (PHC string). Raises `BadInput` for a password too short to be one."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadInput(f"A password has {SHORTEST} to {LONGEST} characters.", field="password")
    return _HASHER.hash(password)


async def hash_in_thread(password: str) -> str:
    async with _AT_ONCE:
        return await asyncio.to_thread(hash_password, password)


async def is_password(password: str, hashed: str) -> bool:
    """Whether that is the password. With no hash it takes as long and is false."""
    async with _AT_ONCE:
        return await asyncio.to_thread(_verify, password[: LONGEST + 1], hashed)


def is_outdated(hashed: str) -> bool:
    """Made with parameters that are no longer ours: hash anew while the password is at hand."""
    return _HASHER.check_needs_rehash(hashed)


def _verify(password: str, hashed: str) -> bool:
    try:
        _HASHER.verify(hashed or _nobodys_hash(), password)
    except (VerificationError, InvalidHashError):
        return False
    return hashed != ""


@cache
def _nobodys_hash() -> str:
    return _HASHER.hash("nobody signs in with this")
