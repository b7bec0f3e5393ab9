"""One demo store for all tests that only read it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from crm.case import Case, Entry
from crm.collections import ADDRESSES, CASES, CONTACTS, CUSTOMERS, ENTRIES
from crm.contact import Contact
from crm.customer import Customer
from crm.store import Order, Store
from onewindow.demo.seed import seed_when_empty
from storage.sqlite import open_sqlite

NOW = datetime(2026, 3, 18, 12, 30, tzinfo=UTC)
"""A Wednesday, half past three in Moscow."""


class Everything(NamedTuple):
    """All that was kept, by id."""

    cases: dict[str, Case]
    contacts: dict[str, Contact]
    entries: dict[str, Entry]
    customers: dict[str, Customer]

    def of_case(self, case_id: str) -> list[Contact]:
        mine = [contact for contact in self.contacts.values() if contact.case_id == case_id]
        return sorted(mine, key=lambda contact: contact.number)


def at_now() -> datetime:
    return NOW


def nobody_watches(done: int, total: int) -> None:
    """Progress that nobody looks at."""


async def read_everything(store: Store) -> Everything:
    most, by_id = 100_000, Order("id")
    return Everything(
        {case.id: case for case in await store.find(CASES, order=by_id, limit=most)},
        {contact.id: contact for contact in await store.find(CONTACTS, order=by_id, limit=most)},
        {entry.id: entry for entry in await store.find(ENTRIES, order=by_id, limit=most)},
        {customer.id: customer for customer in await store.find(CUSTOMERS, order=by_id, limit=most)},
    )


@pytest.fixture(scope="session")
def demo_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "onewindow.sqlite"

    async def fill() -> None:
        async with open_sqlite(path) as store:
            assert await seed_when_empty(store, clock=at_now, progress=nobody_watches)

    asyncio.run(fill())
    return path


@pytest.fixture(scope="session")
def everything(demo_file: Path) -> Everything:
    async def read() -> Everything:
        async with open_sqlite(demo_file) as store:
            return await read_everything(store)

    return asyncio.run(read())


@pytest.fixture
async def demo_store(demo_file: Path) -> AsyncIterator[Store]:
    async with open_sqlite(demo_file) as store:
        yield store


@pytest.fixture(scope="session")
def demo_ids(demo_file: Path) -> set[str]:
    """Ids of every address that the demo knows."""

    async def read() -> set[str]:
        async with open_sqlite(demo_file) as store:
            return {address.id for address in await store.find(ADDRESSES, limit=10_000)}

    return asyncio.run(read())
