"""What is measured: bare servers as the floor, and ours."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from queue import SimpleQueue

import uvloop
from aiohttp import WSMsgType, web
from aiosmtpd.smtp import SMTP, Envelope, Session

from onewindow.serve import open_house
from onewindow.settings import read_settings


class _Sink:
    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        return "250 OK"


@asynccontextmanager
async def mail_sink() -> AsyncIterator[int]:
    """Bare aiosmtpd: reads a message and forgets it."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(_Sink(), loop=loop), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


class _Writer(threading.Thread):
    """Rows that wait are committed together: one fdatasync for all of them."""

    def __init__(self, path: str) -> None:
        super().__init__(daemon=True)
        self._path = path
        self.rows: SimpleQueue[tuple[str, bytes, asyncio.Future[None]]] = SimpleQueue()

    def run(self) -> None:
        store = sqlite3.connect(self._path)
        store.execute("pragma journal_mode=wal")
        store.execute("pragma synchronous=full")
        store.execute("create table said (id text primary key, body blob)")
        while True:
            group = [self.rows.get()]
            while len(group) < 64 and not self.rows.empty():
                group.append(self.rows.get())
            with store:
                store.executemany("insert or ignore into said values (?, ?)", [row[:2] for row in group])
            loop = group[0][2].get_loop()
            loop.call_soon_threadsafe(_answer_all, [row[2] for row in group])


def _answer_all(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


@asynccontextmanager
async def chat_relay() -> AsyncIterator[int]:
    """Bare aiohttp WebSocket: each message becomes one group-committed row, then it is acknowledged."""
    with tempfile.TemporaryDirectory() as directory:
        writer = _Writer(f"{directory}/relay.sqlite")
        writer.start()
        count = 0

        async def talk(request: web.Request) -> web.WebSocketResponse:
            nonlocal count
            ws = web.WebSocketResponse(compress=False)
            await ws.prepare(request)
            async for message in ws:
                if message.type is not WSMsgType.TEXT:
                    break
                count += 1
                stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                writer.rows.put((str(count), message.data.encode(), stored))
                await stored
                await ws.send_str('{"type":"received"}')
            return ws

        app = web.Application()
        app.router.add_get("/chat/ws", talk)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield runner.addresses[0][1]
        await runner.cleanup()


OURS = """
[http]
port = 0
[ui]
secure_cookies = false
[router]
queue = 20000
[email]
port = 0
addresses = ["help@example.com"]
connections_per_peer = 500
sender_messages_per_minute = 1000000
messages_per_connection = 1000000
[chat]
connections_per_peer = 20000
visitor_messages_per_minute = 1000000
peer_messages_per_minute = 10000000
"""


@asynccontextmanager
async def our_mail() -> AsyncIterator[int]:
    """The whole product; the port is the mail door's."""
    with tempfile.TemporaryDirectory() as directory:
        settings = read_settings(OURS, {}, home=Path(directory))
        async with open_house(settings) as addresses:
            yield addresses.smtp_port


@asynccontextmanager
async def our_chat() -> AsyncIterator[int]:
    """The whole product; the port is the web's."""
    with tempfile.TemporaryDirectory() as directory:
        settings = read_settings(OURS, {}, home=Path(directory))
        async with open_house(settings) as addresses:
            yield int(addresses.http.rpartition(":")[2])


@asynccontextmanager
async def our_web(home: str) -> AsyncIterator[int]:
    """The whole product on a store that is there already; the port is the web's."""
    async with open_house(read_settings(OURS, {}, home=Path(home).parent)) as addresses:
        yield int(addresses.http.rpartition(":")[2])


SERVERS: dict[str, Callable[..., AbstractAsyncContextManager[int]]] = {
    "mail-sink": mail_sink,
    "mail-sink-asyncio": mail_sink,
    "our-mail": our_mail,
    "chat-relay": chat_relay,
    "our-chat": our_chat,
    "our-web": our_web,
}


async def serve(name: str, *arguments: str) -> None:
    """Say the port and serve until SIGTERM."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    async with SERVERS[name](*arguments) as port:
        print(f"port {port}", flush=True)
        await stopping.wait()


if __name__ == "__main__":
    # The library runs on asyncio's own loop unless somebody installs another one.
    run = asyncio.run if sys.argv[1] == "mail-sink-asyncio" else uvloop.run
    run(serve(*sys.argv[1:]))
