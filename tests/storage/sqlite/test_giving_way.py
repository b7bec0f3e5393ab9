"""A busy event loop gives way to the thread that works for it, an idle one has no need to."""

from __future__ import annotations

import asyncio
import time

import pytest

from storage.sqlite.giving_way import LOOK_EVERY, GivingWay


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the loop has slept each time."""
    times: list[float] = []
    monkeypatch.setattr(time, "sleep", times.append)
    return times


async def be_busy(seconds: float) -> None:
    until = time.thread_time() + seconds
    async with asyncio.timeout(20):
        while time.thread_time() < until:  # noqa: ASYNC110  # the point is that the loop never rests
            await asyncio.sleep(0)


async def test_a_busy_loop_sleeps_while_a_thread_works_for_it(slept: list[float]) -> None:
    giving = GivingWay(asyncio.get_running_loop())
    giving.begin()
    await be_busy(10 * LOOK_EVERY)
    assert slept
    giving.end()
    await be_busy(2 * LOOK_EVERY)
    slept.clear()
    await be_busy(4 * LOOK_EVERY)
    assert not slept


async def test_an_idle_loop_does_not_sleep(slept: list[float]) -> None:
    giving = GivingWay(asyncio.get_running_loop())
    giving.begin()
    await asyncio.sleep(10 * LOOK_EVERY)
    giving.end()
    assert not slept
