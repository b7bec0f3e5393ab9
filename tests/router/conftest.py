"""A real store on disk and real live state for every test of the hall."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from crm.store import Store
from router.live import Live
from storage.live import open_live
from storage.sqlite import open_sqlite
from tests.router.house import House, open_house
from tests.router.records import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_sqlite(tmp_path / "onewindow.sqlite") as store:
        yield store


@pytest.fixture
async def live(clock: HandClock) -> AsyncIterator[Live]:
    async with open_live(clock) as live:
        yield live


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as house:
        yield house
