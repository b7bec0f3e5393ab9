"""The writer: takes commits that wait together into one transaction, so that they share one fsync."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from itertools import chain

from crm.errors import Conflict, StoreDown
from crm.record import Record
from storage.sqlite import daybook
from storage.sqlite.daybook import Change, Daybook, Entry, Group, Key, Pending
from storage.sqlite.indexing import Fresh, WordIndex
from storage.sqlite.table import Table, Value, portions, quoted

ROWS_AT_ONCE = 64
"""Rows of one statement. Each step of a statement gives the GIL away and then waits for it: with a statement
for each row, a busy event loop would hold up every row by as much as 5 ms."""


class Writer:
    """Owns the writing connection. Its methods run in the writer's thread, one at a time."""

    def __init__(self, db: sqlite3.Connection, tables: Collection[Table[Record]], left: Entry) -> None:
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
        self._daybook = Daybook()
        self._daybook.add(left)
        self.postings = 0  # how often the daybook was posted; read from the event loop as well
        self._durable = True  # whether a commit waits for the disk, as the connection stands

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

    @property
    def unposted(self) -> bool:
        """Whether anything stands in the daybook only."""
        return bool(self._daybook)

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
        self._begin(durable=True)
        outcomes = self._decide(group.commits)
        kept = [commit for commit, outcome in zip(group.commits, outcomes, strict=True) if outcome is None]
        if group.through:
            self._write_all(self._daybook.joined(kept))
        elif kept:
            daybook.write(self._db, kept)
        if group.given_up:
            self._roll_back()
            return [StoreDown("the disk did not answer in time")] * len(group.commits)
        self._db.execute("COMMIT")
        if group.through:
            self._all_written()
        else:
            for commit in kept:
                self._daybook.add(commit)
        return [*outcomes]

    def post(self) -> None:
        """Bring what stands in the daybook into the tables."""
        try:
            self._begin(durable=False)
            self._write_all(self._daybook)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise _translated(error) from error
        self._all_written()

    def _begin(self, *, durable: bool) -> None:
        """Begin a transaction. One that only moves what is kept already is not waited for: if the machine
        goes down before the disk has it, the file is as it was before, and what was to be moved is there."""
        if self._durable != durable:
            self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._durable = durable
        self._db.execute("BEGIN IMMEDIATE")

    def _decide(self, commits: list[Pending]) -> list[Conflict | None]:
        """Which commits meet their conditions, one after another."""
        versions = self._versions(commits)
        return [_apply(commit.changes, versions) for commit in commits]

    def _write_all(self, book: Daybook) -> None:
        """Rows for all that the daybook has, which is empty then."""
        for fresh in self._fresh.values():
            fresh.clear()
        daybook.erase(self._db)  # first: the pages it had are free for what follows
        writes: dict[tuple[Table[Record], tuple[str, ...], bool], list[Change]] = {}
        for change in book.changes.values():
            moved = () if not change.replaces else _moved(change)
            writes.setdefault((change.table, moved, not change.replaces), []).append(change)
        for (table, moved, inserts), changes in writes.items():
            self._write_rows(table, changes, moved=moved, inserts=inserts)
        if book.blobs:
            self._db.executemany("INSERT OR IGNORE INTO _blobs VALUES (?, ?)", book.blobs.items())

    def _all_written(self) -> None:
        self.postings += 1
        self._daybook.clear()
        for name, fresh in self._fresh.items():
            if fresh:
                self._indexes[name].remember(fresh)

    def _versions(self, commits: list[Pending]) -> dict[Key, int]:
        """The stored versions of all records the group is about."""
        by_table: dict[Table[Record], list[str]] = {}
        versions: dict[Key, int] = {}
        for change in chain.from_iterable(commit.changes for commit in commits):
            later = self._daybook.changes.get(change.key)
            if later is not None:
                versions[change.key] = later.record.version
            elif change.absent_at != self.postings:
                by_table.setdefault(change.table, []).append(change.record.id)
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
                columns = table.columns(change.record, None if inserts else moved)
                values += (number, change.record.id, change.record.version, *columns, change.body)
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
            self._begin(durable=False)
            reached = [(index, index.advance(self._db)) for index in behind]
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise _translated(error) from error
        for index, number in reached:
            index.reached(number)

    def close(self) -> None:
        self._db.close()


def _moved(change: Change) -> tuple[str, ...]:
    """Columns whose values change; `_n` too if its words do."""
    if change.before is None:
        return change.table.all_moved
    return change.table.moved(change.before, change.record)


def _apply(changes: Sequence[Change], versions: dict[Key, int]) -> Conflict | None:
    """Bring the versions to where the changes leave them; if one cannot be made, touch none and say which."""
    ahead: dict[Key, int] = {}
    for change in changes:
        key = change.key
        if ahead.get(key, versions.get(key, 0)) != change.replaces:
            return Conflict(*key)
        ahead[key] = change.record.version
    versions.update(ahead)
    return None


def _alone(group: Group, commit: Pending) -> Group:
    alone = Group([commit], through=group.through)
    alone.given_up = group.given_up
    return alone


def _translated(error: Exception) -> Exception:
    """Errors of the engine are "again later"; a value it can never take is the caller's mistake, as it is."""
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(
        error, sqlite3.ProgrammingError | sqlite3.DataError | sqlite3.IntegrityError
    ):
        return StoreDown(f"the store cannot commit: {error}")
    return error
