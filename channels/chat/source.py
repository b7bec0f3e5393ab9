"""The chat door: visitors' pages and WebSockets come in here, as long as it is open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiohttp import web

from channels.base import Accept
from channels.chat.limits import Crowd, is_welcome, peer_of
from channels.chat.room import Room
from channels.chat.settings import ChatSettings
from channels.chat.talk import Talks, WebSocket
from channels.chat.watch import watch
from crm.contact import Contact
from crm.record import Clock, now
from crm.store import Store
from router.live import Live


class _Open(NamedTuple):
    """What there is while the door is open."""

    room: Room
    talks: Talks


class ChatSource:
    """Serves visitors while it listens; at other times they are asked to come again."""

    channel = "chat"

    def __init__(self, settings: ChatSettings, *, store: Store, live: Live, clock: Clock = now) -> None:
        self._settings = settings
        self._store = store
        self._live = live
        self._clock = clock
        self._crowd = Crowd(settings.connections, settings.connections_per_peer)
        self._open: _Open | None = None

    def add_to(self, app: web.Application) -> None:
        """Put the chat under /chat/ of this application."""
        app.router.add_get("/chat/ws", self._connect)

    @asynccontextmanager
    async def listening(self, accept: Accept) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            room = Room(self._store, tasks)
            talks = Talks(self._settings, accept, room, clock=self._clock)
            watching = tasks.create_task(watch(self._live, room), name="chat: events")
            self._open = _Open(room, talks)
            try:
                yield
            finally:
                self._open = None
                watching.cancel()

    def has_news(self, contact: Contact) -> None:
        """An answer to a visitor is stored: tell him if he is here."""
        for address in contact.recipients:
            if self._open and (visitor := self._open.room.visitors.get(address.value)):
                self._open.room.wake(visitor, contact.case_id)

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        if self._open is None:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "5"})
        if not is_welcome(request, self._settings.allowed_origins):
            raise web.HTTPForbidden(text="This site may not use the chat.")
        peer = peer_of(request, self._settings.trusted_proxies)
        if not self._crowd.enter(peer):
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "30"})
        try:
            ws = WebSocket(
                compress=False,
                decode_text=False,
                autoping=False,
                max_msg_size=self._settings.frame_limit,
                timeout=2.0,
            )
            await ws.prepare(request)
            await self._open.talks.talk(ws, peer)
        finally:
            self._crowd.leave(peer)
        return ws
