"""The usher goes around, and goes home when he is told to."""

import asyncio

import pytest

from channels.chat.room import Room
from channels.chat.standing import Standings
from channels.chat.usher import Usher
from tests.channels.chat.house import ChatHouse


@pytest.mark.parametrize("steps", range(6))
async def test_he_goes_home_though_something_moves_at_that_moment(house: ChatHouse, steps: int) -> None:
    async with asyncio.TaskGroup() as tasks:
        standings = Standings(house.store, house.live, house.clock, department_id="front-desk")
        usher = Usher(Room(house.store, tasks), standings)
        walk = tasks.create_task(usher.walk())
        await asyncio.sleep(0.01)  # he waits for something to happen
        usher.queue_moved()
        for _ in range(steps):  # of the loop: so far is the news when he is told to go
            await asyncio.sleep(0)
        walk.cancel()
        _, still = await asyncio.wait([walk], timeout=5)
        walk.cancel()
        assert not still
