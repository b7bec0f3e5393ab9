"""The composition root: every room opened in order, closed in reverse."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import NamedTuple

from aiohttp import web

from agent_ui.app import make_app
from agent_ui.rooms import Rooms
from channels.base import Accept, Outlet, Source
from channels.chat.outlet import ChatOutlet
from channels.chat.source import ChatSource
from channels.delivery import Delivery
from channels.desk import Desk
from channels.email.door import EmailSource
from channels.email.outlet import EmailOutlet
from channels.email.token import AddressToken
from crm.contact import Arrival, Receipt
from crm.record import new_id, now
from onewindow.control import answer_commands
from onewindow.core import Core, load_secret, open_core
from onewindow.memory import rare_collections
from onewindow.settings import BadSetting, Settings
from router.audit import open_audit
from router.casework import Casework
from router.dispatch import Dispatch
from router.health import Doors

log = logging.getLogger("onewindow")

CLOSING = 30.0
"""Seconds that a stop may take before it is told what hangs."""


class Addresses(NamedTuple):
    """Where the doors are, with the real ports."""

    http: str
    smtp_port: int


@asynccontextmanager
async def open_house(settings: Settings) -> AsyncIterator[Addresses]:
    """Everything, as long as the context is open: the last door opened is the first one closed."""
    async with AsyncExitStack() as house:
        core = await house.enter_async_context(open_core(settings))
        doors = Doors(clock=now)
        await house.enter_async_context(doors.telling(core.live))
        secret = load_secret(settings)
        chat = _chat(settings, core)
        outlets = await _open_outlets(house, settings, chat, AddressToken(secret))
        casework = Casework(
            core.store,
            core.live,
            clock=now,
            new_id=new_id,
            keys={channel: outlet.key_for for channel, outlet in outlets.items()},
        )
        await house.enter_async_context(_dispatch(settings, core).running())
        delivery = Delivery(core.store, core.live, outlets, clock=now)
        await house.enter_async_context(delivery.running())
        if chat:
            chat.on_delivered(delivery.delivered)
        audit = await house.enter_async_context(open_audit(core.store, clock=now, new_id=new_id))
        rooms = Rooms(
            store=core.store,
            live=core.live,
            clock=now,
            new_id=new_id,
            settings=settings.ui,
            casework=casework,
            intake=core.intake,
            rules=core.book,
            audit=audit,
            doors=doors,
            desk=Desk(core.intake.accept),
        )
        email = EmailSource(settings.email, token=AddressToken(secret)) if settings.email else None
        sources: list[Source] = [source for source in (email, chat) if source]
        for source in sources:
            await house.enter_async_context(_open_door(source, core.intake.accept, doors))
        app = make_app(rooms)
        if chat:
            chat.add_to(app)
        http = await _serve_http(house, app, settings)
        await house.enter_async_context(answer_commands(core))
        house.enter_context(rare_collections())
        yield Addresses(http, email.port if email else 0)


async def run_until_stopped(settings: Settings, ready: Callable[[Addresses], None]) -> None:
    """Serve until SIGTERM or SIGINT. A second signal, or a stop that hangs, ends the process at once."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with open_house(settings) as addresses:
        ready(addresses)
        await stopping.wait()
        log.info("stopping")
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        loop.call_later(CLOSING, _name_what_hangs)
    log.info("stopped")


def _name_what_hangs() -> None:
    names = sorted(task.get_name() for task in asyncio.all_tasks() if not task.done())
    log.error("still not stopped after %.0f s; what hangs: %s", CLOSING, ", ".join(names))


def _chat(settings: Settings, core: Core) -> ChatSource | None:
    if settings.chat is None:
        return None
    return ChatSource(settings.chat, store=core.store, live=core.live)


def _dispatch(settings: Settings, core: Core) -> Dispatch:
    return Dispatch(
        core.store,
        core.live,
        clock=now,
        new_id=new_id,
        accept_within=timedelta(seconds=settings.router.accept_seconds),
        absent_after=timedelta(minutes=settings.router.absent_minutes),
    )


async def _open_outlets(
    house: AsyncExitStack, settings: Settings, chat: ChatSource | None, token: AddressToken
) -> dict[str, Outlet]:
    outlets: dict[str, Outlet] = {}
    if chat:
        outlets["chat"] = ChatOutlet(chat)
    if settings.relay:
        relay = EmailOutlet(settings.relay, token=token)
        outlets["email"] = await house.enter_async_context(relay.open())
    return outlets


@asynccontextmanager
async def _open_door(source: Source, accept: Accept, doors: Doors) -> AsyncIterator[None]:
    """A source that listens, and is seen to on the supervisor's page."""

    async def accept_and_see(arrival: Arrival) -> Receipt:
        receipt = await accept(arrival)
        doors.saw_contact(source.channel)
        return receipt

    try:
        async with source.listening(accept_and_see):
            doors.report_up(source.channel)
            yield
    except OSError as error:
        doors.report_down(source.channel, error.strerror or "cannot listen")
        raise BadSetting(
            f"{source.channel}: cannot listen: {error.strerror}.", field=source.channel
        ) from error


async def _serve_http(house: AsyncExitStack, app: web.Application, settings: Settings) -> str:
    runner = web.AppRunner(app, shutdown_timeout=5, access_log=None)
    await runner.setup()
    house.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, settings.http.host, settings.http.port, backlog=1024)
    try:
        await site.start()
    except OSError as error:
        where = f"{settings.http.host}:{settings.http.port}"
        raise BadSetting(
            f"http.port: cannot listen on {where}: {error.strerror}.", field="http.port"
        ) from error
    port = runner.addresses[0][1]
    return f"http://{settings.http.host}:{port}"
