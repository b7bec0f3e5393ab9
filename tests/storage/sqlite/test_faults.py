"""What was acknowledged is there, whatever happens: the process killed, the disk full, the file damaged."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from crm.collections import CONTACTS
from crm.errors import StoreDown
from crm.store import Insert, Store, equals
from storage.sqlite import SqliteStore, open_sqlite, verify
from storage.sqlite.schema import prepare
from tests.storage.samples import EVERYTHING, THINGS, Thing, a_contact
from tests.storage.sqlite.writing import a_commit, problems

KILLS = 50 if os.environ.get("ONEWINDOW_LONG") == "1" else 5


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


async def write_until_killed(path: Path, prefix: str, acknowledgements: int) -> list[str]:
    """Run the writing program, kill it after so many acknowledgements, and give all that it has said."""
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.storage.sqlite.writing", str(path), prefix),
        stdout=asyncio.subprocess.PIPE,
    )
    assert program.stdout is not None
    said: list[str] = []
    async with asyncio.timeout(60):
        while len(said) < acknowledgements:
            said.append((await program.stdout.readline()).decode().strip())
        program.kill()
        rest = (await program.stdout.read()).decode()
        await program.wait()
    return said + rest.split("\n")[:-1]  # the last line may have been cut


@pytest.mark.slow
async def test_what_is_acknowledged_survives_a_kill_and_the_rest_is_whole_or_absent(
    path: Path,
) -> None:
    acknowledged: list[str] = []
    for kill in range(KILLS):
        acknowledged += await write_until_killed(path, str(kill), random.randrange(1, 1500))
        async with open_sqlite(path, EVERYTHING) as store:
            assert await problems(store, acknowledged) == []
            assert len(await store.search(THINGS, "слово2", equals("owner", acknowledged[-1]))) == 1
    assert verify(path).problems == ()


@pytest.fixture
async def small(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[SqliteStore, sqlite3.Connection]]:
    """A store with the connection that it writes with, so that its disk can be made full."""
    made: list[sqlite3.Connection] = []

    def prepared(*args: object) -> sqlite3.Connection:
        made.append(prepare(*args))  # type: ignore[arg-type]
        return made[0]

    monkeypatch.setattr("storage.sqlite.store.prepare", prepared)
    async with open_sqlite(path, EVERYTHING) as store:
        yield store, made[0]


async def fill(store: Store) -> tuple[list[str], int]:
    """Commit, twenty at once, until most do not fit; who was acknowledged, and how many were refused."""
    acknowledged, refused = [], 0
    for turn in range(1000):
        names = [f"{turn}-{number}" for number in range(20)]
        outcomes = await asyncio.gather(
            *(store.commit(*a_commit(name)) for name in names), return_exceptions=True
        )
        for name, outcome in zip(names, outcomes, strict=True):
            if outcome is None:
                acknowledged.append(name)
            else:
                assert isinstance(outcome, StoreDown)
                refused += 1
        if refused > 60:
            return acknowledged, refused
    raise AssertionError("the disk never filled up")


async def test_a_full_disk_refuses_commits_whole_and_takes_them_again_when_there_is_room(
    small: tuple[SqliteStore, sqlite3.Connection], caplog: pytest.LogCaptureFixture
) -> None:
    store, db = small
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages + 200}")
    with caplog.at_level(logging.CRITICAL):
        acknowledged, _ = await fill(store)
    assert len(acknowledged) > 20
    assert await problems(store, acknowledged) == []
    assert len(await store.find(CONTACTS, limit=10_000)) == len(acknowledged)
    db.execute("PRAGMA max_page_count = 1000000")
    for name in ("room", "again"):
        await store.commit(*a_commit(name))
    assert await problems(store, [*acknowledged, "room", "again"]) == []
    await store.settle()
    assert len(await store.search(THINGS, "слово1", limit=100_000)) == len(acknowledged) + 2


async def test_upkeep_that_fails_again_and_again_is_told_once_and_when_it_works_again(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_sqlite(path, EVERYTHING) as store:

        def told() -> list[str]:
            return [record.levelname for record in caplog.records]

        with closing(sqlite3.connect(path, isolation_level=None)) as db, caplog.at_level(logging.INFO):
            await store.commit([Insert(THINGS, Thing(id="1", text="слово"))])
            for trouble in ("first", "second"):
                caplog.clear()
                db.execute(
                    "CREATE TRIGGER broken BEFORE INSERT ON things BEGIN SELECT RAISE(ABORT, 'no'); END"
                )
                for _ in range(3):  # each tries anew what failed
                    await store.settle()
                assert told() == ["ERROR"]
                db.execute("DROP TRIGGER broken")
                await store.settle()
                assert told() == ["ERROR", "INFO"]
                await store.commit([Insert(THINGS, Thing(id=trouble, text="слово"))])
            await store.settle()
        assert len(await store.search(THINGS, "слово")) == 3


FILLING = """
import asyncio, logging, resource, sys
from pathlib import Path
from storage.sqlite import open_sqlite
from tests.storage.samples import EVERYTHING
from tests.storage.sqlite.test_faults import fill
from tests.storage.sqlite.writing import a_commit, problems

async def main():
    async with open_sqlite(Path(sys.argv[1]), EVERYTHING) as store:
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, hard))
        acknowledged, refused = await fill(store)
        assert await problems(store, acknowledged) == []
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        await store.commit(*a_commit("room"))
        assert await problems(store, [*acknowledged, "room"]) == []
    print(len(acknowledged), refused)

logging.disable()
asyncio.run(main())
"""


async def test_writes_that_the_system_refuses_are_refused_and_forgotten(path: Path) -> None:
    """The kernel fails the write itself, in whatever place of the log or the file it happens."""
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", FILLING, str(path)), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asyncio.wait_for(program.communicate(), 60)
    assert program.returncode == 0
    acknowledged, refused = map(int, said.split())
    assert acknowledged > 20
    assert refused > 60
    async with open_sqlite(path, EVERYTHING) as store:
        assert len(await store.find(CONTACTS, limit=100_000)) == acknowledged + 1
    assert verify(path).problems == ()


async def test_a_damaged_file_is_an_outage_not_a_crash(path: Path) -> None:
    async with open_sqlite(path, EVERYTHING) as store:
        await store.commit([Insert(CONTACTS, a_contact(str(n), text="x" * 3000)) for n in range(200)])
    size = path.stat().st_size
    async with open_sqlite(path, EVERYTHING, cache_bytes=0) as store:
        with path.open("r+b") as file:
            file.seek(size // 3)
            file.write(os.urandom(size // 2))
        with pytest.raises(StoreDown):
            await store.find(CONTACTS, limit=100)
        with pytest.raises(StoreDown):
            await store.get_many(CONTACTS, [f"email:{n}" for n in range(200)])
    assert verify(path).problems


async def test_a_record_that_cannot_be_read_is_an_outage_of_its_own(path: Path) -> None:
    async with open_sqlite(path, EVERYTHING) as store:
        await store.commit([Insert(THINGS, Thing(id="1", text="слово")), Insert(THINGS, Thing(id="2"))])
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("""UPDATE things SET body = '{"id": 5}' WHERE id = '1'""")
    async with open_sqlite(path, EVERYTHING) as store:
        with pytest.raises(StoreDown):
            await store.get(THINGS, "1")
        with pytest.raises(StoreDown):
            await store.find(THINGS)
        assert await store.get(THINGS, "2") == Thing(id="2")
        await store.settle()
