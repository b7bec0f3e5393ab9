"""Putting words into the search index, behind the commits that brought them."""

from __future__ import annotations

import logging
import sqlite3
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from crm.record import Record
from storage.sqlite.file import MEBIBYTE
from storage.sqlite.table import Table, portions, quoted
from storage.sqlite.words import indexable

log = logging.getLogger(__name__)

AT_ONCE = 256
"""Records that are indexed in one transaction: more of them would hold up commits."""

CHARACTERS_AT_ONCE = 500_000
REMEMBERED_BYTES = 16 * MEBIBYTE


class Fresh(NamedTuple):
    """A record just written, with its number: it need not be read again to be indexed."""

    number: int
    record: Record
    size: int


class WordIndex:
    """The search index of one table, and how far it has come. Used in the writer's thread."""

    def __init__(self, table: Table[Record], *, indexed: int, last: int) -> None:
        self.table = table
        self.indexed = indexed
        self._last = last
        self._fresh: deque[Fresh] = deque()
        self._fresh_bytes = 0
        self._fresh_from = last  # whatever has come after this number is remembered

    @property
    def behind(self) -> int:
        """How many records may be missing in the index."""
        return self._last - self.indexed

    def remember(self, fresh: Sequence[Fresh]) -> None:
        """Take records that are committed now."""
        self._fresh.extend(fresh)
        self._fresh_bytes += sum(one.size for one in fresh)
        self._last = fresh[-1].number
        if self._fresh_bytes > REMEMBERED_BYTES:
            self._forget_to(self._last)

    def advance(self, db: sqlite3.Connection) -> int:
        """Index the next records within the transaction that is open; how far the index then is."""
        batch, reached = self._next_batch(db)
        name = quoted(f"{self.table.name}__words")
        # Few statements: FTS5 writes out what it has gathered at the end of each.
        for some in portions(batch, AT_ONCE):
            marks = ", ".join(["(?, ?)"] * len(some))
            values = [value for row in some for value in row]
            db.execute(f"INSERT INTO {name} (rowid, words) VALUES {marks}", values)  # noqa: S608
        db.execute("UPDATE _searched SET indexed = ? WHERE collection = ?", (reached, self.table.name))
        return reached

    def reached(self, number: int) -> None:
        """What was indexed up to this number is committed."""
        self.indexed = number
        self._forget_to(number)

    def _next_batch(self, db: sqlite3.Connection) -> tuple[list[tuple[int, str]], int]:
        batch: list[tuple[int, str]] = []
        characters = 0
        for number, text in self._remembered() if self._fresh_from <= self.indexed else self._read(db):
            batch.append((number, text))
            characters += len(text)
            if len(batch) == AT_ONCE or characters > CHARACTERS_AT_ONCE:
                return batch, number
        return batch, self._last

    def _remembered(self) -> Iterator[tuple[int, str]]:
        for number, record, _ in self._fresh:
            yield number, indexable(self.table.words(record))

    def _read(self, db: sqlite3.Connection) -> Iterator[tuple[int, str]]:
        """Texts of the next records from the table: after a start, or when too many came to remember."""
        sql = f"SELECT _n, body FROM {quoted(self.table.name)} WHERE _n > ? ORDER BY _n LIMIT {AT_ONCE}"  # noqa: S608
        for number, body in db.execute(sql, (self.indexed,)).fetchall():
            try:
                yield number, indexable(self.table.words(self.table.collection.decode(body)))
            except msgspec.DecodeError:
                log.error("search will not find a record: unreadable", extra={"collection": self.table.name})
                yield number, ""

    def _forget_to(self, number: int) -> None:
        while self._fresh and self._fresh[0].number <= number:
            self._fresh_bytes -= self._fresh.popleft().size
        self._fresh_from = max(self._fresh_from, number)
