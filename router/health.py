"""Which doors are open: what each of them last said about itself, kept for the supervisor's eye."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Literal

import msgspec

from crm.collections import CONTACTS
from crm.record import Clock
from crm.store import Order, Store, equals
from router.live import Event, Live

DoorState = Literal["up", "down"]


class DoorHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One door. `since` is when it came into its state; `problem` says why it is down, to the operator.

    `lag` is by how many seconds it is behind its peer, where it can tell.
    """

    name: str
    channel: str
    state: DoorState
    since: datetime
    last_contact: datetime | None = None
    problem: str = ""
    lag: float | None = None


class Doors:
    """What the doors of this process report. Reporting never waits; open pages hear of it a moment later."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._doors: dict[str, DoorHealth] = {}
        self._changed: asyncio.Queue[DoorHealth] = asyncio.Queue()

    def door(self, name: str, channel: str) -> Door:
        """What a source reports through. It is listed from its first report on.

        A channel may have several, each with a name the operator knows it by (`telegram shop_bot`).
        """
        return Door(self, name, channel)

    def all(self) -> list[DoorHealth]:
        """Every door that ever reported, those that are down first."""
        return sorted(self._doors.values(), key=lambda door: (door.state == "up", door.channel, door.name))

    def now(self) -> datetime:
        """The time by which doors report."""
        return self._clock()

    def report(self, name: str, channel: str, state: DoorState, problem: str = "") -> None:
        """What `Door.up` and `Door.down` come to."""
        known = self._doors.get(name)
        if known and (known.state, known.problem) == (state, problem):
            return
        since = known.since if known and known.state == state else self._clock()
        door = DoorHealth(
            name=name,
            channel=channel,
            state=state,
            since=since,
            last_contact=known.last_contact if known else None,
            problem=problem,
            lag=known.lag if known and state == "up" else None,
        )
        self._doors[name] = door
        self._changed.put_nowait(door)

    def note(self, name: str, channel: str, *, contact: datetime | None = None, lag: float = -1) -> None:
        """What `Door.saw_contact` and `Door.lag` come to: whoever takes something in is up."""
        if name not in self._doors:
            self.report(name, channel, "up")
        known = self._doors[name]
        if contact and (known.last_contact is None or contact > known.last_contact):
            known = msgspec.structs.replace(known, last_contact=contact)
        if lag >= 0:
            known = msgspec.structs.replace(known, lag=lag)
        self._doors[name] = known

    @asynccontextmanager
    async def telling(self, live: Live) -> AsyncIterator[None]:
        """While open, every change is told to the open pages."""
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self._tell_forever(live), name="doors: telling")
            yield
            task.cancel()

    async def _tell_forever(self, live: Live) -> None:
        while True:
            door = await self._changed.get()
            event = Event(kind="channel", at=self._clock(), channel=door.channel, data={"state": door.state})
            await live.publish([event])


class Door:
    """One door's way of telling how it fares. Lag is told often: pages see it when they are read next."""

    def __init__(self, doors: Doors, name: str, channel: str) -> None:
        self._doors = doors
        self.name = name
        self.channel = channel

    def up(self) -> None:
        """It is connected, or watches."""
        self._doors.report(self.name, self.channel, "up")

    def down(self, problem: str) -> None:
        """It is not; why, to the operator: no customer's words in it."""
        self._doors.report(self.name, self.channel, "down", problem)

    def saw_contact(self, at: datetime | None = None) -> None:
        """A contact came in through it, now or at that time."""
        self._doors.note(self.name, self.channel, contact=at or self._doors.now())

    def lag(self, seconds: float) -> None:
        """By how much it is behind its peer."""
        self._doors.note(self.name, self.channel, lag=max(seconds, 0.0))


async def read_health(store: Store, doors: Doors) -> list[DoorHealth]:
    """The doors, with the last contact of the channel before this process began where none has come since.

    Of a channel with several doors nobody can say through which of them that one came.
    """
    told = doors.all()
    alone = {door.channel for door in told if sum(other.channel == door.channel for other in told) == 1}
    return [
        msgspec.structs.replace(door, last_contact=await _last_contact(store, door.channel))
        if door.last_contact is None and door.channel in alone
        else door
        for door in told
    ]


async def _last_contact(store: Store, channel: str) -> datetime | None:
    latest = Order("received_at", descending=True)
    found = await store.find(CONTACTS, equals("channel", channel), order=latest, limit=20)
    return next((contact.received_at for contact in found if contact.direction == "inbound"), None)
