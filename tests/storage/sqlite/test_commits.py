"""How commits share the disk: together when they wait together, never behind one another's troubles."""

from __future__ import annotations

import asyncio
import logging
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from crm.errors import Conflict, StoreDown
from crm.store import Insert, Replace
from storage.sqlite import SqliteStore, commits, open_sqlite
from storage.sqlite.file import MEBIBYTE
from tests.storage.samples import EVERYTHING, THINGS, Thing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    async with open_sqlite(path, EVERYTHING) as store:
        yield store


@pytest.fixture
def locked(path: Path, store: SqliteStore) -> Iterator[sqlite3.Connection]:
    """Somebody else holds the file's lock for writing, as a hung disk would hold us up."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


async def count(store: SqliteStore) -> int:
    return (await store.aggregate(THINGS))[0].records


def in_log(path: Path) -> int:
    """Transactions in the write-ahead log: the frame that ends one carries the size of the file."""
    log = path.with_name(f"{path.name}-wal").read_bytes()
    size = 24 + int.from_bytes(log[8:12])
    return sum(log[at + 4 : at + 8] != bytes(4) for at in range(32, len(log), size))


async def test_commits_that_wait_together_share_one_transaction(path: Path, store: SqliteStore) -> None:
    before = in_log(path)
    await asyncio.gather(*(store.commit([Insert(THINGS, Thing(id=str(n)))]) for n in range(200)))
    assert in_log(path) - before <= 2
    assert await count(store) == 200


async def test_a_commit_that_nobody_waits_for_any_more_is_not_made(store: SqliteStore) -> None:
    leaving = asyncio.create_task(store.commit([Insert(THINGS, Thing(id="left"))]))
    await asyncio.sleep(0)
    leaving.cancel()
    await store.commit([Insert(THINGS, Thing(id="stayed"))])
    assert [thing.id for thing in await store.find(THINGS)] == ["stayed"]


async def test_a_value_sqlite_cannot_take_spoils_only_its_own_commit(store: SqliteStore) -> None:
    outcomes = await asyncio.gather(
        store.commit([Insert(THINGS, Thing(id="1"))]),
        store.commit([Insert(THINGS, Thing(id="2", rank=1 << 63))]),
        store.commit([Insert(THINGS, Thing(id="3"))]),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), OverflowError, type(None)]
    assert [thing.id for thing in await store.find(THINGS)] == ["1", "3"]


async def test_small_commits_do_not_wait_behind_many_large_ones(store: SqliteStore) -> None:
    landed: list[str] = []

    async def commit(name: str, size: int) -> None:
        await store.commit([Insert(THINGS, Thing(id=name))], {name: bytes(size)})
        landed.append(name)

    large = [commit(f"large {number}", 8 * MEBIBYTE) for number in range(6)]
    small = [commit(f"small {number}", 10) for number in range(20)]
    await asyncio.gather(*large, *small)
    assert landed[0] == "large 0"
    assert landed[1:21] == [f"small {number}" for number in range(20)]


async def test_commits_land_though_the_loop_never_rests(store: SqliteStore) -> None:
    """A busy loop that sends and receives takes the GIL back faster than the writer wakes up for it."""
    landed = asyncio.Event()

    async def chatter() -> None:
        one, other = socket.socketpair()
        with one, other:
            while not landed.is_set():
                until = time.perf_counter() + 4e-4
                while time.perf_counter() < until:
                    pass
                one.send(b"x")
                other.recv(1)
                await asyncio.sleep(0)

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(chatter(), name="chatter")
        for number in range(150):
            await store.commit([Insert(THINGS, Thing(id=str(number)))])
        landed.set()


async def test_when_the_disk_hangs_nobody_waits_for_ever_and_nothing_is_kept(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_sqlite(path, EVERYTHING, patience=0.3) as store:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with caplog.at_level(logging.CRITICAL):
                outcomes = await asyncio.gather(
                    *(store.commit([Insert(THINGS, Thing(id=str(n)))]) for n in range(5)),
                    return_exceptions=True,
                )
                assert all(isinstance(outcome, StoreDown) for outcome in outcomes)
                with pytest.raises(StoreDown):
                    await store.commit([Insert(THINGS, Thing(id="next"))])
            other.execute("ROLLBACK")
        await commit_when_up(store, Thing(id="after"))
        assert [thing.id for thing in await store.find(THINGS)] == ["after"]


async def commit_when_up(store: SqliteStore, thing: Thing) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await store.commit([Insert(THINGS, thing)])
            except StoreDown:
                await asyncio.sleep(0.05)
            else:
                return


async def test_a_lock_held_for_a_moment_only_delays_a_commit(
    store: SqliteStore, locked: sqlite3.Connection
) -> None:
    commit = asyncio.create_task(store.commit([Insert(THINGS, Thing(id="1"))]))
    await asyncio.sleep(0.1)
    assert not commit.done()
    assert await count(store) == 0  # reading goes on
    locked.execute("ROLLBACK")
    await commit
    assert await count(store) == 1


async def test_the_queue_of_commits_has_an_end(
    store: SqliteStore, locked: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "MOST_WAITING", 10)
    tasks = [asyncio.create_task(store.commit([Insert(THINGS, Thing(id=str(n)))])) for n in range(30)]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    assert all(isinstance(task.exception(), StoreDown) for task in done)
    locked.execute("ROLLBACK")
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert await count(store) == outcomes.count(None) == 30 - len(done)


async def test_a_closed_store_is_down(path: Path) -> None:
    async with open_sqlite(path, EVERYTHING) as store:
        waiting = asyncio.create_task(store.commit([Insert(THINGS, Thing(id="1"))]))
        await asyncio.sleep(0)
    await waiting  # what was asked for before the end is kept
    with pytest.raises(StoreDown):
        await store.commit([Insert(THINGS, Thing(id="2"))])
    async with open_sqlite(path, EVERYTHING) as store:
        assert [thing.id for thing in await store.find(THINGS)] == ["1"]


async def test_what_is_remembered_is_what_is_stored(path: Path) -> None:
    """However little is remembered, reading and finding give the newest version, never an older one."""
    async with open_sqlite(path, EVERYTHING, cache_bytes=2000) as store:
        things = {str(n): Thing(id=str(n), text="x" * 50) for n in range(50)}
        await store.commit([Insert(THINGS, thing) for thing in things.values()])
        for turn in range(20):
            changing = [str((turn * 7 + n) % 50) for n in range(10)]
            await asyncio.gather(*(bump(store, things, one) for one in changing))
            assert await store.get_many(THINGS, things) == things
            assert {thing.id: thing for thing in await store.find(THINGS)} == things


async def bump(store: SqliteStore, things: dict[str, Thing], id: str) -> None:
    before = things[id]
    await store.commit([Replace(THINGS, msgspec.structs.replace(before, rank=before.rank + 1))])
    things[id] = msgspec.structs.replace(before, rank=before.rank + 1, version=before.version + 1)
    with pytest.raises(Conflict):
        await store.commit([Replace(THINGS, before)])
