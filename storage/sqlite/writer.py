"""The writer: takes commits that wait together into one transaction, so that they share one fsync."""

from __future__ import annotations

import logging
import sqlite3
from asyncio import Future
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple, TypeVar

import msgspec

from crm.errors import Conflict, StoreDown
from crm.record import Record
from storage.sqlite.table import Table, Value, quoted
from storage.sqlite.words import indexable

log = logging.getLogger(__name__)

Item = TypeVar("Item")

ROWS_AT_ONCE = 16
"""Rows of one statement. Each statement gives the GIL away and may wait for it: one for each row would wait
behind a busy event loop for every row, and very long statements cost more to run than they save."""

INDEXED_AT_ONCE = 256
"""Records whose words go into the search index in one transaction: larger ones hold commits up."""


class Change(NamedTuple):
    """One record as it is to be stored, with its row worked out."""

    table: Table[Record]
    record: Record
    body: bytes
    columns: tuple[Value, ...]
    replaces: int  # the version it replaces; 0: it is new
    moved: tuple[str, ...] = ()  # columns whose values change; `_n` too if its words do

    @property
    def key(self) -> tuple[str, str]:
        """Which record this is."""
        return self.table.name, self.record.id


class Pending:
    """A commit that waits, with the future of the one who waits for it."""

    __slots__ = ("blobs", "changes", "landed", "size")

    def __init__(self, changes: list[Change], blobs: Mapping[str, bytes], landed: Future[None]) -> None:
        self.changes = changes
        self.blobs = blobs
        self.landed = landed
        self.size = sum(len(change.body) for change in changes) + sum(map(len, blobs.values()))


class Group:
    """Commits that share a transaction. One that is given up before its fsync is not kept."""

    __slots__ = ("commits", "given_up")

    def __init__(self, commits: list[Pending]) -> None:
        self.commits = commits
        self.given_up = False


