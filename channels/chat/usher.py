"""The usher tells visitors how their turn comes on, and everybody when the house opens and closes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress

from channels.chat.border import report
from channels.chat.protocol import Agent, Closed, Hours, Queue, ServerFrame
from channels.chat.room import Room
from channels.chat.standing import Standing, Standings
from channels.chat.visitor import Visitor
from crm.errors import AgainLater

log = logging.getLogger("onewindow.chat")

GATHER = 0.3
"""Seconds in which changes gather, so that a burst of them is one look."""

EVERY = 15.0
"""Seconds after which those who wait are told anew, and the hours looked at."""

SOONEST = 2.0
"""Seconds between two rounds at least, however fast the queues move."""

SHARE = 0.1
"""The usher's part of the time at most: with a thousand people waiting he comes around less often."""


class Usher:
    """Looks where visitors stand, and tells those for whom it changed."""

    def __init__(self, room: Room, standings: Standings) -> None:
        self._room = room
        self._standings = standings
        self._changed: set[Visitor] = set()
        self._moved = False  # somebody left a queue: those behind him may have a new place
        self._bell = asyncio.Event()
        self._hours = Hours(open=True)

    def look_at(self, visitor: Visitor) -> None:
        """Something changed in his case."""
        self._changed.add(visitor)
        self._bell.set()

    def queue_moved(self) -> None:
        """Somebody left a queue."""
        self._moved = True
        self._bell.set()

    async def walk(self) -> None:
        """Go around for ever."""
        loop = asyncio.get_running_loop()
        last_round = loop.time()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(SOONEST if self._moved else EVERY):
                    await self._bell.wait()
            await asyncio.sleep(GATHER)
            self._bell.clear()
            began = loop.time()
            due = began - last_round >= (SOONEST if self._moved else EVERY)
            try:
                if due:
                    last_round = began
                    await self._round()
                await self._look_at_changed()
            except AgainLater:
                log.warning("chat: the store cannot be read; visitors are told their place later")
            except Exception as error:  # noqa: BLE001 - a bug of ours must not end everybody's talk
                report(error, "telling visitors where they stand")
            await asyncio.sleep((loop.time() - began) * (1 / SHARE - 1))

    async def _round(self) -> None:
        self._moved = False
        self._changed |= self._waiting()
        await self._tell_hours()

    async def _look_at_changed(self) -> None:
        for visitor in list(self._changed):
            self._changed.discard(visitor)
            try:
                await self._look(visitor)
            except AgainLater:
                self._changed.add(visitor)
                raise

    def _waiting(self) -> set[Visitor]:
        return {v for v in self._room.visitors.values() if v.standing.queue is not None}

    async def _look(self, visitor: Visitor) -> None:
        before = visitor.standing
        visitor.standing = await self._standings.in_case(visitor.case_id)
        for frame in news(before, visitor.standing):
            await _tell(visitor, frame)

    async def _tell_hours(self) -> None:
        hours = await self._standings.hours()
        if hours == self._hours:
            return
        self._hours = hours
        for visitor in list(self._room.visitors.values()):
            await _tell(visitor, hours)


def news(before: Standing, after: Standing) -> Iterable[ServerFrame]:
    """What a visitor is told when his standing changed."""
    if after.queue != before.queue:
        yield after.queue or Queue(position=0)
    if after.agent != before.agent:
        yield after.agent or Agent(name="", present=False)
    if after.closed and not before.closed:
        yield Closed()


async def _tell(visitor: Visitor, frame: ServerFrame) -> None:
    for tab in visitor.ready():
        await tab.wire.tell(frame)
