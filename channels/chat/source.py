"""The chat door: visitors' pages and WebSockets come in here, as long as it is open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiohttp import web

from channels.base import Accept
from channels.chat.border import answer_errors
from channels.chat.callers import is_welcome, peer_of
from channels.chat.files import Files
from channels.chat.pages import Pages
from channels.chat.pulse import feel_pulse
from channels.chat.room import Room
from channels.chat.said import Mouth
from channels.chat.settings import ChatSettings
from channels.chat.standing import Standings
from channels.chat.talk import Delivered, Talks
from channels.chat.transcript import Transcripts
from channels.chat.usher import Usher
from channels.chat.watch import Watch
from channels.chat.wire import Wire
from channels.chat.words import Words
from crm.contact import Contact
from crm.record import Clock, now
from crm.store import Store
from router.limits import Crowd
from router.live import Live
from router.networks import read_networks


class _Open(NamedTuple):
    """What there is while the door is open."""

    room: Room
    mouth: Mouth
    talks: Talks
    files: Files


class ChatSource:
    """Serves visitors while it listens; at other times they are asked to come again."""

    channel = "chat"

    def __init__(self, settings: ChatSettings, *, store: Store, live: Live, clock: Clock = now) -> None:
        self._settings = settings
        self._store = store
        self._live = live
        self._delivered: Delivered = _nobody_asks
        self._clock = clock
        self._crowd = Crowd(settings.connections, settings.connections_per_peer)
        self._trusted = read_networks(settings.trusted_proxies)
        words = Words(settings.languages)
        self._pages = Pages(settings, words)
        self._transcripts = Transcripts(store, words)
        self._open: _Open | None = None

    def on_delivered(self, delivered: Delivered) -> None:
        """Whom to tell the id of each answer that a visitor's page has shown."""
        self._delivered = delivered

    def add_to(self, app: web.Application) -> None:
        """Put the chat under /chat/ of this application, with borders of its own."""
        chat = web.Application(middlewares=[answer_errors])
        self._pages.add_to(chat)
        chat.router.add_get("/ws", self._connect)
        chat.router.add_get("/transcript", self._transcripts.give)
        chat.router.add_get(r"/files/{key}/{place:\d{1,4}}", self._give)
        chat.router.add_put("/files/{id}", self._take)
        chat.on_shutdown.append(self.hang_up)
        app.router.add_get("/chat", _with_a_slash)
        app.add_subapp("/chat/", chat)

    @asynccontextmanager
    async def listening(self, accept: Accept) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            opened, work = self._opened(accept, tasks)
            self._open = opened
            try:
                yield
            finally:
                self._open = None
                for task in work:
                    task.cancel()
                await self._part(opened)

    async def hang_up(self, _: web.Application | None = None) -> None:
        """The web server stops: it would wait for every open connection."""
        opened, self._open = self._open, None
        if opened:
            await self._part(opened)

    async def _part(self, opened: _Open) -> None:
        await opened.mouth.shut(self._settings.closing_timeout)
        await opened.room.close()

    def has_news(self, contact: Contact) -> bool:
        """An answer is stored: tell the visitors who are here. False while the door is closed."""
        if self._open is None:
            return False
        for address in contact.recipients:
            if visitor := self._open.room.visitors.get(address.value):
                self._open.room.wake(visitor, contact.case_id)
        return True

    def _opened(self, accept: Accept, tasks: asyncio.TaskGroup) -> tuple[_Open, list[asyncio.Task[None]]]:
        settings, store, live, clock = self._settings, self._store, self._live, self._clock
        room = Room(store, tasks)
        mouth = Mouth(settings, accept, clock)
        standings = Standings(store, live, clock, department_id=settings.department_id)
        usher = Usher(room, standings)
        talks = Talks(
            settings, room, standings, mouth, live=live, clock=clock, delivered=self._tell_delivered
        )
        pulse = feel_pulse(room, ping_after=settings.ping_after, closed_after=settings.closed_after)
        work = [
            tasks.create_task(Watch(live, room, usher).keep(), name="chat: events"),
            tasks.create_task(usher.walk(), name="chat: usher"),
            tasks.create_task(pulse, name="chat: pulse"),
        ]
        return _Open(room, mouth, talks, Files(settings, store, room, mouth, trusted=self._trusted)), work

    async def _tell_delivered(self, answer: str) -> None:
        await self._delivered(answer)

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        opened = self._must_be_open(request)
        peer = peer_of(request, self._trusted)
        if not self._crowd.enter(peer):
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "30"})
        try:
            wire = Wire(frame_limit=self._settings.frame_limit, patience=self._settings.send_timeout)
            await wire.prepare(request)
            await opened.talks.talk(wire, peer)
        finally:
            self._crowd.leave(peer)
        return wire

    async def _take(self, request: web.Request) -> web.Response:
        return await self._must_be_open(request).files.take(request)

    async def _give(self, request: web.Request) -> web.Response:
        return await self._must_be_open(request).files.give(request)

    def _must_be_open(self, request: web.Request) -> _Open:
        if self._open is None:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "5"})
        if not is_welcome(request, self._settings.allowed_origins):
            raise web.HTTPForbidden(text="This site may not use the chat.")
        return self._open


async def _nobody_asks(_: str) -> None:
    """Where nobody keeps account of what was delivered."""


async def _with_a_slash(_: web.Request) -> web.StreamResponse:
    raise web.HTTPPermanentRedirect("/chat/")
