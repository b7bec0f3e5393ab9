"""The room where visitors and answers meet: it tells each open page what is new, in order and once.

Events are only hints that a case has something new; what it is, is read from the store. So a page that saw
an event late, twice or never is told the same as any other.
"""

from __future__ import annotations

import asyncio
import logging

from aiohttp import WSCloseCode

from channels.chat.border import report
from channels.chat.contacts import concerns, written
from channels.chat.protocol import Place, ServerFrame, place_of, seq_of
from channels.chat.reading import PAGE, Conversation, Past, read_after, read_conversation, read_past
from channels.chat.visitor import Tab, Visitor
from crm.contact import Contact, Receipt
from crm.errors import AgainLater
from crm.store import Store

log = logging.getLogger("onewindow.chat")


class Room:
    """Everybody who is here. Open as long as its task group is."""

    def __init__(self, store: Store, tasks: asyncio.TaskGroup) -> None:
        self._store = store
        self._tasks = tasks
        self.visitors: dict[str, Visitor] = {}
        self.talking: dict[str, Visitor] = {}  # by the case in which he speaks

    def enter(self, visitor_id: str) -> Visitor:
        """The visitor of that id, for a new page of his."""
        visitor = self.visitors.get(visitor_id)
        if visitor is None:
            visitor = self.visitors[visitor_id] = Visitor(visitor_id)
        return visitor

    def leave(self, tab: Tab) -> None:
        """The page is closed; with his last one the visitor is forgotten: the store remembers him."""
        visitor = tab.visitor
        if tab in visitor.tabs:
            visitor.tabs.remove(tab)
        if not visitor.tabs and self.visitors.get(visitor.id) is visitor:
            del self.visitors[visitor.id]
            if self.talking.get(visitor.case_id) is visitor:
                del self.talking[visitor.case_id]

    async def catch_up(self, tab: Tab, last: tuple[int, ...]) -> Conversation:
        """What the page lacks. From here on, what is new is gathered; `tell_news` then begins with it."""
        tab.visitor.tabs.append(tab)
        seen = dict(place_of(seq) for seq in last)
        found = await read_conversation(self._store, tab.visitor.id, seen)
        tab.told = found.told
        for contact in found.contacts:
            self._note(tab.visitor, contact)
        if found.case:
            self.speaks_in(tab.visitor, found.case.id)
        return found

    async def look_back(self, tab: Tab, place: Place) -> Past | None:
        """What was said before the contact there; None where the page never heard of such a place."""
        past = await read_past(self._store, tab.visitor.id, place)
        for contact in past.contacts if past else ():
            self._note(tab.visitor, contact)
        return past

    def tell_news(self, tab: Tab, more: list[str]) -> None:
        """The page is up to date: from now on it is told what is new as it comes."""
        missed, tab.missed = tab.missed or set(), None
        for case_id in {*missed, *more}:
            self.wake(tab.visitor, case_id)

    def speaks_in(self, visitor: Visitor, case_id: str) -> None:
        """His conversation goes on in this case."""
        if visitor.case_id == case_id:
            return
        if self.talking.get(visitor.case_id) is visitor:
            del self.talking[visitor.case_id]
        visitor.case_id = case_id
        self.talking[case_id] = visitor

    def wake(self, visitor: Visitor, case_id: str) -> None:
        """This case has something new: read it and tell every page what it lacks."""
        for tab in visitor.tabs:
            if tab.missed is not None:
                tab.missed.add(case_id)
        visitor.woken.add(case_id)
        if visitor.pulling is None:
            visitor.pulling = self._tasks.create_task(self._pull(visitor), name="chat: telling a visitor")

    def wake_all(self) -> None:
        """Events may have been missed: look for everybody."""
        for visitor in self.visitors.values():
            for case_id in {case_id for tab in visitor.tabs for case_id in tab.told}:
                self.wake(visitor, case_id)

    async def spoke(self, tab: Tab, contact: Contact, receipt: Receipt) -> None:
        """What he said on this page is stored: when this returns, the page lacks nothing before it."""
        visitor, case_id, number = tab.visitor, receipt.case_id, receipt.number
        if receipt.dead_letter:
            return
        self.speaks_in(visitor, case_id)
        ready = visitor.ready()
        as_said = receipt.contact_id == contact.id  # else its id was taken by other words of his
        if (
            as_said
            and visitor.pulling is None
            and all(tab.told.get(case_id, 0) == number - 1 for tab in ready)
        ):
            for other in ready:
                other.told[case_id] = number
                if other is not tab:
                    await other.wire.tell(written(contact, Place(case_id, number)))
        elif any(tab.told.get(case_id, 0) < number for tab in ready):
            self.wake(visitor, case_id)
            if visitor.pulling:
                await asyncio.wait([visitor.pulling])

    async def _pull(self, visitor: Visitor) -> None:
        try:
            while visitor.woken:
                await self._pull_case(visitor, visitor.woken.pop())
        except AgainLater:
            log.warning("chat: the store cannot be read; visitor=%s comes again", visitor.id)
            self._send_all_away(visitor)
        except Exception as error:  # noqa: BLE001 - a bug of ours must not end everybody's talk
            report(error, "telling a visitor what is new")
            self._send_all_away(visitor)
        finally:
            visitor.pulling = None

    def _send_all_away(self, visitor: Visitor) -> None:
        visitor.woken.clear()
        for tab in visitor.tabs:
            self.send_away(tab, WSCloseCode.TRY_AGAIN_LATER)

    async def _pull_case(self, visitor: Visitor, case_id: str) -> None:
        # A page that becomes ready meanwhile is left out: its `missed` wakes the case for it again.
        while ready := visitor.ready():
            contacts = await read_after(self._store, case_id, min(tab.told.get(case_id, 0) for tab in ready))
            for contact in contacts:
                await self._tell_all(ready, contact)
            if len(contacts) < PAGE:
                return

    async def _tell_all(self, tabs: list[Tab], contact: Contact) -> None:
        for tab in tabs:
            if tab.told.get(contact.case_id, 0) >= contact.number:
                continue
            tab.told[contact.case_id] = contact.number
            if concerns(contact, tab.visitor.id):
                self._note(tab.visitor, contact)
                await tab.wire.tell(written(contact, Place(contact.case_id, contact.number)))

    def _note(self, visitor: Visitor, contact: Contact) -> None:
        if contact.direction == "outbound" and contact.delivery != "delivered":
            visitor.unseen[seq_of(Place(contact.case_id, contact.number))] = contact.id

    def tell(self, visitor: Visitor, frame: ServerFrame) -> None:
        """A frame that is gone when it is missed."""
        for tab in visitor.ready():
            self._tasks.create_task(tab.wire.tell(frame), name="chat: telling a page")

    def send_away(self, tab: Tab, code: int) -> None:
        """Close the page's connection; the page comes again by itself."""
        self._tasks.create_task(tab.wire.part(code), name="chat: sending a page away")

    async def close(self) -> None:
        """Everybody is sent away."""
        async with asyncio.TaskGroup() as closing:
            for tab in [tab for visitor in self.visitors.values() for tab in visitor.tabs]:
                goodbye = tab.wire.part(WSCloseCode.SERVICE_RESTART)
                closing.create_task(goodbye, name="chat: saying goodbye")
