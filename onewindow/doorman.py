"""The doorman of the web: who says nothing, takes nothing or makes no sense is shown out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import cast

from aiohttp import web

log = logging.getLogger("onewindow.web")

SILENT = 75.0
"""Seconds in which a connection must bring a whole head of a request: its first one, or the next one. More
than the 60 that a reverse proxy keeps a connection for later use, so that we never hang up on its request."""

UNREAD = 30.0
LEAST_READ = 64 * 1024
"""So many bytes, or all there are, a peer must take in so many seconds: what he does not take is memory."""

LOOK = 5.0
CLOSING = 5.0
BACKLOG = 1024


class Doorman(web.RequestHandler):
    """One connection, from the moment it is made until nothing is left of it."""

    __slots__ = ("_least", "_line", "_lobby", "_since")

    def __init__(self, lobby: Lobby, server: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        # What comes compressed is refused (415) before it grows: a small body may hold gigabytes.
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=SILENT,
            access_log=None,  # type: ignore[arg-type]  # none is kept: that is how the library is told
            auto_decompress=False,
        )
        self._lobby = lobby
        self._line: asyncio.Transport | None = None
        self._least: int | None = None  # bytes that waited when he last took enough of them
        self._since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._line = cast(asyncio.Transport, transport)
        self._lobby.inside.add(self)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._lobby.inside.discard(self)
        super().connection_lost(exc)

    def resume_writing(self) -> None:
        self._least = None  # he took what waited
        super().resume_writing()

    def look(self, moment: float) -> None:
        """Cut the line of a peer who does not take what he asked for, also when we have hung up already."""
        waiting = self._line.get_write_buffer_size() if self._line else 0
        if not waiting:
            self._least = None
        elif self._least is None or waiting <= self._least - LEAST_READ:
            self._least, self._since = waiting, moment
        elif moment - self._since > UNREAD and self._line:
            log.info("web: a peer that takes no bytes is let go")
            self._line.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What cannot be read as a request is told so: neither its own words, nor which library reads it."""
        super().handle_error(request, status, exc, message)  # which writes it down
        headers = {"Server": "onewindow", "X-Content-Type-Options": "nosniff"}
        answer = web.Response(status=status, text=HTTPStatus(status).phrase, headers=headers)
        answer.force_close()
        return answer


class Lobby:
    """Everybody who is connected."""

    def __init__(self) -> None:
        self.inside: set[Doorman] = set()

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            watch = tasks.create_task(self._watch(), name="web: who takes nothing")
            yield
            watch.cancel()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK)
            for one in list(self.inside):
                one.look(loop.time())


@asynccontextmanager
async def open_door(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve the application as long as the context is open; inside is the real port. Raises `OSError`."""
    loop = asyncio.get_running_loop()
    runner, lobby = web.AppRunner(app, shutdown_timeout=CLOSING), Lobby()
    await runner.setup()
    server = cast(web.Server, runner.server)  # there since the setup
    try:
        listener = await loop.create_server(lambda: Doorman(lobby, server, loop), host, port, backlog=BACKLOG)
        try:
            async with lobby.watched():
                yield listener.sockets[0].getsockname()[1]
        finally:
            listener.close()
    finally:
        await runner.cleanup()
