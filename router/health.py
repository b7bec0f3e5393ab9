"""Which doors are open: what each channel last said about itself, kept for the supervisor's eye."""

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


class ChannelHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One door. `since` is when it came into its state; `problem` says why it is down, to the operator."""

    channel: str
    state: DoorState
    since: datetime
    last_contact: datetime | None = None
    problem: str = ""


class Doors:
    """What the doors of this process report. Reporting never waits; open pages hear of it a moment later."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._doors: dict[str, ChannelHealth] = {}
        self._changed: asyncio.Queue[ChannelHealth] = asyncio.Queue()

    def report_up(self, channel: str) -> None:
        """The channel listens."""
        self._report(channel, "up", "")

    def report_down(self, channel: str, problem: str) -> None:
        """The channel cannot listen or send. `problem` is for the operator: no customer's words in it."""
        self._report(channel, "down", problem)

    def saw_contact(self, channel: str, at: datetime | None = None) -> None:
        """A contact came in through this channel, now or at that time."""
        at = at or self._clock()
        known = self._doors.get(channel)
        if known is None:
            self._report(channel, "up", "")
            known = self._doors[channel]
        if known.last_contact is None or at > known.last_contact:
            self._doors[channel] = msgspec.structs.replace(known, last_contact=at)

    def all(self) -> list[ChannelHealth]:
        """Every channel that ever reported, those that are down first."""
        return sorted(self._doors.values(), key=lambda door: (door.state == "up", door.channel))

    def _report(self, channel: str, state: DoorState, problem: str) -> None:
        known = self._doors.get(channel)
        if known and (known.state, known.problem) == (state, problem):
            return
        since = known.since if known and known.state == state else self._clock()
        door = ChannelHealth(
            channel=channel,
            state=state,
            since=since,
            last_contact=known.last_contact if known else None,
            problem=problem,
        )
        self._doors[channel] = door
        self._changed.put_nowait(door)

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


async def read_health(store: Store, doors: Doors) -> list[ChannelHealth]:
    """The doors, with the last contact before this process began where none has come since."""
    return [
        door
        if door.last_contact
        else msgspec.structs.replace(door, last_contact=await _last_contact(store, door.channel))
        for door in doors.all()
    ]


async def _last_contact(store: Store, channel: str) -> datetime | None:
    latest = Order("received_at", descending=True)
    found = await store.find(CONTACTS, equals("channel", channel), order=latest, limit=20)
    return next((contact.received_at for contact in found if contact.direction == "inbound"), None)
