"""The writer's hand: a thread that does one job after another for the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

T = TypeVar("T")

Done = Callable[[T | Exception], None]
"""Told on the loop what a job returned, or why it failed."""


class Hand:
    """Much lighter than a pool's: a commit goes through it, and at small loads each message is a commit.

    It never holds up the end of the program, not even while a dead disk holds the thread.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[Callable[[], Callable[[], None]] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def give(self, work: Callable[[], T], done: Done[T]) -> None:
        """Have this done after what was given before."""

        def run() -> Callable[[], None]:
            try:
                outcome: T | Exception = work()
            except Exception as error:  # noqa: BLE001 - whoever gave the job answers for it
                outcome = error
            return lambda: done(outcome)

        self._jobs.put(run)

    def _work(self) -> None:
        while job := self._jobs.get():
            tell = job()
            with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
                self._loop.call_soon_threadsafe(tell)

    def rest(self, *, wait: bool) -> None:
        """No more jobs come; with `wait`, return when the last one is done."""
        self._jobs.put(None)
        if wait:
            self._thread.join()
