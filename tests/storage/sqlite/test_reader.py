"""Short reads run on the event loop, long ones beside it, and none for ever."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from crm.errors import StoreDown
from storage.sqlite import reader as module
from storage.sqlite.reader import Reader

ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
LONG = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 300000) SELECT count(*) FROM n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "store.sqlite"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE texts (text)")
        db.executemany("INSERT INTO texts VALUES (?)", [("x" * 100_000,)] * 200)
    return path


@pytest.fixture
async def reader(path: Path) -> AsyncIterator[Reader]:
    reader = Reader(path, patience=0.5)
    yield reader
    reader.close()


async def test_a_read_that_overstays_is_stopped_and_done_beside_the_loop(reader: Reader) -> None:
    assert reader.at_once("SELECT 1", []) == [(1,)]
    began = time.thread_time()
    assert reader.at_once(ENDLESS, []) is None
    assert time.thread_time() - began < 20 * module.ALLOWANCE
    assert await reader.rows(LONG, []) == [(300_000,)]


async def test_long_texts_do_not_hold_the_loop_either(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ALLOWANCE", 0.0)
    assert reader.at_once("SELECT text FROM texts", []) is None
    assert len(await reader.rows("SELECT text FROM texts", [])) == 200


async def test_a_read_without_end_has_one(reader: Reader) -> None:
    with pytest.raises(StoreDown):
        await reader.rows(ENDLESS, [])
    assert await reader.rows(LONG, []) == [(300_000,)]


async def test_only_so_many_long_reads_wait(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    gate = threading.Event()
    waiting = [asyncio.create_task(reader.elsewhere(lambda db: gate.wait(10))) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(StoreDown):
        await reader.elsewhere(lambda db: None)
    gate.set()
    assert await asyncio.gather(*waiting) == [True] * 3


async def test_closing_stops_what_is_being_read(path: Path) -> None:
    reader = Reader(path, patience=60)
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def read(db: sqlite3.Connection) -> object:
        loop.call_soon_threadsafe(begun.set)
        return db.execute(ENDLESS).fetchall()

    reading = asyncio.create_task(reader.elsewhere(read))
    await begun.wait()
    reader.close()
    with pytest.raises(StoreDown):
        await reading


async def test_a_reading_connection_cannot_write(reader: Reader) -> None:
    with pytest.raises(StoreDown, match="readonly"):
        await reader.rows("DELETE FROM texts", [])
