"""Opening a file: made, brought up to date by itself, or refused with what to do about it."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from crm.collections import ALL, CONTACTS
from crm.errors import StoreUnusable
from crm.record import Record
from crm.store import Collection, Index, Insert, Order, Replace, equals
from storage.sqlite import open_sqlite
from storage.sqlite.schema import MIGRATIONS
from storage.sqlite.table import Table
from tests.storage.samples import EVERYTHING, THINGS, Thing, a_contact, minutes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "store.sqlite"


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(sql).fetchall()


async def refusal(path: Path) -> str:
    with pytest.raises(StoreUnusable) as caught:
        async with open_sqlite(path):
            raise AssertionError("it must not open")
    return str(caught.value)


class Plain(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A thing as the first release knew it."""

    owner: str = ""
    text: str = ""


class Richer(Plain, frozen=True, kw_only=True, omit_defaults=True):
    """And as a later one does: with a field that old bodies do not have."""

    due: datetime | None = None
    urgent: bool = False


def collection(kind: type[Plain], *indexes: Index, searched: bool = False) -> Collection[Plain]:
    return Collection("things", kind, indexes=indexes, words=(lambda thing: thing.text) if searched else None)


async def keep(path: Path, things: Collection[Plain], *records: Plain) -> None:
    async with open_sqlite(path, [things]) as store:  # type: ignore[list-item]  # a collection is only iterated
        await store.commit([Insert(things, record) for record in records])


async def test_a_new_index_is_made_and_filled_when_the_file_is_opened(path: Path) -> None:
    old = collection(Plain, Index(("owner",)))
    await keep(path, old, *(Plain(id=f"{n:04}", owner="ab"[n % 2], text="интернет") for n in range(2500)))
    new = collection(Richer, Index(("text", "due")), Index(("owner", "urgent")), searched=True)
    await keep(path, new, Richer(id="new", owner="a", text="сеть", due=minutes(1), urgent=True))
    async with open_sqlite(path, [new]) as store:  # type: ignore[list-item]
        await store.settle()
        assert len(await store.find(new, equals("text", "интернет"), limit=5000)) == 2500
        assert [one.id for one in await store.find(new, equals("due", minutes(1)))] == ["new"]
        assert [one.id for one in await store.find(new, equals("owner", "a"), equals("urgent", True))] == [
            "new"
        ]
        assert len(await store.find(new, equals("owner", "a"), equals("urgent", False), limit=5000)) == 1250
        assert len(await store.search(new, "интернета", limit=5000)) == 2500


