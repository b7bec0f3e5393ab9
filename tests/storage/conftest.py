"""Every engine that the contract suite runs over. A new engine is one more entry in `ENGINES`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

import pytest

from crm.store import Store
from storage.sqlite import SqliteStore, open_sqlite
from storage.sqlite.commits import POST_AT
from tests.storage.samples import EVERYTHING


class Engine(Protocol):
    """One engine over one place: opening it again finds what was committed there."""

    def __init__(self, directory: Path) -> None: ...

    def open(self) -> AbstractAsyncContextManager[Store]: ...

    async def settle(self, store: Store) -> None:
        """Have the store finish what it does later, such as indexing words."""
        ...


class Sqlite:
    """Nearly all that a test commits is still in the daybook when it is asked for."""

    post_at = POST_AT

    def __init__(self, directory: Path) -> None:
        self._path = directory / "store.sqlite"

    def open(self) -> AbstractAsyncContextManager[Store]:
        return open_sqlite(self._path, EVERYTHING, post_at=self.post_at)

    async def settle(self, store: Store) -> None:
        assert isinstance(store, SqliteStore)
        await store.settle()


class SqliteInParts(Sqlite):
    """Some of it is in the daybook, some in the tables, and some on its way."""

    post_at = 4


ENGINES: dict[str, type[Engine]] = {
    "sqlite": Sqlite,
    "sqlite-in-parts": SqliteInParts,
}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return ENGINES[request.param](tmp_path)


@pytest.fixture
async def store(engine: Engine) -> AsyncIterator[Store]:
    async with engine.open() as store:
        yield store
