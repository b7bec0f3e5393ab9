"""The manager's wire: lines `Key: value` until an empty one make a message, however they are cut up."""

from __future__ import annotations

import re
from collections.abc import Iterator

from channels.phone.lines import decode

MESSAGE_LIMIT = 256 * 1024
LINES_LIMIT = 2000


class Message:
    """One event or response. Names of keys are compared without their case: versions differ in it."""

    __slots__ = ("_fields",)

    def __init__(self, fields: dict[str, list[str]]) -> None:
        self._fields = fields

    def __getitem__(self, key: str) -> str:
        """The last value under that key, as exchanges themselves read repeated ones; empty when missing."""
        values = self._fields.get(key.lower())
        return values[-1] if values else ""

    def all(self, key: str) -> list[str]:
        """Every value under a key that may be repeated."""
        return list(self._fields.get(key.lower(), ()))

    def first(self, *keys: str) -> str:
        """The first of these keys that has a value: the same thing has other names in other versions."""
        return next((value for key in keys if (value := self[key])), "")

    @property
    def event(self) -> str:
        """The event's name in small letters; empty for a response."""
        return self["event"].lower()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and self._fields == other._fields

    __hash__ = None  # type: ignore[assignment]  # it holds a dictionary

    def __repr__(self) -> str:
        return f"Message({self.event or self['response']})"  # values are customers' numbers


class Framer:
    """Puts messages together from bytes as they come. Never more than the limits is kept in memory.

    A line or a message beyond its limit is left out, and counted in `dropped`.
    """

    def __init__(self, *, line_limit: int = 64 * 1024) -> None:
        self._line_limit = line_limit
        self._rest = b""
        self._skipping = False  # inside a line that is too long
        self._spoiled = False  # inside a message that is left out
        self._fields: dict[str, list[str]] = {}
        self._size = 0
        self._lines = 0
        self.dropped = 0

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that these bytes complete."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            too_long = self._skipping or len(line) > self._line_limit
            self._skipping = False
            if too_long:
                self._spoil()
            elif message := self._take(line.rstrip(b"\r")):
                yield message
        if len(self._rest) > self._line_limit:
            self._rest, self._skipping = b"", True

    def _spoil(self) -> None:
        self._spoiled = True
        self._fields = {}

    def _take(self, line: bytes) -> Message | None:
        if not line:
            return self._finish()
        self._size += len(line)
        self._lines += 1
        if self._size > MESSAGE_LIMIT or self._lines > LINES_LIMIT:
            self._spoil()
        key, colon, value = decode(line).partition(":")
        # What is no pair is the greeting, or the output of a command that somebody else's version mixes in.
        if colon and not self._spoiled and _KEY.fullmatch(key):
            self._fields.setdefault(key.lower(), []).append(value.strip())
        return None

    def _finish(self) -> Message | None:
        fields, spoiled = self._fields, self._spoiled
        self._fields, self._spoiled, self._size, self._lines = {}, False, 0, 0
        if spoiled:
            self.dropped += 1
            return None
        return Message(fields) if fields else None


_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_.()-]{0,79}")


def written(fields: dict[str, str]) -> bytes:
    """An action as the manager takes it. Nothing that ends a line may hide in a value."""
    lines = [f"{key}: " + re.sub(r"[\r\n]", " ", value) for key, value in fields.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
