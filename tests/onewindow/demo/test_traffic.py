"""Traffic: it comes through doors of this machine, from people whom the demo knows and from strangers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from channels.chat.protocol import Hello, Say, read_frame
from channels.chat.token import visitor_of
from channels.email.reading import read_email
from crm.contact import Address, Contact
from onewindow.demo.traffic import is_loopback, make_traffic, read_matters
from router.identity import normalise
from tests.onewindow.demo.conftest import Everything

TOKEN = "ow_traffic-token"
ENOUGH = 60


class Ears:
    """Doors that only listen, and what was brought to them."""

    def __init__(self) -> None:
        self.letters: list[Contact] = []
        self.calls: list[dict[str, Any]] = []
        self.visitors: Counter[str] = Counter()
        self.later = 0  # letters that are told "later" before any is taken
        self.enough = asyncio.Event()

    def count(self) -> None:
        if len(self.letters) + len(self.calls) + self.visitors.total() >= ENOUGH:
            self.enough.set()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.later:
            self.later -= 1
            return "451 4.3.0 later"
        assert isinstance(envelope.content, bytes)
        arrival = read_email(
            envelope.content, received_at=datetime.now(UTC), envelope_to=tuple(envelope.rcpt_tos)
        )
        self.letters.append(arrival.contact)
        self.count()
        return "250 taken"

    async def call(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        self.calls.append(await request.json())
        self.count()
        return web.json_response({}, status=201)

    async def chat(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        visitor = ""
        async for message in ws:
            frame = read_frame(message.data.encode())
            if isinstance(frame, Hello):
                visitor = visitor_of(frame.token)
            elif isinstance(frame, Say):
                assert frame.text
                self.visitors[visitor] += 1
                self.count()
        return ws


@asynccontextmanager
async def listening(ears: Ears) -> AsyncIterator[tuple[int, str]]:
    loop = asyncio.get_running_loop()
    smtp = await loop.create_server(lambda: SMTP(ears, loop=loop), "127.0.0.1", 0)
    app = web.Application()
    app.router.add_get("/chat/ws", ears.chat)
    app.router.add_post("/api/v1/contacts", ears.call)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield smtp.sockets[0].getsockname()[1], f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        smtp.close()
        await runner.cleanup()


async def at_once(seconds: float) -> None:
    """Time flies."""
    await asyncio.sleep(seconds / 10_000)


async def hear(ears: Ears) -> None:
    """Have traffic until there was enough of it."""
    async with listening(ears) as (port, http):
        traffic = asyncio.create_task(
            make_traffic(
                600, smtp=("127.0.0.1", port), http=http, token=TOKEN, random=Random(5), sleep=at_once
            )
        )
        try:
            async with asyncio.timeout(60):
                await ears.enough.wait()
        finally:
            traffic.cancel()
            with pytest.raises(asyncio.CancelledError):
                await traffic


async def test_it_comes_through_every_door(everything: Everything) -> None:
    ears = Ears()
    await hear(ears)
    assert ears.letters
    assert ears.calls
    assert ears.visitors
    assert {to.value for letter in ears.letters for to in letter.recipients} == {"help@example.com"}
    threads = [letter for letter in ears.letters if letter.references]
    assert threads, "nobody wrote a second time"
    known = {letter.key for letter in ears.letters}
    assert all(set(letter.references) <= known for letter in threads)


async def test_most_are_customers_of_the_demo_and_some_are_strangers(
    everything: Everything, demo_ids: set[str]
) -> None:
    ears = Ears()
    await hear(ears)
    callers = [normalise(Address(kind="phone", value=call["sender"]["value"])) for call in ears.calls]
    assert {one in demo_ids for one in callers} == {True, False}
    visitors = [normalise(Address(kind="visitor", value=one)) for one in ears.visitors]
    assert any(one in demo_ids for one in visitors)


async def test_a_letter_told_later_comes_again() -> None:
    ears = Ears()
    ears.later = 3
    await hear(ears)
    assert ears.letters


async def test_doors_that_do_not_answer_do_not_end_it() -> None:
    ears = Ears()
    async with listening(ears) as (port, http):
        pass  # nobody listens there any more
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await make_traffic(6000, smtp=("127.0.0.1", port), http=http, token=TOKEN, sleep=at_once)


@pytest.mark.parametrize(
    ("smtp", "http"),
    [("192.0.2.7", "http://127.0.0.1:1"), ("127.0.0.1", "https://example.com"), ("127.0.0.1", "nonsense")],
)
async def test_it_never_leaves_this_machine(smtp: str, http: str) -> None:
    with pytest.raises(ValueError, match="this machine only"):
        await make_traffic(60, smtp=(smtp, 25), http=http, token=TOKEN)


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("10.0.0.1", False), ("", False)],
)
def test_loopback_is_this_machine(host: str, *, here: bool) -> None:
    assert is_loopback(host) is here


def test_there_is_something_to_say_in_every_language_of_the_demo() -> None:
    assert {matter.language for matter in read_matters()} == {"ru", "en"}
