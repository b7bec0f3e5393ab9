"""The embedded store: one SQLite file, one process, nothing to install."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from sqlite3 import Connection
from typing import Any, TypeVar, cast

import msgspec

from crm.collections import ALL
from crm.record import Record
from crm.store import After, Collection, Group, Insert, Order, Replace, Scalar, Where, Write
from storage.sqlite import query
from storage.sqlite.cache import RecordCache
from storage.sqlite.commits import POST_AT, CommitQueue
from storage.sqlite.daybook import Change, left_over
from storage.sqlite.file import MEBIBYTE, held
from storage.sqlite.reader import Reader, Row
from storage.sqlite.schema import prepare
from storage.sqlite.search import search
from storage.sqlite.table import Table
from storage.sqlite.unposted import counted, meeting, merged
from storage.sqlite.writer import Writer

R = TypeVar("R", bound=Record)

SHORT_LIST = 200
"""Records that a read on the event loop may bring: decoding more would hold it up."""

MOST_ABSENT = 10_000
"""Ids remembered for not being there."""


class SqliteStore:
    """Implements `crm.store.Store`."""

    def __init__(
        self,
        tables: Mapping[str, Table[Record]],
        reader: Reader,
        commits: CommitQueue,
        cache: RecordCache,
    ) -> None:
        self._unposted = commits.unposted
        self._tables = tables
        self._reader = reader
        self._commits = commits
        self._cache = cache
        self._absent: dict[tuple[str, str], int] = {}  # ids not found, and after how many postings

    @property
    def postings(self) -> int:
        """How often what stood in the daybook was brought into the tables."""
        return self._commits.postings

    def _table(self, collection: Collection[R]) -> Table[R]:
        return cast("Table[R]", self._tables[collection.name])

    async def get(self, collection: Collection[R], id: str) -> R | None:
        table = self._table(collection)
        record = self._at_hand(table, id)
        if record is None:
            record = (await self._fetch(table, [id])).get(id)
        return record

    def _at_hand(self, table: Table[R], id: str) -> R | None:
        """The record, if it is in memory."""
        return self._unposted.get(table, id) or self._cache.get(table, id)

    async def get_many(self, collection: Collection[R], ids: Iterable[str]) -> dict[str, R]:
        table = self._table(collection)
        unposted = self._unposted.by_id(table)
        found: dict[str, R] = {}
        missing: list[str] = []
        for wanted in dict.fromkeys(ids):
            record = unposted.get(wanted) or self._cache.get(table, wanted)
            if record is None:
                missing.append(wanted)
            else:
                found[wanted] = record
        return found | await self._fetch(table, missing) if missing else found

    async def _fetch(self, table: Table[R], ids: list[str]) -> dict[str, R]:
        """Records that are not in the cache."""
        found: dict[str, R] = {}
        if self._commits.never_wrote(table):  # such as dead letters, which every contact is looked for among
            return found
        ids = [one for one in ids if _can_be_stored(one)]
        for start in range(0, len(ids), SHORT_LIST):
            some = ids[start : start + SHORT_LIST]
            places = 1 << (len(some) - 1).bit_length()  # few different statements; nothing has NULL for an id
            values = [*some, *[None] * (places - len(some))]
            sql = table.fetch_sql(places)
            postings = self._commits.postings
            rows = self._reader.at_once(sql, values) if len(ids) <= SHORT_LIST else None
            if rows is None:
                read = await self._read_elsewhere(table, sql, values)
            else:
                read = [self._record(table, *row) for row in rows]
            found.update((record.id, record) for record in read)
            if rows is not None and len(found) < len(ids):
                self._remember_absent(table, [one for one in some if one not in found], postings)
        return found

    def _remember_absent(self, table: Table[R], ids: list[str], postings: int) -> None:
        """What was not found is most likely to be inserted next: the writer need not look for it again."""
        if len(self._absent) > MOST_ABSENT:
            self._absent.clear()
        for one in ids:
            self._absent[table.name, one] = postings

    async def find(
        self,
        collection: Collection[R],
        *where: Where,
        order: Order | None = None,
        limit: int = 100,
        after: After | None = None,
    ) -> list[R]:
        table = self._table(collection)
        unposted = self._unposted.of(table)
        posted = await self._find_posted(table, where, order, limit=limit, after=after)
        if posted is None:
            return []
        fresh = meeting(table, unposted, where)
        return merged(table, posted, fresh, order=order, after=after, limit=limit) if fresh else posted

    async def _find_posted(
        self, table: Table[R], where: Sequence[Where], order: Order | None, *, limit: int, after: After | None
    ) -> list[R] | None:
        """What the table says, without what stands in the daybook; None where nothing can be found."""
        hidden = self._unposted.hidden(table, at_once=True)
        planned = query.find(table, where, order, limit=limit, after=after, hidden=hidden)
        if planned is None:
            return None
        statement, values = planned
        if limit <= SHORT_LIST and (rows := self._reader.at_once(statement.sql, values)) is not None:
            return [self._record(table, *row) for row in rows]
        hidden = self._unposted.hidden(table, at_once=False)
        statement, values = (
            query.find(table, where, order, limit=limit, after=after, hidden=hidden) or planned
        )
        return await self._read_elsewhere(table, statement.sql, values)

    async def aggregate(
        self, collection: Collection[R], *where: Where, by: Sequence[str] = (), sum: str = ""
    ) -> list[Group]:
        table = self._table(collection)
        unposted, hidden = self._unposted.of(table), self._unposted.hidden(table, at_once=False)
        planned = query.aggregate(table, where, by, sum, hidden=hidden)
        if planned is None:
            return [] if by else [Group((), 0, 0)]
        rows = await self._reader.rows(*planned)
        groups = [Group(_key(table, by, row), row[-2], int(row[-1])) for row in rows]
        fresh = meeting(table, unposted, where)
        return counted(groups, fresh, by, sum) if fresh else groups

    async def search(self, collection: Collection[R], words: str, *where: Where, limit: int = 50) -> list[R]:
        table = self._table(collection)
        fresh, hidden = self._unposted.of(table), self._unposted.hidden(table, at_once=False)

        def look(db: Connection) -> list[R]:
            newest = meeting(table, fresh, where)
            return search(db, table, words, where, limit=limit, fresh=newest, hidden=hidden)

        return await self._reader.elsewhere(look)

    async def commit(self, writes: Sequence[Write], blobs: Mapping[str, bytes] | None = None) -> None:
        changes = []
        for write in writes:
            if isinstance(write, Insert):
                changes.append(self._insertion(write))
            else:
                known = self._at_hand(self._table(write.collection), write.record.id)
                changes.append(self._replacement(write, known or await self._stored(write)))
        if changes or blobs:
            await self._commits.submit(changes, blobs or {})

    async def read_blob(self, id: str) -> bytes | None:
        if not _can_be_stored(id):
            return None
        if id in self._unposted.blobs:
            return self._unposted.blobs[id]
        sql = "SELECT content FROM _blobs WHERE id = ?"
        row = await self._reader.elsewhere(lambda db: db.execute(sql, (id,)).fetchone())
        return None if row is None else row[0]

    async def settle(self) -> None:
        """Finish the upkeep that is put off while commits come, such as indexing words."""
        await self._commits.settle()

    def _insertion(self, write: Insert[Any]) -> Change:
        """The new record as it is to be stored."""
        table, record = self._table(write.collection), write.record
        if record.version != 1:
            raise ValueError(f"a new {table.name} record has version {record.version}, not 1")
        table.check_numbers(record)
        absent_at = self._absent.pop((table.name, record.id), -1)
        return Change(table, record, table.collection.encode(record), 0, absent_at=absent_at)

    def _replacement(self, write: Replace[Any], known: Record | None) -> Change:
        """The changed record as it is to be stored."""
        table, record = self._table(write.collection), write.record
        stored = msgspec.structs.replace(record, version=record.version + 1)
        table.check_numbers(stored)
        before = known if known is not None and known.version == record.version else None
        return Change(table, stored, table.collection.encode(stored), record.version, before=before)

    async def _stored(self, write: Replace[Any]) -> Record | None:
        found: Record | None = await self.get(write.collection, write.record.id)
        return found

    async def _read_elsewhere(self, table: Table[R], sql: str, values: Sequence[Any]) -> list[R]:
        # Nothing read in a thread is remembered: something newer may have been committed meanwhile.
        return await self._reader.elsewhere(
            lambda db: [table.read(body) for _, _, body, *_ in db.execute(sql, values)]
        )

    def _record(self, table: Table[R], id: bytes, version: int, body: bytes, *_: object) -> R:
        """The record of a row, decoded only if it is not remembered."""
        record = self._cache.get(table, id.decode())
        if record is None or record.version != version:
            record = table.read(body)
            self._cache.put(table, record, len(body))
        return record


def _can_be_stored(id: str) -> bool:
    """Half of a surrogate pair is no text: a record of such an id cannot be."""
    return id.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in id)


def _key(table: Table[R], by: Sequence[str], row: Row) -> tuple[Scalar, ...]:
    return tuple(table.scalar(field, value) for field, value in zip(by, row, strict=False))


@asynccontextmanager
async def open_sqlite(
    path: Path,
    collections: Iterable[Collection[Record]] = ALL,
    *,
    cache_bytes: int = 32 * MEBIBYTE,
    patience: float = 30.0,
    post_at: int = POST_AT,
) -> AsyncIterator[SqliteStore]:
    """The store in that file, made or brought up to date first. Raises `StoreUnusable`, naming the remedy.

    `cache_bytes` bounds the decoded records kept in memory, counted by their JSON; `patience` is for how
    many seconds a commit or a long read may wait for the disk before it is `StoreDown`; `post_at` is how
    many records gather in the daybook before they are posted.
    """
    tables = {collection.name: Table(collection) for collection in collections}
    with held(path):
        db = await asyncio.to_thread(prepare, path, tables.values())
        left = await asyncio.to_thread(left_over, db, path, tables.values())
        writer, cache = Writer(db, tables.values(), left), RecordCache(cache_bytes)
        reader = Reader(path, patience=patience)
        commits = CommitQueue(writer, cache, left, patience=patience, post_at=post_at)
        try:
            yield SqliteStore(tables, reader, commits, cache)
        finally:
            if await commits.close():
                writer.close()
            reader.close()