async def test_what_nothing_asks_for_any_more_is_dropped(path: Path) -> None:
    await keep(
        path, collection(Richer, Index(("owner", "due")), Index(("due",))), Richer(id="1", due=minutes(1))
    )
    plain = collection(Plain, Index(("owner",)))
    await keep(path, plain, Plain(id="2"))
    assert [column[1] for column in rows(path, "PRAGMA table_info(things)")] == [
        "_n",
        "id",
        "version",
        "owner",
        "body",
    ]
    named = rows(path, "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
    assert named == [("things__owner",)]
    # A body keeps what it had: a release that knows the field again finds it.
    again = collection(Richer, Index(("due",)))
    async with open_sqlite(path, [again]) as store:  # type: ignore[list-item]
        assert [one.id for one in await store.find(again, equals("due", minutes(1)))] == ["1"]


async def test_a_collection_that_is_not_asked_for_is_left_alone(path: Path) -> None:
    async with open_sqlite(path, EVERYTHING) as store:
        await store.commit([Insert(THINGS, Thing(id="1"))])
    async with open_sqlite(path, ALL):
        pass
    async with open_sqlite(path, EVERYTHING) as store:
        assert await store.get(THINGS, "1") == Thing(id="1")


async def test_every_index_ends_with_the_id(path: Path) -> None:
    async with open_sqlite(path):
        pass
    for (name,) in rows(path, "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"):
        columns = [column[2] for column in rows(path, f"PRAGMA index_info('{name}')")]
        assert columns[-1] == "id", name


async def test_a_replace_with_the_same_words_leaves_the_search_index_alone(path: Path) -> None:
    async with open_sqlite(path, EVERYTHING) as store:
        contact = a_contact(text="интернет")
        await store.commit([Insert(CONTACTS, contact)])
        await store.settle()
        before = rows(path, "SELECT * FROM contacts__words_data ORDER BY id")
        for version in range(1, 4):
            delivered = msgspec.structs.replace(contact, version=version, tries=version, delivery="sent")
            await store.commit([Replace(CONTACTS, delivered)])
        await store.settle()
        assert rows(path, "SELECT * FROM contacts__words_data ORDER BY id") == before
        assert len(await store.search(CONTACTS, "интернета")) == 1


async def test_words_left_unindexed_by_a_crash_are_found_and_indexed_later(path: Path) -> None:
    async with open_sqlite(path, EVERYTHING) as store:
        await store.commit([Insert(THINGS, Thing(id=str(n), text="интернет")) for n in range(700)])
        await store.settle()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("INSERT INTO things__words (things__words) VALUES ('delete-all')")
        db.execute("UPDATE _searched SET indexed = 0 WHERE collection = 'things'")
    async with open_sqlite(path, EVERYTHING) as store:
        assert len(await store.search(THINGS, "интернета", limit=1000)) == 700
        await store.commit([Insert(THINGS, Thing(id="new", text="интернет"))])
        await store.settle()
        assert len(await store.search(THINGS, "интернета", limit=1000)) == 701
    assert rows(path, "SELECT indexed FROM _searched WHERE collection = 'things'") == [(701,)]


async def test_search_survives_the_removal_of_records_by_hand(path: Path) -> None:
    async with open_sqlite(path, EVERYTHING) as store:
        await store.commit([Insert(THINGS, Thing(id=str(n), text="интернет")) for n in range(5)])
        await store.settle()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM things WHERE id IN ('3', '4')")
    async with open_sqlite(path, EVERYTHING) as store:
        await store.commit([Insert(THINGS, Thing(id="new", text="телефон"))])
        await store.settle()
        assert [thing.id for thing in await store.search(THINGS, "телефоны")] == ["new"]
        assert [thing.id for thing in await store.search(THINGS, "интернет")] == ["2", "1", "0"]


async def test_a_store_of_a_newer_release_is_refused_and_not_touched(path: Path) -> None:
    async with open_sqlite(path):
        pass
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        db.execute("PRAGMA journal_mode = DELETE")
    before = path.read_bytes()
    message = await refusal(path)
    assert "newer" in message
    assert "install that release" in message
    assert path.read_bytes() == before


async def test_another_program_s_file_is_refused_and_not_touched(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE bookmarks (url)")
    before = path.read_bytes()
    assert "another program" in await refusal(path)
    assert path.read_bytes() == before


async def test_a_file_that_is_no_database_is_refused_with_the_remedy(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"Not a database at all. " * 100)
    assert "backup" in await refusal(path)
    assert path.read_bytes() == b"Not a database at all. " * 100


async def test_records_that_this_release_cannot_read_are_not_migrated(path: Path) -> None:
    await keep(path, collection(Plain), Plain(id="1", owner="me"))

    class Strict(Plain, frozen=True, kw_only=True):
        owner: int = 0  # type: ignore[assignment]  # a release that changed its mind

    with pytest.raises(StoreUnusable, match="install the release"):
        await keep(path, collection(Strict, Index(("owner",))))
    await keep(path, collection(Plain), Plain(id="2"))


async def test_a_data_directory_that_cannot_be_made_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the directory should be")
    assert str(tmp_path / "data") in await refusal(tmp_path / "data" / "store.sqlite")
    (tmp_path / "store.sqlite").mkdir()
    assert "data directory" in await refusal(tmp_path / "store.sqlite")


async def test_a_second_process_is_refused_and_told_who_has_the_store(path: Path) -> None:
    opening = (
        "import asyncio, sys, pathlib\n"
        "from storage.sqlite import open_sqlite\n"
        "async def main():\n"
        "    async with open_sqlite(pathlib.Path(sys.argv[1])):\n"
        "        print('open', flush=True)\n"
        "        sys.stdin.read()\n"
        "asyncio.run(main())\n"
    )
    other = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", opening, str(path)), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert other.stdout is not None
        assert await other.stdout.readline() == b"open\n"
        message = await refusal(path)
        assert str(other.pid) in message
    finally:
        other.kill()
        await other.communicate()
    # A lock dies with its process, however that died.
    async with open_sqlite(path) as store:
        assert await store.find(CONTACTS, order=Order("received_at")) == []


async def test_the_store_is_opened_once_in_a_process(path: Path) -> None:
    async with open_sqlite(path):
        assert "in use" in await refusal(path)
    async with open_sqlite(path):
        pass


async def test_the_file_is_its_owner_s_alone(path: Path) -> None:
    async with open_sqlite(path) as store:
        await store.commit([Insert(CONTACTS, a_contact())])
        for file in path.parent.iterdir():
            assert file.stat().st_mode & 0o077 == 0, file.name


def test_an_index_on_what_is_no_scalar_field_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        Table(collection(Plain, Index(("nonsense",))))