class Writer:
    """Owns the writing connection. Its methods run in the writer's thread, one at a time."""

    def __init__(self, db: sqlite3.Connection, tables: Iterable[Table[Record]]) -> None:
        self._db = db
        self._tables = list(tables)
        searched = dict(db.execute("SELECT collection, indexed FROM _searched").fetchall())
        self._indexed = {
            table.name: int(searched[table.name]) for table in self._tables if table.name in searched
        }
        self._numbers = {table.name: self._last_number(table) for table in self._tables}

    def _last_number(self, table: Table[Record]) -> int:
        """The last number given out. A commit that failed may have used up numbers that no record has."""
        (last,) = self._db.execute(f"SELECT coalesce(max(_n), 0) FROM {quoted(table.name)}").fetchone()  # noqa: S608
        return max(int(last), self._indexed.get(table.name, 0))

    @property
    def unindexed(self) -> int:
        """How many records the search index may lack."""
        return sum(self._numbers[name] - indexed for name, indexed in self._indexed.items())

    def write(self, group: Group) -> list[Exception | None]:
        """Keep each commit of the group whole or not at all; for each, what stood in its way."""
        try:
            return self._transaction(group)
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            self._roll_back()
            if len(group.commits) == 1:
                return [_translated(error)]
        # One commit that cannot be kept must not take the others with it.
        return [self.write(_alone(group, commit))[0] for commit in group.commits]

    def _transaction(self, group: Group) -> list[Exception | None]:
        self._db.execute("BEGIN IMMEDIATE")
        outcomes, waves = self._decide(group.commits)
        for wave in waves:
            for (table, moved, inserts), changes in wave.items():
                self._write_rows(table, changes, moved=moved, inserts=inserts)
        for commit, outcome in zip(group.commits, outcomes, strict=True):
            if commit.blobs and outcome is None:
                self._db.executemany("INSERT OR IGNORE INTO _blobs VALUES (?, ?)", commit.blobs.items())
        if group.given_up:
            self._roll_back()
            return [StoreDown("the disk did not answer in time")] * len(group.commits)
        self._db.execute("COMMIT")
        return outcomes

    def _decide(self, commits: list[Pending]) -> tuple[list[Exception | None], list[Wave]]:
        """Which commits meet their conditions, one after another, and the rows of those that do.

        A record written twice in the group is written in two waves, so that rows of a wave have no order.
        """
        versions = self._versions(commits)
        outcomes: list[Exception | None] = []
        waves: list[Wave] = [{}]
        writes: dict[tuple[str, str], int] = {}
        for commit in commits:
            conflict = _apply(commit.changes, versions)
            outcomes.append(conflict)
            if conflict is None:
                for change in commit.changes:
                    wave = writes[change.key] = writes.get(change.key, -1) + 1
                    if wave == len(waves):
                        waves.append({})
                    waves[wave].setdefault((change.table, change.moved, not change.replaces), []).append(
                        change
                    )
        return outcomes, waves

    def _versions(self, commits: list[Pending]) -> dict[tuple[str, str], int]:
        """The stored versions of all records the group is about."""
        by_table: dict[Table[Record], list[str]] = {}
        for change in chain.from_iterable(commit.changes for commit in commits):
            by_table.setdefault(change.table, []).append(change.record.id)
        versions = {}
        for table, ids in by_table.items():
            for some in _portions(ids, 64):
                marks = ", ".join("?" * len(some))
                sql = f"SELECT id, version FROM {quoted(table.name)} WHERE id IN ({marks})"  # noqa: S608
                versions.update(
                    {
                        (table.name, known): version
                        for known, version in self._db.execute(sql, some).fetchall()
                    }
                )
        return versions

    def _write_rows(
        self, table: Table[Record], changes: list[Change], *, moved: tuple[str, ...], inserts: bool
    ) -> None:
        numbered = inserts or "_n" in moved
        for some in _portions(changes, ROWS_AT_ONCE):
            values: list[Value] = []
            for change in some:
                values += (self._number(table) if numbered else None, change.record.id, change.record.version)
                values += (*change.columns, change.body)
            sql = table.insert_sql(len(some)) if inserts else table.update_sql(len(some), moved)
            self._db.execute(sql, values)

    def _number(self, table: Table[Record]) -> int:
        self._numbers[table.name] += 1
        return self._numbers[table.name]

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def index_words(self) -> bool:
        """Put words of records that search has not seen into its index. False: none are left."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            done = {
                table.name: self._index_table(table) for table in self._tables if table.name in self._indexed
            }
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise _translated(error) from error
        self._indexed.update(done)
        return self.unindexed > 0

    def _index_table(self, table: Table[Record]) -> int:
        done = self._indexed[table.name]
        if done == self._numbers[table.name]:
            return done
        rows = self._db.execute(
            f"SELECT _n, body FROM {quoted(table.name)} WHERE _n > ? ORDER BY _n LIMIT {INDEXED_AT_ONCE}",  # noqa: S608
            (done,),
        ).fetchall()
        name = quoted(f"{table.name}__words")
        for some in _portions(rows, ROWS_AT_ONCE):
            marks = ", ".join(["(?, ?)"] * len(some))
            values = [value for n, body in some for value in (n, indexable(_words(table, body)))]
            self._db.execute(f"INSERT INTO {name} (rowid, words) VALUES {marks}", values)  # noqa: S608
        done = rows[-1][0] if len(rows) == INDEXED_AT_ONCE else self._numbers[table.name]
        self._db.execute("UPDATE _searched SET indexed = ? WHERE collection = ?", (done, table.name))
        return done

    def checkpoint(self) -> None:
        """Move what the log holds into the file, so that the log does not grow."""
        self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def close(self) -> None:
        self._db.close()


Wave = dict[tuple[Table[Record], tuple[str, ...], bool], list[Change]]
"""Rows to be written in any order, by the statement that writes them."""


def _apply(changes: Sequence[Change], versions: dict[tuple[str, str], int]) -> Conflict | None:
    """Bring the versions to where the changes leave them; if one cannot be made, touch none and say which."""
    ahead: dict[tuple[str, str], int] = {}
    for change in changes:
        key = change.key
        if ahead.get(key, versions.get(key, 0)) != change.replaces:
            return Conflict(*key)
        ahead[key] = change.record.version
    versions.update(ahead)
    return None


def _alone(group: Group, commit: Pending) -> Group:
    alone = Group([commit])
    alone.given_up = group.given_up
    return alone


def _portions(items: list[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of the size and then of powers of two, so that few different statements are made."""
    start = 0
    while start < len(items):
        while start + size > len(items):
            size //= 2
        yield items[start : start + size]
        start += size


def _words(table: Table[Record], body: str) -> str:
    try:
        return table.words(table.collection.decode(body))
    except msgspec.ValidationError:
        log.error("a record cannot be read: search will not find it", extra={"collection": table.name})
        return ""


def _translated(error: Exception) -> Exception:
    """Errors of the engine are "again later"; a value it can never take is the caller's mistake, as it is."""
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(
        error, sqlite3.ProgrammingError | sqlite3.DataError | sqlite3.IntegrityError
    ):
        return StoreDown(f"the store cannot commit: {error}")
    return error
