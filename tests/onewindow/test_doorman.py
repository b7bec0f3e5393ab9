"""The doorman: time for a request to come, pace for an answer to be taken, and words for what is none."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from onewindow import doorman
from onewindow.doorman import Lobby, open_door
from onewindow.quiet import keep_peers_out_of_the_log
from tests.polling import until
from tests.raw import say

LARGE = bytes(32 * 1024 * 1024)
PATIENCE = 20.0


@pytest.fixture
def lobbies(monkeypatch: pytest.MonkeyPatch) -> list[Lobby]:
    """The lobby of the door that is open."""
    made: list[Lobby] = []

    def make() -> Lobby:
        made.append(Lobby())
        return made[-1]

    monkeypatch.setattr(doorman, "Lobby", make)
    return made


@pytest.fixture
async def url(monkeypatch: pytest.MonkeyPatch, lobbies: list[Lobby]) -> AsyncIterator[str]:
    monkeypatch.setattr(doorman, "SILENT", 0.5)
    monkeypatch.setattr(doorman, "LOOK", 0.05)
    monkeypatch.setattr(doorman, "UNREAD", 0.5)
    keep_peers_out_of_the_log()
    app = web.Application()
    app.router.add_get("/large", _large)
    app.router.add_get("/long", _long)
    app.router.add_get("/hung-up", _hung_up)
    async with open_door(app, "127.0.0.1", 0) as port:
        assert len(lobbies) == 1
        yield f"http://127.0.0.1:{port}"


async def _large(_: web.Request) -> web.Response:
    return web.Response(body=LARGE)


async def _long(_: web.Request) -> web.Response:
    await asyncio.sleep(1.0)  # twice as long as a connection may be silent
    return web.Response(text="done")


async def _hung_up(request: web.Request) -> web.Response:
    assert request.transport
    request.transport.write(LARGE)
    request.transport.close()
    return web.Response()


def connected(url: str) -> socket.socket:
    host, _, port = url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), PATIENCE)


async def drip(peer: socket.socket, letters: bytes) -> int:
    """Send one byte at a time until he hangs up; how many he took."""
    loop = asyncio.get_running_loop()
    peer.setblocking(False)
    for number in range(1000):
        try:
            await loop.sock_sendall(peer, letters[number : number + 1] or b"x")
            async with asyncio.timeout(0.05):
                if not await loop.sock_recv(peer, 1):
                    return number
        except TimeoutError:
            continue
        except ConnectionError:
            return number
    raise AssertionError("he takes bytes for ever")


@pytest.mark.parametrize(
    "letters", [b"", b"GET /large HTTP/1.1\r\nHost: x\r\nX: "], ids=["nothing known", "half a head"]
)
async def test_a_head_that_drips_is_not_waited_for(url: str, letters: bytes) -> None:
    with connected(url) as peer:
        assert await drip(peer, letters or b"GET /" + b"a" * 1000) < 100


async def test_who_says_nothing_is_let_go(url: str) -> None:
    with connected(url) as peer:
        async with asyncio.timeout(PATIENCE):
            assert await asyncio.to_thread(peer.recv, 1) == b""


async def test_a_request_that_takes_its_time_is_answered(url: str) -> None:
    assert (await say(url, b"GET /long HTTP/1.1")).body == b"done"


async def test_who_takes_all_though_slowly_gets_all(url: str) -> None:
    taken, began = 0, time.monotonic()
    with connected(url) as peer:
        peer.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        while some := await asyncio.to_thread(peer.recv, 1024 * 1024, socket.MSG_WAITALL):
            taken += len(some)
            await asyncio.sleep(0.05)  # the pace is the point
    assert taken > len(LARGE)
    assert time.monotonic() - began > 2 * doorman.UNREAD


@pytest.mark.parametrize("path", [b"/large", b"/hung-up"])
async def test_who_takes_no_bytes_is_let_go(url: str, lobbies: list[Lobby], path: bytes) -> None:
    async def inside() -> int:
        return len(lobbies[0].inside)

    with connected(url) as peer:
        peer.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(inside, 1, patience=PATIENCE)
        await until(inside, 0, patience=PATIENCE)


@pytest.mark.parametrize(
    "lines",
    [
        (b"GET / HTTP/1.1", b"A: <script>\x00customers words"),
        (b"GET / HTTP/1.1", b"Content-Length: 1", b"Transfer-Encoding: chunked"),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1",),
        (b"customers words",),
    ],
)
async def test_what_is_no_request_is_told_so_without_its_words_or_our_library(
    url: str, lines: tuple[bytes, ...], caplog: pytest.LogCaptureFixture
) -> None:
    told = await say(url, *lines)
    assert (told.status, told.body) == (400, b"Bad Request")
    assert "Server: onewindow" in told.head
    assert "aiohttp" not in told.head
    assert "words" not in caplog.text
