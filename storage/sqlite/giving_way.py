"""Giving way: a busy event loop lets another thread have the GIL it waits for."""

from __future__ import annotations

import asyncio
import time

LOOK_EVERY = 0.005
SLEEP = 0.0005
BUSY = 0.5
"""Share of the time between two looks that the loop's thread was running."""


class GivingWay:
    """While a thread works for the loop, a loop that never rests sleeps now and then for a moment.

    Each time that loop's thread sends or receives it gives the GIL away, and has it back before the other
    thread is awake: under load the other waits for seconds. A sleep of half a millisecond ends that.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._wanted = False
        self._then = self._ran = 0.0

    def begin(self) -> None:
        """A thread has begun to work for the loop."""
        self._wanted = True
        if self._timer is None:
            self._look_later()

    def end(self) -> None:
        """The thread is done."""
        self._wanted = False

    def _look_later(self) -> None:
        self._then, self._ran = time.perf_counter(), time.thread_time()
        self._timer = self._loop.call_later(LOOK_EVERY, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._wanted:
            ran = time.thread_time() - self._ran
            if ran > BUSY * (time.perf_counter() - self._then):
                time.sleep(SLEEP)
            self._look_later()
