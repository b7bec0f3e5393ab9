"""Telegram on the contract's bench: somebody writes to a bot, polled or called, and the bot answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from channels.base import Accept, Outlet, Reply
from crm.collections import CONTACTS
from crm.contact import Address, Contact, contact_id
from crm.record import now
from crm.store import Insert
from tests.channels.contract import Told
from tests.channels.telegram.bot_api import SHOP, BotApi, Mood, call_webhook
from tests.channels.telegram.house import House, a_house, secret_of
from tests.channels.telegram.updates import a_text


class _Writer:
    """The same key is the same update, as Telegram repeats it."""

    def __init__(self) -> None:
        self._updates: dict[str, dict[str, Any]] = {}

    def update(self, key: str, words: str) -> dict[str, Any]:
        return self._updates.setdefault(key, a_text(words, 57 + len(self._updates)))


class _Polled(_Writer):
    def __init__(self, api: BotApi) -> None:
        super().__init__()
        self._api = api

    async def send(self, key: str, words: str) -> Told:
        """Received is what the bot had forgotten; "again later" what it let come a second time."""
        api = self._api
        update = self.update(key, words)
        place = (SHOP, update["update_id"])
        api.confirmed.discard(place)
        before = api.offered[place]
        await api.post(update)
        async with api.news:
            await api.news.wait_for(lambda: place in api.confirmed or api.offered[place] > before + 1)
        return Told("received" if place in api.confirmed else "again later", "")


class TelegramPollingRig:
    name = "telegram-polling"

    @asynccontextmanager
    async def open(self, accept: Accept) -> AsyncIterator[_Polled]:
        with TemporaryDirectory() as directory:
            async with a_house(Path(directory), accept=accept) as house:
                yield _Polled(house.api)


class _Called(_Writer):
    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    async def send(self, key: str, words: str) -> Told:
        status, said = await call_webhook(self._url, self.update(key, words), secret_of())
        outcomes: dict[int, Literal["received", "again later"]] = {200: "received", 503: "again later"}
        return Told(outcomes.get(status, "refused"), said)


class TelegramWebhookRig:
    name = "telegram-webhook"

    @asynccontextmanager
    async def open(self, accept: Accept) -> AsyncIterator[_Called]:
        with TemporaryDirectory() as directory:
            async with a_house(Path(directory), {"receive": "webhook"}, accept=accept) as house:
                yield _Called(f"{house.url}/telegram/shop")


class _KeepingOutlet:
    """Stores an answer before it is delivered, as casework does."""

    channel = "telegram"

    def __init__(self, house: House) -> None:
        self._house = house

    def key_for(self, new_id: str) -> str:
        return self._house.outlet.key_for(new_id)

    async def deliver(self, reply: Reply) -> str:
        if not await self._house.store.get(CONTACTS, reply.contact.id):
            await self._house.store.commit([Insert(CONTACTS, reply.contact)], reply.blobs)
        return await self._house.outlet.deliver(reply)


class _Peer:
    def __init__(self, house: House) -> None:
        self._house = house
        self.outlet: Outlet = _KeepingOutlet(house)

    def answer(self, new_id: str, words: str) -> Contact:
        key = self.outlet.key_for(new_id)
        return Contact(
            id=contact_id("telegram", key),
            channel="telegram",
            key=key,
            direction="outbound",
            received_at=now(),
            sender=Address(kind="telegram", value="", name="Anna"),
            recipients=(Address(kind="telegram", value="4001"),),
            references=("111:4001:57",),
            text=words,
        )

    def be(self, mood: Literal["willing", "busy", "refusing"]) -> None:
        moods = {
            "busy": [Mood(429, "Too Many Requests", {"retry_after": 7})],
            "refusing": [Mood(403, "Forbidden: bot was blocked by the user")],
        }
        self._house.api.moods["sendMessage"] = moods.get(mood, [])
        self._house.lines[111].pace = type(self._house.lines[111].pace)()  # the time it asked for is over

    async def received(self) -> list[tuple[str, str]]:
        """The Bot API knows no key: which answer a message is, our account of what was sent says."""
        stored = {
            number: contact.key
            for contact in await self._house.contacts()
            for number in contact.fields.get("sent", "").replace(",", " ").split()
        }
        return [(stored[str(sent.numbers[0])], sent.text) for sent in self._house.api.sent]


class TelegramOutletRig:
    name = "telegram"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[_Peer]:
        with TemporaryDirectory() as directory:
            async with a_house(Path(directory), listens=False) as house, asyncio.timeout(30):
                yield _Peer(house)
