"""A chat with all that stands behind it: store on disk, live state, intake, casework, web server."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web

from channels.base import Accept
from channels.chat.outlet import ChatOutlet
from channels.chat.settings import ChatSettings
from channels.chat.source import ChatSource
from channels.chat.visitor import Visitor
from channels.delivery import Delivery
from crm.collections import CASES, DEPARTMENTS, EMPLOYEES
from crm.contact import Address, Arrival, Contact, Receipt
from crm.employee import Department, Employee, Hours
from crm.errors import Conflict, StoreDown
from crm.record import new_id
from crm.store import Insert, Store
from router.casework import Casework, NewFile
from router.intake import Intake
from router.live import Live
from router.rules import read_rules
from router.walk import Walk
from storage.live import open_live
from storage.sqlite import open_sqlite
from tests.channels.chat.slow import SlowLive, SlowStore

AGENT = Employee(
    id="anna", login="anna", name="Анна Петрова", department_ids=("front-desk",), password_hash=""
)


class Clock:
    """Real time, that a test may move."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class ChatHouse:
    """What a test works with. `stall` and `down` make the intake wait or refuse."""

    url: str
    store: Store
    chats_store: Store  # as the chat sees it
    live: Live
    casework: Casework
    source: ChatSource
    clock: Clock
    arrivals: list[Arrival] = field(default_factory=list)
    knocks: int = 0  # arrivals that came to the intake, stored or not
    down: bool = False
    stall: asyncio.Event | None = None

    async def answer(self, case_id: str, visitor: str, text: str, files: tuple[NewFile, ...] = ()) -> Contact:
        to = Address(kind="visitor", value=visitor)
        return await self.casework.answer(case_id, AGENT, channel="chat", to=to, text=text, files=files)

    def visitor(self, id: str) -> Visitor:
        """Somebody who is here now, as the room knows him."""
        opened = self.source._open
        assert opened is not None
        return opened.room.visitors[id]

    async def take(self, case_id: str) -> None:
        await self.casework.take(case_id, AGENT)

    async def close_case(self, case_id: str) -> None:
        case = await self.store.get(CASES, case_id)
        assert case is not None
        await self.casework.decide(case_id, AGENT, code="solved", close=True)


@asynccontextmanager
async def open_house(
    directory: Path,
    settings: ChatSettings,
    *,
    port: int = 0,
    hours: tuple[Hours, ...] = (),
    slow: random.Random | None = None,
) -> AsyncIterator[ChatHouse]:
    """The whole chat as long as the context is open; the same directory again is a restart."""
    clock = Clock()
    async with AsyncExitStack() as stack:
        store: Store = await stack.enter_async_context(open_sqlite(directory / "chat.sqlite"))
        await _furnish(store, hours)
        live = await stack.enter_async_context(open_live())
        if slow:
            live = SlowLive(live, slow)
        book = read_rules('default_department = "front-desk"')
        walk = Walk(store, book, lambda: frozenset({"front-desk"}), clock=clock, new_id=new_id)
        intake = Intake(store, walk, live)
        await stack.enter_async_context(intake.running())
        chats_store = SlowStore(store, slow) if slow else store
        source = ChatSource(settings, store=chats_store, live=live, clock=clock)
        outlet = ChatOutlet(source)
        delivery = Delivery(store, live, {"chat": outlet}, clock=clock)
        await stack.enter_async_context(delivery.running())
        source.on_delivered(delivery.delivered)
        casework = Casework(store, live, clock=clock, new_id=new_id, keys={"chat": outlet.key_for})
        house = ChatHouse("", store, chats_store, live, casework, source, clock)
        await stack.enter_async_context(source.listening(_watched(house, intake.accept)))
        house.url = await stack.enter_async_context(serving(source, port))
        yield house


def _watched(house: ChatHouse, accept: Accept) -> Accept:
    async def watched(arrival: Arrival) -> Receipt:
        house.knocks += 1
        if house.down:
            raise StoreDown("a test said so")
        if house.stall:
            await house.stall.wait()
        house.arrivals.append(arrival)
        return await accept(arrival)

    return watched


@asynccontextmanager
async def serving(source: ChatSource, port: int) -> AsyncIterator[str]:
    app = web.Application()
    source.add_to(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _furnish(store: Store, hours: tuple[Hours, ...]) -> None:
    department = Department(id="front-desk", names={"ru": "Приёмная", "en": "Front desk"}, hours=hours)
    for insert in (Insert(DEPARTMENTS, department), Insert(EMPLOYEES, AGENT)):
        try:
            await store.commit([insert])
        except Conflict:
            continue  # a restart finds it there
