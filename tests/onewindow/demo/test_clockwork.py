"""Virtual time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from onewindow.demo.clockwork import Clockwork, Pause

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_stories_run_beside_each_other_in_the_order_of_time() -> None:
    clock, told = Clockwork(START), list[tuple[str, int]]()

    async def story(name: str, every: int) -> None:
        while True:
            told.append((name, (clock() - START) // HOUR))
            await Pause(clock() + every * HOUR)

    clock.begin(START, story("slow", 3))
    clock.begin(START + HOUR, story("quick", 1))
    clock.run(START + 3 * HOUR)
    assert told == [("slow", 0), ("quick", 1), ("quick", 2), ("slow", 3), ("quick", 3)]
    assert clock() == START + 3 * HOUR


def test_a_story_that_really_waits_is_refused() -> None:
    clock = Clockwork(START)
    clock.begin(START, asyncio.sleep(0))
    with pytest.raises(TypeError, match="only await a Pause"):
        clock.run(START + HOUR)
