"""A full disk loses nothing: whoever waits is told to come again, and is served once there is room."""

from __future__ import annotations

import asyncio

import pytest

from crm.contact import Receipt
from crm.errors import AgainLater, StoreDown
from router.history import attach_history
from tests.disks import full_disk
from tests.router.house import ANNA, House, a_message, an_arrival, check_cases


async def test_all_who_wait_are_told_to_come_again_and_are_taken_later(house: House) -> None:
    stored = await house.intake.accept(an_arrival("m0"))
    arrivals = [an_arrival(f"m{n}", sender=f"s{n}@example.com") for n in range(1, 150)]
    with full_disk():
        answers = await asyncio.gather(
            *(house.intake.accept(arrival) for arrival in arrivals), return_exceptions=True
        )
        assert {type(answer) for answer in answers} == {StoreDown}
        # What is there can still be read, and a retry of it is still known.
        assert (await house.intake.accept(an_arrival("m0"))).repeated
        assert (await attach_history(house.store, stored.customer_id)).totals.contacts == 1
    assert len(await house.contacts()) == 1
    receipts = await asyncio.gather(*(house.intake.accept(arrival) for arrival in arrivals))
    assert not any(receipt.repeated for receipt in receipts)
    assert len(await house.contacts()) == 150
    await check_cases(house)


async def test_an_act_on_a_full_disk_changes_nothing_and_can_be_done_again(house: House) -> None:
    case_id = (await house.intake.accept(a_message("c0"))).case_id
    before = await house.case(case_id)
    with full_disk(), pytest.raises(AgainLater):
        await house.casework.take(case_id, ANNA)
    assert await house.case(case_id) == before
    assert (await house.casework.take(case_id, ANNA)).state == "assigned"
    assert [entry.at for entry in await house.entries(case_id)] == [house.clock()] * 2


async def test_a_disk_that_fills_up_and_empties_again_and_again_neither_loses_nor_doubles(
    house: House,
) -> None:
    arrivals = [a_message(f"c{n}", visitor=f"v{n % 3}") for n in range(60)]
    accepted: dict[str, Receipt] = {}
    refused = 0

    async def keep_trying(number: int) -> None:
        nonlocal refused
        while True:
            try:
                receipt = await house.intake.accept(arrivals[number])
            except AgainLater:
                refused += 1
                await asyncio.sleep(0)
            else:
                accepted[arrivals[number].contact.id] = receipt
                return

    async with asyncio.TaskGroup() as peers:
        for number in range(len(arrivals)):
            peers.create_task(keep_trying(number))
            if number % 6 == 0:
                with full_disk():
                    await asyncio.sleep(0.002)
    assert {contact.id for contact in await house.contacts()} == set(accepted)
    assert len(accepted) == 60
    assert refused > 0
    await check_cases(house)
