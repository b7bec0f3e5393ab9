"""The daybook: commits in the order they came, durable at once and posted to the tables in bulk.

A contact touches a leaf of each index of its table, so writing it to the tables costs many pages. A commit
is therefore one row of `_daybook` first. What has come together there is posted in one transaction: a page
that many records share is then written once, and of a record that changed ten times only the last version.
Posting only moves what is durable already, so it needs no fsync; it is done again if it was lost.
"""

from __future__ import annotations

import sqlite3
from asyncio import Future
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from crm.errors import StoreUnusable
from crm.record import Record
from storage.sqlite.table import Table

Key = tuple[str, str]
"""Which record: its table's name and its id."""


class Change:
    """One record as it is to be stored: `replaces` is the version it replaces, 0 for a new one.

    `before` is the version replaced, where it is known. `absent_at` tells of a new one that its id was not
    in the table when so many postings had been made.
    """

    __slots__ = ("absent_at", "before", "body", "key", "record", "replaces", "table")

    def __init__(
        self,
        table: Table[Record],
        record: Record,
        body: bytes,
        replaces: int,
        *,
        before: Record | None = None,
        absent_at: int = -1,
    ) -> None:
        self.table = table
        self.record = record
        self.body = body
        self.replaces = replaces
        self.before = before
        self.absent_at = absent_at
        self.key: Key = (table.name, record.id)


class Entry:
    """What a commit brings: records, and the bytes of files."""

    __slots__ = ("blobs", "changes", "size")

    def __init__(self, changes: Sequence[Change], blobs: Mapping[str, bytes]) -> None:
        self.changes = changes
        self.blobs = blobs
        self.size = sum(len(change.body) for change in changes) + sum(map(len, blobs.values()))


class Pending(Entry):
    """A commit that waits, with the future of the one who waits for it."""

    __slots__ = ("landed",)

    def __init__(self, changes: Sequence[Change], blobs: Mapping[str, bytes], landed: Future[None]) -> None:
        super().__init__(changes, blobs)
        self.landed = landed


class Group:
    """Commits that share a transaction. One that is given up before its fsync is not kept.

    One that goes `through` is written to the tables, with all that waits in the daybook before it.
    """

    __slots__ = ("commits", "given_up", "through")

    def __init__(self, commits: list[Pending], *, through: bool = False) -> None:
        self.commits = commits
        self.through = through
        self.given_up = False


class Daybook:
    """What is committed and not in the tables yet: of each record the last version. The writer's own."""

    def __init__(self) -> None:
        self.changes: dict[Key, Change] = {}
        self.blobs: dict[str, bytes] = {}

    def __bool__(self) -> bool:
        return bool(self.changes or self.blobs)

    def add(self, entry: Entry) -> None:
        """Remember what is committed now."""
        for change in entry.changes:
            self.changes[change.key] = _merged(self.changes.get(change.key), change)
        self.blobs.update(entry.blobs)

    def joined(self, entries: Iterable[Entry]) -> Daybook:
        """All of it with these, as it will be if they land."""
        joined = Daybook()
        joined.changes, joined.blobs = dict(self.changes), dict(self.blobs)
        for entry in entries:
            joined.add(entry)
        return joined

    def clear(self) -> None:
        """All of it is in the tables."""
        self.changes.clear()
        self.blobs.clear()


def _merged(earlier: Change | None, change: Change) -> Change:
    """Both as one: what the earlier one found in the tables, and the record as the later one leaves it."""
    if earlier is None:
        return change
    return Change(change.table, change.record, change.body, earlier.replaces, before=earlier.before)


class _Written(msgspec.Struct, array_like=True):
    """A row of `_daybook`: for each change its table, the version it replaces, and the record."""

    changes: list[tuple[str, int, bytes]]
    blobs: dict[str, bytes]


def write(db: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    """One row with all of them, within the transaction that is open."""
    written = _Written([], {})
    for entry in entries:
        written.changes += [(change.table.name, change.replaces, change.body) for change in entry.changes]
        written.blobs.update(entry.blobs)
    db.execute("INSERT INTO _daybook (commits) VALUES (?)", (msgspec.msgpack.encode(written),))


def erase(db: sqlite3.Connection) -> None:
    """Take all rows away, within the transaction that posts them."""
    db.execute("DELETE FROM _daybook")


def left_over(db: sqlite3.Connection, path: Path, tables: Iterable[Table[Record]]) -> Entry:
    """What a process that was killed left unposted. Raises `StoreUnusable` if this release cannot read it."""
    named = {table.name: table for table in tables}
    changes: list[Change] = []
    blobs: dict[str, bytes] = {}
    try:
        for written in _rows(db):
            for name, replaces, body in written.changes:
                record = named[name].collection.decode(body)
                changes.append(Change(named[name], record, body, replaces))
            blobs.update(written.blobs)
    except (msgspec.DecodeError, KeyError, sqlite3.DatabaseError) as error:
        db.close()
        raise StoreUnusable(
            f"{path} has commits that this release cannot read ({error}): install the one that wrote them."
        ) from error
    return Entry(changes, blobs)


def count_new(db: sqlite3.Connection) -> dict[str, int]:
    """How many new records of each collection wait to be posted."""
    new: dict[str, int] = {}
    for written in _rows(db):
        for name, replaces, _ in written.changes:
            new[name] = new.get(name, 0) + (not replaces)
    return new


def _rows(db: sqlite3.Connection) -> Iterable[_Written]:
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = '_daybook'").fetchone():
        return  # a copy made by the first release
    for (row,) in db.execute("SELECT commits FROM _daybook ORDER BY n"):
        yield msgspec.msgpack.decode(row, type=_Written)
