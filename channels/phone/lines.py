"""What can be wrong with a line of a log, and how its bytes become letters."""

from __future__ import annotations


class BadLine(Exception):
    """A line that is no record. The message says what was wrong and what was expected, and quotes nothing."""


def decode(raw: bytes) -> str:
    """UTF-8, or what exchanges without it write in Russia; no byte is dropped."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1251", "replace")


def read_count(written: str, name: str) -> int:
    """Seconds, or a place in a queue. Raises `BadLine` naming the field."""
    if not written:
        return 0
    if not (written.isascii() and written.lstrip("-").isdecimal() and len(written) < 10):
        raise BadLine(f"{name}: expected a whole number")
    return max(0, int(written))
