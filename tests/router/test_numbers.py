"""Numbers of cases grow and are never given twice, however many give them out."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from crm.errors import StoreDown
from crm.store import Store
from router.numbers import BLOCK, FIRST, CaseNumbers
from storage.sqlite import open_sqlite
from tests.disks import full_disk


async def take(numbers: CaseNumbers, count: int) -> list[int]:
    await numbers.prepare(count)
    return [int(numbers.next()) for _ in range(count)]


async def test_numbers_begin_where_they_can_be_said_over_the_phone_and_grow_by_one(store: Store) -> None:
    assert await take(CaseNumbers(store), 3) == [FIRST, FIRST + 1, FIRST + 2]


async def test_more_than_a_block_can_be_asked_for_at_once(store: Store) -> None:
    numbers = CaseNumbers(store)
    taken = await take(numbers, 7) + await take(numbers, 3 * BLOCK) + await take(numbers, 1)
    assert taken == sorted(set(taken))


async def test_processes_that_share_a_store_give_out_no_number_twice(store: Store) -> None:
    givers = [CaseNumbers(store) for _ in range(6)]
    taken: list[list[int]] = []
    for _ in range(11):
        taken += await asyncio.gather(*(take(giver, 17) for giver in givers))
    given = [number for some in taken for number in some]
    assert len(set(given)) == len(given) == 6 * 17 * 11


async def test_numbers_go_on_behind_the_last_after_a_restart(tmp_path: Path) -> None:
    given: list[int] = []
    for _ in range(3):
        async with open_sqlite(tmp_path / "store.sqlite") as store:
            given += await take(CaseNumbers(store), 5)
    assert given == sorted(set(given))


async def test_a_number_that_was_not_prepared_is_not_given(store: Store) -> None:
    numbers = CaseNumbers(store)
    with pytest.raises(RuntimeError, match="prepared"):
        numbers.next()


async def test_on_a_full_disk_no_number_is_given_and_none_is_lost_later(store: Store) -> None:
    numbers = CaseNumbers(store)
    with full_disk(), pytest.raises(StoreDown):
        await numbers.prepare(1)
    assert await take(numbers, 1) == [FIRST]
