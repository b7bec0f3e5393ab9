"""Long polling: we ask Telegram for news, and tell it what to forget only once that is stored."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import TypeVar

import msgspec

from channels.telegram.burial import fault
from channels.telegram.line import AT_ONCE, Line, Trouble, pause
from channels.telegram.taking import Taker, id_of

log = logging.getLogger("onewindow.telegram")

T = TypeVar("T")
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
GOODBYE = 2.0
"""Seconds for Telegram to hear what we stored last, when we stop."""


async def poll(line: Line, taker: Taker, stopping: asyncio.Event) -> None:
    """Ask for news until told to stop. What is under way then is finished."""
    poller = _Poller(line, taker, stopping)
    while not stopping.is_set():
        try:
            await poller.turn()
        except Trouble as trouble:
            taker.door.down(str(trouble))
            log.warning("telegram %s: %s", line.settings.name, trouble)
            await pause(trouble.after.total_seconds() if trouble.after else poller.longer(), stopping)
        except Exception as error:  # noqa: BLE001 - a bug of ours must not leave the door shut for good
            taker.door.down("an error of ours: it is tried again")
            log.error("telegram %s: polling broke: %s", line.settings.name, fault(error))
            await pause(poller.longer(), stopping)
    await poller.say_goodbye()


class _Poller:
    def __init__(self, line: Line, taker: Taker, stopping: asyncio.Event) -> None:
        self._line = line
        self._taker = taker
        self._stopping = stopping
        self._introduced = False
        self._stored: int | None = None  # what Telegram has not been told to forget yet
        self._pause = FIRST_PAUSE

    def longer(self) -> float:
        """How long to wait after one more failure."""
        now, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE)
        return now

    async def turn(self) -> None:
        """One question and what came of it. Raises `Trouble`."""
        if not self._introduced:
            await self._line.introduce()
            await self._line.listen_by_polling()
            self._introduced = True
        asking = self._line.ask_for_news(self._stored, wait=self._line.settings.poll_timeout)
        news = await _unless(self._stopping, asking)
        if news is None:
            return
        self._stored = None  # Telegram heard it; to say it again after a quiet week would forget what is new
        self._taker.door.up()
        if news:
            await self._take(news)
        else:
            self._pause = FIRST_PAUSE
            self._taker.door.lag(0)

    async def _take(self, news: Sequence[msgspec.Raw]) -> None:
        """Raises `Trouble` where none of it can be named to be forgotten."""
        raws = [bytes(one) for one in news]
        settled = await self._taker.take(raws)
        done = settled.index(False) if False in settled else len(settled)
        ids = [number for raw in raws[:done] if (number := id_of(raw)) is not None]
        self._stored = max(ids, default=None)
        if done and not ids:
            # It would give the same at once, and again.
            raise Trouble("Telegram gives updates without a number: it cannot be told to forget them")
        if done == len(raws):
            self._pause = FIRST_PAUSE
            if len(raws) < AT_ONCE:
                self._taker.door.lag(0)
            return
        self._taker.tell_lag(raws[done])
        await pause(self.longer(), self._stopping)

    async def say_goodbye(self) -> None:
        """Tell what is stored. If Telegram does not hear it, the same comes again and is known."""
        if self._stored is None:
            return
        try:
            async with asyncio.timeout(GOODBYE):
                await self._line.ask_for_news(self._stored, wait=0, limit=1)
        except (Trouble, TimeoutError) as error:
            log.info("telegram %s: no goodbye: %s", self._line.settings.name, type(error).__name__)


async def _unless(stopping: asyncio.Event, asking: Coroutine[None, None, T]) -> T | None:
    """The answer; None when we are told to stop first."""
    question = asyncio.create_task(asking, name="telegram: asking for news")
    stop = asyncio.create_task(stopping.wait(), name="telegram: stopping")
    try:
        await asyncio.wait([question, stop], return_when=asyncio.FIRST_COMPLETED)
        return await question if question.done() else None
    finally:
        for task in (question, stop):
            task.cancel()
        await asyncio.wait([question, stop])
