"""Live state of a single process: presence, viewers and the recent events, kept in memory."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec

from crm.record import Clock, now
from router.live import (
    LOOK_LEASE,
    PAGE_LEASE,
    Event,
    Live,
    Presence,
    Status,
    Subscription,
    Viewer,
    Wants,
    everything,
)

KEPT_EVENTS = 20_000
"""Events a page may be behind and still catch up from; a page further behind reads everything anew."""

RELOAD_GRACE = 5.0
"""Seconds that a closed page still counts: a reload must not take a case out of somebody's hands."""

SWEEP_EVERY = 1.0

MAX_SEQ = 40
"""Characters of a seq that a page says it saw: ours are shorter."""


@dataclass
class _Pages:
    """The open pages of one employee and until when each counts."""

    presence: Presence
    until: dict[str, float] = field(default_factory=dict)


@dataclass
class _Look:
    until: float
    typing: bool


class _Subscription:
    """A place in the ring of events; it holds no events itself, so thousands cost little."""

    def __init__(self, live: MemoryLive, position: int, wants: Wants, *, reset: bool) -> None:
        self._live = live
        self._position = position
        self._wants = wants
        self._woken: asyncio.Future[None] | None = None
        self.reset = reset

    @property
    def seq(self) -> str:
        return self._live.name_of(self._position)

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            events = self._live.events_from(self._position)
            if events is None:
                self.reset = True
                return
            for event in events:
                self._position += 1
                if self._wants(event):
                    yield event
            if not events:
                await self._sleep()

    async def together(self) -> AsyncIterator[list[Event]]:
        while True:
            events = self._live.events_from(self._position)
            if events is None:
                self.reset = True
                return
            self._position += len(events)
            if wanted := [event for event in events if self._wants(event)]:
                yield wanted
            if not events:
                await self._sleep()

    async def _sleep(self) -> None:
        self._woken = asyncio.get_running_loop().create_future()
        self._live.sleeping.add(self)
        try:
            await self._woken
        finally:
            self._live.sleeping.discard(self)

    def tell(self, events: Sequence[Event], end: int) -> bool:
        """Wake up if any of them is wanted, else be behind them all; whether it sleeps on."""
        if any(map(self._wants, events)):
            if self._woken and not self._woken.done():
                self._woken.set_result(None)
            return False
        self._position = end
        return True


class MemoryLive:
    """`router.live.Live` for one process."""

    def __init__(self, clock: Clock = now, ticks: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ticks = ticks
        # A new life of the process has other numbers: a page of an earlier life must read everything anew.
        self._epoch = secrets.token_hex(4)
        self._events: list[Event] = []
        self._first = 1
        self.sleeping: set[_Subscription] = set()
        self._pages: dict[str, _Pages] = {}
        self._looks: dict[str, dict[tuple[str, str], _Look]] = {}
        self._leases: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def name_of(self, position: int) -> str:
        """The seq of the last event before this position."""
        return f"{self._epoch}-{position - 1}"

    def events_from(self, position: int) -> list[Event] | None:
        """Events from this position on; None when some of them are gone."""
        if position < self._first:
            return None
        return self._events[position - self._first :]

    async def publish(self, events: Sequence[Event]) -> None:
        number = self._first + len(self._events)
        for event in events:
            self._events.append(msgspec.structs.replace(event, seq=f"{self._epoch}-{number}"))
            number += 1
        if len(self._events) > 2 * KEPT_EVENTS:
            gone = len(self._events) - KEPT_EVENTS
            del self._events[:gone]
            self._first += gone
        self.sleeping = {one for one in self.sleeping if one.tell(events, number)}

    @asynccontextmanager
    async def subscribe(self, after: str = "", wants: Wants = everything) -> AsyncIterator[Subscription]:
        head = self._first + len(self._events)
        epoch, _, number = after[:MAX_SEQ].partition("-")
        if not after:
            yield _Subscription(self, head, wants, reset=False)
        elif epoch == self._epoch and number.isdecimal() and self._first <= int(number) + 1 <= head:
            yield _Subscription(self, int(number) + 1, wants, reset=False)
        else:
            yield _Subscription(self, head, wants, reset=True)

    async def arrive(self, employee_id: str, page: str, status: Status) -> None:
        pages = self._pages.get(employee_id)
        if pages is None or pages.presence.status != status:
            presence = Presence(employee_id=employee_id, status=status, since=self._clock())
            pages = self._pages[employee_id] = _Pages(presence, pages.until if pages else {})
            await self._tell_presence(employee_id, status)
        pages.until[page] = self._ticks() + PAGE_LEASE

    async def leave(self, employee_id: str, page: str) -> None:
        pages = self._pages.get(employee_id)
        if pages and page in pages.until:
            pages.until[page] = self._ticks() + RELOAD_GRACE

    async def present(self) -> dict[str, Presence]:
        await self._sweep()
        return {employee_id: pages.presence for employee_id, pages in self._pages.items()}

    async def look(self, case_id: str, employee_id: str, page: str, *, typing: bool) -> None:
        looks = self._looks.setdefault(case_id, {})
        before = looks.get((employee_id, page))
        looks[employee_id, page] = _Look(self._ticks() + LOOK_LEASE, typing)
        if before is None or before.typing != typing:
            await self._tell_viewing(case_id, employee_id, "typing" if typing else "looking")

    async def look_away(self, case_id: str, employee_id: str, page: str) -> None:
        looks = self._looks.get(case_id, {})
        if looks.pop((employee_id, page), None):
            await self._tell_viewing(case_id, employee_id, "gone")
        if not looks:
            self._looks.pop(case_id, None)

    async def viewers(self, case_id: str) -> list[Viewer]:
        await self._sweep()
        typing: dict[str, bool] = {}
        for (employee_id, _), look in self._looks.get(case_id, {}).items():
            typing[employee_id] = typing.get(employee_id, False) or look.typing
        return [Viewer(employee_id=employee_id, typing=on) for employee_id, on in typing.items()]

    async def run_alone(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        # The only process never loses a lease: it ends with it.
        async with self._leases[name]:
            await work()

    async def sweep_forever(self) -> None:
        """Let leases run out in time, not only when somebody asks."""
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            await self._sweep()

    async def _sweep(self) -> None:
        ticks = self._ticks()
        for employee_id, pages in list(self._pages.items()):
            pages.until = {page: until for page, until in pages.until.items() if until > ticks}
            if not pages.until:
                del self._pages[employee_id]
                await self._tell_presence(employee_id, "offline")
        for case_id, looks in list(self._looks.items()):
            for (employee_id, page), look in list(looks.items()):
                if look.until <= ticks:
                    await self.look_away(case_id, employee_id, page)

    async def _tell_presence(self, employee_id: str, status: Status) -> None:
        event = Event(kind="presence", at=self._clock(), employee_id=employee_id, data={"status": status})
        await self.publish([event])

    async def _tell_viewing(self, case_id: str, employee_id: str, doing: str) -> None:
        event = Event(
            kind="viewing", at=self._clock(), case_id=case_id, employee_id=employee_id, data={"doing": doing}
        )
        await self.publish([event])


@asynccontextmanager
async def open_live(clock: Clock = now) -> AsyncIterator[Live]:
    """The live state of this process, as long as the context is open."""
    live = MemoryLive(clock)
    async with asyncio.TaskGroup() as tasks:
        sweeping = tasks.create_task(live.sweep_forever(), name="live state: leases")
        yield live
        sweeping.cancel()
