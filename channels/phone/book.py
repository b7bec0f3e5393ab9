"""The book of calls: what every log tells of a call comes together here, and leaves as one contact."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

import msgspec

from channels.base import Accept
from channels.phone.calls import (
    Call,
    amendment_of,
    call_of_contact,
    call_of_legs,
    call_of_queue,
    combine,
    contact_of,
    key_of,
)
from channels.phone.cdr import Leg
from channels.phone.plan import Plan
from channels.phone.queue_log import QueueEvent
from channels.phone.settings import PhoneSettings
from crm.collections import ADDRESSES, CONTACTS
from crm.contact import Address, Arrival, Attachment, Contact, Receipt, contact_id
from crm.record import Clock
from crm.store import Store
from router.identity import normalise

REMEMBERED = 20_000
"""Calls whose parts are kept at hand; of an older one, what is stored is read again."""


class Staff(Protocol):
    """Who sits at which telephone."""

    async def at(self, phone: str) -> str:
        """The employee's id; empty where it is nobody's."""
        ...


@dataclass
class Entry:
    """One call of the book. `told` is what was last made a contact of it."""

    id: str
    legs: dict[str, Leg] = field(default_factory=dict)
    events: dict[QueueEvent, None] = field(default_factory=dict)
    heard: dict[str, Call] = field(default_factory=dict)  # by who heard it
    told: Call | None = None
    stored: Contact | None = None
    receipt: Receipt | None = None
    looked_up: bool = False
    sounds: set[str] = field(default_factory=set)  # names of recordings that are attached
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Book:
    """Calls of one exchange. Adding is at once; telling waits until the contact is stored."""

    def __init__(
        self,
        settings: PhoneSettings,
        plan: Plan,
        *,
        store: Store,
        staff: Staff,
        clock: Clock,
        region: str = "RU",
    ) -> None:
        self._settings = settings
        self._plan = plan
        self._store = store
        self._staff = staff
        self._clock = clock
        self._region = region
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._recorded: Callable[[Entry, Call], None] = _nobody_looks

    def on_recorded(self, recorded: Callable[[Entry, Call], None]) -> None:
        """Whom to tell of calls that are over and stored, and that recordings are named of."""
        self._recorded = recorded

    def add_leg(self, leg: Leg) -> Entry:
        """One more line of call detail records."""
        entry = self.entry(leg.call)
        entry.legs[leg.key] = leg
        return entry

    def add_event(self, event: QueueEvent) -> Entry:
        """One more line of the queue log."""
        entry = self.entry(event.call)
        entry.events[event] = None
        return entry

    def hear(self, who: str, call: Call) -> Entry:
        """The call as somebody sees it who follows it himself; what he said before is replaced."""
        entry = self.entry(call.id)
        entry.heard[who] = call
        return entry

    def entry(self, call_id: str) -> Entry:
        """The page of that call."""
        entry = self._entries.get(call_id)
        if entry is None:
            entry = self._entries[call_id] = Entry(call_id)
            if len(self._entries) > REMEMBERED:
                self._forget()
        else:
            self._entries.move_to_end(call_id)
        return entry

    def _forget(self) -> None:
        """The oldest that was told, or was nobody's: what still waits to be told stays."""
        for call_id, entry in self._entries.items():
            if entry.told is not None or len(self._entries) > 4 * REMEMBERED:
                del self._entries[call_id]
                return

    async def recall(self, entries: Iterable[Entry]) -> None:
        """Read what is stored of calls that are new here, all at once. Raises `StoreDown`."""
        new = {self._id_of(entry): entry for entry in entries if not entry.looked_up}
        if not new:
            return
        stored = await self._store.get_many(CONTACTS, list(new))
        for id_, entry in new.items():
            entry.looked_up = True
            if contact := stored.get(id_):
                entry.stored = contact
                entry.told = call_of_contact(contact)
                entry.receipt = Receipt(
                    contact.id, contact.customer_id, contact.case_id, contact.number, repeated=True
                )

    async def tell(
        self, entry: Entry, accept: Accept, sound: Iterable[tuple[Attachment, bytes]] = ()
    ) -> Receipt | None:
        """Make the call a contact, or bring its contact up to date; None where it concerns no customer.

        `sound` are recordings of it. Raises `AgainLater`.
        """
        async with entry.lock:
            await self.recall([entry])
            call = self._seen(entry)
            files = list(sound)
            if call is None or (call == entry.told and not files):
                return entry.receipt
            if not await self._concerns_us(call):
                entry.told = call
                return None
            contact = await self._contact(entry, call, files)
            blobs = {file.blob: content for file, content in files}
            receipt = await accept(Arrival(contact, blobs))
            entry.told = call
            entry.receipt = entry.receipt or receipt
            if call.over and call.recordings:
                self._recorded(entry, call)
            return entry.receipt

    async def _contact(self, entry: Entry, call: Call, files: list[tuple[Attachment, bytes]]) -> Contact:
        employee_id = await self._who_took(call)
        contact = contact_of(
            call,
            exchange=self._settings.exchange,
            language=self._settings.language,
            employee_id=employee_id,
            past=call.began < self._clock() - timedelta(days=self._settings.callback_days),
        )
        if files:
            contact = msgspec.structs.replace(contact, attachments=tuple(file for file, _ in files))
        if entry.receipt is None:
            return contact
        if entry.told and entry.told.words == call.words:
            contact = msgspec.structs.replace(contact, text="")  # it was added already
        return amendment_of(contact, round(self._clock().timestamp() * 1000))

    async def _who_took(self, call: Call) -> str:
        """Of several, the last one: he has it in hand."""
        for phone in reversed(call.took):
            if employee_id := await self._staff.at(phone):
                return employee_id
        return ""

    async def _concerns_us(self, call: Call) -> bool:
        if call.way == "inbound":
            return True
        if call.way != "outbound" or not call.number or self._settings.outgoing == "none":
            return False
        if self._settings.outgoing == "all":
            return True
        address = normalise(Address(kind="phone", value=call.number), region=self._region)
        known = await self._store.get(ADDRESSES, address)
        return known is not None and bool(known.customer_id)

    def _seen(self, entry: Entry) -> Call | None:
        """All that is known of the call, from whoever told it."""
        seen = list(entry.heard.values())
        if entry.legs:
            seen.append(call_of_legs(list(entry.legs.values()), self._plan))
        if entry.events:
            seen.append(call_of_queue(list(entry.events), self._plan))
        if entry.told:
            seen.append(entry.told)
        whole: Call | None = None
        for call in seen:
            whole = combine(whole, call) if whole else call
        return whole

    def _id_of(self, entry: Entry) -> str:
        return contact_id("phone", key_of(entry.id, self._settings.exchange))


def _nobody_looks(_: Entry, __: Call) -> None:
    """Where no directory of recordings is set."""
