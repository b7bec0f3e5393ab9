"""A copy made while another process writes is whole, and a damaged file is told from a sound one."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from crm.collections import CONTACTS
from crm.errors import BadInput, StoreDown, StoreUnusable
from crm.store import Insert
from storage.sqlite import backup, open_sqlite, verify
from tests.storage.samples import EVERYTHING, THINGS, Thing, a_contact
from tests.storage.sqlite.writing import problems


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A store with some thousand pages in it."""
    path = tmp_path / "store.sqlite"
    async with open_sqlite(path, EVERYTHING) as store:
        await store.commit(
            [Insert(CONTACTS, a_contact(f"old-{n}", text="слово " * 400)) for n in range(1500)]
        )
    return path


async def test_a_copy_made_while_another_process_writes_is_whole(tmp_path: Path) -> None:
    path, copy = tmp_path / "store.sqlite", tmp_path / "copy.sqlite"
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.storage.sqlite.writing", str(path), "w"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert program.stdout is not None
    try:
        said = [(await program.stdout.readline()).decode().strip() for _ in range(500)]
        await asyncio.to_thread(backup, path, copy)
        after = [(await program.stdout.readline()).decode().strip() for _ in range(500)]
    finally:
        program.kill()
        await program.communicate()
    assert after[-1]  # it went on writing
    assert verify(copy).problems == ()
    async with open_sqlite(copy, EVERYTHING) as store:
        assert await problems(store, said) == []


async def test_progress_is_told_and_the_copy_is_one_file(path: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    (tmp_path / "copies").mkdir()
    copy = tmp_path / "copies" / "copy.sqlite"
    backup(path, copy, progress=lambda done, total: told.append((done, total)))
    assert len(told) > 1
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1] > 1000
    assert list(copy.parent.iterdir()) == [copy]
    assert copy.stat().st_mode & 0o077 == 0


async def test_a_copy_can_be_opened_searched_and_written_to(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite"
    async with open_sqlite(path, EVERYTHING) as store:
        await store.commit([Insert(THINGS, Thing(id="before", text="интернет"))])
        await asyncio.to_thread(backup, path, copy)
        await store.commit([Insert(THINGS, Thing(id="after"))])
    async with open_sqlite(copy, EVERYTHING) as store:
        assert [thing.id for thing in await store.search(THINGS, "интернета")] == ["before"]
        assert await store.get(THINGS, "after") is None
        await store.commit([Insert(THINGS, Thing(id="new"))])


async def test_a_copy_never_replaces_a_file(path: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.sqlite").write_text("yesterday's")
    with pytest.raises(BadInput, match="exists"):
        backup(path, tmp_path / "copy.sqlite")
    assert (tmp_path / "copy.sqlite").read_text() == "yesterday's"


async def test_a_copy_that_cannot_be_written_says_why(path: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreDown, match="No such file"):
        backup(path, tmp_path / "nowhere" / "copy.sqlite")


async def test_a_copy_that_is_broken_off_leaves_nothing(path: Path, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup(path, tmp_path / "copy.sqlite", progress=interrupt)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["store.sqlite", "store.sqlite.lock"]


def test_where_no_store_is_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="no store"):
        backup(tmp_path / "store.sqlite", tmp_path / "copy.sqlite")
    with pytest.raises(StoreUnusable, match="no store"):
        verify(tmp_path / "store.sqlite")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "letter.txt").write_text("Dear Sir, " * 1000)
    with pytest.raises(StoreUnusable):
        verify(tmp_path / "letter.txt")


async def test_a_sound_store_is_counted(path: Path) -> None:
    async with open_sqlite(path, EVERYTHING) as store:
        await store.commit([Insert(THINGS, Thing(id="1"))])
        verified = verify(path)  # while it is open
    assert verified.problems == ()
    assert verified.records["contacts"] == 1500
    assert verified.records["things"] == 1
    assert verified.records["cases"] == 0
    assert not any(name.startswith(("_", "contacts__")) for name in verified.records)


async def test_damage_is_found(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(os.urandom(50_000))
    assert verify(path).problems
