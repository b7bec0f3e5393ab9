"""Rings on the agent's screen: whose telephone rings, and who calls him, before he takes it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from channels.base import Accept, Door
from channels.phone.ami import Message
from channels.phone.book import Book, Entry, Staff
from channels.phone.calls import Call, key_of
from channels.phone.switchboard import Heard, Rings, Switchboard
from crm.contact import contact_id
from crm.errors import AgainLater
from crm.record import Clock
from router.intake import fault
from router.live import Event, Live

log = logging.getLogger("onewindow.phone")

PAUSES = (0.2, 0.5, 1, 2, 5)


class Bell:
    """Tells the pages of agents whose telephone rings."""

    def __init__(self, live: Live, staff: Staff, *, exchange: str, clock: Clock) -> None:
        self._live = live
        self._staff = staff
        self._exchange = exchange
        self._clock = clock

    async def ring(self, call: Call, phone: str, state: str) -> None:
        """Nobody's telephone is nobody's page."""
        try:
            employee_id = await self._staff.at(phone)
        except AgainLater:
            return  # who sits there is not known just now; the call itself is not lost by that
        if not employee_id or call.way == "internal":
            return
        data = {"state": state, "phone": phone, "from": call.number, "name": call.name, "way": call.way}
        event = Event(
            kind="ringing",
            at=self._clock(),
            employee_id=employee_id,
            contact_id=contact_id("phone", key_of(call.id, self._exchange)),
            channel="phone",
            data=data,
        )
        await self._live.publish([event])


class Teller:
    """Tells the book's calls that cannot be heard again: what is not stored is kept here and tried again."""

    def __init__(self, book: Book, accept: Accept, door: Door) -> None:
        self._book = book
        self._accept = accept
        self._door = door
        self._untold: dict[str, Entry] = {}
        self._woken = asyncio.Event()

    def tell(self, entry: Entry) -> None:
        """The call has come so far that its contact changes."""
        self._untold[entry.id] = entry
        self._woken.set()

    async def run(self) -> None:
        """For ever; calls that wait are told together."""
        failures = 0
        while True:
            await self._woken.wait()
            self._woken.clear()
            entries = list(self._untold.values())
            self._untold.clear()
            told = await asyncio.gather(
                *(self._book.tell(entry, self._accept) for entry in entries), return_exceptions=True
            )
            if not self._keep_failed(entries, told):
                failures = 0
                continue
            await asyncio.sleep(PAUSES[min(failures, len(PAUSES) - 1)])
            failures += 1

    def _keep_failed(self, entries: Sequence[Entry], told: Sequence[object]) -> bool:
        failed = False
        for entry, outcome in zip(entries, told, strict=True):
            if isinstance(outcome, BaseException):
                failed = True
                self._untold.setdefault(entry.id, entry)
                self._woken.set()
                if not isinstance(outcome, AgainLater):
                    log.error("a call could not be told, it is tried again: %s", fault(outcome))
            elif outcome is not None:
                self._door.saw_contact()
        return failed


class Listener:
    """Between the manager's wire and the rest: hears events, rings, and tells."""

    def __init__(self, board: Switchboard, book: Book, *, bell: Bell, teller: Teller, clock: Clock) -> None:
        self._board = board
        self._book = book
        self._bell = bell
        self._teller = teller
        self._clock = clock

    async def hear(self, message: Message) -> None:
        """One event of the exchange."""
        try:
            await self._pass_on(self._board.hear(message, self._clock()))
        except Exception as error:  # noqa: BLE001 - one event must not end the listening to all others
            log.error("an event of the manager could not be taken: %s", fault(error))

    async def cut(self) -> None:
        """The wire is cut: no page may show a ringing that nobody hears."""
        await self._pass_on(self._board.forget())

    async def _pass_on(self, heard: Sequence[Heard]) -> None:
        for one in heard:
            if isinstance(one, Rings):
                await self._bell.ring(one.call, one.phone, one.state)
            else:
                self._teller.tell(self._book.hear("manager", one.call))
