"""Intake: one bounded queue that every contact enters; accepted means stored."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from traceback import extract_tb
from typing import NamedTuple

from crm.contact import Arrival, Contact, Receipt
from crm.errors import AgainLater, BadInput, Conflict, QueueFull, StoreDown
from crm.store import Store
from router.live import Live
from router.plan import Plan
from router.walk import Walk

log = logging.getLogger("onewindow.router")

ATTEMPTS = 8
"""How often a batch is planned anew when somebody else changed a record it needs."""

PATIENCE = 30.0
"""Seconds a source waits for the commit before it tells its peer to come again later."""

LOOK_EVERY = 1.0
"""Seconds between two looks for sources that wait too long: a timer for each would cost each contact."""


ReadAgain = Callable[[Contact, bytes], Awaitable[Receipt]]
"""Takes in what could not be read before, from its raw bytes."""


class _Waiting(NamedTuple):
    arrival: Arrival
    answer: asyncio.Future[Receipt]
    replay: bool
    until: float  # when the source's patience ends, by the loop's clock


class Intake:
    """Takes contacts from every source, routes whatever waits as one batch, and commits before it answers.

    `size` is how many contacts may wait; `batch` how many are routed together at most. Batches begin at
    least `spacing` seconds apart: a contact that comes alone is routed at once, and under load more of them
    share one commit, whose fsync costs more than all else of a contact.
    """

    def __init__(
        self,
        store: Store,
        walk: Walk,
        live: Live,
        *,
        size: int = 2000,
        batch: int = 64,
        spacing: float = 0.0,
        routed: Callable[[Plan], Awaitable[None]] | None = None,
    ) -> None:
        self._store = store
        self._walk = walk
        self._live = live
        self._size = size
        self._waiting: deque[_Waiting] = deque()
        self._routing: Sequence[_Waiting] = ()
        self._bell = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._batch = batch
        self._spacing = spacing
        self._routed = routed
        self._readers: dict[str, ReadAgain] = {}
        self._open = False

    @property
    def waiting(self) -> int:
        """Contacts that wait to be routed."""
        return len(self._waiting)

    @property
    def live(self) -> Live:
        """Where it tells what it stored."""
        return self._live

    @property
    def size(self) -> int:
        """How many may wait."""
        return self._size

    async def accept(self, arrival: Arrival, *, replay: bool = False) -> Receipt:
        """Store one contact. Returns once it is durable; raises `AgainLater` when it is not."""
        if not self._open:
            raise QueueFull("intake is closed")
        if len(self._waiting) >= self._size:
            raise QueueFull("intake is full")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Receipt] = loop.create_future()
        self._waiting.append(_Waiting(arrival, answer, replay, loop.time() + PATIENCE))
        self._idle.clear()
        self._bell.set()
        return await answer

    def reads_again(self, channel: str, reader: ReadAgain) -> None:
        """Who reads what a source of this channel could not read, when somebody asks for it once more."""
        self._readers[channel] = reader

    async def read_again(self, contact: Contact, raw: bytes) -> Receipt:
        """The raw bytes of an unreadable contact, once more. Raises `BadInput` saying what is wrong."""
        reader = self._readers.get(contact.channel)
        if reader is None:
            raise BadInput("The door it came by is closed: it can be read again while the server runs.")
        return await reader(contact, raw)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Contacts are accepted while the context is open; those that wait at its end are still routed."""
        async with asyncio.TaskGroup() as tasks:
            work = [
                tasks.create_task(self._route_forever(), name="intake: routing"),
                tasks.create_task(self._lose_patience(), name="intake: patience"),
            ]
            self._open = True
            try:
                yield
            finally:
                self._open = False
                await self._idle.wait()
                for task in work:
                    task.cancel()

    async def _route_forever(self) -> None:
        loop, begun = asyncio.get_running_loop(), 0.0
        while True:
            await self._bell.wait()
            early = begun + self._spacing - loop.time()
            if early > 0 and len(self._waiting) < self._batch:
                await asyncio.sleep(early)
            begun = loop.time()
            batch = [self._waiting.popleft() for _ in range(min(self._batch, len(self._waiting)))]
            self._routing = batch
            if not self._waiting:
                self._bell.clear()
            try:
                await self._route(batch)
            finally:
                self._routing = ()
                for one in batch:
                    _answer(one, StoreDown("routing was interrupted"))
                if not self._waiting:
                    self._idle.set()

    async def _lose_patience(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_EVERY)
            now = loop.time()
            for one in (*self._routing, *self._waiting):
                if one.until > now:
                    break
                # It may still be committed a moment later: the peer's retry then meets a known key.
                _answer(one, QueueFull("routing is too slow just now"))

    async def _route(self, batch: Sequence[_Waiting]) -> None:
        waiting = await self._without_unreadable(batch)
        if not waiting:
            return
        try:
            receipts = await self._commit(waiting)
        except AgainLater as error:
            for one in waiting:
                _answer(one, error)
        except Exception as error:  # noqa: BLE001 - one contact's fault must not stop the others, nor the loop
            if len(waiting) > 1:
                for one in waiting:
                    await self._route([one])
            else:
                reason = fault(error)
                log.error("routing failed: contact kept as a dead letter, reason=%s", reason)
                await self._bury(waiting[0], reason)
        else:
            for one, receipt in zip(waiting, receipts, strict=True):
                _answer(one, receipt)

    async def _without_unreadable(self, batch: Sequence[_Waiting]) -> Sequence[_Waiting]:
        """Those that can be routed; what its source could not read is kept as it is."""
        if not any(one.arrival.unreadable for one in batch):
            return batch
        for one in batch:
            if one.arrival.unreadable:
                await self._bury(one, one.arrival.unreadable)
        return [one for one in batch if not one.arrival.unreadable]

    async def _commit(self, waiting: Sequence[_Waiting]) -> list[Receipt]:
        arrivals = [one.arrival for one in waiting]
        replays = {one.arrival.contact.id for one in waiting if one.replay}
        for attempt in range(ATTEMPTS):
            if attempt > 1:  # two processes at one pace would stand in each other's way for ever
                await asyncio.sleep(random.uniform(0, 0.002 * 2**attempt))  # noqa: S311 - no secret
            plan, receipts = await self._walk.plan(arrivals, replays)
            try:
                await self._keep(plan)
            except Conflict:
                continue  # somebody was faster: what was read is old, plan again
            return receipts
        raise StoreDown("records changed faster than they could be read")

    async def _keep(self, plan: Plan) -> None:
        writes = plan.writes()
        if not writes:
            return
        await self._store.commit(writes, plan.blobs)
        await self._live.publish(plan.events)
        if self._routed:
            await self._routed(plan)

    async def _bury(self, one: _Waiting, reason: str) -> None:
        """Keep a contact that cannot be read or routed, and say received: it is ours to mend now."""
        try:
            plan, receipt = await self._walk.bury(one.arrival, reason)
            await self._keep(plan)
        except AgainLater as later:
            _answer(one, later)
        except Exception as second:  # noqa: BLE001 - it could not even be kept: the peer must keep it
            log.error("a dead letter could not be kept, reason=%s", fault(second))
            _answer(one, StoreDown("the contact could not be kept"))
        else:
            _answer(one, receipt)


def _answer(one: _Waiting, answer: Receipt | Exception) -> None:
    if one.answer.done():
        return  # the source stopped waiting
    if isinstance(answer, Exception):
        one.answer.set_exception(answer)
    else:
        one.answer.set_result(answer)


def fault(error: BaseException) -> str:
    """Where and what went wrong, without the exception's text: that may quote the customer."""
    frames = extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"
    return f"{type(error).__name__} at {where}"
