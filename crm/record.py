"""What every stored record has: an id, a version, and aware times in UTC."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from typing import Protocol

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A stored value. `version` is 1 when inserted and grows by one at each replace.

    Values refer to no one that refers to them, so the garbage collector need not look at any (`gc`).
    """

    id: str
    version: int = 1


class Clock(Protocol):
    """Tells the time: aware, UTC."""

    def __call__(self) -> datetime: ...


class NewId(Protocol):
    """Makes an id that nobody else makes: 32 hexadecimal digits or fewer, safe in a URL."""

    def __call__(self) -> str: ...


def now() -> datetime:
    """The wall clock, aware, UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """32 hexadecimal digits: the first 12 are milliseconds, so ids made in a row lie together in an index."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"
