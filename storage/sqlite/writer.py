"""The writer: takes commits that wait together into one transaction, so that they share one fsync."""

from __future__ import annotations

import sqlite3
from asyncio import Future
from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from crm.errors import Conflict, StoreDown
from crm.record import Record
from storage.sqlite.indexing import Fresh, WordIndex
from storage.sqlite.table import Table, Value, portions, quoted

ROWS_AT_ONCE = 64
"""Rows of one statement. Each step of a statement gives the GIL away and then waits for it: with a statement
for each row, a busy event loop would hold up every row by as much as 5 ms."""


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

    def __init__(self, db: sqlite3.Connection, tables: Collection[Table[Record]]) -> None:
        self._db = db
        indexed: dict[str, int] = dict(db.execute("SELECT collection, indexed FROM _searched").fetchall())
        # Whoever removed the last records by hand left their words in the index: their numbers stay taken.
        self._numbers = {
            table.name: max(self._last_number(table), indexed.get(table.name, 0)) for table in tables
        }
        self._indexes = {
            table.name: WordIndex(table, indexed=indexed[table.name], last=self._numbers[table.name])
            for table in tables
            if table.collection.words
        }
        self._fresh: dict[str, list[Fresh]] = {name: [] for name in self._indexes}

    def _last_number(self, table: Table[Record]) -> int:
        (last,) = self._db.execute(f"SELECT coalesce(max(_n), 0) FROM {quoted(table.name)}").fetchone()  # noqa: S608
        return int(last)

    @property
    def unindexed(self) -> int:
        """How many records the search index may lack."""
        return sum(index.behind for index in self._indexes.values())

    def never_wrote(self, name: str) -> bool:
        """Whether no record ever came into that table. May be asked from any thread."""
        return not self._numbers[name]

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
        for fresh in self._fresh.values():
            fresh.clear()
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
        for name, fresh in self._fresh.items():
            if fresh:
                self._indexes[name].remember(fresh)
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
            for some in portions(ids, 64):
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
        for some in portions(changes, ROWS_AT_ONCE):
            values: list[Value] = []
            for change in some:
                number = self._number(change) if numbered else None
                values += (number, change.record.id, change.record.version, *change.columns, change.body)
            sql = table.insert_sql(len(some)) if inserts else table.update_sql(len(some), moved)
            self._db.execute(sql, values)

    def _number(self, change: Change) -> int:
        """The next number of the table. Search will look at whoever gets one."""
        name = change.table.name
        number = self._numbers[name] = self._numbers[name] + 1
        if name in self._fresh:
            self._fresh[name].append(Fresh(number, change.record, len(change.body)))
        return number

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def index_words(self) -> None:
        """Put words of some records that search has not seen into its index."""
        behind = [index for index in self._indexes.values() if index.behind]
        try:
            self._db.execute("BEGIN IMMEDIATE")
            reached = [(index, index.advance(self._db)) for index in behind]
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise _translated(error) from error
        for index, number in reached:
            index.reached(number)

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


def _translated(error: Exception) -> Exception:
    """Errors of the engine are "again later"; a value it can never take is the caller's mistake, as it is."""
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(
        error, sqlite3.ProgrammingError | sqlite3.DataError | sqlite3.IntegrityError
    ):
        return StoreDown(f"the store cannot commit: {error}")
    return error
