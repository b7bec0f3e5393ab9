"""Peers that speak no HTTP are answered, and leave none of their words in the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from onewindow.quiet import keep_peers_out_of_the_log


async def break_it(_: web.Request) -> web.Response:
    raise RuntimeError(bytes.fromhex("736563726574").decode())


async def read_it(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())


@pytest.fixture
async def port() -> AsyncIterator[int]:
    keep_peers_out_of_the_log()
    app = web.Application()
    app.router.add_get("/broken", break_it)
    app.router.add_post("/", read_it)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def say(port: int, words: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(words)
    answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    "words",
    [
        b"GET /?secret=" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret\0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: secret\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"secret\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_refused_in_one_line(
    port: int, words: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "aiohttp.server"):
        assert b" 400 " in (await say(port, words)).partition(b"\r\n")[0]
    assert "secret" not in caplog.text
    assert "Traceback" not in caplog.text
    assert all(record.levelno == logging.INFO for record in caplog.records)


async def test_a_fault_is_told_by_its_place_and_not_by_its_words(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    assert b" 500 " in await say(port, b"GET /broken HTTP/1.1\r\nHost: x\r\n\r\n")
    assert "secret" not in caplog.text
    assert "RuntimeError" in caplog.text
    assert "in break_it" in caplog.text


async def test_whoever_hangs_up_leaves_no_line(port: int, caplog: pytest.LogCaptureFixture) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nx")
    await writer.drain()
    writer.transport.abort()
    assert b" 400 " in await say(port, b"x\r\n\r\n")  # by then the other is noticed
    assert "Connection" not in caplog.text
