"""The daybook: what stands there is as good as in the tables, and comes into them whatever happens."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from crm.collections import ALL, CASES, CONTACTS
from crm.errors import StoreDown, StoreUnusable
from crm.store import Insert, Order, Replace, equals
from storage.sqlite import SqliteStore, backup, commits, open_sqlite, verify
from tests.polling import until
from tests.storage.samples import EVERYTHING, THINGS, Thing, a_case, a_contact


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


def posted(path: Path, table: str) -> int:
    """How many records the table itself has."""
    return _number(path, f"SELECT count(*) FROM {table}")  # noqa: S608


def entries(path: Path) -> int:
    """How many groups of commits stand in the daybook."""
    return _number(path, "SELECT count(*) FROM _daybook")


def _number(path: Path, sql: str) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute(sql).fetchone()[0])


def as_after_a_crash(path: Path, to: Path) -> Path:
    """The files as they are at this moment, for another process that finds them so."""
    to.mkdir()
    for file in path.parent.glob("store.sqlite*"):
        if not file.name.endswith((".lock", "-shm")):
            shutil.copy(file, to / file.name)
    return to / path.name


async def things_posted(path: Path, wanted: int) -> None:
    async def look() -> int:
        return posted(path, "things")

    await until(look, wanted)


async def bump(store: SqliteStore, times: int) -> None:
    for _ in range(times):
        case = await store.get(CASES, "case")
        assert case is not None
        await store.commit([Replace(CASES, msgspec.structs.replace(case, contacts=case.contacts + 1))])


async def test_a_commit_is_one_row_of_the_daybook_and_the_tables_get_it_later(path: Path) -> None:
    async with open_sqlite(path, EVERYTHING) as store:
        await store.commit([Insert(CONTACTS, a_contact(str(n))) for n in range(20)])
        assert (posted(path, "contacts"), entries(path)) == (0, 1)
        assert len(await store.find(CONTACTS)) == 20
        await store.settle()
        assert (posted(path, "contacts"), entries(path)) == (20, 0)
        await store.commit([Insert(CONTACTS, a_contact("last"))])
    assert (posted(path, "contacts"), entries(path)) == (21, 0)


async def test_what_a_crash_left_in_the_daybook_is_there_afterwards(path: Path, tmp_path: Path) -> None:
    async with open_sqlite(path, EVERYTHING) as store:
        await store.commit([Insert(CASES, a_case())])
        await store.settle()
        await bump(store, 3)
        await store.commit([Insert(THINGS, Thing(id="1", text="интернет"))], {"blob": b"bytes"})
        crashed = as_after_a_crash(path, tmp_path / "crashed")
    async with open_sqlite(crashed, EVERYTHING) as store:
        assert entries(crashed) == 4
        case = await store.get(CASES, "case")
        assert case is not None
        assert (case.contacts, case.version) == (3, 4)
        assert await store.find(CASES) == [case]
        assert [thing.id for thing in await store.search(THINGS, "интернета")] == ["1"]
        assert await store.read_blob("blob") == b"bytes"
        await bump(store, 1)
    assert entries(crashed) == 0
    async with open_sqlite(crashed, EVERYTHING) as store:
        found = await store.find(CASES, equals("department_id", "technical"), equals("open", True))
        assert [case.contacts for case in found] == [4]
        assert await store.read_blob("blob") == b"bytes"


async def test_enough_records_are_posted_without_waiting(path: Path) -> None:
    async with open_sqlite(path, EVERYTHING, post_at=10) as store:
        for number in range(10):
            assert posted(path, "things") == 0
            await store.commit([Insert(THINGS, Thing(id=str(number)))])
        await things_posted(path, 10)


async def test_few_records_are_posted_when_their_time_has_come(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "UPKEEP_EVERY", 0.05)
    async with open_sqlite(path, EVERYTHING) as store:
        await store.commit([Insert(THINGS, Thing(id="1"))])
        await things_posted(path, 1)


async def test_commits_without_end_are_posted_from_time_to_time_only(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "UPKEEP_EVERY", 0.05)
    async with open_sqlite(path, EVERYTHING) as store:

        async def commit(name: str) -> None:
            for number in range(100):
                await store.commit([Insert(THINGS, Thing(id=f"{name}-{number}"))])

        begun = time.monotonic()
        await asyncio.gather(*(commit(str(n)) for n in range(10)))
        assert store.postings <= (time.monotonic() - begun) / 0.05 + 1


async def test_a_large_commit_goes_to_the_tables_and_takes_the_daybook_along(path: Path) -> None:
    async with open_sqlite(path, EVERYTHING) as store:
        await store.commit([Insert(THINGS, Thing(id="1"))])
        await store.commit([Insert(THINGS, Thing(id="2"))], {"blob": bytes(3_000_000)})
        assert (posted(path, "things"), entries(path)) == (2, 0)
        assert [thing.id for thing in await store.find(THINGS)] == ["1", "2"]


async def test_pages_of_a_list_go_on_while_it_is_posted(path: Path) -> None:
    """Each record once, in order, whatever of it stands where."""
    async with open_sqlite(path, EVERYTHING, post_at=7) as store:
        for number in range(60):
            await store.commit([Insert(THINGS, Thing(id=f"{number:03}", rank=number % 5))])
            if number >= 5:
                thing = await store.get(THINGS, f"{number - 5:03}")
                assert thing is not None
                await store.commit([Replace(THINGS, msgspec.structs.replace(thing, owner="me"))])
            found = await store.find(THINGS, order=Order("rank", descending=True))
            assert [thing.id for thing in found] == [
                thing.id for thing in sorted(found, key=lambda one: (one.rank, one.id), reverse=True)
            ]
            assert len(found) == number + 1
            assert len(await store.find(THINGS, equals("owner", "me"))) == max(number - 4, 0)
            assert sum(group.records for group in await store.aggregate(THINGS, by=["owner"])) == number + 1


async def test_posting_that_fails_loses_nothing_and_is_tried_again(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_sqlite(path, EVERYTHING) as store:
        await store.commit([Insert(THINGS, Thing(id="1"))])
        with closing(sqlite3.connect(path)) as db, db:
            db.execute(
                "CREATE TRIGGER refuse BEFORE INSERT ON things BEGIN SELECT raise(ROLLBACK, 'no'); END"
            )
        caplog.set_level("CRITICAL")
        await store.settle()
        assert entries(path) == 1
        await store.commit([Insert(THINGS, Thing(id="2"))])
        monkeypatch.setattr(commits, "MOST_UNPOSTED", 2)
        with pytest.raises((StoreDown, sqlite3.IntegrityError)):  # no more is taken than can be kept in mind
            await store.commit([Insert(THINGS, Thing(id="3"))])
        assert [thing.id for thing in await store.find(THINGS)] == ["1", "2"]
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("DROP TRIGGER refuse")
        await store.commit([Insert(THINGS, Thing(id="3"))])
        await store.settle()
    assert (posted(path, "things"), entries(path)) == (3, 0)


async def test_a_copy_and_a_count_have_what_stands_in_the_daybook(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite"
    async with open_sqlite(path, EVERYTHING) as store:
        await store.commit([Insert(CASES, a_case())])
        await bump(store, 2)
        backup(path, copy)
        assert verify(path).records["cases"] == verify(copy).records["cases"] == 1
    async with open_sqlite(copy, EVERYTHING) as store:
        assert [case.contacts for case in await store.find(CASES)] == [2]


async def test_a_daybook_of_another_release_is_refused_and_left_as_it_is(path: Path, tmp_path: Path) -> None:
    async with open_sqlite(path, EVERYTHING) as store:
        await store.commit([Insert(THINGS, Thing(id="1"))])
        crashed = as_after_a_crash(path, tmp_path / "crashed")
    with pytest.raises(StoreUnusable, match="things"):
        async with open_sqlite(crashed, ALL):
            raise AssertionError("it must not open")
    async with open_sqlite(crashed, EVERYTHING) as store:
        assert await store.get(THINGS, "1") == Thing(id="1")


async def test_a_store_of_the_first_release_gets_a_daybook(path: Path) -> None:
    async with open_sqlite(path, EVERYTHING) as store:
        await store.commit([Insert(THINGS, Thing(id="1"))])
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE _daybook")
        db.execute("PRAGMA user_version = 1")
    assert verify(path).records["things"] == 1
    async with open_sqlite(path, EVERYTHING) as store:
        await store.commit([Insert(THINGS, Thing(id="2"))])
        assert [thing.id for thing in await store.find(THINGS)] == ["1", "2"]
