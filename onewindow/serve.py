"""The composition root: every room opened in order, closed in reverse."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import NamedTuple

from aiohttp import web

from agent_ui.app import make_app
from agent_ui.rooms import Rooms
from channels.delivery import Delivery
from channels.desk import Desk
from channels.email.token import AddressToken
from crm.record import new_id, now
from onewindow.control import answer_commands
from onewindow.core import Core, load_secret, open_core
from onewindow.doorman import open_door
from onewindow.doors import Given, listening, make_channels
from onewindow.memory import rare_collections
from onewindow.place import place
from onewindow.quiet import keep_peers_out_of_the_log
from onewindow.settings import BadSetting, Settings
from router.audit import open_audit
from router.automatic import AutomaticAnswers, AutomaticSettings
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
        given = Given(settings, core, doors, AddressToken(secret), secret)
        channels = await house.enter_async_context(make_channels(given))
        keys = {channel: outlet.key_for for channel, outlet in channels.outlets.items()}
        casework = Casework(
            core.store,
            core.live,
            clock=now,
            new_id=new_id,
            keys=keys,
        )
        await house.enter_async_context(_dispatch(settings, core).running())
        delivery = Delivery(core.store, core.live, channels.outlets, clock=now)
        await house.enter_async_context(delivery.running())
        if settings.automatic:
            await house.enter_async_context(_automatic(settings.automatic, settings, core, keys).running())
        for door in channels.tell_of_delivery:
            door.on_delivered(delivery.delivered)
        for fate in channels.tell_of_fate:
            fate.on_reported(delivery.reported)
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
            inviting=channels.inviting,
        )
        await house.enter_async_context(listening(channels, core.intake.accept))
        app = make_app(rooms)
        for http_door in channels.http:
            http_door.add_to(app)
        http = await _serve_http(house, app, settings)
        await house.enter_async_context(answer_commands(core))
        house.enter_context(rare_collections())
        yield Addresses(http, channels.smtp_port())


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


def _dispatch(settings: Settings, core: Core) -> Dispatch:
    return Dispatch(
        core.store,
        core.live,
        clock=now,
        new_id=new_id,
        accept_within=timedelta(seconds=settings.router.accept_seconds),
        absent_after=timedelta(minutes=settings.router.absent_minutes),
    )


def _automatic(
    wanted: AutomaticSettings, settings: Settings, core: Core, keys: Mapping[str, Callable[[str], str]]
) -> AutomaticAnswers:
    region = settings.router.region
    return AutomaticAnswers(core.store, core.live, wanted, keys=keys, clock=now, region=region)


async def _serve_http(house: AsyncExitStack, app: web.Application, settings: Settings) -> str:
    keep_peers_out_of_the_log()
    host, port = settings.http.host, settings.http.port
    try:
        port = await house.enter_async_context(open_door(app, host, port))
    except OSError as error:
        raise BadSetting(
            f"http.port: cannot listen on {place(host, port)}: {error.strerror}.", field="http.port"
        ) from error
    return f"http://{place(host, port)}"
