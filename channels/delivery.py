"""Delivery: answers that are stored go out by their channel's outlet, again and again until it is settled."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import msgspec

from channels.base import Outlet, Reply
from crm.case import Reopened
from crm.collections import CASES, CONTACTS, ENTRIES
from crm.contact import Contact, DeliveryReport
from crm.errors import AgainLater, Conflict, DeliveryDelayed, DeliveryFailed, OnewindowError
from crm.record import Clock
from crm.store import Insert, Order, Replace, Store, Where, Write, at_least, equals, less_than
from router.live import Event, Live
from router.plan import case_event, delivery_event, reopened

log = logging.getLogger("onewindow.delivery")

TRY_FOR = timedelta(days=2)
"""How long an answer is tried before the agent is told that it failed (RFC 5321 §4.5.4.1 asks for 4–5 days
of a relay; an agent needs to know sooner that his customer got nothing)."""

AT_ONCE = 16
"""Answers under way on one channel."""

LOOKED_AT = 4 * AT_ONCE

ATTEMPTS = 8
"""How often a change is made anew when somebody else changed the record meanwhile."""

IDLE = 15.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def pause_after(tries: int) -> timedelta:
    """How long to wait after so many attempts: 30 s, doubled up to an hour."""
    return timedelta(seconds=min(30 * 2 ** min(tries - 1, 10), 3600))


class Delivery:
    """Sends what is queued. After a crash it sends again what was not settled, under the same key."""

    def __init__(self, store: Store, live: Live, outlets: Mapping[str, Outlet], *, clock: Clock) -> None:
        self._store = store
        self._live = live
        self._outlets = outlets
        self._clock = clock
        self._wake = asyncio.Event()
        self._under_way: dict[str, str] = {}  # channels by the ids of their answers

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answers go out while the context is open; what is under way at its end is finished."""
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(self._listen(), name="delivery: listening")
            sending = tasks.create_task(self._send_forever(tasks), name="delivery: sending")
            yield
            listening.cancel()
            sending.cancel()

    async def delivered(self, contact_id: str) -> None:
        """The customer has it, says his channel."""
        contact = await self._store.get(CONTACTS, contact_id)
        if contact and contact.direction == "outbound" and contact.delivery in ("queued", "sent"):
            await self._settle(contact, delivery="delivered", next_try_at=None, problem="")

    async def reported(self, contact_id: str, report: DeliveryReport) -> bool:
        """What became of an answer that left, says its channel. False: that it left is not known yet."""
        contact = await self._store.get(CONTACTS, contact_id)
        if contact is None or contact.direction != "outbound":
            return True  # not an answer of ours
        if report.outcome == "delivered":
            await self.delivered(contact_id)
        elif contact.delivery == "queued":
            return False
        elif contact.delivery == "sent" and report.outcome == "delayed":
            await self._settle(contact, problem=report.status)
        elif contact.delivery == "sent":
            await self._fail(contact, contact.tries, report.status)
        return True

    async def _listen(self) -> None:
        while True:
            async with self._live.subscribe(wants=_is_an_answer) as events:
                async for _ in events:
                    self._wake.set()

    async def _send_forever(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            self._wake.clear()
            try:
                due = await self._due()
            except AgainLater as error:
                log.warning("delivery waits: %s", type(error).__name__)
                due = []
            for contact in due:
                self._under_way[contact.id] = contact.channel
                tasks.create_task(self._send(contact), name=f"delivery: {contact.channel}")
            if not due:
                await self._pause()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(IDLE):
                await self._wake.wait()
        except TimeoutError:
            return  # time to look whether a later try is due

    async def _due(self) -> list[Contact]:
        """What is due and there is room for: a relay that hangs must not hold up the chat."""
        queued = await self._queued()
        if len(queued) == LOOKED_AT:
            for channel in self._outlets:
                queued += await self._queued(equals("channel", channel))
        busy = Counter(self._under_way.values())
        due: dict[str, Contact] = {}
        for contact in queued:
            if (
                contact.id not in self._under_way
                and contact.id not in due
                and busy[contact.channel] < AT_ONCE
            ):
                due[contact.id] = contact
                busy[contact.channel] += 1
        return list(due.values())

    async def _queued(self, *which: Where) -> list[Contact]:
        return await self._store.find(
            CONTACTS,
            equals("delivery", "queued"),
            at_least("next_try_at", _EPOCH),
            less_than("next_try_at", self._clock() + timedelta(milliseconds=1)),
            *which,
            order=Order("next_try_at"),
            limit=LOOKED_AT,
        )

    async def _send(self, contact: Contact) -> None:
        try:
            await self._try(contact)
        except OnewindowError as error:
            # Nobody is woken: a store that cannot commit would be asked again as fast as it says no.
            log.warning("delivery of %s could not be recorded: %s", contact.id, type(error).__name__)
        else:
            self._wake.set()
        finally:
            del self._under_way[contact.id]

    async def _try(self, contact: Contact) -> None:
        outlet = self._outlets.get(contact.channel)
        tries = contact.tries + 1
        if not await self._claim(contact, tries):
            return
        try:
            if outlet is None:
                raise DeliveryFailed("this channel is not set up for sending")
            await outlet.deliver(await self._reply(contact))
        except DeliveryDelayed as delay:
            await self._later(contact, tries, str(delay), after=delay.after)
        except DeliveryFailed as failure:
            await self._fail(contact, tries, str(failure))
        except OnewindowError as error:
            await self._later(contact, tries, type(error).__name__)
        except Exception as error:  # noqa: BLE001 - our own fault must not lose the answer, nor stop the others
            log.error("outlet of %s broke: %s", contact.channel, type(error).__name__)
            await self._later(contact, tries, "an error of ours: it is tried again")
        else:
            await self._settle(contact, delivery="sent", tries=tries, next_try_at=None, problem="")

    async def _claim(self, contact: Contact, tries: int) -> bool:
        """Record the attempt before it is made.

        A store that cannot commit must not let the same answer out again and again, and of two
        processes only one may send it.
        """
        later = self._clock() + pause_after(tries)
        try:
            claimed = msgspec.structs.replace(contact, tries=tries, next_try_at=later)
            await self._store.commit([Replace(CONTACTS, claimed)])
        except Conflict:
            return False
        return True

    async def _reply(self, contact: Contact) -> Reply:
        blobs: dict[str, bytes] = {}
        for file in contact.attachments:
            content = await self._store.read_blob(file.blob)
            if content is None:
                raise DeliveryFailed(f"the file {file.name} is not in the store")
            blobs[file.blob] = content
        return Reply(contact, blobs)

    async def _later(
        self, contact: Contact, tries: int, problem: str, *, after: timedelta | None = None
    ) -> None:
        now, wait = self._clock(), after or pause_after(tries)
        if now - contact.received_at > TRY_FOR:
            await self._fail(contact, tries, f"given up after {tries} attempts: {problem}")
            return
        await self._settle(contact, tries=tries, next_try_at=now + wait, problem=problem)
        if wait.total_seconds() < IDLE:
            asyncio.get_running_loop().call_later(wait.total_seconds() + 0.01, self._wake.set)

    async def _fail(self, contact: Contact, tries: int, problem: str) -> None:
        await self._settle(contact, delivery="failed", tries=tries, next_try_at=None, problem=problem)
        await self._wake_case(contact)

    async def _wake_case(self, contact: Contact) -> None:
        """The customer got nothing: the case waits for us again, so that somebody chooses another way.

        A closed one comes back to life: nobody would look at it otherwise. What no agent wrote, nobody
        waits for.
        """
        if contact.automatic:
            return
        for _ in range(ATTEMPTS):
            case = await self._store.get(CASES, contact.case_id)
            if case is None or case.waiting_since:
                return
            at = self._clock()
            revived = case if case.open else reopened(case, at)
            waiting = msgspec.structs.replace(revived, waiting_since=at, updated_at=at)
            writes: list[Write] = [Replace(CASES, waiting)]
            if not case.open:
                entry_id = f"{case.id}-undelivered-{case.version}"
                entry = Reopened(id=entry_id, at=at, case_id=case.id, customer_id=case.customer_id)
                writes.append(Insert(ENTRIES, entry))
            try:
                await self._store.commit(writes)
            except Conflict:
                continue
            await self._live.publish([case_event(waiting, at, "undelivered")])
            return

    async def _settle(self, contact: Contact, **changes: object) -> None:
        """Record what became of the answer, whatever else was recorded of it meanwhile."""
        for _ in range(ATTEMPTS):
            fresh = await self._store.get(CONTACTS, contact.id)
            if fresh is None or fresh.delivery in ("delivered", "bounced"):
                return  # the channel itself knew better already
            changed = msgspec.structs.replace(fresh, **changes)
            try:
                await self._store.commit([Replace(CONTACTS, changed)])
            except Conflict:
                continue
            await self._live.publish([delivery_event(changed, self._clock())])
            return


def _is_an_answer(event: Event) -> bool:
    return event.kind == "contact" and event.data.get("direction") == "outbound"
