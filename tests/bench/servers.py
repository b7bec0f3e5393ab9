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

import msgspec
import uvloop
from aiohttp import WSMsgType, web
from aiosmtpd.smtp import SMTP, Envelope, Session

from crm.collections import EMPLOYEES
from crm.store import Insert
from onewindow.serve import open_house
from onewindow.settings import read_settings
from storage.sqlite import open_sqlite
from tests.bench.guests import somebody


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
        self.rows: SimpleQueue[tuple[bytes, asyncio.Future[None]]] = SimpleQueue()

    def run(self) -> None:
        store = sqlite3.connect(self._path)
        store.execute("pragma journal_mode=wal")
        store.execute("pragma synchronous=full")
        store.execute("create table said (n integer primary key, body blob)")
        while True:
            group = [self.rows.get()]
            while len(group) < 64 and not self.rows.empty():
                group.append(self.rows.get())
            with store:
                store.executemany("insert into said (body) values (?)", [row[:1] for row in group])
            loop = group[0][1].get_loop()
            loop.call_soon_threadsafe(_answer_all, [row[1] for row in group])


def _answer_all(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


class _Said(msgspec.Struct, tag_field="type", tag="say"):
    """What a visitor says."""

    id: str
    text: str


class _Relay:
    """Bare aiohttp: what a visitor says becomes one group-committed row, then he is told that it is
    received, and it is passed on to whoever answers.
    """

    def __init__(self, writer: _Writer) -> None:
        self._writer = writer
        self._agents: set[web.WebSocketResponse] = set()
        self._visitors = 0

    async def visit(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(compress=False, decode_text=False)
        await ws.prepare(request)
        self._visitors += 1
        visitor = f"visitor {self._visitors}"
        read, write = msgspec.json.Decoder(_Said), msgspec.json.Encoder()
        async for message in ws:
            if message.type is not WSMsgType.TEXT:
                break
            said = read.decode(message.data)
            stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._writer.rows.put((message.data, stored))
            await stored
            await ws.send_frame(write.encode({"type": "received", "id": said.id}), WSMsgType.TEXT)
            passed = write.encode({"type": "message", "from": visitor, "id": said.id, "text": said.text})
            for agent in self._agents:
                await agent.send_frame(passed, WSMsgType.TEXT)
        return ws

    async def listen(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(compress=False)
        await ws.prepare(request)
        self._agents.add(ws)
        async for _ in ws:
            pass
        self._agents.discard(ws)
        return ws


@asynccontextmanager
async def chat_relay() -> AsyncIterator[int]:
    """The least that a chat with somebody at its other end can do."""
    with tempfile.TemporaryDirectory() as directory:
        writer = _Writer(f"{directory}/relay.sqlite")
        writer.start()
        relay = _Relay(writer)
        app = web.Application()
        app.router.add_get("/chat/ws", relay.visit)
        app.router.add_get("/agent/ws", relay.listen)
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
async def our_watched_chat() -> AsyncIterator[int]:
    """The same with somebody who may sign in and hears of every contact."""
    with tempfile.TemporaryDirectory() as directory:
        settings = read_settings(OURS, {}, home=Path(directory))
        async with open_sqlite(Path(directory, "var", "onewindow.sqlite")) as store:
            await store.commit([Insert(EMPLOYEES, somebody(role="supervisor"))])
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
    "our-watched-chat": our_watched_chat,
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
