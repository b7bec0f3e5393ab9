"""The webhook on the contract's bench: a shop that hands over its customers' words and takes our answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import time
from typing import Any, Literal

import msgspec
from aiohttp import ClientSession, web

from channels.base import Accept, Outlet
from channels.signed import check, signed_headers
from channels.webhook import WebhookOutlet, WebhookSettings, WebhookSource
from crm.contact import Address, Contact, contact_id
from crm.record import now
from tests.channels.contract import Told

SECRET = "sixteen characters at least"
SHOP = WebhookSettings(name="shop", secrets=(SECRET, "the one before, not yet retired"), proves=("email",))


class Shop:
    """Hands over what its customers write, signed."""

    def __init__(self, client: ClientSession, url: str) -> None:
        self._client = client
        self.url = url

    async def post(
        self, body: bytes, *, secret: str = SECRET, late: float = 0, system: str = "shop"
    ) -> tuple[int, Any]:
        path = f"/webhook/{system}"
        headers = signed_headers(secret, path, body, at=time() - late)
        async with self._client.post(self.url + path, data=body, headers=headers) as answer:
            return answer.status, msgspec.json.decode(await answer.read())

    async def send(self, key: str, words: str) -> Told:
        status, said = await self.post(msgspec.json.encode({"key": key, "sender": "ivan", "text": words}))
        outcomes: dict[int, Literal["received", "again later"]] = {200: "received", 503: "again later"}
        return Told(outcomes.get(status, "refused"), str(said))


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, shutdown_timeout=5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def open_shop(accept: Accept, settings: WebhookSettings = SHOP) -> AsyncIterator[Shop]:
    app, source = web.Application(), WebhookSource([settings])
    source.add_to(app)
    async with serving(app) as url, ClientSession() as client, source.listening(accept):
        yield Shop(client, url)


class WebhookSourceRig:
    name = "webhook"

    @asynccontextmanager
    async def open(self, accept: Accept) -> AsyncIterator[Shop]:
        async with open_shop(accept) as shop:
            yield shop


class Taker:
    """The shop's own door for our answers. It knows which it had: the same key again is not a second one."""

    def __init__(self, client: ClientSession) -> None:
        self._client = client
        self._status = 204
        self.taken: dict[str, dict[str, Any]] = {}

    def reached_at(self, url: str) -> None:
        settings = msgspec.structs.replace(SHOP, answers_to=f"{url}/answers?from=us")
        self.outlet: Outlet = WebhookOutlet([settings], self._client)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        check([SECRET], request.headers, request.path_qs, body, at=time(), window=60)
        if self._status == 204:
            said = msgspec.json.decode(body)
            assert request.headers["Idempotency-Key"] == said["key"]
            self.taken.setdefault(said["key"], said)
        return web.Response(status=self._status, headers={"Retry-After": "7"})

    def answer(self, new_id: str, words: str) -> Contact:
        key = self.outlet.key_for(new_id)
        return Contact(
            id=contact_id("webhook", key),
            channel="webhook",
            key=key,
            direction="outbound",
            received_at=now(),
            sender=Address(kind="webhook", value="", name="Anna"),
            recipients=(Address(kind="webhook", value="shop:ivan"),),
            text=words,
        )

    def be(self, mood: Literal["willing", "busy", "refusing"]) -> None:
        self._status = {"willing": 204, "busy": 503, "refusing": 422}[mood]

    async def received(self) -> list[tuple[str, str]]:
        return [(key, said["text"]) for key, said in self.taken.items()]


class WebhookOutletRig:
    name = "webhook"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Taker]:
        async with ClientSession() as client:
            taker, app = Taker(client), web.Application()
            app.router.add_post("/answers", taker.take)
            async with serving(app) as url:
                taker.reached_at(url)
                yield taker
